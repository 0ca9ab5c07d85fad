"""The facts about visits behind onset, confirmation, loss and durability: one row a regimen."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.response_parameters import Transient, Windows
from heliotrope.derive.derived import Derived
from heliotrope.records.exact import compute_comparison

REGIMEN = ["patient_id", "regimen"]

COUNTS = [
    "visit_in_window",
    "improved_on_regimen",
    "improved_after_cover",
    "any_improvement_confirmed",
    "improvement_reproduced",
]
"""Facts that are 0, not unknown, for a regimen without an evaluable visit."""


def derive_visit_facts(
    visits: pl.DataFrame, derived: Derived, definition: ResponseDefinition
) -> pl.DataFrame:
    """Sum up the visits of each regimen as the values of criteria (see ``RESPONSE_CRITERIA``).

    ``visits``: as ``classify_improvement`` returns them. "On the regimen" is at most 28 days after
    the last D0. Every regimen has a row; what its visits do not tell is null.
    """
    regimens = derived.regimens.select(
        *REGIMEN,
        "first_infusion",
        "last_infusion",
        "last_course_start",
        "courses",
        "observed_until",
    )
    evaluable = visits.filter(pl.col("is_improved").is_not_null()).sort([*REGIMEN, "date"])
    first = _first_improved(evaluable)
    facts = (
        regimens.join(_counts(evaluable, definition), on=REGIMEN, how="left")
        .join(first, on=REGIMEN, how="left")
        .join(_after_first(evaluable, first, definition), on=REGIMEN, how="left")
        .join(_last_visits(evaluable), on=REGIMEN, how="left")
        .join(_second_course(derived, definition.windows), on=REGIMEN, how="left")
    )
    facts = _onset(facts, evaluable)
    facts = facts.join(
        _loss(facts, evaluable, definition), on=REGIMEN, how="left", maintain_order="left"
    )
    cover = definition.windows.cover_days
    return facts.with_columns(
        exposure_courses=pl.col("courses").cast(pl.Float64),
        exposure_days=(pl.col("last_course_start") - pl.col("first_infusion"))
        .dt.total_days()
        .cast(pl.Float64)
        + cover,
        late_visit_not_improved=pl.col("last_day_not_improved").cast(pl.Float64),
    )


def _counts(evaluable: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Count the evaluable visits of each kind."""
    windows = definition.windows
    on_regimen = pl.col("is_on_regimen")
    quick = pl.col("day_of_course").is_between(
        windows.reproduction_first_day, windows.reproduction_last_day
    )
    return evaluable.group_by(REGIMEN).agg(
        pl.col("day")
        .is_between(1, windows.slow_last_day)
        .sum()
        .cast(pl.Float64)
        .alias("visit_in_window"),
        (on_regimen & pl.col("is_improved")).sum().cast(pl.Float64).alias("improved_on_regimen"),
        (~on_regimen & pl.col("is_improved")).sum().cast(pl.Float64).alias("improved_after_cover"),
        (on_regimen & pl.col("is_improved") & pl.col("is_confirmed"))
        .sum()
        .cast(pl.Float64)
        .alias("any_improvement_confirmed"),
        pl.col("course")
        .filter(on_regimen & pl.col("is_improved") & quick)
        .n_unique()
        .cast(pl.Float64)
        .alias("improvement_reproduced"),
        pl.col("day")
        .filter(on_regimen & ~pl.col("is_improved"))
        .max()
        .alias("last_day_not_improved"),
        pl.col("course")
        .filter(on_regimen & pl.col("is_improved"))
        .max()
        .alias("responded_courses"),
        pl.col("date").filter(pl.col("is_improved")).min().alias("first_improved_ever"),
    )


def _first_improved(evaluable: pl.DataFrame) -> pl.DataFrame:
    """Find the first improved visit on the regimen, with its tier, confirmation and cells."""
    return (
        evaluable.filter(pl.col("is_improved") & pl.col("is_on_regimen"))
        .group_by(REGIMEN, maintain_order=True)
        .agg(
            pl.col("date").first().alias("first_improved_date"),
            pl.col("day").first().alias("first_improved_day"),
            pl.col("tier").first().alias("evidence_tier"),
            pl.col("is_confirmed").first().cast(pl.Float64).alias("first_improvement_confirmed"),
            pl.col("row_ids").first().alias("first_improved_row_ids"),
        )
    )


def _after_first(
    evaluable: pl.DataFrame, first: pl.DataFrame, definition: ResponseDefinition
) -> pl.DataFrame:
    """Look at the next evaluable visit 14 days on, and at the first one 91 days on."""
    days = (pl.col("date") - pl.col("first_improved_date")).dt.total_days()

    def improved_after(minimum: int) -> pl.Expr:
        return pl.col("is_improved").filter(days >= minimum).first().cast(pl.Float64)

    return (
        evaluable.join(first.select(*REGIMEN, "first_improved_date"), on=REGIMEN)
        .sort([*REGIMEN, "date"])
        .group_by(REGIMEN)
        .agg(
            improved_after(definition.windows.confirmation_days).alias("next_visit_improved"),
            improved_after(definition.still_improved_days).alias("still_improved"),
        )
    )


