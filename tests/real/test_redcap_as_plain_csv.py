"""REDCap exports nobody here wrote, read as plain CSV through a mapping in study.toml."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.study import read_study

REDCAP = Path(__file__).parents[3] / "shared" / "data" / "redcap"


@pytest.fixture
def read_project(tmp_path):
    if not REDCAP.is_dir():
        reason = "the REDCap projects are not there: ../shared/data/redcap"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def read(project: str, study_toml: str) -> Ingested:
        shutil.copyfile(REDCAP / project / "data.csv", tmp_path / "data.csv")
        (tmp_path / "study.toml").write_text(dedent(study_toml), encoding="utf-8")
        study = read_study(tmp_path)
        return read_records(study, read_rulebook(study.settings))

    return read


def counts(read: Ingested) -> dict[str, int]:
    row = read.accounting.row(0, named=True)
    for what in ("rows", "cells"):
        assert row[f"{what}_in"] == sum(
            row[f"{what}_{fate}"] for fate in ("used", "ignored", "quarantined")
        )
    return row


CLINICAL_TRIAL = """\
    id = "clinical_trial_1"
    population = "adult"

    [[source]]
    file = "data.csv"
    table = "patient"
    [source.columns]
    patient_id = "record_id"
    sex = "gender"
    birth_date = "dob"
    [source.codes.sex]
    "0" = "female"
    "1" = "male"

    # the project has no date of examination: its registration day is declared for all
    [[source]]
    file = "data.csv"
    table = "assessment"
    [source.columns]
    patient_id = "record_id"
    [source.constants]
    date = "2015-06-30"
    [[source.measures]]
    column = "weight"
    measure = "weight"
    unit = "kg"
    [[source.measures]]
    column = "height"
    measure = "height"
    unit = "cm"
    """


def test_a_trial_without_immunoglobulin_is_read_and_says_so(read_project):
    read = read_project("clinical-trial-1", CLINICAL_TRIAL)
    assert read.tables["patient"].height == 500
    assert set(read.tables["patient"]["sex"]) == {"female", "male"}
    assert str(read.tables["patient"]["birth_date"].min()) == "1930-08-06"
    assert read.tables["assessment"].height == 1000
    assert read.tables["infusion"].is_empty()
    rules = set(read.findings["rule"])
    assert "no_infusions" in rules
    assert rules <= {"no_infusions", "implausible_value"}
    assert read.findings.filter(pl.col("severity") == "error").is_empty()
    row = counts(read)
    assert (row["rows_in"], row["rows_used"]) == (500, 500)
    # record_id, dob, gender, height and weight are used, eight columns are not
    assert (row["cells_used"], row["cells_ignored"]) == (2500, 4000)


def test_decimal_commas_are_proven_column_by_column(read_project):
    read = read_project(
        "decimal-comma",
        """\
        [[source]]
        file = "data.csv"
        table = "assessment"
        [source.columns]
        patient_id = "record_id"
        [source.constants]
        date = "2015-06-30"
        [[source.measures]]
        column = "height"
        measure = "height"
        unit = "m"
        [[source.measures]]
        column = "weight"
        measure = "weight"
        unit = "kg"
        """,
    )
    rows = read.tables["assessment"].sort("patient_id", "measure")
    assert rows["value"].to_list() == [154.0, 52.3, 184.0, 92.3, 195.0, 123.4, 161.0, 45.9]
    assert counts(read)["rows_used"] == 4


def test_cells_over_several_lines_and_words_for_yes(read_project):
    read = read_project(
        "simple",
        """\
        [[source]]
        file = "data.csv"
        table = "patient"
        [source.columns]
        patient_id = "record_id"
        birth_date = "dob"
        [source.codes.sex]
        FALSE = "female"
        TRUE = "male"
        """,
    )
    assert read.tables["patient"]["patient_id"].to_list() == ["1", "2", "3", "4", "5"]
    assert read.tables["patient"]["sex"].to_list()[:2] == ["female", "male"]
    assert read.tables["patient"]["birth_date"].is_not_null().all()
    assert counts(read)["rows_in"] == 5


def test_the_rows_of_an_event_are_picked_by_a_filter(read_project):
    read = read_project(
        "longitudinal",
        """\
        [[source]]
        file = "data.csv"
        table = "patient"
        rows = [{ column = "redcap_event_name", in = ["enrollment_arm_1", "enrollment_arm_2"] }]
        [source.columns]
        patient_id = "study_id"
        birth_date = "dob"
        [source.codes.sex]
        "0" = "female"
        "1" = "male"

        [[source]]
        file = "data.csv"
        table = "assessment"
        rows = [{ column = "weight", filled = true }]
        [source.columns]
        patient_id = "study_id"
        date = "date_enrolled"
        [[source.measures]]
        column = "weight"
        measure = "weight"
        unit = "kg"
        """,
    )
    row = counts(read)
    enrolled = read.tables["patient"].height
    assert enrolled == read.tables["patient"]["patient_id"].n_unique() > 0
    assert read.tables["assessment"].height == enrolled
    assert row["rows_used"] == enrolled
    assert row["ignored_by_rule"] == f"filtered: {row['rows_in'] - enrolled}"


def test_repeat_rows_are_left_out_by_a_filter(read_project):
    read = read_project(
        "repeating-instruments",
        """\
        [[source]]
        file = "data.csv"
        table = "patient"
        rows = [{ column = "redcap_repeat_instrument", filled = false }]
        [source.columns]
        patient_id = "record_id"
        birth_date = "dob"
        [source.codes.sex]
        "0" = "female"
        "1" = "male"
        """,
    )
    row = counts(read)
    assert row["rows_used"] == read.tables["patient"].height > 0
    assert row["rows_ignored"] == row["rows_in"] - row["rows_used"] > 0
