"""Instruments from a clinic's file to the report: a bilateral MMT-8, and a sheet of items."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from heliotrope.pipeline import RunOptions, check_study, run_study
from heliotrope.report.explain import explain_patient
from heliotrope.run.verification import verify_run

INFUSIONS = """\
patient_id,date,route,dose,dose_unit
A,2020-01-01,iv,40,g
A,2020-01-29,iv,40,g
A,2020-02-26,iv,40,g
"""
PATIENT = "patient_id,sex,birth_date,diagnosis_date\nA,female,2016-06-01,2019-06-01\n"
BILATERAL = """\
patient_id,date,measure,value,unit
A,2020-01-01,mmt8,120,
A,2020-01-01,physician_global,6,cm
A,2020-03-25,mmt8,147,
A,2020-03-25,physician_global,0.1,cm
A,2020-03-25,creatine_kinase,100,U/L
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "patient.csv").write_text(PATIENT, encoding="utf-8")
    (folder / "infusion.csv").write_text(INFUSIONS, encoding="utf-8")
    return folder


def read(run: Path, table: str) -> pl.DataFrame:
    return pl.read_parquet(run / "tables" / f"{table}.parquet")


def test_a_bilateral_mmt8_is_refused_with_the_words_that_mend_it(study: Path) -> None:
    (study / "assessment.csv").write_text(BILATERAL, encoding="utf-8")
    findings = list(check_study(study).findings.iter_rows(named=True))
    refused = [item for item in findings if item["rule"] == "outside_range"]
    assert [item["found"] for item in refused] == ["mmt8 120", "mmt8 147"]
    assert refused[0]["expected"] == "mmt8 from 0 to 80"
    assert refused[0]["suggestion"] == (
        "if it is the scale of 0 to 150 (both sides and the neck flexors tested), declare it for "
        "the whole study in study.toml: [measures.mmt8] max = 150, direction = 'high'; rules made "
        "for another scale then leave it out"
    )


def test_a_declared_bilateral_mmt8_is_scored_and_left_out_of_the_cut_of_78(study: Path) -> None:
    (study / "assessment.csv").write_text(BILATERAL, encoding="utf-8")
    (study / "study.toml").write_text(
        'id = "both_sides"\n[measures.mmt8]\nmax = 150\ndirection = "high"\n', encoding="utf-8"
    )
    run = study.parent / "run"
    run_study(study, run, RunOptions())
    assert not check_study(study).has_errors
    trace = pl.read_parquet(run / "trace" / "trace.parquet")
    strength = trace.filter(definition_id="tis_jdm_imacs", node="strength").row(0, named=True)
    assert (strength["label"], strength["value"], strength["points"]) == ("mmt8", 18, 20)
    state = read(run, "state").filter(
        pl.col("definition_id") == "inactive_disease_2013", pl.col("date") == pl.date(2020, 3, 25)
    )
    assert state["state"].to_list() == ["not_evaluable"], "two criteria met, the third refused"
    leaf = trace.filter(
        pl.col("definition_id") == "inactive_disease_2013",
        pl.col("node") == "mmt8",
        pl.col("date") == pl.date(2020, 3, 25),
    )
    assert leaf["reason"].to_list() == ["other_scale"]
    assert verify_run(run).is_verified


MUSCLES = (
    "deltoid",
    "biceps",
    "wrist_extensors",
    "quadriceps",
    "ankle_dorsiflexors",
    "neck_flexors",
    "gluteus_medius",
    "gluteus_maximus",
)


def test_a_wide_sheet_of_items_is_scored_and_explained(study: Path) -> None:
    """One column a muscle, four questions in two domains' columns, an aid in yes and no."""
    header = ["child", "seen", "PhGA", *MUSCLES, "dress_1", "dress_2", "walk", "walk_aid"]
    rows = [
        ["A", "2020-01-01", "6", *["5"] * 8, "2", "1", "0", "yes"],
        ["A", "2020-03-25", "1", *["9"] * 7, "8", "0", "0", "0", "no"],
    ]
    lines = [",".join(cells) for cells in (header, *rows)]
    (study / "visits.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    measures = {muscle: f"mmt8_{muscle}" for muscle in MUSCLES}
    measures |= {
        "dress_1": "chaq_dressing",
        "dress_2": "chaq_dressing",
        "walk": "chaq_walking",
        "walk_aid": "chaq_walking_aid",
    }
    columns = "".join(
        f'[[source.measures]]\ncolumn = "{column}"\nmeasure = "{measure}"\n'
        for column, measure in measures.items()
    )
    (study / "study.toml").write_text(
        'id = "items"\n'
        '[[source]]\nfile = "patient.csv"\ntable = "patient"\n'
        '[[source]]\nfile = "infusion.csv"\ntable = "infusion"\n'
        '[[source]]\nfile = "visits.csv"\ntable = "assessment"\n'
        '[source.columns]\npatient_id = "child"\ndate = "seen"\n'
        '[[source.measures]]\ncolumn = "PhGA"\nmeasure = "physician_global"\nunit = "cm"\n'
        + columns,
        encoding="utf-8",
    )
    run = study.parent / "run"
    summary = check_study(study)
    assert not summary.has_errors
    found = {item["rule"]: item["found"] for item in summary.findings.iter_rows(named=True)}
    assert found["total_made_from_items"] == (
        "mmt8 made from its items on 2 date(s), first 2020-01-01"
    )
    assert "chaq on 2020-01-01: 2 of 8 items" in " ".join(
        item["found"] or "" for item in summary.findings.iter_rows(named=True)
    )
    assert "two_values_on_a_date" not in found
    assert "duplicate_row" not in found
    run_study(study, run, RunOptions())
    assert verify_run(run).is_verified
    trace = pl.read_parquet(run / "trace" / "trace.parquet")
    strength = trace.filter(definition_id="tis_jdm_imacs", node="strength").row(0, named=True)
    assert strength["value"] == pytest.approx((71 - 40) / 80 * 100)
    columns_used = {
        cell["column"]
        for tree in explain_patient(run, "A", "tis_jdm_imacs").to_json()["decisions"]
        for cell in find_cells(tree)
    }
    assert set(MUSCLES) <= columns_used


def find_cells(tree: object) -> list[dict[str, object]]:
    """Find every source cell in an explanation."""
    if isinstance(tree, dict):
        own = [tree] if {"file", "row", "column"} <= tree.keys() else []
        return own + [cell for value in tree.values() for cell in find_cells(value)]
    if isinstance(tree, (list, tuple)):
        return [cell for value in tree for cell in find_cells(value)]
    return []


def test_a_young_child_s_cmas_is_a_finding(study: Path) -> None:
    (study / "assessment.csv").write_text(
        "patient_id,date,measure,value,unit\nA,2020-01-01,cmas,40,\nA,2021-07-01,cmas,50,\n",
        encoding="utf-8",
    )
    findings = check_study(study).findings.iter_rows(named=True)
    assert [item["found"] for item in findings if item["rule"] == "measure_under_age"] == [
        "cmas on 1 date(s) under 5 years: healthy children of 4 years reach 46.6 (SD 2.3) of 52 "
        "on average"
    ]
