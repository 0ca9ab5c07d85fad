"""An interrupted run goes on where it stopped and ends with the tables of an undisturbed one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fault.stopped_runs import RESUME, STUDY, StoppedError, assert_same_run

from heliotrope.errors import UserError
from heliotrope.estimate import cohort
from heliotrope.execution import local, shards
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import evaluate_job
from heliotrope.pipeline import run_study
from heliotrope.run.folder import MADE_FROM

pytestmark = pytest.mark.usefixtures("each_shard_once")


@pytest.fixture(autouse=True)
def _three_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PATIENTS_A_SHARD", 3)


@pytest.fixture
def undisturbed(seven_run_in_shards: Path) -> Path:
    """A run in three shards; it evaluated each itself."""
    return seven_run_in_shards


def stop_after(count: int, seen: list[int]) -> Callable[[ShardJob], None]:
    """Evaluate so many shards, then stop; note which were evaluated."""

    def evaluate(job: ShardJob) -> None:
        if len(seen) == count:
            raise StoppedError
        evaluate_job(job)
        seen.append(job.shard)

    return evaluate


def test_only_what_was_not_done_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    first: list[int] = []
    second: list[int] = []
    monkeypatch.setattr(local, "evaluate_job", stop_after(2, first))
    with pytest.raises(StoppedError):
        run_study(STUDY, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(local, "evaluate_job", stop_after(99, second))
    told: list[tuple[str, int, int]] = []
    run_study(STUDY, tmp_path / "run", RESUME, lambda *step: told.append(step))
    assert (first, second) == ([0, 1], [2])
    assert ("evaluate", 2, 3) in told
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.usefixtures("without_a_page")
def test_a_run_stopped_at_its_estimates_evaluates_no_child_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cohort, "estimate_inputs", stop)
        with pytest.raises(OSError, match="No space left"):
            run_study(STUDY, tmp_path / "run")
    seen: list[int] = []
    monkeypatch.setattr(local, "evaluate_job", stop_after(99, seen))
    run_study(STUDY, tmp_path / "run", RESUME)
    assert seen == []
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.usefixtures("without_a_page")
def test_without_resume_everything_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(local, "evaluate_job", stop_after(1, []))
    with pytest.raises(StoppedError):
        run_study(STUDY, tmp_path / "run")
    monkeypatch.setattr(local, "evaluate_job", stop_after(99, seen))
    run_study(STUDY, tmp_path / "run")
    assert seen == [0, 1, 2]


@pytest.mark.usefixtures("without_a_page")
@pytest.mark.parametrize("damaged", ["trace/trace", "parts/state"])
def test_a_shard_whose_part_is_torn_is_evaluated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path, damaged: str
) -> None:
    monkeypatch.setattr(local, "evaluate_job", stop_after(2, []))
    with pytest.raises(StoppedError):
        run_study(STUDY, tmp_path / "run")
    part = tmp_path / "run.partial" / f"{damaged}.parquet" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:200])
    seen: list[int] = []
    monkeypatch.setattr(local, "evaluate_job", stop_after(99, seen))
    run_study(STUDY, tmp_path / "run", RESUME)
    assert seen == [0, 2]
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.usefixtures("without_a_page")
def test_torn_records_are_read_anew_and_not_taken_for_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    monkeypatch.setattr(local, "evaluate_job", stop_after(2, []))
    with pytest.raises(StoppedError):
        run_study(STUDY, tmp_path / "run")
    part = tmp_path / "run.partial" / "records" / "assessment.parquet" / "part-00002.parquet"
    part.write_bytes(part.read_bytes()[:200])
    seen: list[int] = []
    monkeypatch.setattr(local, "evaluate_job", stop_after(99, seen))
    run_study(STUDY, tmp_path / "run", RESUME)
    assert seen == [2]
    assert_same_run(tmp_path / "run", undisturbed)


def test_records_torn_while_the_run_goes_on_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tear_then_evaluate(job: ShardJob) -> None:
        part = job.run / "records" / "assessment.parquet" / f"part-{job.shard:05}.parquet"
        part.write_bytes(part.read_bytes()[:200])
        evaluate_job(job)

    monkeypatch.setattr(local, "evaluate_job", tear_then_evaluate)
    with pytest.raises(UserError) as caught:
        run_study(STUDY, tmp_path / "run")
    assert "assessment.parquet/part-00000.parquet" in str(caught.value)
    assert "run again with --resume: what is damaged is read from its sources anew" in (
        str(caught.value)
    )


def test_a_changed_study_is_not_mixed_with_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "study"
    shutil.copytree(STUDY, study)
    monkeypatch.setattr(local, "evaluate_job", stop_after(0, []))
    with pytest.raises(StoppedError):
        run_study(study, tmp_path / "run")
    with (study / "assessment.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(UserError) as caught:
        run_study(study, tmp_path / "run", RESUME)
    assert str(caught.value) == (
        "Expected: the study, definitions and version that the interrupted run was made with\n"
        "Found:    the files of the study changed since (run.partial)\n"
        "To do:    run again without --resume: everything is then made anew"
    )


@pytest.mark.usefixtures("without_a_page")
def test_a_run_stopped_before_its_records_stood_starts_anew(
    tmp_path: Path, undisturbed: Path
) -> None:
    (tmp_path / "run.partial" / "records").mkdir(parents=True)
    (tmp_path / "run.partial" / "records" / "half.parquet").write_text("PAR1")
    run_study(STUDY, tmp_path / "run", RESUME)
    assert_same_run(tmp_path / "run", undisturbed)
    assert not (tmp_path / "run" / MADE_FROM).exists()


def test_a_finished_run_has_nothing_to_resume(undisturbed: Path) -> None:
    with pytest.raises(UserError, match="is finished: nothing to resume"):
        run_study(STUDY, undisturbed, RESUME)
