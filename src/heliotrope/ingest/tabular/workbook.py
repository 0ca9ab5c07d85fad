"""Read the sheets of an Excel workbook, every cell as text, through one parser for all versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.raw import FileContent, RawTable
from heliotrope.ingest.tabular.delimited import check_header

if TYPE_CHECKING:
    from fastexcel import ExcelReader

SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})


@dataclass(frozen=True)
class Workbook:
    """A workbook opened once, whatever the number of its sheets that are read."""

    source: FileContent
    reader: ExcelReader

    @property
    def file(self) -> str:
        """Return the name of the file."""
        return self.source.file

    @property
    def sheets(self) -> list[str]:
        """Return the names of the sheets, in order."""
        return list(self.reader.sheet_names)


def open_workbook(source: FileContent) -> Workbook:
    """Open a workbook. Errors: a damaged or protected file: UserError."""
    import fastexcel

    try:
        return Workbook(source, fastexcel.read_excel(source.content))
    except fastexcel.FastExcelError as error:
        raise _unreadable(source, error) from None


def read_sheet(workbook: Workbook, sheet: str, header_row: int = 1) -> RawTable:
    """Read one sheet: a date cell becomes year-month-day, a formula its last computed result.

    Rows are numbered as Excel numbers them. Errors: no such sheet, a damaged or an empty sheet,
    a header name twice: UserError.
    """
    import fastexcel

    names = workbook.sheets
    if sheet not in names:
        raise UserError(
            f"a sheet '{sheet}'",
            Found(f"sheets {', '.join(names)}", workbook.file),
            "correct `sheet` in study.toml, or rename the sheet",
        )
    try:
        loaded = workbook.reader.load_sheet(
            sheet,
            header_row=None,
            skip_rows=0,
            dtypes="string",
            skip_whitespace_tail_rows=True,
        )
        content = loaded.to_polars()
    except fastexcel.FastExcelError as error:
        raise _unreadable(workbook.source, error) from None
    content = content.slice(header_row - 1)
    if content.height == 0 or content.width == 0:
        raise UserError(
            "a header and rows",
            Found("an empty sheet", workbook.file, sheet),
            "fill in the sheet, or delete it",
        )
    header = [(name or "").strip() for name in content.row(0)]
    width = max((number + 1 for number, name in enumerate(header) if name), default=0)
    beyond = content.slice(1).select(pl.nth(range(width, content.width)))
    if any(beyond[name].is_not_null().any() for name in beyond.columns):
        width = content.width
    cells = content.slice(1).select(pl.nth(range(width)))
    cells = cells.rename(dict(zip(cells.columns, map(str, range(width)), strict=True)))
    return RawTable(
        file=workbook.file,
        sheet=sheet,
        sha256=workbook.source.sha256,
        header=check_header(header[:width], workbook.file, sheet, header_row),
        cells=cells.cast(pl.String),
        first_row=header_row + 1,
    )


def _unreadable(source: FileContent, error: Exception) -> UserError:
    reason = str(error).partition("\n")[0]
    return UserError(
        "an Excel workbook",
        Found(f"a file that cannot be read as one: {reason}", source.file),
        "open it in Excel, remove any password and save it again as .xlsx",
    )
