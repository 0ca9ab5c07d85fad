"""How often an infusion is followed by a reaction, when some children react again and again.

Each child has a chance of its own that one infusion is followed by a reaction; over children these
chances follow a beta distribution with mean ``share`` and ``correlation`` rho: 0 when all children
are alike, 1 when a child reacts always or never. The plain binomial (rho 0) takes every infusion as
independent and is too sure. The likelihood is written with theta = rho / (1 - rho) as products of
``share + r theta``, which stays exact at theta = 0.

Intervals are those of the profile likelihood: every share (or rho) whose best likelihood lies
within half of the chi-square point of the maximum. Edge cases: no reaction at all: the share is 0,
rho cannot be learnt, and the upper end is the one at which a child would react always or never
(children, not infusions, count). No child with two infusions: rho cannot be learnt either, and
infusions are taken as independent, each being a child. With few children the intervals are
approximate.

Source: Williams, Biometrics 1975;31:949-952, doi 10.2307/2529820; Griffiths, Biometrics
1973;29:637-648, doi 10.2307/2529131 (the product form).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliotrope.estimate.intervals import (
    Interval,
    compute_normal_quantile,
    estimate_proportion_exact,
)
from heliotrope.estimate.wording import worded

Numbers = NDArray[np.float64]

Counts = NDArray[np.int64]

EDGE = 1e-9

GRID = 8

STEPS = 60

CLOSE = 1e-10

NOTHING_SHARED = worded(
    "no child had two infusions or more, so what recurs in a child cannot be seen"
)

NO_REACTION = worded("no reaction is recorded, so what recurs in a child cannot be seen")

ALWAYS = worded(
    "every infusion was followed by a reaction, so what recurs in a child cannot be seen"
)


@dataclass(frozen=True)
class ClusteredShare:
    """The share of infusions followed by a reaction, with what recurs in a child.

    ``correlation`` and its interval are None where they cannot be learnt; ``refused`` says why.
    ``gain``: how much twice the log likelihood rises over the plain binomial.
    """

    share: float
    interval: Interval
    correlation: float | None
    correlation_interval: Interval | None
    gain: float
    refused: str | None


@dataclass(frozen=True)
class _Tally:
    """How many children had more than r reactions, more than r infusions without, and with any."""

    hits: Numbers
    misses: Numbers
    trials: Numbers
    rank: Numbers

    @classmethod
    def of(cls, hits: Counts, trials: Counts) -> _Tally:
        rank = np.arange(int(trials.max()))

        def more_than(counts: Counts) -> Numbers:
            exceed: Numbers = (counts[:, None] > rank[None, :]).sum(axis=0).astype(np.float64)
            return exceed

        return cls(
            more_than(hits), more_than(trials - hits), more_than(trials), rank.astype(np.float64)
        )

    def log_likelihood(self, share: float, rho: float) -> float:
        """Give the log likelihood of a share and a correlation under 1."""
        theta = rho / (1 - rho)
        shift = theta * self.rank
        value = self.hits @ np.log(share + shift) + self.misses @ np.log(1 - share + shift)
        return float(value - self.trials @ np.log1p(shift))

    def slope_in_share(self, share: float, rho: float) -> float:
        """Give the derivative of the log likelihood by the share."""
        shift = rho / (1 - rho) * self.rank
        return float((self.hits / (share + shift) - self.misses / (1 - share + shift)).sum())

    def slope_in_rho(self, share: float, rho: float) -> float:
        """Give the derivative by theta, which has the sign of that by rho."""
        shift = rho / (1 - rho) * self.rank
        terms = self.hits / (share + shift) + self.misses / (1 - share + shift)
        return float((self.rank * (terms - self.trials / (1 + shift))).sum())


def estimate_clustered_share(hits: Counts, trials: Counts, level: float) -> ClusteredShare:
    """Estimate from each child's reactions (``hits``) and infusions (``trials``, at least 1).

    Raises ValueError without a child, or where a child has more reactions than infusions.

    >>> found = estimate_clustered_share(np.array([0, 0, 4, 0, 1]), np.array([6, 6, 6, 6, 6]), 0.95)
    >>> round(found.share, 3), round(found.correlation, 3)
    (0.16, 0.366)
    """
    if hits.size == 0 or (hits > trials).any() or (trials < 1).any() or (hits < 0).any():
        raise ValueError("a share needs children, each with reactions <= infusions and infusions")
    total, infusions = int(hits.sum()), int(trials.sum())
    if total == 0:
        upper = 1 - (1 - level) ** (1 / hits.size)
        return ClusteredShare(0.0, Interval(0.0, upper), None, None, 0.0, NO_REACTION)
    if total == infusions:
        lower = (1 - level) ** (1 / hits.size)
        return ClusteredShare(1.0, Interval(lower, 1.0), None, None, 0.0, ALWAYS)
    if int(trials.max()) == 1:
        interval = estimate_proportion_exact(total, infusions, level)
        return ClusteredShare(total / infusions, interval, None, None, 0.0, NOTHING_SHARED)
    tally = _Tally.of(hits, trials)

    def best_at_rho(rho: float) -> float:
        return tally.log_likelihood(_find_share(tally, rho), rho)

    def best_at_share(share: float) -> float:
        return tally.log_likelihood(share, _find_rho(lambda rho: tally.slope_in_rho(share, rho)))

    rho = _find_rho(lambda value: tally.slope_in_rho(_find_share(tally, value), value))
    share = _find_share(tally, rho)
    top = tally.log_likelihood(share, rho)
    floor = top - compute_normal_quantile(1 - (1 - level) / 2) ** 2 / 2
    return ClusteredShare(
        share=share,
        interval=_find_interval(lambda value: best_at_share(value) - floor, share),
        correlation=round(rho, 8),
        correlation_interval=_find_interval(lambda value: best_at_rho(value) - floor, rho),
        gain=2 * (top - best_at_rho(0.0)),
        refused=None,
    )


def _find_share(tally: _Tally, rho: float) -> float:
    """Find the likeliest share at a correlation; the slope falls all the way."""
    return _find_root(lambda share: tally.slope_in_share(share, rho), EDGE, 1 - EDGE)


def _find_rho(slope: Callable[[float], float]) -> float:
    """Find the likeliest correlation: 0 if the likelihood falls from there, else where it peaks."""
    if slope(0.0) <= 0:
        return 0.0
    grid = (np.arange(1, GRID + 1) / GRID) ** 2
    low = 0.0
    for high in (*grid[:-1], 1 - EDGE):
        if slope(float(high)) <= 0:
            return _find_root(slope, low, float(high))
        low = float(high)
    return 1 - EDGE


def _find_interval(above: Callable[[float], float], best: float) -> Interval:
    """Find where a profile falls to the floor on both sides; the edge where it never does."""
    low, high = EDGE, 1 - EDGE
    lower = 0.0 if best <= low or above(low) >= 0 else _find_root(lambda v: -above(v), low, best)
    upper = 1.0 if best >= high or above(high) >= 0 else _find_root(above, best, high)
    return Interval(lower, upper)


def _find_root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Find where a function that falls from above to below zero crosses it (Illinois' method)."""
    at_low, at_high = falling(low), falling(high)
    if at_low <= 0:
        return low
    if at_high >= 0:
        return high
    side = 0
    for _ in range(STEPS):
        middle = high - at_high * (high - low) / (at_high - at_low)
        if not low < middle < high:
            middle = (low + high) / 2
        value = falling(middle)
        if abs(value) < CLOSE or high - low < CLOSE:
            return middle
        if value > 0:
            low, at_low = middle, value
            at_high = at_high / 2 if side == 1 else at_high
            side = 1
        else:
            high, at_high = middle, value
            at_low = at_low / 2 if side == -1 else at_low
            side = -1
    return (low + high) / 2
