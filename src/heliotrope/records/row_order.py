"""Rows in the order of several columns, by one number a row."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

LARGEST_NUMBER = 2**63 - 1


def pack_key(rows: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Number rows so that the numbers sort as the columns of the key do, null first.

    To sort millions of rows by one number takes half the time that it takes by words and dates.
    Where a number might not fit (days or regimens far apart), those so far are counted off anew.

    >>> rows = pl.DataFrame({"patient_id": ["b", "a", "a"], "regimen": [1, 2, None]})
    >>> pack_key(rows, ["patient_id", "regimen"]).arg_sort().to_list()
    [2, 1, 0]
    """
    packed, size = pl.zeros(rows.height, dtype=pl.Int64, eager=True), 1
    for name in key:
        places = number_values(rows[name])
        largest = places.max()
        count = largest + 1 if isinstance(largest, int) else 1
        if size * count > LARGEST_NUMBER:
            packed, size = packed.rank("dense").cast(pl.Int64), rows.height + 1
        packed, size = packed * count + places, size * count
    return packed


def sort_places(rows: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Give the places of rows in the order of a key, null first; of one key, the first first."""
    packed = pack_key(rows, key).to_frame("key").with_row_index("place")
    return packed.sort("key", maintain_order=True)["place"]


def sort_rows(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Sort rows by the columns of a key, null first; rows of one key keep their order."""
    packed = pack_key(rows, key)
    return rows if packed.is_sorted() else rows.sort(packed, maintain_order=True)


def begins(*key: str) -> pl.Expr:
    """Say of each row, of rows that stand in order, whether it differs from the one before it.

    The first row does, if any column of its key is there: nothing stands before it.
    """
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in key)


def number_values(column: pl.Series) -> pl.Series:
    """Number values in their order from 1 on, null as 0."""
    if column.dtype in (pl.String, pl.Categorical):
        words = column.drop_nulls().unique().cast(pl.String).sort()
        places = column.cast(pl.Enum(words)).to_physical().cast(pl.Int64)
    else:
        numbers = column.to_physical().cast(pl.Int64)
        places = numbers - (numbers.min() or 0)
    return (places + 1).fill_null(0)
