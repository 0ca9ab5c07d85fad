"""Tables that stay on disk: what can go wrong while they are read, cut and read again."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.conftest import writing_no_page
from tests.fault.stopped_runs import (
    RESUME,
    STUDY,
    StoppedError,
    assert_same_run,
    stop_while_reading,
)

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.execution import shards
from heliotrope.execution.shards import KILLERS
from heliotrope.ingest import cut, read_records
from heliotrope.ingest.cut import count_buckets
from heliotrope.ingest.spool import Spool
from heliotrope.ingest.survey import survey_study
from heliotrope.ingest.tabular import large
from heliotrope.pipeline import run_study
from heliotrope.run import cohort, intake, tables
from heliotrope.run.intake import Intake, ReadJob, read_job
from heliotrope.study import read_study
from heliotrope.terminal.faults import describe_fault

pytestmark = pytest.mark.usefixtures("each_shard_once")


def put_everything_on_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(large, "LARGE", 1)
    patch.setattr(large, "BLOCK", 500)
    patch.setattr(shards, "PATIENTS_A_SHARD", 2)


@pytest.fixture(autouse=True)
def _everything_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    put_everything_on_disk(monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from disk that nothing stopped; it evaluated each shard itself."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    with pytest.MonkeyPatch.context() as patch, writing_no_page():
        put_everything_on_disk(patch)
        run_study(STUDY, run)
    return run


def hear(*_: object) -> None:
    """Hear nothing."""


def write_study(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    content = text if isinstance(text, bytes) else text.encode()
    (folder / "assessment.csv").write_bytes(content)
    return folder


def rows(count: int, first: int = 0) -> str:
    return "".join(
        f"P{number % 9},2019-01-0{number % 9 + 1},cmas,{number % 50},none,\n"
        for number in range(first, first + count)
    )


HEADER = "patient_id,date,measure,value,unit,assessor\n"


@pytest.mark.usefixtures("without_a_page")
def test_a_run_from_disk_is_the_run_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables are merged, and its estimates made, piece by piece, too, as of very many rows."""
    with monkeypatch.context() as patch:
        patch.setattr(tables, "HELD_ROWS", 20)
        patch.setattr(cohort, "PIECE_ROWS", 20)
        run_study(STUDY, tmp_path / "cut")
    monkeypatch.setattr(large, "LARGE", 1 << 30)
    run_study(STUDY, tmp_path / "whole")
    assert_same_run(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.usefixtures("without_a_page")
def test_a_run_stopped_while_it_is_read_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    stop_while_reading(STUDY, tmp_path / "run", monkeypatch)
    assert_same_run(tmp_path / "run", undisturbed)


def stop_before_reading(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cut the seven children and stop; give where their rows stand."""

    def stop(_: ReadJob) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(intake, "read_job", stop)
        with pytest.raises(StoppedError):
            run_study(STUDY, run)
    return run.with_name("run.partial") / "intake" / "spool"


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.usefixtures("without_a_page")
def test_rows_damaged_after_they_were_cut_are_cut_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    spool = stop_before_reading(tmp_path / "run", monkeypatch)
    flip_a_bit(next(spool.glob("rows-*-00002.frames")))
    cut_anew: list[int] = []
    monkeypatch.setattr(
        intake, "cut_study", lambda *given: (cut_anew.append(1), cut.cut_study(*given))
    )
    run_study(STUDY, tmp_path / "run", RESUME)
    assert cut_anew == [1]
    assert_same_run(tmp_path / "run", undisturbed)


def test_rows_damaged_while_they_are_read_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage_then_read(job: ReadJob) -> None:
        if job.bucket == 1:
            flip_a_bit(next(job.spool.glob("rows-*-00001.frames")))
        read_job(job)

    monkeypatch.setattr(intake, "read_job", damage_then_read)
    with pytest.raises(UserError) as caught:
        run_study(STUDY, tmp_path / "run")
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert "missing or changed since it was written (rows-" in str(caught.value)
    assert "--resume: the study is cut anew, what is read is kept" in str(caught.value)


@pytest.mark.usefixtures("without_a_page")
def test_one_child_with_most_of_the_rows_changes_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    monkeypatch.setattr(large, "BLOCK", 1 << 16)
    study = tmp_path / "study"
    shutil.copytree(STUDY, study)
    known = pl.read_csv(study / "assessment.csv", infer_schema=False)
    child, hours = known["patient_id"][0], pl.int_range(10_000)
    first = pl.lit("1990-01-01").str.to_date()
    monitored = pl.select(
        date=(first + pl.duration(days=hours // 24)).cast(pl.String),
        value=(36.5 + hours % 24 / 10).round(1).cast(pl.String),
    ).with_columns(patient_id=pl.lit(child), measure=pl.lit("temperature"), unit=pl.lit("degC"))
    pl.concat([known, monitored], how="diagonal").write_csv(study / "assessment.csv")
    run_study(study, tmp_path / "run")
    parts = tmp_path / "run" / "records" / "assessment.parquet"
    assert pl.read_parquet(parts).height == known.height + monitored.height
    for name in ("response", "score", "state", "course", "aggravation", "reaction"):
        ours, plain = (
            pl.read_parquet(run / "tables" / f"{name}.parquet").filter(
                pl.col("patient_id") != child
            )
            for run in (tmp_path / "run", undisturbed)
        )
        columns = [column for column in plain.columns if column != "row_id"]
        assert_frame_equal(ours.select(columns), plain.select(columns))


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "add", is_full)
    with pytest.raises(OSError, match="No space left") as caught:
        run_study(STUDY, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    said, code = describe_fault(caught.value)
    assert "the disk is full" in said
    assert "free space, then give the command again" in said
    assert code == ExitCode.ENVIRONMENT


def test_a_file_that_changes_between_two_readings_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path / "study", HEADER + rows(40))
    place = cut.find_shards

    def meddle(children: pl.Series, buckets: int) -> pl.Series:
        with (study / "assessment.csv").open("a") as file:
            file.write(rows(1))
        return place(children, buckets)

    monkeypatch.setattr(cut, "find_shards", meddle)
    with pytest.raises(UserError, match="its content changed during the run"):
        run_study(study, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_bytes_that_are_no_utf_8_far_into_a_file_make_all_of_it_latin(tmp_path: Path) -> None:
    text = HEADER + rows(60) + "P1,2019-02-01,cmas,40,none,Müller\n" + rows(60, 60)
    study = read_study(write_study(tmp_path, text.encode("latin-1")))
    survey = survey_study(study, read_rulebook(), hear, 1)
    (raw,) = survey.numbered.raws
    assert raw.notes == (("encoding_assumed", "not UTF-8; read as cp1252"),)
    assert raw.rows_in == 121


def test_a_file_without_lines_is_not_taken_into_memory(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path, HEADER + "x" * 5000))
    with pytest.raises(UserError, match="a line of more than 2,"):
        survey_study(study, read_rulebook(), hear, 1)


@pytest.mark.parametrize("lines", [3, 400])
def test_a_quote_that_is_never_closed_names_its_row(tmp_path: Path, lines: int) -> None:
    """It is said without reading the rest of the file into memory: a cell has its limit."""
    text = HEADER + rows(20) + 'P1,2019-02-01,cmas,40,none,"seen\n' + rows(lines)
    study = read_study(write_study(tmp_path, text))
    with pytest.raises(UserError, match="a quote that is never closed") as caught:
        survey_study(study, read_rulebook(), hear, 1)
    assert caught.value.found.row == 22


def test_a_worker_that_dies_while_reading_is_named_with_its_children(tmp_path: Path) -> None:
    from tests.fault.test_run_faults import DeadlyRulebook

    study = read_study(STUDY)
    survey = survey_study(study, read_rulebook(), hear, 1)
    buckets = count_buckets(survey, 3)
    reading = Intake(survey, tmp_path, DeadlyRulebook(), 3, buckets)  # type: ignore[arg-type]
    reading.cut(hear)
    with pytest.raises(UserError, match="ended its process while it was read") as caught:
        reading.read(2, hear)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    listed = pl.read_csv(tmp_path / KILLERS, schema={"shard": pl.Int64, "patient_id": pl.String})
    assert listed["patient_id"].n_unique() == 7


def test_one_child_with_most_of_the_rows_is_read_like_any_other(tmp_path: Path) -> None:
    text = HEADER + rows(50) + rows(2000).replace("P0", "P1")
    folder = write_study(tmp_path / "study", text)
    study = read_study(folder)
    survey = survey_study(study, read_rulebook(), hear, 1)
    reading = Intake(survey, tmp_path, read_rulebook(), 4, count_buckets(survey, 4))
    reading.cut(hear)
    read = reading.read(1, hear)
    whole = read_records(study, read_rulebook())
    assert_frame_equal(read.accounting, whole.accounting)
    assert_frame_equal(read.findings, whole.findings)
