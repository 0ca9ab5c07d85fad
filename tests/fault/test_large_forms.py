"""Forms whose rows wait where they are: what can go wrong while they are cut and read."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest
from tests.fault.stopped_runs import (
    RESUME,
    StoppedError,
    assert_same_run,
    stop_while_reading,
)

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.execution import shards
from heliotrope.ingest.spool import Spool
from heliotrope.ingest.survey import Survey, survey_study
from heliotrope.ingest.tabular import large
from heliotrope.pipeline import run_study
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

FORMS = ("omop", "fhir")

pytestmark = pytest.mark.usefixtures("each_shard_once")


@pytest.fixture(autouse=True)
def _everything_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(shards, "PATIENTS_A_SHARD", 2)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture(scope="module", params=FORMS)
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "study"
    write_simulated_study(SimulationOrder(7, 4, request.param, share_with_ivig=0.5), folder)
    if request.param == "fhir":
        said = '[[source]]\nform = "fhir"\nfile = "."\ncohort = "everyone"\n'
        (folder / "study.toml").write_text(said)
    return folder


@pytest.fixture(scope="module")
def undisturbed(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run of the study with all rows held."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "LARGE", 1 << 30)
        patch.setattr(shards, "PATIENTS_A_SHARD", 2)
        run_study(study, run)
    return run


def test_a_run_of_rows_that_waited_is_the_run_of_rows_held(
    study: Path, tmp_path: Path, undisturbed: Path
) -> None:
    run_study(study, tmp_path / "run")
    assert_same_run(tmp_path / "run", undisturbed)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.usefixtures("without_a_page")
def test_a_run_stopped_while_it_is_read_goes_on_from_there(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    stop_while_reading(study, tmp_path / "run", monkeypatch)
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.usefixtures("without_a_page")
def test_a_run_stopped_while_it_is_cut_is_cut_anew(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    laid_out: list[int] = []
    drop = Spool.drop

    def stop(self: Spool, bucket: int) -> None:
        if len(laid_out) == 2:
            raise StoppedError
        laid_out.append(bucket)
        drop(self, bucket)

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "drop", stop)
        with pytest.raises(StoppedError):
            run_study(study, tmp_path / "run")
    run_study(study, tmp_path / "run", RESUME)
    assert_same_run(tmp_path / "run", undisturbed)


def test_a_full_disk_leaves_nothing(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "add", is_full)
    with pytest.raises(OSError, match="No space left"):
        run_study(study, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]


def test_a_file_that_changes_while_it_waits_is_refused(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [path for path in study.rglob("*") if path.is_file()]
    path = max(files, key=lambda path: path.stat().st_size)
    before = path.read_bytes()
    check = Survey.check

    def meddle(survey: Survey) -> None:
        path.write_bytes(before + b"\n")
        check(survey)

    monkeypatch.setattr(Survey, "check", meddle)
    try:
        with pytest.raises(UserError, match="its content changed during the run"):
            run_study(study, tmp_path / "run")
    finally:
        path.write_bytes(before)
    assert [item.name for item in tmp_path.iterdir()] == ["temporary"]


def test_few_rows_of_a_large_source_are_held(study: Path) -> None:
    """Only what is wanted of it counts, such as the rows of a small cohort."""
    survey = survey_study(read_study(study), read_rulebook(), lambda *_: None, 1 << 20)
    assert survey.is_held
    assert survey.count_children() == 7
