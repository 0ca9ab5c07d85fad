"""The course of each measure through the infusion cycle: before, days 1-7, 8-21, trough.

Each value is set against the last value before the infusion of its own cycle. A child's change in a
phase is the mean of its changes; the rows describe the children: median with range, and the mean
with Student's interval. Enzymes are ratios (a child's is the geometric mean). What a curve shows is
what followed the infusion, whatever caused it; what the visits cannot show stands in
``phase_coverage``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.intervals import Interval, compute_student_quantile
from heliotrope.estimate.rows import Figure, Row, Topic
from heliotrope.estimate.timing.phases import CYCLE, CycleValues
from heliotrope.estimate.wording import worded

DECIMALS = 9

BEFORE = "pre_infusion"

ONE_PHASE = worded(
    "the visits fall into one phase of the infusion cycle only ({phase}): what happens between two "
    "infusions cannot be seen"
)

NO_VISIT = worded("no visit falls into a phase of an infusion cycle")

NO_CYCLE = worded("no infusion cycle of a treatment regimen is long enough to have a trough")

NO_BEFORE = worded(
    "no value was recorded before the infusion of a cycle that has a value in this phase"
)

NOT_BEFORE = worded("no value was recorded in the days before an infusion")


def estimate_pulse_curves(inputs: Inputs, cycles: CycleValues) -> list[Row]:
    """Give, for each measure and phase, the change from before the infusion, and who was seen."""
    topic = inputs.topic("pulse_curve", inputs.model_free.id)
    if cycles.values.height == 0:
        return [topic.refuse("any", "median", _why_empty(inputs, cycles))]
    changes = _compute_changes(cycles)
    rows: list[Row] = []
    for scale in list_scales(cycles):
        rows += _describe_before(topic, scale, cycles.before)
        for window in inputs.model_free.phases.windows:
            rows += _describe_phase(topic, scale, window.name, changes)
    return rows


@dataclass(frozen=True)
class Scale:
    """A measure, and whether its changes are ratios; which end is better."""

    measure: str
    is_ratio: bool
    is_low_better: bool

    def back(self, value: float) -> float:
        """Turn a number on the scale of the analysis into one to print."""
        return round(2**value, DECIMALS) if self.is_ratio else value


def list_scales(cycles: CycleValues) -> list[Scale]:
    """List the measures that have a value in some phase, in alphabetical order."""
    columns = ["measure", "is_ratio", "is_low_better"]
    return [Scale(*row) for row in cycles.values.select(columns).unique().sort("measure").rows()]


def _compute_changes(cycles: CycleValues) -> pl.DataFrame:
    """Give one row a child, measure and phase: its mean change, visits, visits with a change."""
    change = pl.col("value") - pl.col("before_value")
    return (
        cycles.values.group_by("measure", "phase", "patient_id")
        .agg(change=change.mean(), visits=pl.len(), compared=change.count())
        .sort("measure", "phase", "patient_id")
    )


def _describe_before(topic: Topic, scale: Scale, before: pl.DataFrame) -> list[Row]:
    """Describe the children's mean value before an infusion."""
    variable = f"{scale.measure}:{BEFORE}"
    of_measure = before.filter(pl.col("measure") == scale.measure)
    means = of_measure.group_by("patient_id").agg(pl.col("before_value").mean())["before_value"]
    values = pl.Series([scale.back(value) for value in means])
    return [
        topic.count(f"{variable}:visits", of_measure.height, means.len()),
        *topic.summary(variable, values, NOT_BEFORE),
    ]


def _describe_phase(topic: Topic, scale: Scale, phase: str, changes: pl.DataFrame) -> list[Row]:
    """Describe the children's mean change in a phase."""
    variable = f"{scale.measure}:{phase}"
    seen = changes.filter((pl.col("measure") == scale.measure) & (pl.col("phase") == phase))
    compared = seen["change"].drop_nulls()
    counts = [
        topic.count(f"{variable}:visits", int(seen["visits"].sum()), seen.height),
        topic.count(f"{variable}:visits_compared", int(seen["compared"].sum()), compared.len()),
    ]
    printed = pl.Series([scale.back(change) for change in compared], dtype=pl.Float64)
    return [
        *counts,
        *topic.summary(variable, printed, NO_BEFORE),
        _mean_row(topic, scale, variable, compared),
    ]


