"""Words as numbers of a dictionary, while a shard is evaluated.

Few words stand in millions of rows. As numbers they are made ten times faster than as strings, and
take a quarter of the memory; they are spelt when the rows leave the shard.
"""

from __future__ import annotations

import polars as pl

from heliotrope.records.columns import STATES

WORD = pl.Categorical()
STATE = pl.Enum(STATES)


def word(text: str | None) -> pl.Expr:
    """Give a word, or none, as a number of the dictionary."""
    return pl.lit(text, WORD)
