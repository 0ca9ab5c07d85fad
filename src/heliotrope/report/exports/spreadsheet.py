"""A table as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from heliotrope.records.spreadsheet import guard_formulas
from heliotrope.report.exports.codebook import LIST_SEPARATOR


def write_spreadsheet(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV: UTF-8 with its mark, lists joined, formulas made harmless.

    A text that a spreadsheet would take for a formula gets an apostrophe in front; the Parquet
    file beside it holds the text as it is.
    """
    make_plain(frame).write_csv(path, include_bom=True)


def make_plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Make every cell one that CSV can hold and a spreadsheet does not run.

    >>> make_plain(pl.DataFrame({"term": ["=1+1", "fever"], "flags": [["a", "b"], []]})).rows()
    [("'=1+1", 'a; b'), ('fever', '')]
    """
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    joined = frame.with_columns(pl.col(name).list.join(LIST_SEPARATOR) for name in lists)
    return guard_formulas(joined)
