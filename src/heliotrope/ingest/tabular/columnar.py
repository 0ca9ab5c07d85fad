"""Read a Parquet file as a table of cells: every value as the text it would be written as."""

from __future__ import annotations

import io

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.raw import FileContent, RawTable
from heliotrope.ingest.tabular.delimited import check_header

SUFFIX = ".parquet"

_NESTED = (pl.List, pl.Struct, pl.Array, pl.Object, pl.Binary)


def read_columnar(source: FileContent) -> RawTable:
    """Read a Parquet file; dates become year-month-day, a number its shortest decimal form.

    Rows are numbered from 1. Errors: a damaged file, no column, a column of lists or structures:
    UserError.
    """
    try:
        content = pl.read_parquet(io.BytesIO(source.content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(
            "a Parquet file",
            Found(f"a file that cannot be read as one: {str(error).partition(chr(10))[0]}",
                  source.file),
            "write or copy the file again",
        ) from None  # fmt: skip
    for name, dtype in content.schema.items():
        if isinstance(dtype, _NESTED):
            raise UserError(
                "columns of single values",
                Found(f"a column of {dtype}", source.file, column=name),
                "write one column a value",
            )
    header = check_header(content.columns, source.file, None, 1)
    cells = content.select(
        _write(pl.col(name), dtype).alias(str(number))
        for number, (name, dtype) in enumerate(content.schema.items())
    )
    return RawTable(source.file, None, source.sha256, header, cells, first_row=1)


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
