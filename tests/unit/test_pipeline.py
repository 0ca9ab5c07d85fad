"""The run as a whole: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from heliotrope.errors import UserError
from heliotrope.example_studies import find_example
from heliotrope.pipeline import check_study, run_study
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.finding_tables import Finding, Source
from heliotrope.records.results import TABLES, Result
from heliotrope.records.trace_tables import Trace, TraceSource
from heliotrope.run.findings import locate_findings

PARQUET_TYPES = {
    pl.String,
    pl.Int32,
    pl.Int64,
    pl.Float64,
    pl.Boolean,
    pl.Date,
    pl.List(pl.String),
}


@pytest.fixture(scope="module")
def run(seven_run: Path) -> Path:
    return seven_run


def test_the_run_folder_holds_what_the_contract_names(run: Path) -> None:
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.parent == run}
    assert names == {
        "manifest.json",
        "findings.csv",
        "findings.parquet",
        "quarantine",
        "records",
        "tables",
        "trace",
        "results.parquet",
        "report.html",
    }
    assert {path.name for path in (run / "tables").iterdir()} == {
        f"{name}.parquet" for name in TABLES
    }
    assert {path.name for path in (run / "records").iterdir()} == {
        "source.parquet",
        *(f"{name}.parquet" for name in CANONICAL),
    }


def test_every_file_fits_its_schema_and_the_plain_types(run: Path) -> None:
    schemas = {
        "findings.parquet": Finding,
        "results.parquet": Result,
        "records/source.parquet": Source,
        "trace/trace.parquet": Trace,
        "trace/trace_source.parquet": TraceSource,
        **{f"tables/{name}.parquet": schema for name, schema in TABLES.items()},
        **{f"records/{name}.parquet": schema for name, schema in CANONICAL.items()},
    }
    for name, schema in schemas.items():
        table = pl.read_parquet(run / name)
        schema.validate(table)
        assert set(table.schema.values()) <= PARQUET_TYPES, name


def test_the_manifest_describes_the_run(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["study"]["id"] == "seven_children"
    assert manifest["study"]["synthetic"] is True
    assert sorted(manifest["inputs"]) == [
        "assessment.csv",
        "event.csv",
        "indication.csv",
        "infusion.csv",
        "medication.csv",
        "patient.csv",
    ]
    assert all(len(sha256) == 64 for sha256 in manifest["inputs"].values())
    assert manifest["counts"]["children"] == manifest["counts"]["children_with_ivig"] == 7
    for row in manifest["accounting"]:
        for what in ("rows", "cells"):
            parts = (row[f"{what}_{part}"] for part in ("used", "ignored", "quarantined"))
            assert row[f"{what}_in"] == sum(parts)


@pytest.mark.usefixtures("without_a_page")
def test_two_runs_are_identical_but_for_the_time_of_day(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    run_study(find_example("seven_children"), again)
    for path in sorted(run.rglob("*.parquet")):
        if path.is_file():
            other = again / path.relative_to(run)
            assert pl.read_parquet(path, glob=False).equals(pl.read_parquet(other, glob=False))
    manifests = [
        json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for folder in (run, again)
    ]
    for manifest in manifests:
        del manifest["created"]
    assert manifests[0] == manifests[1]


def test_children_without_ivig_are_counted_in_a_finding() -> None:
    summary = check_study(find_example("modern_cohort"))
    (row,) = summary.findings.filter(pl.col("rule") == "children_without_ivig").to_dicts()
    assert (row["severity"], row["found"]) == ("info", "7 of 30 children")
    assert not summary.has_errors


def test_a_finding_of_evaluation_knows_its_file_and_row(tmp_path: Path) -> None:
    (tmp_path / "infusion.csv").write_text(
        "patient_id,date,dose,dose_unit\nA,2020-01-01,20,g\nA,2020-01-29,20,g\n"
    )
    found = check_study(tmp_path).findings.filter(pl.col("rule") == "infusion_without_weight")
    assert found.select("file", "row", "column").rows() == [
        ("infusion.csv", 2, "dose"),
        ("infusion.csv", 3, "dose"),
    ]


def test_a_finding_without_a_cell_has_no_place() -> None:
    finding = {"severity": "info", "rule": "x", "table": "event", "row_id": None}
    frame = pl.DataFrame([finding], schema_overrides={"row_id": pl.Int64}).with_columns(
        found=pl.lit("y"), expected=pl.lit("z"), suggestion=pl.lit("w")
    )
    (row,) = locate_findings(frame, Source.create_empty()).to_dicts()
    assert (row["file"], row["row"], row["column"]) == (None, None, None)


def test_a_study_without_ivig_ends_well_and_says_so(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "assessment.csv").write_text(
        "patient_id,date,measure,value,unit\nA,2020-01-01,cmas,30,\nB,2020-01-01,cmas,40,\n"
    )
    summary = run_study(study, tmp_path / "run")
    assert summary.sentences[0].startswith("No IVIG was recorded for any of 2 children")
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_faulty_definition_of_the_study_stops_it(tmp_path: Path) -> None:
    study = tmp_path / "study"
    (study / "ours").mkdir(parents=True)
    (study / "assessment.csv").write_text("patient_id,date,measure,value\nA,2020-01-01,cmas,30\n")
    (study / "study.toml").write_text('definitions = "ours"\n')
    shipped = Path(__file__).parents[2] / "src/heliotrope/definitions/states"
    text = (shipped / "inactive_disease_2015.toml").read_text(encoding="utf-8")
    (study / "ours" / "inactive.toml").write_text(text.replace('"cmas"', '"no_such_measure"'))
    with pytest.raises(UserError) as caught:
        run_study(study, tmp_path / "run")
    assert "inactive_disease_2015" in str(caught.value)
    assert "no_such_measure" in str(caught.value)


def test_intervals_unlike_the_others_of_the_child_are_asked_about(tmp_path):
    dates = ["01-01", "01-29", "02-26", "03-07", "03-26", "04-23", "06-25", "07-23"]
    rows = "".join(f"P1,2018-{date},30,g\n" for date in dates)
    (tmp_path / "infusion.csv").write_text(f"patient_id,date,dose,dose_unit\n{rows}")
    findings = check_study(tmp_path).findings
    found = {
        rule: findings.filter(pl.col("rule") == rule).select("row", "found").rows()
        for rule in ("interval_short", "interval_long")
    }
    assert found == {
        "interval_short": [(5, "9 days from 2018-02-26 to 2018-03-07, usually 28")],
        "interval_long": [(8, "63 days from 2018-04-23 to 2018-06-25, usually 28")],
    }


def test_findings_are_written_for_a_spreadsheet_that_runs_nothing(tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    (study / "infusion.csv").write_text(
        "patient_id,date,dose,dose_unit,product\nP1,2018-01-01,30,g,=HYPERLINK(1)\n"
    )
    run_study(study, tmp_path / "run")
    text = (tmp_path / "run" / "findings.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfseverity,rule,")
    assert b",'=HYPERLINK(1)," in text
    assert b",=HYPERLINK" not in text
    read = pl.read_csv(tmp_path / "run" / "findings.csv")
    assert read.height == pl.read_parquet(tmp_path / "run" / "findings.parquet").height
