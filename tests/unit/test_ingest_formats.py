"""The same records in every encoding, separator and way of writing give the same tables."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from polars.testing import assert_frame_equal

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.errors import Found, UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.numerals import parse_numbers
from heliotrope.ingest.tabular.delimited import TextFile, read_delimited
from heliotrope.records.row_id import SourceCell, unpack_row_id
from heliotrope.study import read_study

HEADER = ["patient_id", "date", "measure", "value", "unit", "text", "assessor"]
ROWS = [
    ["P1", "2018-01-05", "creatine_kinase", "1850.5", "U/L", "", "Müller"],
    ["P1", "2018-01-05", "cmas", "40", "", "", "Æther"],
    ["P2", "2018-01-06", "physician_global", "<0.5", "cm", "", ""],
    ["P2", "2018-01-07", "physician_judgement", "", "", "improved", "Ødegård"],
]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def read_folder(folder: Path, rulebook: Rulebook) -> Ingested:
    return read_records(read_study(folder), rulebook)


def write(rows: list[list[str]], separator: str) -> str:
    return "\r\n".join(separator.join(row) for row in [HEADER, *rows]) + "\r\n"


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]


WRITINGS = [
    writing
    for writing in product(ENCODINGS, [",", ";", "\t", "|"], [".", ","])
    if writing[1:] != (",", ",")  # a decimal comma between commas needs quotes: a test of its own
]


@pytest.mark.parametrize(("encoding", "separator", "decimal"), WRITINGS)
def test_every_encoding_separator_and_decimal_sign_reads_the_same(
    tmp_path, rulebook, encoding, separator, decimal
):
    rows = [[cell.replace(".", decimal) for cell in row] for row in ROWS]
    (tmp_path / "assessment.csv").write_bytes(write(rows, separator).encode(encoding))
    read = read_folder(tmp_path, rulebook).tables["assessment"]
    assert read["value"].to_list() == [1850.5, 40.0, 0.5, None]
    assert read["value_qualifier"].to_list() == [None, None, "<", None]
    assert read["text"].to_list() == [None, None, None, "improved"]
    assert read["assessor"].to_list() == ["Müller", "Æther", None, "Ødegård"]


def test_a_decimal_comma_inside_quotes(tmp_path, rulebook):
    content = (
        'patient_id,date,measure,value\nP1,2018-01-05,chaq,"0,125"\nP1,2018-02-05,chaq,"1,5"\n'
    )
    (tmp_path / "assessment.csv").write_text(content)
    assert read_folder(tmp_path, rulebook).tables["assessment"]["value"].to_list() == [0.125, 1.5]


def test_a_guessed_encoding_is_said(tmp_path, rulebook):
    (tmp_path / "assessment.csv").write_bytes(write(ROWS, ",").encode("latin-1"))
    findings = read_folder(tmp_path, rulebook).findings
    assert findings.filter(pl.col("rule") == "encoding_assumed")["found"].to_list() == [
        "not UTF-8; read as cp1252"
    ]


@pytest.mark.parametrize(
    "token", ["NA", "N/A", "NULL", "-", ".", "", " ", "n.d.", "NaN", "?", "#N/A", "unknown", "None"]
)
def test_words_for_not_recorded_are_missing(tmp_path, rulebook, token):
    (tmp_path / "patient.csv").write_text(
        f"patient_id,sex,birth_date,death_date\nP1,f,2010-01-02,{token}\n"
    )
    read = read_folder(tmp_path, rulebook)
    assert read.tables["patient"]["death_date"].to_list() == [None]
    assert read.quarantine["patient"].is_empty()


def test_a_lost_value_is_counted_as_ignored(tmp_path, rulebook):
    (tmp_path / "assessment.csv").write_text(
        "patient_id,date,measure,value\nP1,2018-01-05,cmas,NA\nP1,2018-01-06,cmas,40\n"
    )
    read = read_folder(tmp_path, rulebook)
    assert read.tables["assessment"].height == 1
    assert read.accounting.select("rows_used", "rows_ignored", "ignored_by_rule").row(0) == (
        1,
        1,
        "value_not_recorded: 1",
    )


def test_a_title_row_a_ragged_row_and_a_multiline_cell():
    raw = read_delimited(
        TextFile(
            "x.csv",
            "0" * 64,
            b'Export of 3 May\na,b,c\n1,"two\nlines",3\n4,5\n6,7,8,9\n10,11,12\n13,14,15\n',
            header_row=2,
        ),
        Format(),
    )
    assert raw.header == ("a", "b", "c")
    assert raw.cells["1"].to_list() == ["two\nlines", "5", "7", "11", "14"]
    assert raw.refused.select("record", "rule").rows() == [(1, "row_cut"), (2, "row_too_long")]
    assert raw.first_row == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"a,b,a\n1,2,3\n", "'a' twice"),
        (b"a;b\n1;2;3\n1;2;3\n1;2\n", "2 of 3 rows have another number"),
    ],
)
def test_files_that_cannot_be_trusted(content, message):
    with pytest.raises(UserError, match=message):
        read_delimited(TextFile("x.csv", "0" * 64, content), Format())


@pytest.mark.parametrize("name", ["utf-8", "ascii", "utf-99"])
def test_a_declared_encoding_that_is_wrong_is_said(name):
    with pytest.raises(UserError, match=name):
        read_delimited(
            TextFile("x.csv", "0" * 64, "a,b\nü,1\n".encode("latin-1")), Format(encoding=name)
        )


NUMBERS = [
    ("12", 12.0, None),
    ("-3.5", -3.5, None),
    (".34", 0.34, None),
    ("1e3", 1000.0, None),
    ("<0.5", 0.5, "<"),
    ("≤ 2", 2.0, "<="),
    (">1000", 1000.0, ">"),
    ("1 234.5", 1234.5, None),
    ("1,234,567", 1234567.0, None),
    ("5 mg", None, None),
    ("12-15", None, None),
    ("1..2", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("text", "value", "qualifier"), NUMBERS)
def test_numbers(text, value, qualifier):
    read = parse_numbers(pl.Series([text]), None, Found("x"))
    assert read.select("value", "value_qualifier").row(0) == (value, qualifier)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,5", "1,250"], [1.5, 1.25]),
        (["1.234,5", "1.250"], [1234.5, 1250.0]),
        (["1,234.5", "1,250"], [1234.5, 1250.0]),
        (["0,125", "1,000"], [0.125, 1.0]),
        (["52,3", "22.1"], [52.3, 22.1]),
    ],
)
def test_a_column_proves_its_decimal_sign(texts, values):
    assert parse_numbers(pl.Series(texts), None, Found("x"))["value"].to_list() == values


@pytest.mark.parametrize(("decimal", "value"), [(",", 1.25), (".", 1250.0)])
def test_a_declared_decimal_sign_settles_an_open_number(decimal, value):
    assert parse_numbers(pl.Series(["1,250"]), decimal, Found("x"))["value"].to_list() == [value]


def write_workbook(path: Path) -> None:
    with xlsxwriter.Workbook(path) as workbook:
        day = workbook.add_format({"num_format": "dd/mm/yyyy"})
        sheet = workbook.add_worksheet("Assessment")
        for column, name in enumerate(["Patient ID", "Date", "Measure", "Value", "Unit"]):
            sheet.write_string(0, column, name)
        sheet.write_number(1, 0, 7)
        sheet.write_number(1, 1, 43105, day)
        sheet.write_string(1, 2, "CK")
        sheet.write_formula(1, 3, "=100+50.5", None, 150.5)
        sheet.write_string(1, 4, "U/L")
        # a row is left blank: row numbers stay Excel's own
        sheet.write_number(3, 0, 7)
        sheet.write_string(3, 1, "06/02/2018 10:30")
        sheet.write_string(3, 2, "CMAS")
        sheet.write_number(3, 3, 40)
        sheet.write_number(4, 0, 8)
        sheet.write_number(4, 1, 43135)
        sheet.write_string(4, 2, "CMAS")
        sheet.write_string(4, 3, "forty")
        sheet.write_number(5, 0, 8)
        sheet.write_string(5, 1, "26/02/2018")
        sheet.write_string(5, 2, "CMAS")
        sheet.write_number(5, 3, 41)
        workbook.add_worksheet("notes").write_string(0, 0, "call the ward")


def test_a_workbook_is_read_as_the_person_sees_it(tmp_path, rulebook):
    write_workbook(tmp_path / "clinic.xlsx")
    read = read_folder(tmp_path / "clinic.xlsx", rulebook)
    rows = read.tables["assessment"].with_columns(pl.col("date").cast(pl.String))
    assert rows.select("patient_id", "date", "measure", "value").rows() == [
        ("7", "2018-01-05", "creatine_kinase", 150.5),
        ("7", "2018-02-06", "cmas", 40.0),
        ("8", "2018-02-26", "cmas", 41.0),
    ]
    refused = read.quarantine["assessment"].row(0, named=True)
    assert (refused["sheet"], refused["row"], refused["rule"]) == (
        "Assessment",
        5,
        "unreadable_number",
    )
    assert '"Date": "43135"' in refused["raw"]
    assert read.accounting.select("rows_in", "rows_used", "rows_ignored", "rows_quarantined").row(
        0
    ) == (5, 3, 1, 1)
    unused = read.findings.filter(pl.col("rule") == "file_unused")["found"].to_list()
    assert unused == ["clinic.xlsx, sheet notes"]


def test_excel_serials_in_a_text_file_are_dates(tmp_path, rulebook):
    (tmp_path / "infusion.csv").write_text(
        "patient_id,date,dose,dose_unit\nP1,43831,20,g\nP1,43832.4375,20,g\n"
    )
    read = read_folder(tmp_path, rulebook).tables["infusion"]
    assert read["date"].cast(pl.String).to_list() == ["2020-01-01", "2020-01-02"]
    assert read["minute_of_day"].to_list() == [None, 630]


def test_a_damaged_workbook_is_said(tmp_path):
    (tmp_path / "clinic.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(UserError, match="an Excel workbook"):
        read_study(tmp_path)


def test_the_row_id_leads_back_to_the_cell(tmp_path, rulebook):
    (tmp_path / "assessment.csv").write_text(
        "patient_id,date,cmas,CK\nP1,2018-01-05,40,200\nP1,2018-02-05,41,\n"
    )
    (tmp_path / "infusion.csv").write_text("patient_id,date,dose,dose_unit\nP1,2018-01-06,20,g\n")
    read = read_folder(tmp_path, rulebook)
    files = dict(read.source.select("source", "file").iter_rows())
    header = {
        (source, column): name
        for source, column, name in read.source.select(
            "source", "column", "column_name"
        ).iter_rows()
    }
    places = []
    for table in ("assessment", "infusion"):
        for row in read.tables[table].iter_rows(named=True):
            cell = unpack_row_id(row["row_id"])
            places.append((files[cell.source], cell.record, header[cell.source, cell.column]))
    assert places == [
        ("assessment.csv", 0, "cmas"),
        ("assessment.csv", 0, "CK"),
        ("assessment.csv", 1, "cmas"),
        ("infusion.csv", 0, "dose"),
    ]
    hashes = read.source.select("source", "sha256").unique().sort("source")["sha256"].to_list()
    assert hashes == sorted(hashes)
    assert isinstance(cell, SourceCell)


def test_the_order_of_files_changes_nothing(tmp_path, rulebook):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    names = ["assessment.csv", "infusion.csv"]
    contents = ["patient_id,date,cmas\nP1,2018-01-05,40\n", "patient_id,date\nP1,2018-01-06\n"]
    for folder, order in ((first, (0, 1)), (second, (1, 0))):
        for number in order:
            (folder / names[number]).write_text(contents[number])
    one, other = read_folder(first, rulebook), read_folder(second, rulebook)
    for table in one.tables:
        assert_frame_equal(one.tables[table], other.tables[table])


def test_times_are_minutes_of_the_day(tmp_path, rulebook):
    (tmp_path / "infusion.csv").write_text(
        "patient_id,date,time,dose,dose_unit\nP1,2018-01-06,9:30,20,g\nP1,2018-01-07,14h05,20,g\n"
        "P1,2018-01-08,25:00,20,g\n"
    )
    read = read_folder(tmp_path, rulebook)
    assert read.tables["infusion"]["minute_of_day"].to_list() == [570, 845, None]
    assert read.quarantine["infusion"]["rule"].to_list() == ["unreadable_time"]
