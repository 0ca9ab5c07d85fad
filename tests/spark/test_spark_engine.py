"""Shards on a real cluster: the same tables as on one machine, whatever befalls a task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.spark import faults

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.example_studies import find_example
from heliotrope.execution import spark_executors
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import LocalEngine
from heliotrope.execution.shards import ATTEMPTS, DONE, KILLERS, write_shards
from heliotrope.execution.spark import SparkEngine
from heliotrope.execution.spark_task import make_probe
from heliotrope.ingest import read_records
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.records.results import TABLES
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.spark_session import SparkSettings
from heliotrope.study import read_study

SHARDS = 4
EXAMPLES = sorted(
    path.name for path in (Path(__file__).parents[2] / "examples").iterdir() if path.is_dir()
)

Prepare = Callable[[Path], list[ShardJob]]


def ignore(*_: object) -> None:
    """Let nobody watch."""


def cut(study: Path, run: Path, shards: int = SHARDS) -> list[ShardJob]:
    """Read a study and cut it into shards, as a run does before it evaluates."""
    read = read_study(study)
    rulebook = read.read_rulebook()
    write_shards(read_records(read, rulebook).tables, run / "records", shards)
    return [ShardJob(run, shard, rulebook) for shard in range(shards)]


def read_all_parts(run: Path) -> dict[str, pl.DataFrame]:
    found = {}
    for folder in ("parts", "trace"):
        for path in sorted((run / folder).rglob("*.parquet/*")):
            found[path.relative_to(run).as_posix()] = pl.read_parquet(path, glob=False)
    return found


def assert_same_parts(one: Path, other: Path, tables: int = len(TABLES) + 3) -> None:
    mine, theirs = read_all_parts(one), read_all_parts(other)
    assert len(mine) == SHARDS * tables
    assert list(mine) == list(theirs)
    for name, rows in mine.items():
        assert_frame_equal(rows, theirs[name])
    assert sum(rows.height for name, rows in mine.items() if name.startswith("trace")) > 0


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tmp_path_factory.mktemp("generated") / "study"
    write_simulated_study(SimulationOrder(60, 5, "parquet", share_with_ivig=0.4), study)
    return study


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seven children in shards, evaluated on this machine."""
    run = tmp_path_factory.mktemp("seven") / "run"
    LocalEngine().run(cut(find_example("seven_children"), run), ignore)
    return run


@pytest.mark.parametrize("name", [*EXAMPLES, "generated"])
def test_a_cluster_gives_the_tables_of_one_machine(spark, name, generated, tmp_path) -> None:
    study = generated if name == "generated" else find_example(name)
    LocalEngine().run(cut(study, tmp_path / "local"), ignore)
    told: list[tuple[str, int, int]] = []
    jobs = cut(study, tmp_path / "spark")
    SparkEngine(spark, faults.note_and_evaluate).run(jobs, lambda *step: told.append(step))
    assert_same_parts(tmp_path / "local", tmp_path / "spark")
    assert told == [("evaluate", done, SHARDS) for done in range(SHARDS + 1)]
    assert not (tmp_path / "spark" / ATTEMPTS).exists()
    threads = {path.read_text() for path in (tmp_path / "spark" / faults.MARKS).glob("noted-*")}
    assert threads == {"1"}


@pytest.mark.usefixtures("spark")
def test_a_whole_run_differs_in_nothing(master, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("heliotrope.execution.shards.PATIENTS_A_SHARD", 2)
    study = find_example("seven_children")
    run_study(study, tmp_path / "local")
    options = RunOptions(engine="spark", spark=SparkSettings(master, {"spark.task.cpus": "1"}))
    with pytest.raises(UserError, match=r"a session with spark\.task\.cpus = None"):
        run_study(study, tmp_path / "spark", options)
    run_study(study, tmp_path / "spark", RunOptions(engine="spark", spark=SparkSettings(master)))
    assert_same_parts(tmp_path / "local", tmp_path / "spark", tables=2)
    names = [{path.name for path in (tmp_path / run).iterdir()} for run in ("local", "spark")]
    assert names[0] == names[1]
    for name in (*(f"tables/{table}" for table in TABLES), "results", "findings"):
        paths = [tmp_path / run / f"{name}.parquet" for run in ("local", "spark")]
        assert_frame_equal(*(pl.read_parquet(path) for path in paths))


def test_accidents_of_tasks_change_nothing(spark, seven, tmp_path) -> None:
    """A task that fails, one whose executor is killed, one that is overtaken by its copy."""
    run = tmp_path / "run"
    jobs = cut(find_example("seven_children"), run)
    SparkEngine(spark, faults.have_each_accident_once).run(jobs, ignore)
    assert len(list((run / faults.MARKS).iterdir())) == SHARDS
    assert_same_parts(run, seven)
    assert not (run / ATTEMPTS).exists()
    assert {path.name for path in run.iterdir()} == {
        "records", "parts", "trace", DONE, faults.MARKS
    }  # fmt: skip


def test_a_shard_that_ends_its_process_is_named_and_all_others_stand(
    spark, seven, tmp_path
) -> None:
    run = tmp_path / "run"
    jobs = cut(find_example("seven_children"), run)
    with pytest.raises(UserError, match=f"shard {faults.FAILS} ended its process") as caught:
        SparkEngine(spark, faults.always_end_the_process_of_one).run(jobs, ignore)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert sorted(path.name for path in (run / DONE).iterdir()) == ["00001", "00002", "00003"]
    listed = pl.read_csv(run / KILLERS)
    assert listed["shard"].unique().to_list() == [faults.FAILS]
    assert not set(listed["patient_id"]) & set(str(caught.value).split())
    assert not (run / ATTEMPTS).exists()
    SparkEngine(spark).run(jobs, ignore)
    assert_same_parts(run, seven)


def test_a_fault_names_no_child_and_what_was_done_is_kept(spark, seven, tmp_path) -> None:
    run = tmp_path / "run"
    jobs = cut(find_example("seven_children"), run)
    with pytest.raises(UserError, match=r"shard 0: ValueError in execution/attempts\.py") as caught:
        SparkEngine(spark, faults.find_a_fault_in_one).run(jobs, ignore)
    assert "S-17" not in str(caught.value)
    done = {path.name for path in (run / DONE).iterdir()} if (run / DONE).exists() else set()
    SparkEngine(spark, faults.note_and_evaluate).run(jobs, ignore)
    again = {path.name for path in (run / faults.MARKS).glob("noted-*")}
    assert again == {f"noted-{shard}" for shard in range(SHARDS) if f"{shard:05}" not in done}
    assert_same_parts(run, seven)


def test_executors_that_do_not_see_the_run_folder_are_named(spark, tmp_path, monkeypatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(
        spark_executors,
        "make_probe",
        lambda _, file, token: make_probe(str(elsewhere), file, token),
    )
    job = ShardJob(tmp_path, 0, read_rulebook())
    with pytest.raises(UserError, match="is not seen, or cannot be written, from") as caught:
        SparkEngine(spark).run([job], ignore)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert list(tmp_path.iterdir()) == []


def test_executors_with_another_version_are_refused(spark, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(spark_executors, "__version__", "9.9.9")
    with pytest.raises(UserError, match=r"heliotrope 9.9.9 on every executor"):
        spark_executors.check_executors(spark, tmp_path)
