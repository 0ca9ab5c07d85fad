"""Cutting days in a row into spans that do not exceed a length."""

from __future__ import annotations

import polars as pl


def derive_span_starts(rows: pl.DataFrame, chain: list[str], max_days: int) -> pl.DataFrame:
    """Add ``span_start``: the first day of the span each row's ``date`` falls in.

    Rule: within a chain (the columns ``chain``; null is a chain of its own) the first day opens a
    span that takes all days at most ``max_days`` after it; the next day opens the next span, and
    so on, greedily. The loop runs as often as the longest chain has spans, nearly always once.

    >>> from datetime import date
    >>> days = pl.DataFrame({"child": ["a"] * 3, "date": [date(2020, 1, d) for d in (1, 8, 9)]})
    >>> derive_span_starts(days, ["child"], max_days=7)["span_start"].dt.day().to_list()
    [1, 1, 9]
    """
    rest, done = rows, []
    while True:
        rest = rest.with_columns(span_start=pl.col("date").min().over(chain))
        is_in_reach = (pl.col("date") - pl.col("span_start")).dt.total_days() <= max_days
        done.append(rest.filter(is_in_reach))
        rest = rest.filter(is_in_reach.not_())
        if rest.is_empty():
            return pl.concat(done).sort(*chain, "date")
