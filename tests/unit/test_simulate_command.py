"""The command that invents a cohort: what it writes, and what it refuses by name."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope import cli
from heliotrope.errors import ExitCode
from heliotrope.pipeline import check_study
from heliotrope.simulate.cohort import simulate_cohort
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.simulate.known_truth.parameters import read_known_truth
from heliotrope.simulate.tables import COLUMNS

MECHANISMS = [mechanism.id for mechanism in read_known_truth().mechanisms]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call the command as the shell does; gives exit code, output and error output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["heliotrope", "simulate", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


def test_it_writes_the_realistic_cohort_as_csv(call, tmp_path: Path) -> None:
    out = tmp_path / "study"
    code, said, _ = call("--patients", "4", "--seed", "2", "--as", "csv", "--out", str(out))
    assert code == ExitCode.DONE
    assert said == f"Wrote 6 files of invented records into {out}\n"
    patients = pl.read_csv(out / "patient.csv", try_parse_dates=True, infer_schema_length=None)
    assert (
        patients["patient_id"].to_list() == simulate_cohort(4, 2)["patient"]["patient_id"].to_list()
    )
    assert not (out / "truth").exists()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_passes_ingestion_without_a_row_set_aside(
    mechanism: str, tmp_path: Path
) -> None:
    write_simulated_study(SimulationOrder(6, 3, "csv", mechanism, has_truth=True), tmp_path)
    summary = check_study(tmp_path)
    assert set(summary.counts) <= {"info"}
    accounting = summary.accounting
    assert accounting["rows_used"].sum() == accounting["rows_in"].sum() > 0
    assert accounting["cells_quarantined"].sum() == 0


def test_parquet_holds_the_same_tables_as_csv(tmp_path: Path) -> None:
    write_simulated_study(SimulationOrder(505, 1, "csv"), tmp_path / "csv")
    write_simulated_study(SimulationOrder(505, 1, "parquet"), tmp_path / "parquet")
    for name, columns in COLUMNS.items():
        csv = pl.read_csv(tmp_path / "csv" / f"{name}.csv", schema=columns, null_values="")
        assert sorted(path.name for path in (tmp_path / "parquet").iterdir()) == sorted(
            f"{table}.parquet" for table in COLUMNS
        )
        assert_frame_equal(csv, pl.read_parquet(tmp_path / "parquet" / f"{name}.parquet"))


def test_the_truth_has_a_row_for_every_child_in_a_folder_of_its_own(call, tmp_path: Path) -> None:
    out = tmp_path / "study"
    where = ("--out", str(out), "--truth", "--mechanism", "pulse_model")
    assert call("--patients", "55", "--seed", "1", *where)[0] == ExitCode.DONE
    truth = pl.read_csv(out / "truth" / "truth_child.csv")
    assert truth["patient_id"].to_list() == pl.read_csv(out / "patient.csv")["patient_id"].to_list()
    answers = pl.read_csv(out / "truth" / "truth.csv")
    assert set(answers["mechanism"]) == {"pulse_model"}


def test_nobody_has_ivig_where_nobody_was_asked_for(call, tmp_path: Path) -> None:
    out = tmp_path / "study"
    share = ("--share-with-ivig", "0", "--truth", "--as", "parquet")
    assert call("--patients", "3", "--seed", "1", *share, "--out", str(out))[0] == ExitCode.DONE
    assert pl.read_parquet(out / "infusion.parquet").is_empty()
    assert not pl.read_parquet(out / "truth" / "truth_child.parquet")["has_ivig"].any()
    assert pl.read_parquet(out / "assessment.parquet")["patient_id"].n_unique() == 3


@pytest.mark.parametrize("form", ["xlsx", "sas"])
def test_a_form_that_is_not_written_is_refused_by_name(call, form: str, tmp_path: Path) -> None:
    where = ("--as", form, "--out", str(tmp_path / "study"))
    code, _, err = call("--patients", "2", "--seed", "1", *where)
    assert code == ExitCode.USAGE
    assert form in err
    assert "csv or parquet" in err
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--patients", "0"], "at least one child"),
        (["--patients", "2", "--mechanism", "magic"], "magic"),
        (["--patients", "2", "--share-with-ivig", "10"], "from 0 to 1"),
        (
            ["--patients", "2", "--share-with-ivig", "0.1", "--mechanism", "no_effect"],
            "its start rule decides who gets IVIG",
        ),
    ],
)
def test_what_cannot_be_simulated_is_said(call, tmp_path: Path, arguments, word: str) -> None:
    code, _, err = call(*arguments, "--seed", "1", "--out", str(tmp_path / "study"))
    assert code == ExitCode.USAGE
    assert word in err
    assert "Traceback" not in err


def test_a_folder_with_content_is_left_alone(call, tmp_path: Path) -> None:
    (tmp_path / "patient.csv").write_text("mine", encoding="utf-8")
    code, _, err = call("--patients", "2", "--seed", "1", "--out", str(tmp_path))
    assert code == ExitCode.USAGE
    assert "new or empty" in err
    assert (tmp_path / "patient.csv").read_text(encoding="utf-8") == "mine"
