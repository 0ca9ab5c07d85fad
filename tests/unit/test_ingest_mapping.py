"""study.toml: a clinic's own files and columns become ours, and a wrong mapping is said."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.study import read_study


def write(folder: Path, study_toml: str, **files: str) -> Path:
    (folder / "study.toml").write_text(dedent(study_toml), encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(dedent(content).lstrip(), encoding="utf-8")
    return folder


SHIPPED = cache(read_rulebook)


def read(folder: Path) -> Ingested:
    study = read_study(folder)
    return read_records(study, replace(SHIPPED(), settings=study.settings))


WIDE = """\
    id = "ward_7"
    [[source]]
    file = "visits.csv"
    table = "assessment"
    [source.columns]
    patient_id = "record"
    date = "visit"
    [[source.measures]]
    column = "ck"
    measure = "CK"
    unit = "µkat/L"
    upper_limit_column = "ck_uln"
    [[source.measures]]
    column = "vas"
    measure = "physician_global"
    unit = "mm"
    [[source.measures]]
    column = "impression"
    measure = "physician_judgement"
    codes = { "1" = "improved", "2" = "unchanged", "3" = "worse", "9" = "" }
    [[source.measures]]
    column = "weight_kg"
    measure = "weight"
    unit = "kg"
    date = "weighed"
