"""Flags: sorted words in a list, one way for every table."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def collect_flags(flags: Mapping[str, pl.Expr]) -> pl.Expr:
    """Return the sorted names of the flags that are true, as a list; null counts as not set."""
    return pl.concat_list(
        pl.when(is_set).then(pl.lit(name)) for name, is_set in sorted(flags.items())
    ).list.drop_nulls()
