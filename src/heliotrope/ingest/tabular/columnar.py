"""Read a Parquet file as a table of cells: every value as the text it would be written as."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.raw import FileContent, RawTable
from heliotrope.ingest.tabular.delimited import check_header, join_batches

SUFFIX = ".parquet"

_NESTED = (pl.List, pl.Struct, pl.Array, pl.Object, pl.Binary)


def read_columnar(source: FileContent) -> RawTable:
    """Read a Parquet file; dates become year-month-day, a number its shortest decimal form.

    Rows are numbered from 1. Errors: a damaged file, no column, a column of lists or structures:
    UserError.
    """
    place = RawTable(source.file, None, source.sha256, (), pl.DataFrame(), first_row=1)
    return join_batches(list(read_columnar_batches(place, io.BytesIO(source.content))))


def read_columnar_batches(
    place: RawTable, source: Path | io.BytesIO, rows: int | None = None
) -> Iterator[RawTable]:
    """Read a Parquet file in batches of about so many rows (None: in one), one at least.

    Errors: those of ``read_columnar``.
    """
    try:
        scan = pl.scan_parquet(source, glob=False)
        schema = scan.collect_schema()
        place = replace(place, header=_check_columns(schema, place.file))
        written = scan.select(
            _write(pl.col(name), dtype).alias(str(number))
            for number, (name, dtype) in enumerate(schema.items())
        )
        empty = pl.DataFrame(schema={str(number): pl.String for number in range(len(schema))})
        start = 0
        for cells in _collect(written, rows):
            records = pl.int_range(start, start + cells.height, dtype=pl.Int64, eager=True)
            yield replace(place, cells=cells, records=records)
            start += cells.height
        if not start:
            yield replace(place, cells=empty)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(
            "a Parquet file",
            Found(f"a file that cannot be read as one: {str(error).partition(chr(10))[0]}",
                  place.file),
            "write or copy the file again",
        ) from None  # fmt: skip


def _collect(scan: pl.LazyFrame, rows: int | None) -> Iterator[pl.DataFrame]:
    if rows is None:
        yield scan.collect()
        return
    yield from scan.collect_batches(chunk_size=rows, maintain_order=True, lazy=True)


def _check_columns(schema: pl.Schema, file: str) -> tuple[str, ...]:
    """Check that every column holds single values; returns the header."""
    for name, dtype in schema.items():
        if isinstance(dtype, _NESTED):
            raise UserError(
                "columns of single values",
                Found(f"a column of {dtype}", file, column=name),
                "write one column a value",
            )
    return check_header(list(schema), file, None, 1)


def _write(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Write a column as text; a date with a time at midnight is the date alone."""
    if isinstance(dtype, pl.Datetime):
        is_midnight = column.dt.time() == pl.time(0, 0)
        return (
            pl.when(is_midnight)
            .then(column.dt.strftime("%Y-%m-%d"))
            .otherwise(column.dt.strftime("%Y-%m-%dT%H:%M:%S"))
        )
    return column.cast(pl.String)
