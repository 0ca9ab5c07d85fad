"""The children's follow-up from diagnosis, cut into intervals: what was known, done, and found.

One row a child and interval. Within a row time runs in one direction: first what was recorded
before the decision, then whether IVIG was received, then whether the child was lost, then what was
found at the end. Nothing that came later stands left of what it might explain.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.registry.covariates import add_covariates, read_values
from heliotrope.estimate.registry.follow_up import Selected, compute_day, select_children

CHILD = "patient_id"


@dataclass(frozen=True)
class PersonIntervals:
    """The table of intervals, and how many children could not be in it, by reason.

    ``frame`` is sorted by child and interval, without gaps. Columns:

    - ``patient_id``, ``interval`` (from 0), ``start_day``, ``end_day`` (first day of the next);
      days count from diagnosis; ``decision_day``: covariates are those of this day
    - for each covariate its name (Float64, null: never recorded so far) and ``<name>_age_days``
      (days since it was recorded)
    - ``baseline_activity``, ``age_years`` (at diagnosis), ``calendar_year``, ``antibody``
    - ``is_treated``: IVIG was started, or still covered the child, in the interval;
      ``was_treated``: in the interval before; ``was_ever_treated``: in any before;
      ``intervals_on``: how many in a row before
    - ``is_censored``: the child was lost in or with the interval: observation ended before the end
      of follow-up, and well before the end of all records; what was found until then counts
    - ``outcome_activity``: last value after the decision, up to ``end_day``; null: none
    - ``outcome_inactive``: the same of inactive disease; null: not seen, or not evaluable
    """

    frame: pl.DataFrame
    left_out: dict[str, int]


def hold_compared(inputs: Inputs, numbers: RegistryComparison, selected: Selected) -> Inputs:
    """Gather, of a cohort too large to be held, what is used of the children who are compared."""
    named = {name for covariate in numbers.covariates for name in covariate.measures}
    measures = sorted({numbers.outcomes.activity, *named})
    return inputs.of_children(selected.children[CHILD], measures)


def derive_person_intervals(
    inputs: Inputs, numbers: RegistryComparison, selected: Selected | None = None
) -> PersonIntervals:
    """Cut every child's follow-up from diagnosis into intervals.

    Left out, and counted: children without a date of diagnosis, with IVIG before it, with
    immunoglobulin only under the skin or only at replacement dose, first seen long after diagnosis
    (what happened before is unknown), or seen no further. Follow-up ends with observation, with
    the last day of the comparison, and at a switch to subcutaneous immunoglobulin.
    ``selected``: who is compared, where that is known; the length of an interval decides nothing
    of it.
    """
    selected = selected or select_children(inputs, numbers)
    children, left_out = selected.children, selected.left_out
    spans = _derive_spans(inputs, children)
    rows = _add_treatment(_cut(children, numbers), spans, numbers)
    rows = add_covariates(rows.join(children.drop("is_still_followed"), on=CHILD), inputs, numbers)
    rows = _add_baseline(rows, inputs, numbers)
    rows = _add_outcomes(rows, inputs, numbers)
    followed = {"diagnosis_date", "birth_date", "end_of_follow_up", "date", "first_ivig_day"}
    return PersonIntervals(rows.drop(*followed).sort(CHILD, "interval"), left_out)


def _derive_spans(inputs: Inputs, children: pl.DataFrame) -> pl.DataFrame:
    """Return the days from and to which IVIG covered each child, one row a regimen."""
    cover = pl.duration(days=inputs.exposure.regimen.planned_cover_days)
    until = pl.coalesce(
        pl.col("discontinuation_date"),
        pl.when(pl.col("status") == "ongoing").then(pl.col("observed_until")),
        pl.col("last_course_start") + cover,
    )
    return (
        inputs.table("regimen")
        .join(children.select(CHILD, "diagnosis_date"), on=CHILD)
        .select(CHILD, from_day=compute_day(pl.col("first_infusion")), to_day=compute_day(until))
    )


def _cut(children: pl.DataFrame, numbers: RegistryComparison) -> pl.DataFrame:
    """Return one row for each interval that begins before follow-up ends."""
    rule = numbers.intervals
    count = ((pl.col("end_of_follow_up") - 1) // rule.days) + 1
    end = ((pl.col("interval") + 1) * rule.days).cast(pl.Int32)
    return (
        children.select(
            CHILD,
            "is_still_followed",
            interval=pl.int_ranges(0, count, dtype=pl.Int32),
            last="end_of_follow_up",
        )
        .explode("interval")
        .with_columns(start_day=(pl.col("interval") * rule.days).cast(pl.Int32), end_day=end)
        .with_columns(
            is_censored=(pl.col("last") <= pl.col("end_day"))
            & (pl.col("last") < rule.last_day)
            & pl.col("is_still_followed").not_()
        )
        .drop("last", "is_still_followed")
        .sort(CHILD, "interval")
    )


def _add_treatment(
    rows: pl.DataFrame, spans: pl.DataFrame, numbers: RegistryComparison
) -> pl.DataFrame:
    """Say of each interval whether IVIG covered it, and when the decision was taken.

    The decision of an interval in which IVIG starts falls on the day of that first infusion, whose
    visit counts as before it; every other on the first day; at diagnosis a few days are granted.
    """
    overlaps = (pl.col("from_day") < pl.col("end_day")) & (pl.col("to_day") >= pl.col("start_day"))
    covered = (
        rows.select(CHILD, "interval", "start_day", "end_day")
        .join(spans, on=CHILD)
        .filter(overlaps)
        .group_by(CHILD, "interval")
        .agg(from_day=pl.col("from_day").min())
    )
    marked = (
        rows.join(covered, on=[CHILD, "interval"], how="left")
        .sort(CHILD, "interval")
        .with_columns(is_treated=pl.col("from_day").is_not_null())
        .with_columns(was_treated=pl.col("is_treated").shift(1, fill_value=False).over(CHILD))
    )
    has_changed = pl.col("is_treated") != pl.col("was_treated")
    starts = pl.col("is_treated") & pl.col("was_treated").not_()
    at_diagnosis = (pl.col("interval") == 0).cast(pl.Int32) * numbers.intervals.baseline_after_days
    treated = pl.col("is_treated").cast(pl.Int32)
    return (
        marked.with_columns(run=has_changed.cast(pl.Int32).cum_sum().over(CHILD))
        .with_columns(
            was_ever_treated=(treated.cum_sum().over(CHILD) - treated) > 0,
            so_far=treated.cum_sum().over(CHILD, "run"),
            starts=starts,
            decision_day=pl.when(starts)
            .then(pl.max_horizontal("from_day", "start_day"))
            .otherwise(pl.col("start_day") + at_diagnosis),
        )
        .with_columns(
            intervals_on=pl.col("so_far").shift(1, fill_value=0).over(CHILD).cast(pl.Int32)
        )
        .drop("run", "so_far", "from_day")
    )


def _add_baseline(rows: pl.DataFrame, inputs: Inputs, numbers: RegistryComparison) -> pl.DataFrame:
    """Add the activity at diagnosis, before any IVIG, and the age."""
    rule = numbers.intervals
    days = rows.select(CHILD, "diagnosis_date", "first_ivig_day").unique(CHILD)
    latest = pl.min_horizontal(pl.lit(rule.baseline_after_days), "first_ivig_day")
    baseline = (
        read_values(inputs, numbers.covariates[-1])
        .join(days, on=CHILD)
        .with_columns(day=compute_day(pl.col("date")))
        .filter((pl.col("day") >= -rule.baseline_before_days) & (pl.col("day") <= latest))
        .sort(CHILD, "day")
        .group_by(CHILD)
        .agg(baseline_activity=pl.col("value").last())
    )
    years = (pl.col("diagnosis_date") - pl.col("birth_date")).dt.total_days() / rule.days_per_year
    return rows.join(baseline, on=CHILD, how="left").with_columns(age_years=years)


def _add_outcomes(rows: pl.DataFrame, inputs: Inputs, numbers: RegistryComparison) -> pl.DataFrame:
    """Add what was found at the end of each interval."""
    states = inputs.table("state").filter(
        (pl.col("definition_id") == numbers.outcomes.inactive)
        & pl.col("state").is_in(["met", "not_met"])
    )
    inactive = states.select(CHILD, "date", value=pl.col("state") == "met")
    activity = read_values(inputs, numbers.covariates[-1])
    found = rows
    for name, values in (("outcome_activity", activity), ("outcome_inactive", inactive)):
        found = found.join(
            _find_last_in_interval(rows, values, numbers).rename({"value": name}),
            on=[CHILD, "interval"],
            how="left",
        )
    return found.drop("starts")


def _find_last_in_interval(
    rows: pl.DataFrame, values: pl.DataFrame, numbers: RegistryComparison
) -> pl.DataFrame:
    """Keep the last value after the decision and up to the first day of the next interval."""
    rule = numbers.intervals
    keys = rows.select(
        CHILD, "interval", "diagnosis_date", "end_of_follow_up", "starts", "decision_day"
    )
    placed = (
        values.join(keys.select(CHILD, "diagnosis_date").unique(CHILD), on=CHILD)
        .with_columns(day=compute_day(pl.col("date")))
        .with_columns(interval=((pl.col("day") - 1) // rule.days).cast(pl.Int32))
        .drop("diagnosis_date")
        .join(keys, on=[CHILD, "interval"])
    )
    is_after = pl.col("starts").not_() | (pl.col("day") > pl.col("decision_day"))
    is_counted = pl.col("day").is_between(rule.first_outcome_day, pl.col("end_of_follow_up"))
    return (
        placed.filter(is_after & is_counted)
        .sort(CHILD, "interval", "day")
        .group_by(CHILD, "interval")
        .agg(pl.col("value").last())
    )
