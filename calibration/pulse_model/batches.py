"""Many data sets of one shape, ready to be fitted at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import Analysis
from heliotrope.definitions.pulse_model import Conventions, StartRule, read_pulse_model
from heliotrope.estimate.pulse.data import ChildChart, MeasureScale, PulseData
from heliotrope.estimate.pulse.likelihood import Child
from heliotrope.estimate.pulse.parameters import Layout, choose_layout
from heliotrope.estimate.pulse.sites import Seen
from heliotrope.simulate.known_truth.charts import StackedCharts, stack_charts
from heliotrope.simulate.known_truth.cohort import KnownCohort
from heliotrope.simulate.known_truth.parameters import KnownTruth

OBSERVED_SLOPE = "start_observed_slope"

VISITS_A_STEP = 12


@dataclass(frozen=True)
class Batch:
    """Data sets down, children across: the arrays that the likelihood reads, and its parameters.

    ``at_risk_until``: only starters are in, who could have started on visits up to this day; None
    where whoever did not start is in, too. ``conventions``: those of the model unless given.
    ``with_ends``: which measures have an end (as ``NewtonSettings`` has it).
    """

    child: Child
    layout: Layout
    datasets: int
    children: int
    with_ends: tuple[bool, ...]
    at_risk_until: int | None = None
    conventions: Conventions | None = None

    def part(self, first: int, last: int) -> Batch:
        """Some of the data sets."""
        import jax

        child = jax.tree.map(lambda array: array[first:last], self.child)
        return replace(self, child=child, datasets=last - first)


def make_batch(
    cohort: KnownCohort,
    datasets: int,
    analysis: Analysis,
    starters: int | None = None,
) -> Batch:
    """Cut one large cohort into data sets of as many children each.

    ``starters``: of each data set, keep only so many children, those who started first (a case
    series of a given size); the cohort must be large enough for that.
    """
    charts = _widen(stack_charts(cohort, analysis.view))
    rows = _choose_rows(cohort, datasets, starters)

    def cut(array: Any) -> Any:
        return np.asarray(array)[rows]

    scales = read_scales(cohort.truth)
    shape = (*rows.shape, len(scales))
    floor, ceiling = ([getattr(scale, end) for scale in scales] for end in ("floor", "ceiling"))
    ends: list[Any] = [np.broadcast_to(each, shape) for each in (floor, ceiling)]
    visit_day: Any = cut(charts.visit_day)
    none: Any = np.zeros((*visit_day.shape, 0))
    seen = Seen(
        value=cut(charts.value),
        floor=ends[0],
        ceiling=ends[1],
        is_at_risk_of_start=cut(charts.is_at_risk_of_start),
        is_start=cut(charts.is_start),
    )
    child = Child(
        visit_day=visit_day,
        infusion_day=cut(charts.infusion_day),
        dose=cut(charts.dose),
        steroid=cut(charts.steroid),
        covariates=none,
        seen=seen,
    )
    layout = make_layout(cohort.truth, analysis.start_rule, analysis.reads_observed)
    last = cohort.truth.regimen.cycles_at_risk * cohort.truth.visits.cycle_days
    at_risk_until = last if analysis.corrects_for_starting else None
    with_ends = tuple(bool(np.isfinite([each.floor, each.ceiling]).any()) for each in scales)
    return Batch(child, layout, datasets, rows.shape[1], with_ends, at_risk_until)


def _widen(charts: StackedCharts) -> StackedCharts:
    """Round the number of visits up, so that cohorts of about one size share compiled code."""
    missing = -charts.visit_day.shape[1] % VISITS_A_STEP
    infusions = ("infusion_day", "dose")
    widened = {
        field.name: getattr(charts, field.name)
        if field.name in infusions
        else _pad(getattr(charts, field.name), missing)
        for field in fields(charts)
    }
    return StackedCharts(**widened)


def _pad(array: Any, missing: int) -> Any:
    room = [(0, 0), (0, missing), *([(0, 0)] * (array.ndim - 2))]
    return np.pad(array, room, constant_values=np.nan if array.ndim > 2 else 0)


def _choose_rows(cohort: KnownCohort, datasets: int, starters: int | None) -> Any:
    """Which children are in which data set: data sets down."""
    rows = np.arange(len(cohort.number)).reshape(datasets, -1)
    if starters is None:
        return rows
    order = np.argsort(~cohort.has_started[rows], axis=1, kind="stable")[:, :starters]
    return np.take_along_axis(rows, order, axis=1)


def read_scales(truth: KnownTruth) -> tuple[MeasureScale, ...]:
    """Say where the instruments of the simulated measures end, as the model must know."""
    unbounded = float("inf")
    return tuple(
        MeasureScale(
            measure.id,
            floor=-unbounded if measure.floor is None else measure.floor,
            ceiling=unbounded if measure.ceiling is None else measure.ceiling,
        )
        for measure in truth.measures
    )


def make_layout(truth: KnownTruth, start_rule: StartRule, reads_observed: bool = False) -> Layout:
    """Choose the parameters as the program would for these measures, with the usual prior of the
    level in every data set, so that all data sets of a batch have one model.

    Without ``reads_observed`` the slope of the log-odds of starting on the rating is left out.
    """
    scales = read_scales(truth)
    chart = ChildChart(
        visit_day=np.zeros(1),
        value=np.full((1, len(scales)), np.nan),
        infusion_day=np.zeros(1),
        dose=np.ones(1),
        steroid=np.zeros(1),
    )
    model = read_pulse_model()
    layout = choose_layout(PulseData.of([chart], scales), model, start_rule)
    if reads_observed:
        return layout
    kept = tuple(each for each in layout.parameters if each.name != OBSERVED_SLOPE)
    return replace(layout, parameters=kept)
