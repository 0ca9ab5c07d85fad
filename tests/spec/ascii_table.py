"""Small tables drawn in a test: the rows a rule is given, and what it must say of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import polars as pl

Cell = str | int | float | bool | date | None

WORDS: dict[str, Cell] = {"": None, "-": None, "true": True, "false": False}


def read_rows(table: str) -> list[dict[str, Cell]]:
    """Read a drawn table: a header, one row a line, columns parted by ``|`` (a frame of bars is allowed).

    A blank cell or ``-`` is null; ``true``, ``false``, whole numbers, decimals and ISO dates are
    what they look like; everything else is text. Rules of dashes and lines that begin with ``#``
    are skipped.

    >>> read_rows('''
    ...     patient_id | date       | value
    ...     Ada        | 2020-01-31 | 4.5
    ...     Ben        | 2020-01-31 | -
    ... ''')[1]
    {'patient_id': 'Ben', 'date': datetime.date(2020, 1, 31), 'value': None}
    """
    lines = [line.strip() for line in table.strip().splitlines()]
    lines = [line for line in lines if line and not re.fullmatch(r"[-+|:\s]+|#.*", line)]
    header, *body = [
        [cell.strip() for cell in (line[1:-1] if line[0] == "|" else line).split("|")]
        for line in lines
    ]
    for cells in body:
        assert len(cells) == len(header), f"{len(header)} cells expected: {cells}"
    return [
        {name: read_cell(cell) for name, cell in zip(header, cells, strict=True)} for cells in body
    ]


def read_cell(cell: str) -> Cell:
    """Read one cell.

    >>> [read_cell(cell) for cell in ("-", "12", "0.5", "true", "MMT8", "2020-02-29")]
    [None, 12, 0.5, True, 'MMT8', datetime.date(2020, 2, 29)]
    """
    if cell in WORDS:
        return WORDS[cell]
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell):
        return date.fromisoformat(cell)
    if re.fullmatch(r"[-+]?\d+", cell):
        return int(cell)
    if re.fullmatch(r"[-+]?\d*\.\d+", cell):
        return float(cell)
    return cell


def read_frame(
    table: str, schema: Mapping[str, pl.DataType | type[pl.DataType]] | None = None
) -> pl.DataFrame:
    """Read a drawn table into a frame; ``schema`` adds columns (null) and fixes types."""
    rows = read_rows(table)
    names = list(rows[0]) if rows else []
    drawn = pl.DataFrame(
        {name: pl.Series(name, [row[name] for row in rows], strict=False) for name in names}
    )
    return drawn.with_columns(
        (pl.col(name) if name in names else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in (schema or {}).items()
    )
