"""What a run does when something breaks: no half run folder, no lost shard, a clear word."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope import pipeline
from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.example_studies import find_example
from heliotrope.execution import shards
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import run_shards
from heliotrope.execution.shards import KILLERS, write_shards
from heliotrope.ingest.read import read_records
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.records.results import SORT_KEYS, TABLES
from heliotrope.records.shard import shard_of
from heliotrope.run.verification import verify_run
from heliotrope.study import read_study

SEVEN = find_example("seven_children")


class DeadlyRulebook:
    """A rulebook that ends the process that unpacks it, as the kernel does when memory is out."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (137,)


@pytest.fixture
def cut_folder(tmp_path: Path) -> Path:
    """The modern cohort cut into four shards on disk."""
    study = read_study(find_example("modern_cohort"))
    records = read_records(study, study.read_rulebook())
    write_shards(records.tables, tmp_path / "records", 4)
    return tmp_path


def ignore(step: str, done: int, total: int) -> None:
    del step, done, total


def test_a_worker_that_dies_is_named_and_the_other_shards_are_done(cut_folder: Path) -> None:
    good, deadly = read_rulebook(), DeadlyRulebook()
    jobs = [
        ShardJob(cut_folder, number, deadly if number == 2 else good)  # type: ignore[arg-type]
        for number in range(4)
    ]
    with pytest.raises(UserError) as caught:
        run_shards(jobs, 2, ignore)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert "shard 2 ended its process" in str(caught.value)
    listed = pl.read_csv(cut_folder / KILLERS, schema={"shard": pl.Int32, "patient_id": pl.String})
    assert listed["shard"].unique().to_list() == [2]
    assert {shard_of(child, 4) for child in listed["patient_id"]} == {2}
    assert f"{listed.height} children" in str(caught.value)
    assert not any(child in str(caught.value) for child in listed["patient_id"])
    done = sorted(path.name for path in (cut_folder / "trace" / "trace.parquet").iterdir())
    assert done == ["part-00000.parquet", "part-00001.parquet", "part-00003.parquet"]


@pytest.mark.usefixtures("without_a_page")
def test_many_shards_give_what_one_gives(
    modern_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = find_example("modern_cohort")
    many_run = tmp_path / "many"
    monkeypatch.setattr(shards, "PATIENTS_A_SHARD", 10)
    run_study(study, many_run, RunOptions(workers=2))
    for name in TABLES:
        one, many = (
            pl.read_parquet(run / "tables" / f"{name}.parquet") for run in (modern_run, many_run)
        )
        assert_frame_equal(one.sort(SORT_KEYS[name]), many)
    for name in ("results.parquet", "findings.parquet"):
        assert_frame_equal(*(pl.read_parquet(run / name) for run in (modern_run, many_run)))
    one, many = (
        pl.read_parquet(run / "trace" / "trace.parquet").drop("trace_id")
        for run in (modern_run, many_run)
    )
    key = ["definition_id", "patient_id", "regimen", "date", "node"]
    assert_frame_equal(one.sort(key), many.sort(key))
    assert len(list((many_run / "records" / "patient.parquet").iterdir())) == 3
    assert verify_run(many_run).is_verified


def test_every_child_stands_in_the_shard_of_its_name(cut_folder: Path) -> None:
    for number in range(4):
        part = cut_folder / "records" / "assessment.parquet" / f"part-{number:05}.parquet"
        children = pl.read_parquet(part, glob=False)["patient_id"].unique()
        assert {shard_of(child, 4) for child in children} == {number}


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    for options in (RunOptions(), RunOptions(replace=True)):
        with pytest.raises(UserError) as caught:
            run_study(SEVEN, out, options)
        assert str(caught.value) == (
            "Expected: a run folder that does not exist yet\n"
            "Found:    run exists\n"
            "To do:    choose another name for --out, or remove that folder"
        )
    assert (out / "thesis.docx").read_text() == "years of work"


def test_an_unwritable_place_is_said_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(UserError) as caught:
        run_study(SEVEN, tmp_path / "a_file" / "run")
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert str(caught.value) == (
        "Expected: a folder that can be written\n"
        "Found:    run.partial: Not a directory\n"
        "To do:    choose another place for --out, or ask for the right to write there"
    )


def test_a_study_that_cannot_be_read_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pipeline, "survey_study", break_down)
    with pytest.raises(OSError, match="No space left"):
        run_study(SEVEN, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_a_page")
def test_verification_notices_a_changed_file_and_a_changed_trace(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for path in SEVEN.iterdir():
        (study / path.name).write_bytes(path.read_bytes())
    run = tmp_path / "run"
    run_study(study, run)
    assert verify_run(run).is_verified

    with (study / "assessment.csv").open("a") as file:
        file.write("\n")
    found = verify_run(run)
    assert found.changed == ("assessment.csv: changed since the run",)
    assert not found.is_verified

    part = run / "trace" / "trace.parquet" / "part-00000.parquet"
    trace = pl.read_parquet(part, glob=False)
    is_late_visit = (pl.col("node") == "late_visit_not_improved") & (pl.col("state") == "met")
    trace.with_columns(
        state=pl.when(is_late_visit).then(pl.lit("not_met")).otherwise("state"),
        value=pl.when(is_late_visit).then(pl.lit(1.0)).otherwise("value"),
    ).write_parquet(part)
    found = verify_run(run)
    assert len(found.disagreements) == 1
    assert "recorded none, found not_evaluable" in found.disagreements[0]
    assert not any(f"S0{number}" in found.disagreements[0] for number in range(1, 8))
