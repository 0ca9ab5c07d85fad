"""Worsening against the best state a child had reached, on treatment as well as after."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.aggravation import PatientWorsening
from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.classify.worsening import (
    WorseningRules,
    find_escalated_deterioration,
    find_visit_worsening,
    judge_deterioration,
)
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.derive.derived import Derived

REGIMEN = ["patient_id", "regimen"]


def find_breaks(
    derived: Derived,
    changes: pl.DataFrame,
    states: pl.DataFrame,
    signs: PatientWorsening,
    rules: WorseningRules,
) -> pl.DataFrame:
    """List the days that break a window of low steroid dose.

    Flares, escalations and limbs a to c against the best state so far, each a day; steroid
    pulses, each all its days. ``changes``: against the best state so far. Columns: patient_id,
    regimen (null: every regimen), start_date, end_date.
    """
    lost = _lost_inactivity(changes, states, rules.aggravation.inactive_definition)
    judged = judge_deterioration(changes, rules)
    at_visits = find_visit_worsening(changes, judged, lost, rules)
    escalated = find_escalated_deterioration(changes, judged, signs.escalations, rules)
    days = pl.concat([at_visits, escalated, signs.escalations, signs.flares]).select(
        *REGIMEN, start_date="date", end_date="date"
    )
    pulses = derived.steroid_pulses.select(
        "patient_id", pl.lit(None, pl.Int32).alias("regimen"), "start_date", "end_date"
    )
    return pl.concat([days, pulses]).unique()


def _lost_inactivity(
    changes: pl.DataFrame, states: pl.DataFrame, inactive_definition: str
) -> pl.DataFrame:
    """Find visits that are not inactive after any visit of the regimen that was."""
    inactivity = states.filter(pl.col("definition_id") == inactive_definition).select(
        "patient_id", "date", inactivity="state"
    )
    was_inactive = (pl.col("inactivity") == "met").cum_sum().over(REGIMEN) > 0
    return (
        changes.select(*REGIMEN, "date")
        .unique()
        .join(inactivity, on=["patient_id", "date"])
        .sort([*REGIMEN, "date"])
        .filter(was_inactive & (pl.col("inactivity") == "not_met"))
    )


def count_worse_than_best(
    derived: Derived,
    changes: pl.DataFrame,
    visits: pl.DataFrame,
    rules: WorseningRules,
    definition: ResponseDefinition,
) -> pl.DataFrame:
    """Count confirmed deteriorations from the best state, after an improvement, on the regimen.

    ``changes``: against the best state so far. Column ``worse_than_best``; null where no visit
    after the first improved one can be judged.
    """
    judged = classify_deterioration(changes, rules.deterioration).table
    improved = (
        visits.filter(pl.col("is_improved") & pl.col("is_on_regimen"))
        .group_by(REGIMEN)
        .agg(pl.col("date").min().alias("first_improved_date"))
    )
    cover = pl.duration(days=definition.windows.cover_days)
    covered = derived.regimens.select(*REGIMEN, covered_until=pl.col("last_course_start") + cover)
    return (
        judged.join(improved, on=REGIMEN)
        .join(covered, on=REGIMEN)
        .filter(
            (pl.col("date") > pl.col("first_improved_date"))
            & (pl.col("date") <= pl.col("covered_until"))
            & pl.col("is_confirmed").is_not_null()
        )
        .group_by(REGIMEN)
        .agg(
            (pl.col("is_confirmed") & (pl.col("first_date") > pl.col("first_improved_date")))
            .sum()
            .cast(pl.Float64)
            .alias("worse_than_best")
        )
    )
