"""The way back from any canonical row to the cell of the source file it came from.

A ``row_id`` is an Int64 packed from source number (15 bits), record number (32 bits) and
column number (16 bits). Sources are numbered from 0 in the order of their content hash; records
from 0 in file order (the header is not a record); columns from 0 in file order.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

SOURCE_BITS = 15
RECORD_BITS = 32
COLUMN_BITS = 16


class SourceCell(NamedTuple):
    """One cell of one source: the three numbers packed in a row_id."""

    source: int
    record: int
    column: int


def pack_row_id(cell: SourceCell) -> int:
    """Pack one cell into its row_id.

    >>> pack_row_id(SourceCell(source=1, record=0, column=3)) == (1 << 48) + 3
    True
    """
    for number, bits, name in zip(
        cell, (SOURCE_BITS, RECORD_BITS, COLUMN_BITS), SourceCell._fields, strict=True
    ):
        if not 0 <= number < 1 << bits:
            raise ValueError(f"{name} number {number} does not fit in {bits} bits")
    return (cell.source << RECORD_BITS + COLUMN_BITS) | (cell.record << COLUMN_BITS) | cell.column


def unpack_row_id(row_id: int) -> SourceCell:
    """Take a row_id apart again.

    >>> unpack_row_id(pack_row_id(SourceCell(2, 17, 4)))
    SourceCell(source=2, record=17, column=4)
    """
    return SourceCell(
        source=row_id >> RECORD_BITS + COLUMN_BITS,
        record=(row_id >> COLUMN_BITS) & ((1 << RECORD_BITS) - 1),
        column=row_id & ((1 << COLUMN_BITS) - 1),
    )


def compute_row_id(source: pl.Expr, record: pl.Expr, column: pl.Expr) -> pl.Expr:
    """Pack three integer columns into row_ids (Int64)."""
    return (
        source.cast(pl.Int64) * (1 << RECORD_BITS + COLUMN_BITS)
        + record.cast(pl.Int64) * (1 << COLUMN_BITS)
        + column.cast(pl.Int64)
    )


def compute_source_cell(row_id: pl.Expr) -> list[pl.Expr]:
    """Unpack a row_id column into the columns ``source``, ``record`` and ``column`` (Int64)."""
    return [
        (row_id // (1 << RECORD_BITS + COLUMN_BITS)).alias("source"),
        (row_id // (1 << COLUMN_BITS) % (1 << RECORD_BITS)).alias("record"),
        (row_id % (1 << COLUMN_BITS)).alias("column"),
    ]
