"""Tables that a spreadsheet opens without running anything in them."""

from __future__ import annotations

import polars as pl

_FORMULA = r"^[=@+\t\r-]"


def guard_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before every text that a spreadsheet would run as a formula.

    >>> guard_formulas(pl.DataFrame({"term": ["=1+1", "fever", None]}))["term"].to_list()
    ["'=1+1", 'fever', None]
    """
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then(pl.format("'{}", pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )
