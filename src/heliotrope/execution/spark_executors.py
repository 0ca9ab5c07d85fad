"""What must be true of the executors of a cluster before a shard is sent to one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heliotrope import __version__
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.spark_task import SEEN, make_probe
from heliotrope.spark_session import describe_failure

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Tasks that look, for each core of the cluster: so that every executor is likely asked.
LOOKS_A_CORE = 2

_LOCAL = re.compile(r"local(\[[^,\]]*(,\s*(?P<tries>\d+))?\])?$")
_TRIES = "spark.task.maxFailures"
_TRIES_BY_DEFAULT = "4"


def count_tries(session: SparkSession) -> int:
    """Say how often Spark tries a task before it gives its job up; on one machine once."""
    local = _LOCAL.match(str(session.sparkContext.master))
    if local is not None:
        return int(local["tries"] or 1)
    return int(session.sparkContext.getConf().get(_TRIES, _TRIES_BY_DEFAULT) or 1)


def check_executors(session: SparkSession, run: Path) -> None:
    """Stop unless the executors see the run folder and run the same program as this machine.

    A file is written there and looked for by tasks, two for each core that the cluster has now;
    an executor that comes later meets its tasks' own check, that the folder stands.
    Errors: executors that do not see or cannot write the folder, another version of heliotrope or
    Polars than here, none of it, Python tasks that fail: UserError naming their hosts.
    """
    token = uuid.uuid4().hex
    file = f".seen-by-executors-{token}"
    (run / file).write_text(token, encoding="utf-8")
    looks = LOOKS_A_CORE * max(1, session.sparkContext.defaultParallelism)
    probe = make_probe(str(run), file, token)
    try:
        answers = session.range(0, looks, 1, looks).mapInArrow(probe, SEEN).collect()
    except Exception as error:
        raise UserError(
            "executors that can run Python tasks",
            Found(describe_failure(error)),
            "install heliotrope[spark] into the Python of every node and name that Python in "
            "PYSPARK_PYTHON; docs: 'On a Spark cluster'",
            ExitCode.ENVIRONMENT,
        ) from None
    finally:
        (run / file).unlink(missing_ok=True)
    _check_versions(answers)
    blind = sorted({answer.host for answer in answers if not answer.sees})
    if blind:
        raise UserError(
            "a run folder that every executor can read and write under the same path",
            Found(f"{run.name} is not seen, or cannot be written, from {', '.join(blind[:5])}"),
            "put --out on storage that is mounted at one path on this machine and on every "
            "executor (NFS, Lustre, a mounted volume); a bucket's address is no such path",
            ExitCode.ENVIRONMENT,
        )


def _check_versions(answers: Sequence[Any]) -> None:
    for package, ours in (("heliotrope", __version__), ("polars", version("polars"))):
        others = {(row.host, row[package]) for row in answers if row[package] != ours}
        if others:
            host, theirs = sorted(others, key=str)[0]
            raise UserError(
                f"{package} {ours} on every executor, as here",
                Found(f"{theirs or 'none'} on {host}"),
                "install the same versions everywhere: they must give the same answers",
                ExitCode.ENVIRONMENT,
            )
