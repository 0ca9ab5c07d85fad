"""A pooled estimate with its spread: heterogeneity, a further site, and without each site."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from heliotrope.estimate import wording
from heliotrope.estimate.intervals import Interval, compute_normal_quantile
from heliotrope.estimate.pooling import PooledEstimate, compute_share, estimate_random_effects
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded


@dataclass(frozen=True)
class OwnScale:
    """A scale on which estimates are pooled, and how to come back from it and print it."""

    to_line: Callable[[float], float]
    back: Callable[[float], float]
    say: Callable[[float, Interval], str]


def _say_share(value: float, interval: Interval) -> str:
    middle, low, high = (wording.percent(s, 1) for s in (value, interval.low, interval.high))
    return f"{middle} % ({low} to {high} %)"


SCALES = {
    "share": OwnScale(lambda share: math.log(share / (1 - share)), compute_share, _say_share),
    "difference": OwnScale(float, float, wording.estimate),
    "ratio": OwnScale(math.log, math.exp, wording.estimate),
}


def read_on_line(row_value: float, ends: Interval, level: float, scale: str) -> tuple[float, float]:
    """Return an estimate and its variance on the line it is pooled on, from its printed interval.

    >>> value, variance = read_on_line(2.0, Interval(1.0, 4.0), 0.95, "ratio")
    >>> round(value, 4), round(math.sqrt(variance), 4)
    (0.6931, 0.3537)
    """
    to_line = SCALES[scale].to_line
    width = to_line(ends.high) - to_line(ends.low)
    error = width / (2 * compute_normal_quantile(1 - (1 - level) / 2))
    return to_line(row_value), error * error


def list_spread(
    row: Row,
    sites: Sequence[str],
    estimates: Sequence[tuple[float, float]],
    level: float,
    scale: str = "share",
) -> list[Row]:
    """Give the pooled estimate, a further site, the spread, and the estimate without each site.

    ``row`` names the pooled statistic; but for shares the rows beside it name it in their variable,
    ``<variable>:<statistic>``, since a variable can have several rates. Two sites have no
    prediction interval; without one of two there is nothing to pool. Statistics beside the pooled
    one: ``prediction_interval``, ``between_site_variance`` (tau squared, on the log scale of
    shares and ratios), ``heterogeneity`` (I squared), and the pooled statistic of
    ``<variable>:without:<site>``.
    """
    own = SCALES[scale]
    pooled = estimate_random_effects(estimates, level)
    rows = [_make_pooled(row, pooled, own, level)]
    called = row.variable if scale == "share" else f"{row.variable}:{row.statistic}"
    beside = replace(row, variable=called)
    if pooled.prediction is None:
        reason = worded("a further site cannot be predicted from two")
        rows.append(replace(beside, statistic="prediction_interval", refused=reason, n_evaluable=2))
    else:
        ends = Interval(own.back(pooled.prediction.low), own.back(pooled.prediction.high))
        words = own.say(own.back(pooled.value), ends)
        rows.append(_fill(beside, "prediction_interval", own.back(pooled.value), words, pooled))
        rows[-1] = replace(rows[-1], low=ends.low, high=ends.high, level=level)
    tau, share = pooled.between_variance, pooled.heterogeneity
    rows.append(_fill(beside, "between_site_variance", tau, f"{tau:.3g}", pooled))
    rows.append(_fill(beside, "heterogeneity", share, f"{100 * share:.0f} %", pooled))
    if len(sites) > 2:
        for number, site in enumerate(sites):
            rest = [item for place, item in enumerate(estimates) if place != number]
            without = replace(row, variable=f"{row.variable}:without:{site}")
            rows.append(_make_pooled(without, estimate_random_effects(rest, level), own, level))
    return rows


def _make_pooled(row: Row, pooled: PooledEstimate, own: OwnScale, level: float) -> Row:
    value = own.back(pooled.value)
    ends = Interval(own.back(pooled.interval.low), own.back(pooled.interval.high))
    return replace(
        row,
        value=value,
        formatted=own.say(value, ends),
        low=ends.low,
        high=ends.high,
        level=level,
        n_evaluable=pooled.series,
    )


def _fill(row: Row, statistic: str, value: float, words: str, pooled: PooledEstimate) -> Row:
    return replace(
        row, statistic=statistic, value=value, formatted=words, n_evaluable=pooled.series
    )
