"""Write an empty study: a workbook a fellow can fill in today, and a commented study.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.dictionary import DictionaryEntry, describe_columns, describe_measures
from heliotrope.ingest.new_files import refuse_existing, writing_into
from heliotrope.ingest.template_text import READ_ME, STUDY_TOML, VISITS

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

WORKBOOK = "records.xlsx"
STUDY_FILE = "study.toml"

# How many rows of a sheet offer a list of words.
_ROWS_WITH_LISTS = 5000

_WIDE = {"table": 13, "column": 17, "meaning": 62, "type": 22, "unit": 24, "allowed words": 60}


def write_template(path: Path) -> Path:
    """Write an empty workbook and a study.toml into a folder and return the workbook's path.

    A sheet a table with its header, lists of canonical words, cells formatted as dates; a
    data dictionary; the words; a hint when to see a child so that speed and wearing-off can be
    answered. Filled in, the folder is a study as it stands.
    Errors: files already there (nothing is overwritten), a folder that cannot be written:
    UserError.
    """
    refuse_existing(path, (WORKBOOK, STUDY_FILE))
    with writing_into(path):
        _write_workbook(path / WORKBOOK, read_rulebook())
        (path / STUDY_FILE).write_text(STUDY_TOML, encoding="utf-8")
    return path / WORKBOOK


@dataclass(frozen=True)
class Look:
    """The cell formats of the workbook."""

    header: Format
    required: Format
    date: Format
    text: Format
    wrapped: Format
    title: Format


def _write_workbook(path: Path, rulebook: Rulebook) -> None:
    import xlsxwriter

    entries = describe_columns(rulebook)
    with xlsxwriter.Workbook(path) as workbook:
        look = Look(
            header=workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#ECE6F5"}),
            required=workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#CDBBE8"}),
            date=workbook.add_format({"num_format": "yyyy-mm-dd"}),
            text=workbook.add_format({"num_format": "@"}),
            wrapped=workbook.add_format({"text_wrap": True, "valign": "top"}),
            title=workbook.add_format({"bold": True, "font_size": 14}),
        )
        _write_lines(workbook, "read me", READ_ME, look)
        sheets = {table: workbook.add_worksheet(table) for table in TABLE_COLUMNS}
        _write_dictionary(workbook, entries, look)
        ranges = _write_words(workbook, entries, rulebook, look)
        _write_lines(workbook, "visits", VISITS, look)
        for table, sheet in sheets.items():
            _write_table(sheet, [entry for entry in entries if entry.table == table], ranges, look)


def _write_lines(workbook: Workbook, name: str, lines: Sequence[str], look: Look) -> None:
    sheet = workbook.add_worksheet(name)
    sheet.set_column(0, 0, 110, look.wrapped)
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line, look.title if row == 0 else look.wrapped)


def _write_table(
    sheet: Worksheet,
    entries: Sequence[DictionaryEntry],
    ranges: Mapping[tuple[str, str], str],
    look: Look,
) -> None:
    sheet.freeze_panes(1, 1)
    for column, entry in enumerate(entries):
        sheet.set_column(column, column, max(12, len(entry.column) + 3), _cell_format(entry, look))
        sheet.write_string(
            0, column, entry.column, look.required if entry.is_required else look.header
        )
        sheet.write_comment(0, column, _comment(entry))
        key = (entry.table, entry.column)
        if key in ranges:
            sheet.data_validation(
                1,
                column,
                _ROWS_WITH_LISTS,
                column,
                {
                    "validate": "list",
                    "source": ranges[key],
                    "error_type": "warning",
                    "error_title": entry.column,
                    "error_message": "Not a canonical word; see the sheet 'words'.",
                },
            )


def _cell_format(entry: DictionaryEntry, look: Look) -> Format | None:
    """Dates with a day are dates; what Excel would turn into something else stays text.

    A month such as 2014-11 typed into a date cell silently becomes its first day.
    """
    if entry.type == "date, with its day":
        return look.date
    if entry.type in ("text", "date, or month or year", "time of day"):
        return look.text
    return None


def _comment(entry: DictionaryEntry) -> str:
    need = "Required. " if entry.is_required else ""
    example = f" Example: {entry.example}" if entry.example else ""
    return f"{need}{entry.meaning} ({entry.type}).{example}"


def _write_dictionary(workbook: Workbook, entries: Sequence[DictionaryEntry], look: Look) -> None:
    sheet = workbook.add_worksheet("dictionary")
    names = ["table", "column", "meaning", "type", "unit", "required", "allowed words", "example"]
    for column, name in enumerate(names):
        sheet.set_column(column, column, _WIDE.get(name, 14), look.wrapped)
        sheet.write_string(0, column, name, look.header)
    sheet.freeze_panes(1, 2)
    for row, entry in enumerate(entries, start=1):
        cells = (
            entry.table,
            entry.column,
            entry.meaning,
            entry.type,
            entry.unit,
            "yes" if entry.is_required else "",
            ", ".join(entry.allowed),
            entry.example,
        )
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text, look.wrapped)


def _write_words(
    workbook: Workbook, entries: Sequence[DictionaryEntry], rulebook: Rulebook, look: Look
) -> dict[tuple[str, str], str]:
    """Write each list of words into a column and return the range of each."""
    sheet = workbook.add_worksheet("words")
    ranges: dict[tuple[str, str], str] = {}
    column = 0
    for entry in entries:
        if not entry.allowed:
            continue
        sheet.set_column(column, column, 28)
        sheet.write_string(0, column, f"{entry.table}: {entry.column}", look.header)
        for row, word in enumerate(entry.allowed, start=1):
            sheet.write_string(row, column, word)
        letters = _letters(column)
        ranges[entry.table, entry.column] = (
            f"=words!${letters}$2:${letters}${len(entry.allowed) + 1}"
        )
        column += 1
    column += 1
    headers = ("measure", "what it is", "unit", "also accepted", "range", "better")
    for offset, name in enumerate(headers):
        sheet.set_column(column + offset, column + offset, 22)
        sheet.write_string(0, column + offset, name, look.header)
    for row, measure in enumerate(describe_measures(rulebook), start=1):
        for offset, text in enumerate(measure):
            sheet.write_string(row, column + offset, text)
    return ranges


def _letters(column: int) -> str:
    """Return a column's letters.

    >>> _letters(0), _letters(27)
    ('A', 'AB')
    """
    letters = ""
    number = column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
