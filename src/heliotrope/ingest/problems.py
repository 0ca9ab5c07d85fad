"""What went wrong with which cell: collected while reading, turned into findings and quarantine."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

# ``row_id`` is the canonical row concerned (null: every row made from the record); ``column`` is
# the number of the offending cell; ``effect`` null takes the effect of the rule.
PROBLEM: dict[str, type[pl.DataType]] = {
    "record": pl.Int64,
    "row_id": pl.Int64,
    "column": pl.Int64,
    "rule": pl.String,
    "effect": pl.String,
    "found": pl.String,
    "expected": pl.String,
    "suggestion": pl.String,
}


def make_problems(
    rows: pl.DataFrame, rule: str | pl.Expr, **columns: pl.Expr | str | int | None
) -> pl.DataFrame:
    """Make one problem a row; columns not given are taken from the rows where there, else null."""
    if rows.is_empty():
        return pl.DataFrame(schema=PROBLEM)
    given = {
        name: value if isinstance(value, pl.Expr) else pl.lit(value)
        for name, value in {"rule": rule, **columns}.items()
    }
    return rows.select(
        given.get(name, pl.col(name) if name in rows.columns else pl.lit(None))
        .cast(dtype)
        .alias(name)
        for name, dtype in PROBLEM.items()
    )


def say_number(number: pl.Expr) -> pl.Expr:
    """Write a number as a person would: 52, not 52.0."""
    return number.cast(pl.String).str.replace(r"\.0$", "")


def gather_problems(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Put problem frames together."""
    there = [frame for frame in frames if frame.height]
    return pl.concat(there) if there else pl.DataFrame(schema=PROBLEM)
