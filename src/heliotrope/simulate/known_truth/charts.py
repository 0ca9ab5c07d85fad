"""What an analysis gets to see of a cohort of known truth: one chart of arrays a child."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from heliotrope.simulate.draws import Booleans, Integers, Numbers
from heliotrope.simulate.known_truth.cohort import KnownCohort

Origin = Literal["first_infusion", "first_visit"]


@dataclass(frozen=True)
class View:
    """Which children and visits are seen, and from where days are counted.

    ``has_never_started``: children without immunoglobulin are in, too. ``days_before``: visits
    longer before the first infusion are not seen (None: the whole history is). ``origin``: day 0;
    a child who never started counts from its first visit in any case.
    """

    has_never_started: bool = True
    days_before: int | None = None
    origin: Origin = "first_infusion"


@dataclass(frozen=True)
class SeenChart:
    """One child: visits down (in order of time), measures or infusions across.

    ``value`` in model units, NaN where not taken; ``dose`` in full doses; ``steroid`` on the
    model's scale; ``activity`` is the truth behind the visit.
    """

    number: int
    visit_day: Numbers
    value: Numbers
    steroid: Numbers
    activity: Numbers
    is_at_risk_of_start: Booleans
    is_start: Booleans
    infusion_day: Numbers
    dose: Numbers


def read_charts(cohort: KnownCohort, view: View | None = None) -> Iterator[SeenChart]:
    """Give the charts that an analysis sees, child by child.

    >>> from heliotrope.simulate.known_truth.cohort import simulate_known_truth
    >>> cohort = simulate_known_truth(20, seed=1)
    >>> charts = list(read_charts(cohort, View(has_never_started=False, days_before=60)))
    >>> min(float(chart.visit_day.min()) for chart in charts) >= -60
    True
    """
    view = view or View()
    for row in _rows(cohort, view):
        yield _read_chart(cohort, view, int(row))


def _rows(cohort: KnownCohort, view: View) -> Integers:
    everyone = np.arange(len(cohort.number))
    return everyone if view.has_never_started else everyone[cohort.has_started]


def _read_chart(cohort: KnownCohort, view: View, row: int) -> SeenChart:
    history = cohort.history
    infusion = history.infusion_day[row]
    is_given = np.isfinite(infusion)
    day, is_seen = history.day[row], history.is_seen[row].copy()
    zero = 0.0
    if is_given.any():
        if view.days_before is not None:
            is_seen &= day >= infusion[0] - view.days_before
        zero = infusion[0] if view.origin == "first_infusion" else 0.0
    return SeenChart(
        number=int(cohort.number[row]),
        visit_day=day[is_seen] - zero,
        value=history.value[row][is_seen],
        steroid=history.steroid[row][is_seen],
        activity=history.activity[row][is_seen],
        is_at_risk_of_start=history.is_at_risk[row][is_seen],
        is_start=history.is_start[row][is_seen],
        infusion_day=infusion[is_given] - zero,
        dose=history.infusion_dose[row][is_given],
    )


def round_values(cohort: KnownCohort, value: Numbers) -> Numbers:
    """Put values in model units where a chart's rounding leaves them; measures in the last place.

    >>> from heliotrope.simulate.known_truth.cohort import simulate_known_truth
    >>> cohort = simulate_known_truth(1, seed=1)
    >>> round_values(cohort, np.array([3.14159, 1.0, 2.1])).round(3).tolist()
    [3.1, 1.0, 2.0]
    """
    return scale_recorded(cohort, record_values(cohort, value))


def record_values(cohort: KnownCohort, value: Numbers) -> Numbers:
    """Turn values in model units into those a chart records: rounded, enzymes in U/L."""
    recorded = np.empty_like(value)
    for place, measure in enumerate(cohort.truth.measures):
        own = value[..., place]
        if measure.upper_limit is None:
            unrounded = measure.zero + measure.per_unit * own
        else:
            unrounded = measure.upper_limit * np.exp2(own)
        recorded[..., place] = np.round(np.round(unrounded / measure.step) * measure.step, 4)
    return recorded


def scale_recorded(cohort: KnownCohort, recorded: Numbers) -> Numbers:
    """Turn recorded values into model units: higher is worse."""
    value = np.empty_like(recorded)
    for place, measure in enumerate(cohort.truth.measures):
        own = recorded[..., place]
        if measure.upper_limit is None:
            value[..., place] = (own - measure.zero) / measure.per_unit
        else:
            value[..., place] = np.log2(np.maximum(own, measure.step) / measure.upper_limit)
    return value


@dataclass(frozen=True)
class StackedCharts:
    """The same charts as padded arrays: children down, visits (ascending) or infusions across.

    Children who are not seen at all keep their place and are all padding: False, NaN or 0. With
    ``value`` NaN where not taken, measures in the last place.
    """

    visit_day: Numbers
    is_visit: Booleans
    value: Numbers
    steroid: Numbers
    is_at_risk_of_start: Booleans
    is_start: Booleans
    infusion_day: Numbers
    dose: Numbers


def stack_charts(cohort: KnownCohort, view: View | None = None) -> StackedCharts:
    """Give the charts that an analysis sees as padded arrays, for many cohorts at once.

    >>> from heliotrope.simulate.known_truth.cohort import simulate_known_truth
    >>> charts = stack_charts(simulate_known_truth(20, seed=1))
    >>> charts.value.shape[0], bool((charts.visit_day[charts.is_start] == 0).all())
    (20, True)
    """
    view = view or View()
    history = cohort.history
    first = history.infusion_day[:, 0]
    zero = np.nan_to_num(first) * (view.origin == "first_infusion")
    is_seen = history.is_seen.copy()
    if not view.has_never_started:
        is_seen &= cohort.has_started[:, None]
    if view.days_before is not None:
        is_seen &= history.day >= np.nan_to_num(first - view.days_before, nan=-np.inf)[:, None]
    order = np.argsort(~is_seen, axis=1, kind="stable")[:, : is_seen.sum(axis=1).max()]

    def seen(array: Numbers | Booleans) -> Numbers:
        taken = np.take_along_axis(array, order, axis=1)
        return np.where(is_visit, taken, 0)

    is_visit = np.take_along_axis(is_seen, order, axis=1)
    value = np.take_along_axis(history.value, order[:, :, None], axis=1)
    is_given = np.isfinite(history.infusion_day) & np.any(is_seen, axis=1, keepdims=True)
    return StackedCharts(
        visit_day=seen(history.day - zero[:, None]),
        is_visit=is_visit,
        value=np.where(is_visit[:, :, None], value, np.nan),
        steroid=seen(history.steroid),
        is_at_risk_of_start=seen(history.is_at_risk).astype(np.bool_),
        is_start=seen(history.is_start).astype(np.bool_),
        infusion_day=np.where(is_given, history.infusion_day - zero[:, None], 0),
        dose=np.where(is_given, history.infusion_dose, 0),
    )
