"""Shares or estimates of several series as one, only where somebody asks for it: random effects.

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


@dataclass(frozen=True)
class PooledEstimate:
    """The middle of several estimates on their own scale, and how far they lie apart.

    ``prediction`` is None for fewer than three series. ``between_variance``: tau squared;
    ``heterogeneity``: I squared (0 to 1).
    """

    value: float
    interval: Interval
    prediction: Interval | None
    between_variance: float
    heterogeneity: float
    series: int


def estimate_pooled_share(
    counts: Sequence[tuple[int, int]], level: float, added_to_zero_cells: float
) -> PooledShare:
    """Pool shares by a normal distribution of their log odds among series.

    ``counts``: (events, of) of each series. A series in which all or none had the event gets
    ``added_to_zero_cells`` on both sides. Errors: fewer than three series: ValueError.

    >>> pooled = estimate_pooled_share([(6, 7), (12, 18), (7, 10)], 0.95, 0.5)
    >>> round(pooled.value, 3), pooled.between_variance
    (0.706, 0.0)
    """
    if len(counts) < LEAST_FOR_PREDICTION:
        raise ValueError(f"a spread needs at least three series, not {len(counts)}")
    odds = [compute_log_odds(events, of, added_to_zero_cells) for events, of in counts]
    pooled = estimate_random_effects(odds, level)
    assert pooled.prediction is not None
    return PooledShare(
        value=compute_share(pooled.value),
        interval=Interval(compute_share(pooled.interval.low), compute_share(pooled.interval.high)),
        prediction=Interval(
            compute_share(pooled.prediction.low), compute_share(pooled.prediction.high)
        ),
        between_variance=pooled.between_variance,
        heterogeneity=pooled.heterogeneity,
        series=pooled.series,
    )


def estimate_random_effects(
    estimates: Sequence[tuple[float, float]], level: float
) -> PooledEstimate:
    """Pool estimates by a normal distribution of their true values among series.

    ``estimates``: (value, variance) of each series. The variance among series is DerSimonian and
    Laird's; the interval is Hartung and Knapp's, with k - 1 degrees of freedom and never narrower
    than without their factor; the prediction interval has k - 2 (Higgins, Thompson and
    Spiegelhalter), and there is none for two series. Errors: fewer than two: ValueError.

    >>> pooled = estimate_random_effects([(0.2, 0.04), (0.6, 0.05), (0.1, 0.02)], 0.95)
    >>> round(pooled.value, 3), round(pooled.heterogeneity, 3)
    (0.263, 0.445)
    """
    series = len(estimates)
    if series < 2:
        raise ValueError(f"a mean of series needs at least two, not {series}")
    fixed = [1 / variance for _, variance in estimates]
    middle = _weigh(estimates, fixed)
    spread = sum(
        weight * (value - middle) ** 2 for weight, (value, _) in zip(fixed, estimates, strict=True)
    )
    degrees = series - 1
    scale = sum(fixed) - sum(weight * weight for weight in fixed) / sum(fixed)
    between = max(0.0, (spread - degrees) / scale)
    weights = [1 / (variance + between) for _, variance in estimates]
    mean = _weigh(estimates, weights)
    rest = sum(
        weight * (value - mean) ** 2 for weight, (value, _) in zip(weights, estimates, strict=True)
    )
    error = math.sqrt(max(1.0, rest / degrees) / sum(weights))
    tail = 1 - (1 - level) / 2
    half = compute_student_quantile(tail, degrees) * error
    prediction = None
    if series >= LEAST_FOR_PREDICTION:
        wide = compute_student_quantile(tail, degrees - 1) * math.sqrt(between + error * error)
        prediction = Interval(mean - wide, mean + wide)
    return PooledEstimate(
        value=mean,
        interval=Interval(mean - half, mean + half),
        prediction=prediction,
        between_variance=between,
        heterogeneity=max(0.0, (spread - degrees) / spread) if spread > 0 else 0.0,
        series=series,
    )


def compute_log_odds(events: int, of: int, added: float) -> tuple[float, float]:
    """Return the log odds of a share and their variance."""
    extra = added if events in (0, of) else 0.0
    met, rest = events + extra, of - events + extra
    return math.log(met / rest), 1 / met + 1 / rest


def _weigh(odds: Sequence[tuple[float, float]], weights: Sequence[float]) -> float:
    total = sum(weight * value for weight, (value, _) in zip(weights, odds, strict=True))
    return total / sum(weights)


def compute_share(log_odds: float) -> float:
    """Return the share of some log odds."""
    return 1 / (1 + math.exp(-log_odds))
