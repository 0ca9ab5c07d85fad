"""The one place that makes or finds a Spark session: for the engine, for reading, for writing.

It stands beside ``errors``, below every room: reading a lakehouse and evaluating on its cluster use
the same session, and neither room may import the other. Nothing of Spark is loaded before a
session is asked for.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heliotrope.errors import ExitCode, Found, UserError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# How Spark talks in a terminal, unless told otherwise: the run has a progress line of its own.
_QUIET = {"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}

# Where an address makes a session one of Spark Connect, beside a master of this kind.
_REMOTE = ("spark.remote", "SPARK_REMOTE")
_CONNECT = "sc://"

_INSTALL = "pip install 'heliotrope[spark]'"


@dataclass(frozen=True)
class SparkSettings:
    """Which cluster, and how: what ``--master`` and ``--conf`` say.

    master: its address; None: that of the session which is there, of spark-submit, of
    spark-defaults.conf, else this machine. conf: Spark's own settings by name.
    """

    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def spark_session(settings: SparkSettings) -> Iterator[SparkSession]:
    """Give a session and stop it after, if it was made here; another's goes on."""
    before = find_session()
    session = open_session(settings)
    try:
        yield session
    finally:
        if before is None:
            session.stop()


def find_session() -> SparkSession | None:
    """Give the session that is there: a notebook's, a job's, one opened before."""
    return _load_spark().getActiveSession()  # type: ignore[no-any-return]


def open_session(settings: SparkSettings | None = None) -> SparkSession:
    """Give the session that is there, else make one.

    Rule: a session that is there is never changed in what it was made with; settings that can
    still be changed are set.
    Errors: no pyspark or no Java, a cluster that does not answer, another master or fixed setting
    than that of the session which is there, a session of Spark Connect: UserError.
    """
    wanted = settings or SparkSettings()
    session = find_session()
    if session is None:
        return _make_session(wanted)
    _check_classic(session)
    context = session.sparkContext
    if wanted.master is not None and wanted.master != context.master:
        raise _refuse_settings(f"a session on {context.master}", "--master")
    for name, value in wanted.conf.items():
        if session.conf.get(name, None) == value:
            continue
        if not session.conf.isModifiable(name):
            raise _refuse_settings(f"a session with {name} = {session.conf.get(name, None)}", name)
        session.conf.set(name, value)
    return session


def describe_failure(error: BaseException) -> str:
    """Give the line of an error of Spark that says most: the cause within Python, else the first.

    >>> describe_failure(ValueError("[GONE] no such table; SQLSTATE: 42P01"))
    '[GONE] no such table; SQLSTATE: 42P01'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("ModuleNotFoundError", "ImportError"))]
    return (causes[-1:] or lines[:1] or [type(error).__name__])[0][:300]


def _load_spark() -> Any:
    """Load Spark's Python package and what it hands tables over with."""
    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UserError(
            "pyspark with pyarrow and pandas, which reach a Spark cluster",
            Found(f"{error.name or error} is not installed"),
            f"{_INSTALL}; on a managed cluster install it beside the Spark that is there",
            ExitCode.ENVIRONMENT,
        ) from None
    return SparkSession


def _make_session(wanted: SparkSettings) -> SparkSession:
    builder = _load_spark().builder.appName("heliotrope")
    _check_no_connect(wanted)
    _check_java()
    # Workers run the Python of this process, under its path, where nobody says another.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if wanted.master is not None:
        builder = builder.master(wanted.master)
    for name, value in {**_QUIET, **wanted.conf}.items():
        builder = builder.config(name, value)
    try:
        session: SparkSession = builder.getOrCreate()
    except Exception as error:
        raise UserError(
            "a Spark session",
            Found(describe_failure(error), wanted.master),
            "check --master and --conf, that the cluster is up and reaches this machine, and that "
            "Java is one that this Spark runs on (17 or 21 for Spark 4)",
            ExitCode.ENVIRONMENT,
        ) from None
    _check_classic(session)
    return session


def _check_java() -> None:
    """Stop where no Java is found; a process that spark-submit started has one already."""
    home = os.environ.get("JAVA_HOME")
    is_there = home is not None and (Path(home) / "bin" / "java").exists()
    if is_there or shutil.which("java") or "PYSPARK_GATEWAY_PORT" in os.environ:
        return
    raise UserError(
        "Java 17 or 21, which Spark runs on",
        Found("no java on the path, and JAVA_HOME names none"),
        "install it (Debian, Ubuntu: apt-get install default-jre-headless), or set JAVA_HOME",
        ExitCode.ENVIRONMENT,
    )


def _check_no_connect(wanted: SparkSettings) -> None:
    """Stop where a session would be one of Spark Connect, before a server is waited for."""
    named, environment = _REMOTE
    remote = wanted.conf.get(named, os.environ.get(environment))
    if remote is not None:
        raise _refuse_connect(f"{named} is {remote}")
    if wanted.master is not None and wanted.master.startswith(_CONNECT):
        raise _refuse_connect(f"{wanted.master} is an address of Spark Connect")


def _check_classic(session: SparkSession) -> None:
    if not (hasattr(session, "_jsc") or hasattr(session, "_sc")):
        raise _refuse_connect("a session of Spark Connect")


def _refuse_connect(found: str) -> UserError:
    return UserError(
        "a session of Spark itself",
        Found(f"{found}: Spark Connect hands out no broadcast and no progress"),
        "use a cluster of your own (Databricks: access mode 'dedicated'), not a serverless one, "
        "and its own address (spark://, yarn)",
        ExitCode.ENVIRONMENT,
    )


def _refuse_settings(found: str, what: str) -> UserError:
    return UserError(
        f"{what} as the Spark session which is there was made",
        Found(found),
        f"leave out {what}, or stop that session first",
        ExitCode.USAGE,
    )