def _mean_row(topic: Topic, scale: Scale, variable: str, changes: pl.Series) -> Row:
    """Give the mean of the children's changes; with one child there is no interval."""
    statistic = "mean_ratio" if scale.is_ratio else "mean_change"
    n = changes.len()
    if n == 0:
        return topic.refuse(variable, statistic, NO_BEFORE)
    values = changes.to_list()
    mean = math.fsum(values) / n
    if n == 1:
        printed = scale.back(mean)
        return topic.figure(
            variable,
            statistic,
            Figure(printed, worded("{value} (one child)").format(value=wording.number(printed)), 1),
        )
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    half = spread * compute_student_quantile(1 - (1 - topic.level) / 2, n - 1)
    interval = Interval(scale.back(mean - half), scale.back(mean + half))
    number = scale.back(mean)
    return topic.figure(
        variable,
        statistic,
        Figure(number, wording.estimate(number, interval), n, interval),
    )


def estimate_phase_coverage(inputs: Inputs, cycles: CycleValues) -> list[Row]:
    """Say what the visits can and cannot tell: how many lie in which phase, and on which day.

    A visit is a date with any measure that could show activity. Rows: ``cycles``;
    ``<phase>`` (n of visits), ``<phase>:children``, ``<phase>:cycles``; ``pre_infusion`` counts the
    cycles with a value before the infusion; ``two_parts:cycles`` and ``two_parts:children`` those
    seen both early and at the trough; ``day_<d>`` the visits on a day of the cycle;
    ``what_can_be_told`` is refused where all visits lie in one phase.
    """
    topic = inputs.topic("phase_coverage", inputs.model_free.id)
    visits = cycles.values.select(*CYCLE, "day", "phase", "part").unique()
    before = cycles.before.select(CYCLE).unique()
    rows = [
        topic.count("cycles", cycles.cycles.height, cycles.cycles["patient_id"].n_unique()),
        *_count_visits(topic, BEFORE, before),
    ]
    for window in inputs.model_free.phases.windows:
        rows += _count_visits(topic, window.name, visits.filter(pl.col("phase") == window.name))
    both = visits.group_by(CYCLE).agg(parts=pl.col("part").n_unique()).filter(pl.col("parts") > 1)
    rows += [
        topic.count("two_parts:cycles", both.height, cycles.cycles.height),
        topic.count("two_parts:children", both["patient_id"].n_unique()),
    ]
    for day, count in visits.group_by("day").len().sort("day").rows():
        rows.append(topic.count(f"day_{day}", count, visits.height))
    return [*rows, _say_what_can_be_told(inputs, topic, cycles, visits)]


def _count_visits(topic: Topic, phase: str, visits: pl.DataFrame) -> list[Row]:
    return [
        topic.count(phase, visits.height, visits["patient_id"].n_unique()),
        topic.count(f"{phase}:children", visits["patient_id"].n_unique()),
        topic.count(f"{phase}:cycles", visits.select(CYCLE).unique().height),
    ]


def _say_what_can_be_told(
    inputs: Inputs, topic: Topic, cycles: CycleValues, visits: pl.DataFrame
) -> Row:
    """Say in how many phases there are visits; refused where it is one or none."""
    phases = visits["phase"].unique().sort().to_list()
    if not phases:
        return topic.refuse("what_can_be_told", "n", _why_empty(inputs, cycles))
    if len(phases) == 1:
        return topic.refuse("what_can_be_told", "n", ONE_PHASE.format(phase=phases[0]))
    row = topic.count("what_can_be_told", len(phases), visits.height)
    return replace(
        row, formatted=worded("visits in {n} phases of the infusion cycle").format(n=len(phases))
    )


def _why_empty(inputs: Inputs, cycles: CycleValues) -> str:
    if inputs.table("course").height == 0:
        return NO_IVIG
    return NO_VISIT if cycles.cycles.height else NO_CYCLE
