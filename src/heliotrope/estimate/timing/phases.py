"""Where in the infusion cycle each visit lies, beside the value before the infusion.

A *cycle* runs from the D0 of a course to the D0 of the next one of its regimen, that day included:
a visit on a D0 comes before the infusion and is the trough of the cycle before. Phases and windows
are those of ``estimates_without_a_model``. A cycle whose next D0 comes before the trough would
begin has no trough and is left out; regimens at replacement doses are left out too.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.model_free import Phases
from heliotrope.derive.visits import derive_visit_values
from heliotrope.estimate.inputs import Inputs

TREATMENT = "treatment"

CYCLE = ["patient_id", "regimen", "course"]


@dataclass(frozen=True)
class CycleValues:
    """Every measure of every visit of a cycle.

    ``cycles``: one row a cycle that counts: patient_id, regimen, course, start_date, next_start
    (null for the last). ``before``: one row a cycle and measure: the ``before_value``.
    ``values``: one row a visit and measure: ``day`` of the cycle, ``phase``, ``part``, ``value``
    (of a ratio measure its logarithm to base 2), ``is_ratio``, ``is_low_better``, ``before_value``
    on the same scale (null without one). Values of a ratio measure not above 0 are left out.
    """

    cycles: pl.DataFrame
    before: pl.DataFrame
    values: pl.DataFrame


def derive_cycle_values(inputs: Inputs) -> CycleValues:
    """Place every visit in its cycle, beside the value before the infusion."""
    found = list(inputs.each_piece(_derive_cycle_values))
    return CycleValues(
        cycles=pl.concat([piece.cycles for piece in found]),
        before=pl.concat([piece.before for piece in found]),
        values=pl.concat([piece.values for piece in found]).sort(*CYCLE, "measure", "day"),
    )


def _derive_cycle_values(inputs: Inputs) -> CycleValues:
    phases = inputs.model_free.phases
    courses = derive_cycles(inputs, phases)
    cycles = courses.filter("is_counted")
    scales = _list_measures(inputs, phases)
    values = derive_visit_values(_select_near(inputs, cycles, phases), inputs.rulebook)
    numbers = (
        values.select("patient_id", "date", "measure", "value")
        .join(scales, on="measure")
        .with_columns(
            value=pl.when("is_ratio")
            .then(pl.when(pl.col("value") > 0).then(pl.col("value").log(2)))
            .otherwise("value")
        )
        .filter(pl.col("value").is_not_null())
        .sort("date")
    )
    starts = courses.sort("start_date")
    before = _find_before(numbers, starts, phases)
    placed = (
        numbers.join_asof(
            starts,
            left_on="date",
            right_on="start_date",
            by="patient_id",
            strategy="backward",
            allow_exact_matches=False,
            coalesce=False,
            check_sortedness=False,
        )
        .filter("is_counted")
        .with_columns(day=(pl.col("date") - pl.col("start_date")).dt.total_days())
        .filter(pl.col("day") <= phases.last_day)
        .pipe(_name_phases, phases)
        .join(before, on=[*CYCLE, "measure"], how="left", maintain_order="left")
        .drop("start_date", "next_start", "is_counted")
    )
    return CycleValues(cycles=cycles, before=before.join(scales, on="measure"), values=placed)


def derive_cycles(inputs: Inputs, phases: Phases) -> pl.DataFrame:
    """Give every course as a cycle; ``is_counted`` if treatment and long enough for a trough.

    The others are kept, so that their visits are not taken for late ones of the cycle before.
    """
    purposes = inputs.table("regimen").select("patient_id", "regimen", "purpose")
    days = (pl.col("next_start") - pl.col("start_date")).dt.total_days()
    return (
        inputs.table("course")
        .join(purposes, on=["patient_id", "regimen"], how="left", maintain_order="left")
        .select(
            *CYCLE,
            "start_date",
            "purpose",
            next_start=pl.col("start_date") + pl.duration(days=pl.col("interval_days")),
        )
        .select(
            *CYCLE,
            "start_date",
            "next_start",
            is_counted=(pl.col("purpose") == TREATMENT).fill_null(False)
            & (days.is_null() | (days >= phases.trough_day)),
        )
        .sort(CYCLE)
    )


def _list_measures(inputs: Inputs, phases: Phases) -> pl.DataFrame:
    """List the measures with a better end, in the domains kept, and whether changes are ratios."""
    measures = [
        measure
        for measure in measures_of(inputs.rulebook).values()
        if measure.better is not None
        and measure.is_declared
        and measure.domain not in phases.domains_left_out
    ]
    return pl.DataFrame(
        {
            "measure": [measure.id for measure in measures],
            "is_ratio": [measure.domain in phases.ratio_domains for measure in measures],
            "is_low_better": [measure.better == "low" for measure in measures],
        },
        schema={"measure": pl.String, "is_ratio": pl.Boolean, "is_low_better": pl.Boolean},
    )


def _select_near(inputs: Inputs, cycles: pl.DataFrame, phases: Phases) -> pl.DataFrame:
    """Keep the assessments between a child's first value before IVIG and its last trough."""
    slack = inputs.rulebook.settings.visit_tolerance_days
    spans = cycles.group_by("patient_id").agg(
        first=pl.col("start_date").min() - pl.duration(days=phases.pre_infusion_days + slack),
        last=pl.col("start_date").max() + pl.duration(days=phases.last_day + slack),
    )
    return (
        inputs.record("assessment")
        .filter(pl.col("value").is_not_null())
        .join(spans, on="patient_id")
        .filter(pl.col("date").is_between(pl.col("first"), pl.col("last")))
        .drop("first", "last")
    )


def _find_before(numbers: pl.DataFrame, starts: pl.DataFrame, phases: Phases) -> pl.DataFrame:
    """Find each cycle's last value of each measure in the days before, and on, its D0."""
    return (
        numbers.join_asof(
            starts,
            left_on="date",
            right_on="start_date",
            by="patient_id",
            strategy="forward",
            coalesce=False,
            check_sortedness=False,
        )
        .filter(
            pl.col("is_counted")
            & ((pl.col("start_date") - pl.col("date")).dt.total_days() <= phases.pre_infusion_days)
        )
        .sort(*CYCLE, "measure", "date")
        .group_by(*CYCLE, "measure", maintain_order=True)
        .agg(before_value=pl.col("value").last())
    )


def _name_phases(placed: pl.DataFrame, phases: Phases) -> pl.DataFrame:
    windows = pl.DataFrame(
        {
            "first_day": [window.first_day for window in phases.windows],
            "phase": [window.name for window in phases.windows],
            "part": [window.part for window in phases.windows],
            "last_day": [window.last_day for window in phases.windows],
        },
        schema_overrides={"first_day": pl.Int64, "last_day": pl.Int64},
    )
    return (
        placed.sort("day")
        .join_asof(windows, left_on="day", right_on="first_day", strategy="backward")
        .filter(pl.col("day") <= pl.col("last_day"))
        .drop("first_day", "last_day")
    )
