"""The empty study: what `init` writes can be filled in and read back."""

from __future__ import annotations

import fastexcel
import pytest
import xlsxwriter

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.ingest.columns import TABLE_COLUMNS, column_names
from heliotrope.ingest.dictionary import describe_columns
from heliotrope.ingest.template import write_template
from heliotrope.records.canonical import CANONICAL
from heliotrope.study import read_study


def test_the_template_has_a_sheet_a_table_and_explains_itself(tmp_path):
    workbook = fastexcel.read_excel(write_template(tmp_path / "new"))
    assert workbook.sheet_names == ["read me", *TABLE_COLUMNS, "dictionary", "words", "visits"]
    for table in TABLE_COLUMNS:
        header = workbook.load_sheet(table, header_row=None).to_polars().row(0)
        assert list(header) == column_names(table)
    hint = " ".join(workbook.load_sheet("visits", header_row=None).to_polars().to_series())
    assert "days 2 to 7 after an infusion" in hint
    assert "trough" in hint


def test_the_template_is_a_study_without_records_yet(tmp_path):
    write_template(tmp_path / "new")
    study = read_study(tmp_path / "new")
    assert study.id == "my_study"
    with pytest.raises(UserError, match="at least one row of records") as refusal:
        read_records(study, study.read_rulebook())
    assert "no row in any sheet of records.xlsx\n" in str(refusal.value)


def test_the_template_filled_with_its_own_examples_is_read_back(tmp_path):
    write_template(tmp_path / "new")
    entries = describe_columns(read_rulebook())
    with xlsxwriter.Workbook(tmp_path / "new" / "records.xlsx") as workbook:
        for table in TABLE_COLUMNS:
            sheet = workbook.add_worksheet(table)
            for column, entry in enumerate(item for item in entries if item.table == table):
                sheet.write_string(0, column, entry.column)
                sheet.write_string(1, column, entry.example)
    study = read_study(tmp_path / "new" / "records.xlsx")
    read = read_records(study, study.read_rulebook())
    assert read.findings.filter(read.findings["severity"] != "info").is_empty()
    assert {table: rows.height for table, rows in read.tables.items()} == dict.fromkeys(
        CANONICAL, 1
    )
    assert all(frame.is_empty() for frame in read.quarantine.values())


def test_the_data_dictionary_explains_every_column():
    entries = describe_columns(read_rulebook())
    assert [entry.column for entry in entries if entry.table == "infusion"] == column_names(
        "infusion"
    )
    for entry in entries:
        assert entry.meaning, entry
        if entry.allowed and entry.example and entry.type == "word":
            assert entry.example in entry.allowed, entry


def test_nothing_is_overwritten(tmp_path):
    write_template(tmp_path)
    with pytest.raises(UserError, match="nothing was overwritten"):
        write_template(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a folder that can be written") as error:
        write_template(tmp_path / "file" / "new")
    assert error.value.exit_code == 4
