"""How many flares a child had by a day, on average: the mean cumulative function.

Every flare counts, not only the first. On a day with flares their number is divided by the children
observed on that day (``start < day <= stop`` of one of their spells) and added up. No model of how
flares follow one another is needed; that a child leaves observation must not depend on its flares.
The standard error is robust: the flares of one child are taken together, so that a child with many
does not count as many children. A child that died has no further flare: the share still alive just
before each day stands before what is added on it. Without that the curve would be the mean of a
world in which nobody dies.

Source: Lawless and Nadeau, Technometrics 1995;37:158-168, doi 10.1080/00401706.1995.10484300; with
death: Cook and Lawless, Stat Med 1997;16:911-924, and Ghosh and Lin, Biometrics 2000;56:554-562,
doi 10.1111/j.0006-341X.2000.00554.x (recalled).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from heliotrope.estimate.intervals import Interval, compute_normal_quantile

Numbers = NDArray[np.float64]

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Spells:
    """When children were observed (days, child by number), and when they had an event.

    A child may have several spells, which must not overlap; ``event_child`` and ``event_day``: one
    entry an event. An event, or a death, outside every spell of its child is not counted.
    """

    child: Counts
    start: Numbers
    stop: Numbers
    event_child: Counts
    event_day: Numbers
    dead_child: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    death_day: Numbers = field(default_factory=lambda: np.zeros(0))

    def at_risk(self, day: float) -> int:
        """Count the children observed just before a day; on day 0, those whose spell begins."""
        has_begun = self.start < day if day > 0 else self.start <= day
        return int(np.unique(self.child[has_begun & (self.stop >= day)]).size)


@dataclass(frozen=True)
class MeanCumulative:
    """The mean number of events a child by day, at the days with events.

    ``events`` on the day, ``at_risk`` children, ``mean`` by the day, ``error`` its robust standard
    error; ``children`` ever observed, ``children_with_event`` among them and the ``deaths``;
    ``mean_of_living`` takes the dead for lost, and is too high where children die.
    """

    days: Numbers
    events: Counts
    at_risk: Counts
    mean: Numbers
    error: Numbers
    spells: Spells
    children: int
    children_with_event: int
    deaths: int
    mean_of_living: Numbers

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
    spans = Spells(child, start, stop, spells.event_child, spells.event_day)
    event_child, event_day = _keep_observed(names, spans)
    dead = replace(spans, event_child=spells.dead_child, event_day=spells.death_day)
    spans = Spells(child, start, stop, event_child, event_day, *_keep_observed(names, dead))
    days = np.unique(event_day)
    found = {name: np.zeros(days.size) for name in ("events", "at_risk", "mean", "error", "living")}
    total, living, change = 0.0, 0.0, np.zeros(names.size)
    alive, alive_change = 1.0, np.zeros(names.size)
    for day in np.unique(np.concatenate([event_day, spans.death_day])):
        counts, number, rate, moved = _find_rate(
            spans, names.size, day, spans.event_child[event_day == day]
        )
        if counts:
            total, living = total + alive * rate, living + rate
            change += alive * moved + alive_change * rate
            row = (counts, number, total, math.sqrt(float(change @ change)), living)
            for column, value in zip(found.values(), row, strict=True):
                column[np.searchsorted(days, day)] = value
        _, _, rate, moved = _find_rate(
            spans, names.size, day, spans.dead_child[spans.death_day == day]
        )
        alive_change = alive_change * (1 - rate) - alive * moved
        alive *= 1 - rate
    return MeanCumulative(
        days=days,
        events=found["events"].astype(np.int64),
        at_risk=found["at_risk"].astype(np.int64),
        mean=found["mean"],
        error=found["error"],
        spells=spans,
        children=int(names.size),
        children_with_event=int(np.unique(event_child).size),
        deaths=int(spans.dead_child.size),
        mean_of_living=found["living"],
    )


def _find_rate(
    spells: Spells, children: int, day: float, having: Counts
) -> tuple[int, int, float, Numbers]:
    """Give the events of a day, who is at risk, their rate, and each child's weight in it."""
    observed = np.zeros(children)
    observed[spells.child[(spells.start < day) & (spells.stop >= day)]] = 1
    counts = np.bincount(having, minlength=children)
    number = observed.sum()
    rate = float(counts.sum() / number)
    return int(counts.sum()), int(number), rate, (counts - observed * rate) / number


def _keep_observed(names: Counts, spells: Spells) -> tuple[Counts, Numbers]:
    """Keep the events that fall into a spell of their child, children numbered anew."""
    place = np.searchsorted(names, spells.event_child)
    is_known = place < names.size
    is_known[is_known] = names[place[is_known]] == spells.event_child[is_known]
    place, day = place[is_known], spells.event_day[is_known]
    order = np.lexsort((spells.start, spells.child))
    child, start, stop = spells.child[order], spells.start[order], spells.stop[order]
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
