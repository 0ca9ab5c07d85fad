"""Which of several events came first, and by when: the Aalen-Johansen curve of each cause.

After IVIG stopped a child may worsen, be given IVIG again, go over to subcutaneous immunoglobulin
or die. Whoever had one of these can no longer have another *first*; counting them as lost would
print a share that worsens in a world where nobody restarts. The share of cause k by day t adds up,
over the days with events, the share still free of every event times the share of those at risk
who had cause k. A child is at risk on day t when ``entry < t <= exit``; events come before
censoring. The shares of all causes and of those still free add up to 1.

The variance is the infinitesimal jackknife: the sum over children of the squared change of the
share per unit of the child's weight. Without censoring it is that of a plain proportion. Source:
Aalen and Johansen, Scand J Stat 1978;5:141-150; as in R's survival.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliotrope.estimate.intervals import Interval, compute_normal_quantile

Numbers = NDArray[np.float64]

Counts = NDArray[np.int64]

CENSORED = 0


@dataclass(frozen=True)
class CompetingTimes:
    """One row a child: entry and exit (days), and which cause ended it (0: none, censored).

    ``weight``: how much a row counts, 1 where none is given. With weights that change a child has
    several rows, one after the other, which ``child`` numbers; without it each row is a child.
    """

    entry: Numbers
    exit: Numbers
    cause: Counts
    weight: Numbers | None = None
    child: Counts | None = None

    @property
    def weights(self) -> Numbers:
        """Return the weight of every row."""
        return np.ones(self.exit.size) if self.weight is None else self.weight

    def only(self, rows: NDArray[np.bool_]) -> CompetingTimes:
        """Keep some rows, children numbered anew."""
        child = np.arange(self.exit.size) if self.child is None else self.child
        names = np.unique(child[rows], return_inverse=True)[1].astype(np.int64)
        kept = (self.entry[rows], self.exit[rows], self.cause[rows], self.weights[rows])
        return CompetingTimes(*kept, names)

    def at_risk(self, day: float) -> int:
        """Count the children at risk just before a day; on day 0, those who entered on it."""
        has_entered = self.entry < day if day > 0 else self.entry <= day
        return int((has_entered & (self.exit >= day)).sum())


@dataclass(frozen=True)
class CompetingCurves:
    """The shares of each cause by day.

    ``days`` (T) have an event; ``events`` and ``shares`` and ``errors`` (T x causes) count the
    events of the day and give the share by it with its standard error; ``at_risk`` (T);
    ``free`` (T) is the share without any event. ``times``: the children at risk at some time.
    ``depleted_day``: everybody at risk had an event while others entered later; from it on the
    shares say nothing of those others; None when that did not happen.
    """

    days: Numbers
    events: Counts
    at_risk: Counts
    shares: Numbers
    errors: Numbers
    free: Numbers
    times: CompetingTimes
    depleted_day: float | None

    def step_at(self, day: float) -> int | None:
        """Return the number of the last day with an event on or before a day; None before it."""
        step = int(np.searchsorted(self.days, day, side="right")) - 1
        return step if step >= 0 else None


def estimate_competing_curves(times: CompetingTimes, causes: int) -> CompetingCurves:
    """Estimate the share of each cause 1 to ``causes`` by day.

    Children who leave on the day they enter, or before, were never at risk and are left out. Ties:
    events of different causes on one day share the same children at risk. Weights are taken as
    known: the error is that of the children's influence times their weight.

    >>> times = CompetingTimes(np.zeros(4), np.array([3.0, 5.0, 5.0, 9.0]), np.array([1, 2, 0, 1]))
    >>> curves = estimate_competing_curves(times, 2)
    >>> curves.shares.tolist(), curves.free.tolist()
    ([[0.25, 0.0], [0.25, 0.25], [0.75, 0.25]], [0.75, 0.5, 0.0])
    """
    times = times.only(times.exit > times.entry)
    child = np.zeros(0, np.int64) if times.child is None else times.child
    children = int(child.max(initial=-1)) + 1
    days = np.unique(times.exit[times.cause != CENSORED])
    size = (days.size, causes)
    events, at_risk = np.zeros(size, np.int64), np.zeros(days.size, np.int64)
    shares, errors, free = np.zeros(size), np.zeros(size), np.zeros(days.size)
    still_free, share = 1.0, np.zeros(causes)
    free_change, share_change = np.zeros(children), np.zeros((children, causes))
    for step, day in enumerate(days):
        rows = np.flatnonzero((times.entry < day) & (times.exit >= day))
        number, count, hazard, moved = _find_hazard(times, rows, day, causes)
        hazard_change = np.zeros((children, causes))
        hazard_change[child[rows]] = moved
        share = share + still_free * hazard
        share_change = share_change + free_change[:, None] * hazard + still_free * hazard_change
        free_change = free_change * (1 - hazard.sum()) - still_free * hazard_change.sum(axis=1)
        still_free = still_free * (1 - hazard.sum()) if count.sum() < number else 0.0
        events[step], at_risk[step], shares[step], free[step] = count, number, share, still_free
        errors[step] = np.sqrt((share_change**2).sum(axis=0))
    is_last = (events.sum(axis=1) == at_risk) & (days <= times.entry.max(initial=-np.inf))
    depleted = days[is_last]
    return CompetingCurves(
        days=days,
        events=events,
        at_risk=at_risk,
        shares=shares,
        errors=errors,
        free=free,
        times=times,
        depleted_day=float(depleted[0]) if depleted.size else None,
    )


def _find_hazard(
    times: CompetingTimes, rows: Counts, day: float, causes: int
) -> tuple[int, Counts, Numbers, Numbers]:
    """Give who is at risk on a day, the events, their hazards, and each row's weight in them."""
    weight = times.weights[rows][:, None]
    has_event = times.cause[rows][:, None] == np.arange(1, causes + 1)
    has_event &= (times.exit[rows] == day)[:, None]
    total = weight.sum()
    hazard = (weight * has_event).sum(axis=0) / total
    return rows.size, has_event.sum(axis=0), hazard, weight * (has_event - hazard) / total


def estimate_share_interval(share: float, error: float, level: float) -> Interval | None:
    """Interval of a share of a curve on the log-log scale of what is left, as for Kaplan-Meier.

    None where the share is 0 or 1, where the scale has no interval.

    >>> interval = estimate_share_interval(0.4, 0.1, 0.95)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.236, 0.62)
    """
    left = 1 - share
    if error <= 0 or not 0 < left < 1:
        return None
    z = compute_normal_quantile(1 - (1 - level) / 2)
    factor = math.exp(z * error / (left * abs(math.log(left))))
    return Interval(1 - left ** (1 / factor), 1 - left**factor)
