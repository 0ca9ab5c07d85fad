"""Regimens: courses that follow one another, and how, when and why they ended."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.exposure import IvigExposure, RegimenRule
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.flags import collect_flags
from heliotrope.records.exact import compute_comparison

REGIMEN = ["patient_id", "regimen"]

DISCONTINUED = "discontinued"
ONGOING = "ongoing"
SWITCHED = "switched_to_sc"
TREATMENT = "treatment"
REPLACEMENT = "replacement_dose"


def derive_regimens(
    courses: pl.DataFrame,
    infusion_days: pl.DataFrame,
    event: pl.DataFrame,
    patients: pl.DataFrame,
    rulebook: Rulebook,
) -> pl.DataFrame:
    """Say for each regimen whether it stopped, when, when that was known, and why.

    Rule: switched to subcutaneous immunoglobulin within 70 days after the last infusion day wins
    (censored); else a recorded stop, or 70 observed days without a D0, is a discontinuation; else
    the regimen is ongoing. The date is that of the recorded stop, else last D0 + 28 days. The stop
    is known on the recorded day, else on last D0 + 70 days.

    ``patients``: ``patient_id``, ``observed_until``. Edge cases: a stop recorded later than day
    70 gives the reason, its date changes nothing. A reason outside the list counts as ``other``;
    a stop without a reason as ``unknown``.

    Returns the columns of ``Regimen``, ``row_ids``, ``stop_row_ids``, ``sc_row_ids`` (List[Int64])
    and what was decided on: ``silent_days`` (days seen after the last D0 without another),
    ``stop_after_days`` (from the last D0), ``sc_after_days`` (from the last infusion) and
    ``low_dose_fraction`` (of the courses with a known dose per kg).
    Flags: short_exposure, product_switched, stop_recorded_late.
    """
    rule = rulebook.get("ivig_exposure", IvigExposure)
    summed = _add_up_courses(courses, rule.regimen).join(
        patients.select("patient_id", "observed_until"), on="patient_id", how="left"
    )
    products = (
        infusion_days.filter(pl.col("regimen").is_not_null())
        .group_by(REGIMEN)
        .agg(_products=pl.col("product").drop_nulls().n_unique())
    )
    joined = (
        summed.join(products, on=REGIMEN, how="left")
        .join(_find_stops(summed, event, rule), on=REGIMEN, how="left")
        .join(_find_switches(summed, infusion_days, rule), on=REGIMEN, how="left")
    )
    return _decide(joined, rule).sort(REGIMEN)


def _add_up_courses(courses: pl.DataFrame, rule: RegimenRule) -> pl.DataFrame:
    is_low = compute_comparison(pl.col("dose_g_per_kg"), "<", rule.replacement_under_g_per_kg)
    is_monthly = (pl.col("schedule") == rule.monthly_label).drop_nulls()
    enough = is_monthly.len() >= rule.monthly_min_intervals
    next_first = pl.col("first_infusion").shift(-1).over("patient_id")
    return (
        courses.sort("patient_id", "regimen", "course")
        .group_by(REGIMEN, maintain_order=True)
        .agg(
            first_infusion=pl.col("start_date").min(),
            last_infusion=pl.col("end_date").max(),
            last_course_start=pl.col("start_date").max(),
            courses=pl.len().cast(pl.Int32),
            is_monthly=pl.when(enough).then(
                compute_comparison(is_monthly.mean(), ">=", rule.monthly_min_fraction)
            ),
            low_dose_fraction=is_low.mean(),
            row_ids=pl.col("row_ids").explode(),
        )
        .with_columns(_next_first=next_first)
    )


def _belongs_before_next(date: str) -> pl.Expr:
    """Say whether a day lies before the next regimen's first infusion (true if there is none)."""
    return (pl.col(date) < pl.col("_next_first")).fill_null(True)


