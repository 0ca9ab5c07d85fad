"""How many flares a child had by a day, on average: the mean cumulative function.

Every flare counts, not only the first. On a day with flares their number is divided by the children
observed on that day (``start < day <= stop`` of one of their spells) and added up. No model of how
flares follow one another is needed; that a child leaves observation must not depend on its flares.
The standard error is robust: the flares of one child are taken together, so that a child with many
does not count as many children. Death is not allowed for: where it occurs the curve is the mean
among those alive.

Source: Lawless and Nadeau, Technometrics 1995;37:158-168, doi 10.1080/00401706.1995.10484300.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliotrope.estimate.intervals import Interval, compute_normal_quantile

Numbers = NDArray[np.float64]

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Spells:
    """When children were observed (days, child by number), and when they had an event.

    A child may have several spells, which must not overlap; ``event_child`` and ``event_day``: one
    entry an event. An event outside every spell of its child is not counted.
    """

    child: Counts
    start: Numbers
    stop: Numbers
    event_child: Counts
    event_day: Numbers

    def at_risk(self, day: float) -> int:
        """Count the children observed just before a day; on day 0, those whose spell begins."""
        has_begun = self.start < day if day > 0 else self.start <= day
        return int(np.unique(self.child[has_begun & (self.stop >= day)]).size)


@dataclass(frozen=True)
class MeanCumulative:
    """The mean number of events a child by day, at the days with events.

    ``events`` on the day, ``at_risk`` children, ``mean`` by the day, ``error`` its robust standard
    error; ``children`` ever observed, ``children_with_event`` among them.
    """

    days: Numbers
    events: Counts
    at_risk: Counts
    mean: Numbers
    error: Numbers
    spells: Spells
    children: int
    children_with_event: int

    def step_at(self, day: float) -> int | None:
        """Return the number of the last day with an event on or before a day; None before it."""
        step = int(np.searchsorted(self.days, day, side="right")) - 1
        return step if step >= 0 else None


def estimate_mean_cumulative(spells: Spells) -> MeanCumulative:
    """Estimate the mean cumulative number of events.

    Spells without a length are left out. Several events of a child on one day each count.

    >>> spells = Spells(np.array([0, 1, 2]), np.zeros(3), np.array([100.0, 60.0, 100.0]),
    ...                 np.array([0, 0, 1]), np.array([30.0, 80.0, 50.0]))
    >>> estimate_mean_cumulative(spells).mean.round(3).tolist()
    [0.333, 0.667, 1.167]
    """
    has_length = spells.stop > spells.start
    names, child = np.unique(spells.child[has_length], return_inverse=True)
    start, stop = spells.start[has_length], spells.stop[has_length]
    event_child, event_day = _keep_observed(spells, names, child, start, stop)
    days = np.unique(event_day)
    events, at_risk = np.zeros(days.size, np.int64), np.zeros(days.size, np.int64)
    mean, error = np.zeros(days.size), np.zeros(days.size)
    total, change = 0.0, np.zeros(names.size)
    for step, day in enumerate(days):
        observed = np.zeros(names.size)
        observed[child[(start < day) & (stop >= day)]] = 1
        counts = np.bincount(event_child[event_day == day], minlength=names.size)
        number = observed.sum()
        rate = counts.sum() / number
        total += rate
        change += (counts - observed * rate) / number
        events[step], at_risk[step] = counts.sum(), number
        mean[step], error[step] = total, math.sqrt(float(change @ change))
    return MeanCumulative(
        days=days,
        events=events,
        at_risk=at_risk,
        mean=mean,
        error=error,
        spells=Spells(child, start, stop, event_child, event_day),
        children=int(names.size),
        children_with_event=int(np.unique(event_child).size),
    )


def _keep_observed(
    spells: Spells, names: Counts, child: Counts, start: Numbers, stop: Numbers
) -> tuple[Counts, Numbers]:
    """Keep the events that fall into a spell of their child, children numbered anew."""
    place = np.searchsorted(names, spells.event_child)
    is_known = place < names.size
    is_known[is_known] = names[place[is_known]] == spells.event_child[is_known]
    place, day = place[is_known], spells.event_day[is_known]
    order = np.lexsort((start, child))
    child, start, stop = child[order], start[order], stop[order]
    before = np.searchsorted(child, place, side="left")
    kept = np.zeros(place.size, np.bool_)
    for number in range(int(np.bincount(child).max(initial=0))):
        spell = np.minimum(before + number, child.size - 1)
        is_inside = (child[spell] == place) & (start[spell] < day) & (day <= stop[spell])
        kept |= is_inside & (before + number < child.size)
    return place[kept], day[kept]


def estimate_mean_interval(mean: float, error: float, level: float) -> Interval | None:
    """Interval of a mean number of events on the log scale; None where there were none.

    >>> interval = estimate_mean_interval(0.8, 0.2, 0.95)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 1.306)
    """
    if mean <= 0 or error <= 0:
        return None
    factor = math.exp(compute_normal_quantile(1 - (1 - level) / 2) * error / mean)
    return Interval(mean / factor, mean * factor)
