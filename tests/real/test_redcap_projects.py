"""Ten REDCap projects nobody here made, each read with every row and cell accounted for."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.redcap.dictionary import read_dictionary
from heliotrope.ingest.redcap.odm import read_odm
from heliotrope.study import read_study

REDCAP = Path(__file__).parents[3] / "shared" / "data" / "redcap"

# rows in, rows used (the first of each child), cells in, cells used, children
UNMAPPED = {
    "arm-single-longitudinal": (9, 3, 54, 6, 3),
    "checkboxes-1": (4, 4, 52, 4, 4),
    "clinical-trial-1": (500, 500, 6500, 500, 500),
    "decimal-comma": (4, 4, 24, 4, 4),
    "longitudinal": (18, 3, 2250, 6, 3),
    "multilevel-model-1": (220, 20, 4180, 60, 20),
    "repeating-instruments": (6, 2, 90, 6, 2),
    "simple": (5, 5, 120, 5, 5),
    "validation-types-1": (1, 1, 52, 1, 1),
    "vignette-repeating": (17, 2, 255, 6, 2),
}


@pytest.fixture
def read_project(tmp_path):
    if not REDCAP.is_dir():
        reason = "the REDCap projects are not there: ../shared/data/redcap"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def read(project: str, study_toml: str = "", *files: str) -> Ingested:
        target = tmp_path / "study"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(REDCAP / project, target)
        for item in target.iterdir():
            if files and item.name not in files:
                item.unlink()
        if study_toml:
            (target / "study.toml").write_text(dedent(study_toml), encoding="utf-8")
        study = read_study(target)
        return read_records(study, read_rulebook(study.settings))

    return read


def account(read: Ingested) -> dict[str, int]:
    row = read.accounting.row(0, named=True)
    for what in ("rows", "cells"):
        fates = sum(row[f"{what}_{fate}"] for fate in ("used", "ignored", "quarantined"))
        assert row[f"{what}_in"] == fates
    named = [part.split(": ") for part in row["ignored_by_rule"].split("; ") if part]
    assert sum(int(count) for _, count in named) == row["rows_ignored"]
    said = ("rows_in", "rows_used", "rows_ignored", "rows_quarantined", "ignored_by_rule")
    counts = ", ".join(f"{name} {row[name]}" for name in (*said, "cells_in", "cells_used"))
    sys.stdout.write(f"{counts}\n")
    return row


@pytest.mark.parametrize("project", sorted(UNMAPPED))
def test_a_project_as_it_stands_is_accounted_for_and_never_mapped(read_project, project):
    read = read_project(project)
    row = account(read)
    rows_in, rows_used, cells_in, cells_used, children = UNMAPPED[project]
    assert (row["rows_in"], row["rows_used"], row["rows_quarantined"]) == (rows_in, rows_used, 0)
    assert (row["cells_in"], row["cells_used"]) == (cells_in, cells_used)
    rest = rows_in - rows_used
    assert row["ignored_by_rule"] == (f"redcap_not_mapped: {rest}" if rest else "")
    assert row["canonical_by_table"] == f"patient: {children}"
    rules = set(read.findings["rule"])
    assert {"redcap_not_mapped", "no_infusions"} <= rules
    assert not rules & {"redcap_column_unknown", "redcap_without_dictionary", "file_unused"}


def test_fields_with_the_names_of_measures_are_proposed_and_not_read(read_project):
    read = read_project("longitudinal")
    proposed = read.findings.filter(pl.col("rule") == "redcap_field_recognised")
    assert dict(proposed.select("column", "found").iter_rows())["vbw2"] == (
        "'Creatinine' may be creatinine"
    )
    assert read.tables["assessment"].is_empty()


ALIKE = {
    # what differs and why: R wrote words for 0 and 1 and for a file; a calculated field was
    # not exported; a form nobody opened has no state in the XML
    "checkboxes-1": {"form_2_complete"},
    "multilevel-model-1": {"patient_complete"},
    "simple": {"sex", "mugshot"},
    "validation-types-1": {"f_calculated"},
}


@pytest.mark.parametrize("project", sorted(UNMAPPED))
def test_the_project_xml_holds_the_records_of_the_export(read_project, project):
    read_project(project)
    with (REDCAP / project / "project.xml").open("rb") as stream:
        odm = read_odm(stream, "project.xml")
    export = pl.read_csv(REDCAP / project / "data.csv", infer_schema=False)
    assert odm.records.height == export.height
    for column in export.columns:
        # an attribute of XML holds no line feed
        plain = [
            frame[column].fill_null("").str.replace_all(r"\s+", " ").str.strip_chars().to_list()
            for frame in (odm.records, export)
        ]
        assert (plain[0] != plain[1]) == (column in ALIKE.get(project, set())), column
    text = next((REDCAP / project).glob("diction*.csv")).read_text(encoding="utf-8")
    fields = {item.name: item for item in read_dictionary(text, "dictionary.csv")}
    for item in odm.fields:
        same = fields.get(item.name)
        assert same is None or (same.form, same.choices) == (item.form, item.choices)
    assert set(fields) <= {item.name for item in odm.fields} | {"f_sql"}


def test_xml_alone_is_a_project(read_project):
    read = read_project("repeating-instruments", "", "project.xml")
    row = account(read)
    assert (row["file"], row["rows_in"], row["rows_used"]) == ("project.xml", 6, 2)
    assert row["ignored_by_rule"] == "redcap_not_mapped: 4"


LONGITUDINAL = """\
    population = "adult"

    [[source]]
    form = "redcap"
    file = "data.csv"

    [[source.tables]]
    table = "patient"
    fields = { sex = "sex", birth_date = "dob" }

    [[source.tables]]
    table = "assessment"
    fields = { date = "date_enrolled" }
    events = ["enrollment_arm_1", "enrollment_arm_2"]
    measures = [
      { column = "weight", measure = "weight", unit = "kg" },
      { column = "height", measure = "height", unit = "cm" },
    ]

    [[source.tables]]
    table = "assessment"
    carried = { date = "date_enrolled" }
    measures = [{ column = "creat_b", measure = "creatinine", unit = "mg/dL" }]
    """


def test_codes_are_read_by_their_labels_and_a_date_is_carried_to_its_event(read_project):
    read = read_project("longitudinal", LONGITUDINAL)
    row = account(read)
    assert (row["rows_in"], row["rows_used"]) == (18, 3)
    assert row["ignored_by_rule"] == "redcap_form_blank: 15"
    assert read.tables["patient"].sort("patient_id")["sex"].to_list() == [
        "male",
        "female",
        "female",
    ]
    values = read.tables["assessment"].filter(pl.col("patient_id") == "100").sort("measure")
    assert values["measure"].to_list() == ["creatinine", "height", "weight"]
    assert values["value"].round(1).to_list()[1:] == [160.0, 80.0]
    assert values["date"].cast(pl.String).unique().to_list() == ["2015-04-02"]
    assert read.findings.filter(pl.col("rule") == "no_infusions").height == 1


def test_rows_of_other_events_are_left_out_by_name(read_project):
    read = read_project(
        "arm-single-longitudinal",
        """\
        [[source]]
        form = "redcap"
        file = "data.csv"
        [[source.tables]]
        table = "assessment"
        fields = { date = "interview_date" }
        events = ["intake_arm_1"]
        measures = [{ column = "weight", measure = "weight", unit = "kg" }]
        """,
    )
    row = account(read)
    assert row["ignored_by_rule"] == "redcap_event_not_used: 6"
    assert sorted(read.tables["assessment"]["value"]) == [11.0, 21.0, 31.0]


def test_entries_of_a_repeating_form_are_rows(read_project):
    read = read_project(
        "multilevel-model-1",
        """\
        [[source]]
        form = "redcap"
        file = "."
        [[source.tables]]
        table = "patient"
        fields = { sex = "gender_id" }
        codes.sex = { unknown = "" }
        [[source.tables]]
        table = "event"
        fields = { date = "date_at_visit" }
        constants = { kind = "hospitalisation" }
        """,
    )
    row = account(read)
    assert (row["rows_in"], row["rows_used"], row["rows_ignored"]) == (220, 220, 0)
    assert row["canonical_by_table"] == "event: 200; patient: 20"
    assert set(read.tables["patient"]["sex"]) == {"male", "female", None}


def test_decimal_commas_are_read_as_the_dictionary_declares_them(read_project):
    read = read_project(
        "decimal-comma",
        """\
        [[source]]
        form = "redcap"
        file = "data.csv"
        [[source.tables]]
        table = "assessment"
        constants = { date = "2015-06-30" }
        measures = [
          { column = "height", measure = "height", unit = "m" },
          { column = "weight", measure = "weight", unit = "kg" },
        ]
        """,
    )
    account(read)
    rows = read.tables["assessment"].sort("patient_id", "measure")
    assert rows["value"].to_list() == [154.0, 52.3, 184.0, 92.3, 195.0, 123.4, 161.0, 45.9]


def test_words_that_are_no_choice_are_refused_and_boxes_are_read_together(read_project):
    mapping = """\
        [[source]]
        form = "redcap"
        file = "data.csv"
        [[source.tables]]
        table = "patient"
        fields = { sex = "sex", birth_date = "dob", diagnosis = "race" }
        """
    read = read_project("simple", mapping)
    account(read)
    refused = read.findings.filter(pl.col("rule") == "redcap_unknown_choice")
    assert sorted(refused["found"]) == ["FALSE (rows 2, 5)", "TRUE (rows 3, 4, 6)"]
    assert read.tables["patient"]["sex"].null_count() == 5
    assert read.tables["patient"].sort("patient_id")["diagnosis"].to_list()[2] == (
        "Black or African American;White"
    )
    declared = f"{dedent(mapping)}codes.sex = {{ FALSE = 'female', TRUE = 'male' }}\n"
    assert read_project("simple", declared).tables["patient"]["sex"].null_count() == 0