"""

VISITS = """\
    record,visit,ck,ck_uln,vas,impression,weight_kg,weighed,hair
    1,2018-01-05,10,2.5,35,1,20,2018-01-04,brown
    2,2018-01-06,NA,2.5,,9,,,red
    3,2018-01-07,oops,2.5,40,3,21,2018-01-07,red
    """


def test_one_column_a_measure_becomes_one_row_a_value(tmp_path):
    got = read(write(tmp_path, WIDE, visits=VISITS))
    rows = got.tables["assessment"].select(
        "patient_id", pl.col("date").cast(pl.String), "measure", "value", "unit", "upper_limit",
        "text",
    )  # fmt: skip
    assert rows.rows() == [
        ("1", "2018-01-05", "creatine_kinase", 600.0, "U/L", 150.0, None),
        ("1", "2018-01-05", "physician_global", 3.5, "cm", None, None),
        ("1", "2018-01-05", "physician_judgement", None, "none", None, "improved"),
        ("1", "2018-01-04", "weight", 20.0, "kg", None, None),
        ("3", "2018-01-07", "physician_global", 4.0, "cm", None, None),
        ("3", "2018-01-07", "physician_judgement", None, "none", None, "worse"),
        ("3", "2018-01-07", "weight", 21.0, "kg", None, None),
    ]
    assert got.quarantine["assessment"].select("rule", "row").rows() == [("unreadable_number", 4)]
    counts = got.accounting.row(0, named=True)
    assert (counts["rows_used"], counts["rows_ignored"], counts["rows_quarantined"]) == (2, 1, 0)
    # 27 cells: the blank row's nine and two of hair colour are ignored, one is quarantined
    assert (counts["cells_used"], counts["cells_ignored"], counts["cells_quarantined"]) == (
        15,
        11,
        1,
    )
    assert counts["canonical_rows"] == 7


def test_headers_that_are_measures_need_no_mapping(tmp_path):
    (tmp_path / "assessment.csv").write_text(
        "patient_id,date,CMAS,CK,remark\nP1,2018-01-05,40,200,tired\n"
    )
    got = read(tmp_path)
    assert got.tables["assessment"].select("measure", "value").rows() == [
        ("cmas", 40.0),
        ("creatine_kinase", 200.0),
    ]
    unused = got.findings.filter(pl.col("rule") == "column_unused")
    assert unused["column"].to_list() == ["remark"]


def test_one_file_feeds_several_tables_with_constants_codes_filters_and_dates(tmp_path):
    study = """\
        [format]
        date_format = "DMY"
        decimal = ","
        [[source]]
        file = "export.csv"
        table = "patient"
        rows = [{ column = "form", in = ["base"] }]
        [source.columns]
        patient_id = "rec"
        sex = "gender"
        birth_date = "dob"
        [source.codes.sex]
        0 = "female"
        1 = "male"
        9 = ""
        [[source]]
        file = "export.csv"
        table = "infusion"
        rows = [{ column = "form", not_in = ["base"] }, { column = "ivig", filled = true }]
        [source.columns]
        patient_id = "rec"
        date = "day"
        dose = "ivig"
        [source.constants]
        dose_unit = "g/kg"
        route = "iv"
        [[source]]
        file = "export.csv"
        table = "event"
        rows = [{ column = "fever", in = ["1"] }]
        [source.columns]
        patient_id = "rec"
        date = "day"
        [source.constants]
        kind = "adverse_event"
        term = "fever"
        """
    export = """\
        rec;form;gender;dob;day;ivig;fever
        1;base;0;03/04/2010;;;
        2;base;9;05/06/2011;;;
        1;visit;;;04/05/2018;1,5;1
        1;visit;;;05/06/2018;;1
        1;visit;;;06/06/2018;;0
        """
    got = read(write(tmp_path, study, export=export))
    patients = got.tables["patient"].select("patient_id", "sex", pl.col("birth_date").cast(str))
    assert patients.rows() == [("1", "female", "2010-04-03"), ("2", None, "2011-06-05")]
    assert got.tables["infusion"].select("dose", "dose_unit", "route").rows() == [
        (1.5, "g/kg", "iv")
    ]
    assert got.tables["event"]["date"].cast(str).to_list() == ["2018-05-04", "2018-06-05"]
    counts = got.accounting.row(0, named=True)
    assert (counts["rows_in"], counts["rows_used"], counts["rows_ignored"]) == (5, 4, 1)
    assert counts["ignored_by_rule"] == "filtered: 1"
    assert counts["cells_in"] == sum(
        counts[f"cells_{fate}"] for fate in ("used", "ignored", "quarantined")
    )
    # the event's row leads back to the cell that says so
    columns = got.source.filter(pl.col("column") == pl.lit(6))["column_name"].to_list()
    assert columns == ["fever"]
    assert (got.tables["event"]["row_id"] % (1 << 16)).to_list() == [6, 6]


def test_a_code_list_can_leave_rows_out(tmp_path):
    study = """\
        [[source]]
        file = "drugs.csv"
        table = "medication"
        [source.codes.drug]
        "vitamin D" = "ignore"
        MTX = "methotrexate"
        """
    drugs = "patient_id,drug,start_date\nP1,vitamin D,2018-01-01\nP1,MTX,2018-01-01\n"
    got = read(write(tmp_path, study, drugs=drugs))
    assert got.tables["medication"]["drug"].to_list() == ["methotrexate"]
    assert got.accounting["ignored_by_rule"].to_list() == ["declared_ignored: 1"]
    assert got.quarantine["medication"].is_empty()


def test_a_file_with_our_name_that_study_toml_leaves_out_is_said(tmp_path):
    study = '[[source]]\nfile = "infusion.csv"\ntable = "infusion"\n'
    infusion = "patient_id,date,dose,dose_unit\nP1,2018-01-01,20,g\n"
    got = read(write(tmp_path, study, infusion=infusion, event="a,b\n1,2\n"))
    unused = got.findings.filter(pl.col("rule") == "file_unused")["found"].to_list()
    assert unused == ["event.csv"]


def test_settings_reach_the_rulebook(tmp_path):
    (tmp_path / "infusion.csv").write_text("patient_id,date\nP1,2018-01-01\n")
    study = read_study(
        write(
            tmp_path,
            """\
            id = "trial"
            title = "A trial"
            population = "adult"
            visit_tolerance_days = 3
            [measures.adl]
            max = 5
            direction = "low"
            """,
        )
    )
    assert (study.id, study.title, study.settings.population) == ("trial", "A trial", "adult")
    assert study.settings.visit_tolerance_days == 3
    assert study.settings.measures["adl"].max == 5


WRONG = [
    ('populaton = "jdm"', "write 'population'"),
    ('[[source]]\nfiel = "a.csv"\ntable = "event"', "write 'file'"),
    ('[[source]]\nfile = "a.csv"\ntable = "evnt"', "source.1.table: Input should be 'patient'"),
    (
        '[[source]]\nfile = "a.csv"\ntable = "event"\n[source.columns]\ndaet = "d"',
        "'daet' is no column of the table event; did you mean 'date'?",
    ),
    (
        '[[source]]\nfile = "a.csv"\ntable = "event"\n[source.columns]\ndate = "d"\n'
        '[source.constants]\ndate = "2018-01-01"',
        "'date' is given both as a column and as a constant",
    ),
    ('[[source]]\nfile = "a.csv"\ntable = "event"', "the file a.csv"),
    ('population = "dogs"', "population: Input should be 'jdm' or 'adult'"),
    ("id = 3 3", "a study.toml in TOML"),
    ('definitions = "rules"', "a folder 'rules' beside study.toml"),
]


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_a_wrong_study_file_is_said(tmp_path, content, message):
    (tmp_path / "infusion.csv").write_text("patient_id,date\nP1,2018-01-01\n")
    with pytest.raises(UserError) as error:
        read(write(tmp_path, content))
    assert message in str(error.value)


def test_a_mapped_column_that_is_not_there_names_those_that_are_near(tmp_path):
    with pytest.raises(UserError) as error:
        read(write(tmp_path, WIDE, visits="record,visits,ck\n1,2018-01-05,10\n"))
    assert str(error.value) == (
        "Expected: a column 'visit', as study.toml says\n"
        "Found:    columns visits (visits.csv, row 1)\n"
        "To do:    correct the column name in study.toml"
    )


def test_an_unknown_measure_in_the_mapping_stops(tmp_path):
    study = WIDE.replace('measure = "CK"', 'measure = "creatin"')
    with pytest.raises(UserError, match="nearest known names: creatinine"):
        read(write(tmp_path, study, visits=VISITS))


def test_no_such_study(tmp_path):
    with pytest.raises(UserError, match="nothing at nowhere"):
        read_study(tmp_path / "nowhere")


def test_tables_twice_stop(tmp_path):
    (tmp_path / "event.csv").write_text("a\n")
    (tmp_path / "event.tsv").write_text("a\n")
    with pytest.raises(UserError, match=r"event\.csv, event\.tsv"):
        read_study(tmp_path)
