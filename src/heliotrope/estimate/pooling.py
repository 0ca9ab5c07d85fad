"""Shares of several series as one, only where a study asks for it: random effects on log odds.

A pooled share of a few small case series is the middle of a wide spread, not a truth about one
child: the prediction interval, where the share of a further series would lie, always stands beside
it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.estimate.intervals import Interval, compute_student_quantile

LEAST_FOR_PREDICTION = 3


@dataclass(frozen=True)
class PooledShare:
    """The middle of several shares, its interval, and how far the series lie apart.

    ``value`` and ``interval``: the share at the mean of the log odds. ``prediction``: where the
    share of a further, similar series would lie. ``between_variance``: variance of the log odds
    among series; ``heterogeneity``: part of all variation that is more than chance (0 to 1).
    """

    value: float
    interval: Interval
    prediction: Interval
    between_variance: float
    heterogeneity: float
    series: int


def estimate_pooled_share(
    counts: Sequence[tuple[int, int]], level: float, added_to_zero_cells: float
) -> PooledShare:
    """Pool shares by a normal distribution of their log odds among series.

    ``counts``: (events, of) of each series. A series in which all or none had the event gets
    ``added_to_zero_cells`` on both sides. The variance among series is DerSimonian and Laird's; the
    interval is Hartung and Knapp's, with k - 1 degrees of freedom and never narrower than without
    their factor; the prediction interval has k - 2 (Higgins, Thompson and Spiegelhalter). Errors:
    fewer than three series: ValueError.

    >>> pooled = estimate_pooled_share([(6, 7), (12, 18), (7, 10)], 0.95, 0.5)
    >>> round(pooled.value, 3), pooled.between_variance
    (0.706, 0.0)
    """
    series = len(counts)
    if series < LEAST_FOR_PREDICTION:
        raise ValueError(f"a spread needs at least three series, not {series}")
    odds = [_log_odds(events, of, added_to_zero_cells) for events, of in counts]
    fixed = [1 / variance for _, variance in odds]
    middle = _weigh(odds, fixed)
    spread = sum(
        weight * (value - middle) ** 2 for weight, (value, _) in zip(fixed, odds, strict=True)
    )
    degrees = series - 1
    scale = sum(fixed) - sum(weight * weight for weight in fixed) / sum(fixed)
    between = max(0.0, (spread - degrees) / scale)
    weights = [1 / (variance + between) for _, variance in odds]
    mean = _weigh(odds, weights)
    rest = sum(
        weight * (value - mean) ** 2 for weight, (value, _) in zip(weights, odds, strict=True)
    )
    error = math.sqrt(max(1.0, rest / degrees) / sum(weights))
    tail = 1 - (1 - level) / 2
    half = compute_student_quantile(tail, degrees) * error
    wide = compute_student_quantile(tail, degrees - 1) * math.sqrt(between + error * error)
    return PooledShare(
        value=_share(mean),
        interval=Interval(_share(mean - half), _share(mean + half)),
        prediction=Interval(_share(mean - wide), _share(mean + wide)),
        between_variance=between,
        heterogeneity=max(0.0, (spread - degrees) / spread) if spread > 0 else 0.0,
        series=series,
    )


def _log_odds(events: int, of: int, added: float) -> tuple[float, float]:
    """Return the log odds of a share and their variance."""
    extra = added if events in (0, of) else 0.0
    met, rest = events + extra, of - events + extra
    return math.log(met / rest), 1 / met + 1 / rest


def _weigh(odds: Sequence[tuple[float, float]], weights: Sequence[float]) -> float:
    total = sum(weight * value for weight, (value, _) in zip(weights, odds, strict=True))
    return total / sum(weights)


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
