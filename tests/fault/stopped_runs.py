"""Runs that are stopped and go on, for the tests of what can stop them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.example_studies import find_example
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.records.results import TABLES
from heliotrope.run import intake
from heliotrope.run.intake import ReadJob, read_job

STUDY = find_example("seven_children")
RESUME = RunOptions(resume=True)


class StoppedError(Exception):
    """Stands for whatever stops a run: a signal, a full disk, a closed laptop."""


def assert_same_run(run: Path, other: Path) -> None:
    for name in (*(f"tables/{table}" for table in TABLES), "results", "findings"):
        assert_frame_equal(
            *(pl.read_parquet(folder / f"{name}.parquet") for folder in (run, other))
        )
    for name in ("records/assessment", "trace/trace", "trace/trace_source"):
        one, two = (sorted((folder / f"{name}.parquet").iterdir()) for folder in (run, other))
        assert [part.name for part in one] == [part.name for part in two]
        for mine, theirs in zip(one, two, strict=True):
            assert_frame_equal(*(pl.read_parquet(part, glob=False) for part in (mine, theirs)))
    assert {path.name for path in run.iterdir()} == {path.name for path in other.iterdir()}


def stop_while_reading(study: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a run whose rows wait on disk after two buckets, and let it go on from there."""
    seen: list[int] = []

    def read(job: ReadJob) -> None:
        if len(seen) == 2:
            raise StoppedError
        read_job(job)
        seen.append(job.bucket)

    def cut_again(*_: object) -> None:
        pytest.fail("what is cut is not cut again")

    monkeypatch.setattr(intake, "read_job", read)
    with pytest.raises(StoppedError):
        run_study(study, run)
    assert (run.with_name(f"{run.name}.partial") / "intake" / "spool").is_dir()
    seen.clear()
    monkeypatch.setattr(intake, "cut_study", cut_again)
    monkeypatch.setattr(intake, "read_job", lambda job: (read_job(job), seen.append(job.bucket)))
    run_study(study, run, RESUME)
    assert seen == [2, 3]