def _find_stops(regimens: pl.DataFrame, event: pl.DataFrame, rule: IvigExposure) -> pl.DataFrame:
    """Find the first recorded stop from the last infusion day on, before the next regimen."""
    recorded = event.filter(pl.col("kind") == rule.stop_event_kind).select(
        "patient_id", "term", stop_date="date", stop_row_id="row_id"
    )
    is_known_word = pl.col("term").is_in(list(rule.stop_reasons))
    is_said = pl.col("term").is_not_null() & (pl.col("term") != rule.unknown_reason)
    word = pl.when(is_known_word).then("term").when(is_said).then(pl.lit(rule.other_reason))
    return (
        regimens.select(*REGIMEN, "last_infusion", "_next_first")
        .join(recorded, on="patient_id", how="inner")
        .filter(
            (pl.col("stop_date") >= pl.col("last_infusion")) & _belongs_before_next("stop_date")
        )
        .sort("stop_date", "stop_row_id")
        .group_by(REGIMEN, maintain_order=True)
        .agg(
            pl.col("stop_date").first(),
            stop_reason=word.drop_nulls().first(),
            stop_row_ids=pl.col("stop_row_id"),
        )
    )


def _find_switches(
    regimens: pl.DataFrame, infusion_days: pl.DataFrame, rule: IvigExposure
) -> pl.DataFrame:
    """Find the first subcutaneous day after the last infusion, before the next regimen."""
    subcutaneous = infusion_days.filter(
        (pl.col("route") == rule.subcutaneous_route) & pl.col("has_dose")
    ).select("patient_id", sc_date="date", sc_row_ids="row_ids")
    days_after = (pl.col("sc_date") - pl.col("last_infusion")).dt.total_days()
    return (
        regimens.select(*REGIMEN, "last_infusion", "_next_first")
        .join(subcutaneous, on="patient_id", how="inner")
        .filter((days_after > 0) & _belongs_before_next("sc_date"))
        .sort("sc_date")
        .group_by(REGIMEN)
        .agg(sc_after_days=days_after.first(), sc_row_ids=pl.col("sc_row_ids").first())
    )


def _decide(joined: pl.DataFrame, rule: IvigExposure) -> pl.DataFrame:
    regimen = rule.regimen
    day_of_silence = pl.col("last_course_start") + pl.duration(days=regimen.stop_known_after_days)
    end_of_cover = pl.col("last_course_start") + pl.duration(days=regimen.planned_cover_days)
    has_stop = pl.col("stop_date").is_not_null()
    is_timely = (pl.col("stop_date") <= day_of_silence).fill_null(False)
    last_seen = pl.max_horizontal("observed_until", "last_infusion", "_next_first")
    silent_days = (last_seen - pl.col("last_course_start")).dt.total_days()
    is_discontinued = has_stop | (silent_days >= regimen.stop_known_after_days)
    is_switched = (pl.col("sc_after_days") <= regimen.switch_to_sc_within_days).fill_null(False)
    is_replacement = compute_comparison(
        pl.col("low_dose_fraction"), ">=", regimen.replacement_min_fraction
    ).fill_null(False)
    is_over = pl.col("status") == DISCONTINUED
    return (
        joined.with_columns(
            status=pl.when(is_switched)
            .then(pl.lit(SWITCHED))
            .when(is_discontinued)
            .then(pl.lit(DISCONTINUED))
            .otherwise(pl.lit(ONGOING)),
            purpose=pl.when(is_replacement).then(pl.lit(REPLACEMENT)).otherwise(pl.lit(TREATMENT)),
            observed_until=pl.coalesce("observed_until", "last_infusion"),
            silent_days=silent_days,
            stop_after_days=(pl.col("stop_date") - pl.col("last_course_start")).dt.total_days(),
        )
        .with_columns(
            discontinuation_date=pl.when(is_over).then(
                pl.when(is_timely).then("stop_date").otherwise(end_of_cover)
            ),
            stop_known_date=pl.when(is_over).then(
                pl.when(is_timely).then("stop_date").otherwise(day_of_silence)
            ),
            reason=pl.when(is_over)
            .then(pl.col("stop_reason").fill_null(rule.unknown_reason))
            .otherwise("stop_reason"),
            flags=collect_flags(
                {
                    "short_exposure": pl.col("courses") <= regimen.short_exposure_max_courses,
                    "product_switched": pl.col("_products") > 1,
                    "stop_recorded_late": has_stop & is_timely.not_(),
                }
            ),
            stop_row_ids=pl.col("stop_row_ids").fill_null([]),
            sc_row_ids=pl.col("sc_row_ids").fill_null([]),
        )
        .drop("_next_first", "_products", "stop_reason")
    )
