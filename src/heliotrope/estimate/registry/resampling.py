"""Draw children anew, whole, with all their visits: the cluster bootstrap."""

from __future__ import annotations

import numpy as np

from heliotrope.estimate.intervals import Interval, compute_normal_quantile
from heliotrope.estimate.logistic import Numbers


def draw_children(children: int, draws: int, seed: int) -> Numbers:
    """Draw as many children as there are, with replacement, many times over.

    Returns how often each child was drawn: draws by children, each row adding up to their number.

    >>> draw_children(3, 2, seed=1).sum(axis=1).tolist()
    [3.0, 3.0]
    """
    generator = np.random.default_rng(seed)
    shares = np.full(children, 1 / children)
    return generator.multinomial(children, shares, size=draws).astype(np.float64)


def find_percentiles(resampled: Numbers, level: float, most_missing: float) -> Interval | None:
    """Take the interval between two percentiles of the resamples; None without enough of them.

    Resamples in which the estimate does not exist (NaN) are left out; where their share is over
    ``most_missing``, there is no interval.
    """
    known = resampled[np.isfinite(resampled)]
    if len(known) == 0 or len(known) < (1 - most_missing) * len(resampled):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def find_normal_interval(
    value: float, resampled: Numbers, level: float, most_missing: float
) -> Interval | None:
    """Take a normal interval with the standard deviation of the resamples, for few of them.

    Missing resamples as in ``find_percentiles``.

    >>> interval = find_normal_interval(-0.7, np.array([-0.8, -0.7, -0.6]), 0.95, 0.05)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.896, -0.504)
    """
    known = resampled[np.isfinite(resampled)]
    if len(known) < 2 or len(known) < (1 - most_missing) * len(resampled):
        return None
    half = compute_normal_quantile((1 + level) / 2) * float(known.std(ddof=1))
    return Interval(value - half, value + half)
