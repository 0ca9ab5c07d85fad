"""Attempts at a shard, and what a Spark run needs, without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.settings import Settings
from heliotrope.errors import ExitCode, UserError
from heliotrope.execution import attempts
from heliotrope.execution.attempts import (
    AttemptFolder,
    AttemptName,
    Manifest,
    PartFile,
    clear_attempts,
    write_attempt,
)
from heliotrope.execution.jobs import Part, ShardJob
from heliotrope.execution.shards import check_parts, is_done
from heliotrope.execution.spark import follow
from heliotrope.execution.spark_executors import count_tries
from heliotrope.execution.spark_task import Work, evaluate_place
from heliotrope.spark_session import SparkSettings, open_session

RULEBOOK = Rulebook({}, Settings())


def give_two(job: ShardJob) -> Iterator[Part]:
    yield Part("parts", "score", pl.DataFrame({"shard": [job.shard]}))
    yield Part("trace", "trace", pl.DataFrame({"shard": [job.shard] * 3}))


def files_in(run: Path) -> list[str]:
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def test_the_attempt_that_is_counted_stands_where_the_run_looks_and_no_other(tmp_path) -> None:
    folder = AttemptFolder.make(tmp_path)
    job = ShardJob(tmp_path, 7, RULEBOOK)
    first, second = AttemptName(7, 0, 21), AttemptName(7, 1, 25)
    manifest = write_attempt(job, folder.path, second, give_two)
    write_attempt(job, folder.path, first, give_two)
    assert manifest.rows == 4
    assert folder.count_begun([7, 8]) == {7: 2}
    folder.commit(manifest)
    folder.clear()
    clear_attempts(tmp_path)
    assert is_done(tmp_path, 7)
    assert files_in(tmp_path) == [
        "done/00007",
        "parts/score.parquet/part-00007.parquet",
        "trace/trace.parquet/part-00007.parquet",
    ]


def test_the_mark_holds_what_the_task_wrote_not_what_the_driver_finds(tmp_path) -> None:
    """A file that changes on its way keeps its size; the driver, which reads none, marks it."""
    folder = AttemptFolder.make(tmp_path)
    name = AttemptName(2, 0, 5)
    manifest = write_attempt(ShardJob(tmp_path, 2, RULEBOOK), folder.path, name, give_two)
    path = folder.path / name.folder / manifest.files[1].name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    folder.commit(manifest)
    assert not is_done(tmp_path, 2)
    with pytest.raises(UserError, match=r"trace\.parquet/part-00002\.parquet"):
        check_parts(tmp_path)


def test_a_straggler_finds_its_folder_gone_and_leaves_nothing(tmp_path) -> None:
    """An attempt that goes on when the run is over cannot write into it, nor make it anew."""
    folder = AttemptFolder.make(tmp_path / "run")
    job = ShardJob(tmp_path / "run", 0, RULEBOOK)

    def end_the_run_in_between(job: ShardJob) -> Iterator[Part]:
        parts = give_two(job)
        yield next(parts)
        folder.clear()
        (tmp_path / "run").rename(tmp_path / "finished")
        yield from parts

    with pytest.raises(FileNotFoundError):
        write_attempt(job, folder.path, AttemptName(0, 1, 3), end_the_run_in_between)
    assert not (tmp_path / "run").exists()
    with pytest.raises(FileNotFoundError):
        write_attempt(job, folder.path, AttemptName(0, 2, 4), give_two)
    assert files_in(tmp_path) == []


def test_a_file_that_does_not_appear_is_not_counted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(attempts, "SECONDS_TO_APPEAR", 0.0)
    folder = AttemptFolder.make(tmp_path)
    manifest = write_attempt(
        ShardJob(tmp_path, 0, RULEBOOK), folder.path, AttemptName(0, 0, 0), give_two
    )
    torn = Manifest(manifest.attempt, (*manifest.files, PartFile("parts", "visit", 100, 1)))
    with pytest.raises(UserError, match="a file of 100 bytes that a task wrote is not there"):
        folder.commit(torn)
    assert not is_done(tmp_path, 0)
    assert not (tmp_path / "parts").exists()


def test_only_the_last_try_reports_a_fault_and_none_says_its_text(tmp_path) -> None:
    def fail(_: ShardJob) -> Iterator[Part]:
        raise ValueError("the child S-17")
        yield

    folder = AttemptFolder.make(tmp_path)
    work = Work(tmp_path, folder.path, (4,), RULEBOOK, fail, most_failures=2)
    with pytest.raises(RuntimeError, match=r"^shard 4: ValueError$") as caught:
        evaluate_place(work, 0, 0, 1)
    assert caught.value.__cause__ is None
    fault = evaluate_place(work, 0, 1, 2).fault
    assert isinstance(fault, UserError)
    assert "shard 4: ValueError in execution/attempts.py" in str(fault)
    assert "S-17" not in str(fault)


def test_a_report_that_comes_while_another_is_worked_on_is_not_missed() -> None:
    reports = [Manifest(AttemptName(0, 0, 0))]
    given = []
    for manifest in follow(lambda: reports, lambda: len(given) > 0, lambda: None):
        given.append(manifest.attempt.shard)
        if len(given) == 1:
            reports.append(Manifest(AttemptName(1, 0, 1)))
    assert given == [0, 1]


@pytest.mark.parametrize(
    ("master", "conf", "tries"),
    [
        ("local", {}, 1),
        ("local[*]", {"spark.task.maxFailures": "9"}, 1),
        ("local[2, 3]", {}, 3),
        ("spark://host:7077", {}, 4),
        ("yarn", {"spark.task.maxFailures": "2"}, 2),
    ],
)
def test_how_often_spark_tries_a_task(master: str, conf: dict[str, str], tries: int) -> None:
    context = SimpleNamespace(master=master, getConf=lambda: conf)
    assert count_tries(SimpleNamespace(sparkContext=context)) == tries


def test_without_pyspark_a_run_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = CliRunner().invoke(app, ["run", "x", "--out", str(tmp_path / "y"), "--engine", "spark"])
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == ExitCode.ENVIRONMENT
    assert "pyarrow is not installed" in str(done.exception)
    assert "pip install 'heliotrope[spark]'" in str(done.exception)


def test_without_java_a_session_says_what_to_install(monkeypatch) -> None:
    pytest.importorskip("pyspark.sql")
    for name in ("JAVA_HOME", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("heliotrope.spark_session.find_session", lambda: None)
    with pytest.raises(UserError, match="Java 17 or 21") as caught:
        open_session(SparkSettings("local[1]"))
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert "default-jre-headless" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "remote", "said"),
    [
        (SparkSettings("sc://host:15002"), None, "sc://host:15002 is an address of Spark Connect"),
        (SparkSettings(None, {"spark.remote": "sc://host"}), None, "spark.remote is sc://host"),
        (SparkSettings("local[1]"), "sc://host", "spark.remote is sc://host"),
    ],
)
def test_spark_connect_is_refused_before_a_server_is_waited_for(
    monkeypatch, settings: SparkSettings, remote: str | None, said: str
) -> None:
    pytest.importorskip("pyspark.sql")
    monkeypatch.setattr("heliotrope.spark_session.find_session", lambda: None)
    monkeypatch.setattr("heliotrope.spark_session._check_java", lambda: pytest.fail("too late"))
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    if remote is not None:
        monkeypatch.setenv("SPARK_REMOTE", remote)
    with pytest.raises(UserError, match="Spark Connect hands out no broadcast") as caught:
        open_session(settings)
    assert said in str(caught.value)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT


def test_a_session_of_spark_connect_that_is_there_is_refused(monkeypatch) -> None:
    """Such a session, a notebook's on a serverless cluster, holds nothing of a virtual machine."""
    remote = SimpleNamespace(client=None, sql=lambda query: query)
    monkeypatch.setattr("heliotrope.spark_session.find_session", lambda: remote)
    with pytest.raises(UserError, match="a session of Spark Connect: ") as caught:
        open_session()
    assert "access mode 'dedicated'" in str(caught.value)


def test_a_setting_without_a_value_is_a_usage_error(tmp_path) -> None:
    words = ["run", "x", "--out", str(tmp_path / "y"), "--conf", "spark.cores.max"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == ExitCode.USAGE