def _last_visits(evaluable: pl.DataFrame) -> pl.DataFrame:
    """Look at the last evaluable visit on the regimen and the last of all."""
    on_regimen = pl.col("is_on_regimen")
    return evaluable.group_by(REGIMEN).agg(
        pl.col("date").filter(on_regimen).last().alias("last_on_regimen_date"),
        pl.col("is_improved").filter(on_regimen).last().cast(pl.Float64).alias("improved_at_stop"),
        pl.col("date")
        .filter(on_regimen & pl.col("is_improved"))
        .last()
        .alias("last_improved_date"),
        pl.col("is_improved").last().cast(pl.Float64).alias("improved_at_last_visit"),
        pl.col("day").last().alias("last_visit_day"),
    )


def _second_course(derived: Derived, windows: Windows) -> pl.DataFrame:
    """Give the date of the D0 that also starts a rapid band."""
    return derived.courses.filter(pl.col("course") == windows.second_course).select(
        *REGIMEN, pl.col("start_date").alias("second_course_start")
    )


def _onset(facts: pl.DataFrame, evaluable: pl.DataFrame) -> pl.DataFrame:
    """Bound the onset: after the last evaluable visit not improved, by the first improved one.

    A child never improved on the regimen has ``onset_after_day`` at the last evaluable day before
    any later improvement, and no ``onset_by_day``; the criteria on the interval are then null.
    """
    before = (
        evaluable.join(
            facts.select(*REGIMEN, "first_improved_date", "first_improved_ever"), on=REGIMEN
        )
        .filter(
            pl.coalesce("first_improved_date", "first_improved_ever").is_null()
            | (pl.col("date") < pl.coalesce("first_improved_date", "first_improved_ever"))
        )
        .group_by(REGIMEN)
        .agg(pl.col("day").max().alias("last_day_before"))
    )
    by_day = pl.col("first_improved_day")
    second = (pl.col("second_course_start") - pl.col("first_infusion")).dt.total_days()
    facts = facts.join(before, on=REGIMEN, how="left", maintain_order="left").with_columns(
        onset_by_day=by_day,
        onset_after_day=pl.when(by_day.is_not_null())
        .then(pl.col("last_day_before").fill_null(0))
        .otherwise("last_day_before"),
    )
    after = pl.when(by_day.is_not_null()).then("onset_after_day").cast(pl.Float64)
    by = by_day.cast(pl.Float64)
    return facts.with_columns(
        onset_by_rapid=by,
        onset_by_intermediate=by,
        onset_by_slow=by,
        onset_after_rapid=after,
        onset_after_intermediate=after,
        onset_after_slow=after,
        onset_after_second_course=after - second,
        onset_by_second_course=by - second,
        last_visit_long_after_onset=(pl.col("last_visit_day") - by_day).cast(pl.Float64),
    ).with_columns(pl.col(COUNTS).fill_null(0.0))


def _loss(
    facts: pl.DataFrame, evaluable: pl.DataFrame, definition: ResponseDefinition
) -> pl.DataFrame:
    """Measure what followed the last improved visit while the regimen went on.

    ``lost_for_courses``: later courses, each seen and none improved; null when at least two went
    on but one of them has no evaluable visit. ``lost_for_days``: days from the last improved to
    the last evaluable visit, with a later course; null when the regimen went on that long but was
    not looked at.
    """
    rule: Transient = definition.transient
    later_seen = (
        evaluable.filter("is_on_regimen")
        .join(facts.select(*REGIMEN, "responded_courses"), on=REGIMEN)
        .filter(pl.col("course") > pl.col("responded_courses"))
        .group_by(REGIMEN)
        .agg(pl.col("course").n_unique().alias("later_courses_seen"))
    )
    later = (pl.col("courses") - pl.col("responded_courses")).cast(pl.Float64)
    seen_days = (
        (pl.col("last_on_regimen_date") - pl.col("last_improved_date"))
        .dt.total_days()
        .cast(pl.Float64)
    )
    covered_until = pl.min_horizontal(
        pl.col("last_course_start") + pl.duration(days=definition.windows.cover_days),
        "observed_until",
    )
    covered_days = (covered_until - pl.col("last_improved_date")).dt.total_days()
    was_seen = compute_comparison(pl.col("later_courses_seen"), "==", later).fill_null(value=False)
    enough_courses = compute_comparison(later, ">=", rule.later_courses)
    enough_days = compute_comparison(seen_days, ">=", rule.days)
    could_be_enough = compute_comparison(covered_days, ">=", rule.days)
    return facts.join(later_seen, on=REGIMEN, how="left").select(
        *REGIMEN,
        lost_for_courses=pl.when(~enough_courses | was_seen).then(later),
        lost_for_days=pl.when(later < 1)
        .then(pl.lit(0.0))
        .when(enough_days | ~could_be_enough)
        .then(seen_days),
    )
