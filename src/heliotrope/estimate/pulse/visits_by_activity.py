"""Were children seen sooner, or later, after a visit at which they were worse?

The pulse model takes the days of the visits as given. Within one child and one phase of the
infusion cycle the gaps to the next visit are exchanged among the visits: if how active the disease
was found says nothing of when the child was seen next, every exchange is as likely as what was
recorded. On IVIG both may follow a schedule, by the day of the cycle (daily just after an infusion,
while an enzyme is still high) or over the courses (less often later on, when children are better):
what day and date say is taken off both first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.pulse_model import Phase
from heliotrope.estimate.pulse.data import Floats, PulseData


@dataclass(frozen=True)
class VisitsByActivity:
    """Whether the gap to the next visit goes with the anchoring measure.

    ``pairs``: visits with a value and a next visit, in a child's phase that has another such;
    ``children``: who have them; ``correlation``: of the ranks within child and phase, below 0 where
    children were seen sooner after a worse visit; ``p_value``: two-sided. None without pairs.
    """

    pairs: int
    children: int
    correlation: float | None
    p_value: float | None


def compute_visits_by_activity(data: PulseData, phases: tuple[Phase, ...]) -> VisitsByActivity:
    """Compare each gap with the value before it, by the variance over all exchanges.

    The sum over many small groups is near normal; its mean and variance under exchange are exact
    where nothing had to be taken off. Ties: mean ranks. Visits of one date: their gaps
    of 0 days count like any other.

    >>> from heliotrope.definitions.pulse_model import read_pulse_model
    >>> from heliotrope.estimate.pulse.data import ChildChart, MeasureScale
    >>> day, value = np.array([-90.0, -50.0, -20.0, -10.0]), np.array([[1.0], [2.0], [5.0], [3.0]])
    >>> chart = ChildChart(day, value, np.zeros(1), np.ones(1))
    >>> data = PulseData.of([chart], (MeasureScale("physician_global", 0, 10),))
    >>> found = compute_visits_by_activity(data, read_pulse_model().reference.phases)
    >>> found.pairs, round(found.correlation, 2)
    (3, -1.0)
    """
    together = variance = values = gaps = 0.0
    pairs, children = 0, set()
    for child, value, gap, since in _pair(data, phases):
        schedule = np.stack(
            [_rank(since), _rank(np.arange(float(len(since)))) * (since > 0)], axis=1
        )
        rank, other = (_take_off(_rank(each), schedule) for each in (value, gap))
        free = len(rank) - 1 - int(np.linalg.matrix_rank(schedule))
        if free < 1:
            continue
        together += float(rank @ other)
        variance += float(rank @ rank) * float(other @ other) / free
        values, gaps = values + float(rank @ rank), gaps + float(other @ other)
        pairs += len(rank)
        children.add(child)
    if variance == 0:
        return VisitsByActivity(pairs, len(children), None, None)
    from scipy.special import ndtr

    p_value = 2.0 * float(ndtr(-abs(together) / np.sqrt(variance)))
    correlation = float(together / np.sqrt(values * gaps))
    return VisitsByActivity(pairs, len(children), correlation, p_value)


def _pair(
    data: PulseData, phases: tuple[Phase, ...]
) -> Iterator[tuple[int, Floats, Floats, Floats]]:
    """Yield of each child and phase values, the gaps after them, and days since the last infusion.

    Two pairs at the least; before IVIG the days are 0.
    The gap in which IVIG was started is left out: it was started on a bad day, and from then on
    children are seen more often.
    """
    for child in range(data.n_children):
        days = data.visit_day[child][data.is_visit[child]]
        value = data.value[child, : len(days), 0][:-1]
        given = data.infusion_day[child][data.dose[child] > 0]
        first = given.min(initial=np.inf)
        is_start = (days[:-1] <= first) & (days[1:] > first)
        since = _count_since(days[:-1], given)
        phase = _find_phase(since, phases)
        for each in np.unique(phase):
            chosen = (phase == each) & np.isfinite(value) & ~is_start
            if chosen.sum() >= 2:
                yield child, value[chosen], np.diff(days)[chosen], since[chosen]


def _count_since(days: Floats, given: Floats) -> Floats:
    """Count days since the last infusion, 0 before any; it counts from the day after."""
    since = days[:, None] - given[None, :]
    last = np.where(since > 0, since, np.inf).min(axis=1, initial=np.inf)
    return np.asarray(np.where(np.isfinite(last), last, 0.0))


def _find_phase(since: Floats, phases: tuple[Phase, ...]) -> Floats:
    """Return the place of each day's phase."""
    found = np.zeros(len(since))
    for place, phase in enumerate(phases):
        if phase.first_day is not None:
            found = np.where(since >= phase.first_day, place, found)
    return found


def _take_off(rank: Floats, schedule: Floats) -> Floats:
    """Take off ranks what goes with the schedule, (pairs, 2)."""
    return np.asarray(rank - schedule @ np.linalg.lstsq(schedule, rank, rcond=None)[0])


def _rank(values: Floats) -> Floats:
    """Return ranks about their mean, ties sharing theirs."""
    ordered = np.sort(values)
    rank = np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right")
    return np.asarray(0.5 * (rank - len(values)))
