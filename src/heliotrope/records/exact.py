"""The one place where a measured number meets a threshold.

Binary floating point puts 26 of the 319 visual-analogue pairs that lie on an edge of the total
improvement score on the wrong side of it ((1.1 - 0.6) / 10 * 100 is 5.000000000000001). Values
and thresholds are therefore rounded to nine decimals before they are compared, nowhere else.
"""

from __future__ import annotations

import operator as op
from collections.abc import Callable
from typing import Literal

import polars as pl

DECIMALS = 9

Operator = Literal["<", "<=", ">", ">=", "=="]

_COMPARE: dict[str, Callable[..., object]] = {
    "<": op.lt,
    "<=": op.le,
    ">": op.gt,
    ">=": op.ge,
    "==": op.eq,
}


def compute_comparison(value: pl.Expr, operator: Operator, threshold: pl.Expr | float) -> pl.Expr:
    """Compare a column with a threshold, exactly on the edge.

    Missing: a null on either side gives null (not evaluable), never False. NaN counts as null.
    """
    limit = pl.lit(threshold) if isinstance(threshold, (int, float)) else threshold
    left = value.cast(pl.Float64).fill_nan(None).round(DECIMALS)
    right = limit.cast(pl.Float64).fill_nan(None).round(DECIMALS)
    result = _COMPARE[operator](left, right)
    assert isinstance(result, pl.Expr)
    return result


def compare(value: float | None, operator: Operator, threshold: float | None) -> bool | None:
    """Compare two numbers, exactly on the edge; None on either side gives None.

    >>> compare((1.1 - 0.6) / 10 * 100, ">", 5)
    False
    >>> compare(None, ">", 5) is None
    True
    """
    if value is None or threshold is None or value != value or threshold != threshold:
        return None
    return bool(_COMPARE[operator](round(value, DECIMALS), round(threshold, DECIMALS)))
