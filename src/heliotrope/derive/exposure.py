"""From recorded infusions to infusion days, courses and regimens of immunoglobulin."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.exposure import CourseRule, IvigExposure
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.flags import collect_flags
from heliotrope.derive.regimens import derive_regimens
from heliotrope.derive.weights import MISSING, derive_weights
from heliotrope.records.exact import compute_comparison
from heliotrope.records.shard import Shard
from heliotrope.records.spans import derive_span_starts

__all__ = ["derive_courses", "derive_infusion_days", "derive_regimens"]

CHILD = "patient_id"
REGIMEN = ["patient_id", "regimen"]
COURSE = ["patient_id", "regimen", "course"]


def derive_infusion_days(shard: Shard, rulebook: Rulebook) -> pl.DataFrame:
    """Add up each child's immunoglobulin by calendar day and say which course each day is in.

    Rule: a day with recorded intravenous immunoglobulin is an infusion day, of unknown dose if
    none is recorded; a recorded dose of 0 is none and the day has no course. Days at most 3 apart
    and at most 7 from first to last are one course (a longer chain is cut from its first day);
    D0s at most 70 days apart are one regimen. A recorded stop ends the regimen on its date (after
    an infusion of that date). Subcutaneous days are kept apart, without course or regimen.

    Returns one row a child, date and route: the columns of ``InfusionDay`` and ``row_ids``,
    ``weight_row_ids`` (List[Int64]), ``recorded_g`` and ``recorded_g_per_kg`` (the parts of the
    dose as recorded, Float64), ``is_dose_known`` and ``has_dose`` (Boolean).
    """
    rule = rulebook.get("ivig_exposure", IvigExposure)
    days = _compute_day_doses(
        derive_weights(_add_up_days(shard.infusion), shard.assessment, rulebook)
    )
    is_intravenous = (pl.col("route") == rule.intravenous_route) & pl.col("has_dose")
    stops = shard.event.filter(pl.col("kind") == rule.stop_event_kind)
    numbered = _number_courses(days.filter(is_intravenous), stops, rule)
    return days.join(
        numbered.select("patient_id", "date", "route", "regimen", "course"),
        on=["patient_id", "date", "route"],
        how="left",
    ).sort("patient_id", "date", "route")


def _add_up_days(infusion: pl.DataFrame) -> pl.DataFrame:
    grams = pl.col("dose").filter(pl.col("dose_unit") == "g")
    grams_per_kg = pl.col("dose").filter(pl.col("dose_unit") == "g/kg")
    is_unknown = pl.col("dose").is_null() | pl.col("dose_unit").is_null()
    return (
        infusion.sort("patient_id", "date", "row_id")
        .group_by("patient_id", "date", "route", maintain_order=True)
        .agg(
            pl.col("minute_of_day").min(),
            recorded_g=grams.sum(),
            recorded_g_per_kg=grams_per_kg.sum(),
            is_dose_known=is_unknown.any().not_(),
            has_dose=((pl.col("dose") > 0) | is_unknown).any(),
            product=_joined("product", " + "),
            premedication=_joined("premedication", "; "),
            row_ids=pl.col("row_id"),
        )
    )


def _joined(column: str, separator: str) -> pl.Expr:
    """Join the distinct words of a day in file order; null when none is recorded."""
    words = pl.col(column).drop_nulls().unique(maintain_order=True)
    return pl.when(words.len() > 0).then(words.str.join(separator))


def _compute_day_doses(days: pl.DataFrame) -> pl.DataFrame:
    grams, per_kg = _compute_doses(pl.col("weight_kg"))
    return days.with_columns(dose_g=grams, dose_g_per_kg=per_kg)


def _compute_doses(weight_kg: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return grams and g/kg; a part recorded in the wanted unit needs no weight."""
    is_known = pl.col("is_dose_known")
    from_per_kg = pl.when(pl.col("recorded_g_per_kg") > 0)
    grams = pl.col("recorded_g") + from_per_kg.then(
        pl.col("recorded_g_per_kg") * weight_kg
    ).otherwise(0.0)
    from_grams = pl.when(pl.col("recorded_g") > 0)
    per_kg = pl.col("recorded_g_per_kg") + from_grams.then(
        pl.col("recorded_g") / weight_kg
    ).otherwise(0.0)
    return pl.when(is_known).then(grams), pl.when(is_known).then(per_kg)


def _number_courses(days: pl.DataFrame, stops: pl.DataFrame, rule: IvigExposure) -> pl.DataFrame:
    """Add ``regimen`` and ``course``, both from 1, to infusion days."""
    stop_before = (
        days.sort("date")
        .join_asof(
            stops.select("patient_id", stop_date="date").sort("stop_date"),
            left_on="date",
            right_on="stop_date",
            by="patient_id",
            strategy="backward",
            allow_exact_matches=False,
            coalesce=False,
            check_sortedness=False,
        )
        .sort("patient_id", "date")
    )
    is_after_stop = pl.col("stop_date").ne_missing(pl.col("stop_date").shift(1)).over(CHILD)
    starts = _find_course_starts(
        stop_before.with_columns(_is_after_stop=is_after_stop), rule.course
    )
    first_days = starts.filter(pl.col("date") == pl.col("_start")).with_columns(
        _since=(pl.col("date") - pl.col("date").shift(1).over(CHILD)).dt.total_days(),
    )
    opens = (
        (pl.col("_since") > rule.regimen.max_interval_days)
        | pl.col("_since").is_null()
        | pl.col("_is_after_stop")
    )
    numbered = first_days.with_columns(
        regimen=opens.cast(pl.Int32).cum_sum().over(CHILD).cast(pl.Int32)
    ).with_columns(course=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(REGIMEN))
    return starts.join(
        numbered.select(CHILD, "_start", "regimen", "course"), on=[CHILD, "_start"], how="left"
    )


def _find_course_starts(days: pl.DataFrame, rule: CourseRule) -> pl.DataFrame:
    """Add ``_start``, the first day of each infusion day's course.

    Days close together form a chain; a chain longer than a course is cut from its first day.
    """
    gap = (pl.col("date") - pl.col("date").shift(1).over(CHILD)).dt.total_days()
    is_new = (gap > rule.max_days_between_infusion_days) | gap.is_null() | pl.col("_is_after_stop")
    chains = days.with_columns(_chain=is_new.cast(pl.Int32).cum_sum().over(CHILD))
    return derive_span_starts(chains, [CHILD, "_chain"], rule.max_days_first_to_last).rename(
        {"span_start": "_start"}
    )


def derive_courses(infusion_days: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Put infusion days together to courses, with the dose per kg and the interval to the next.

    Rule: the dose per kg is the sum of grams over the weight in force on D0; a day recorded in
    g/kg counts as recorded. An unknown dose on one day leaves the course's dose unknown.

    Returns the columns of ``Course`` and ``row_ids``, ``weight_row_ids`` (List[Int64]).
    Flags: low_dose, high_dose, over_maximum_grams, long_span, dose_missing, weight_missing,
    weight_interpolated.
    """
    rule = rulebook.get("ivig_exposure", IvigExposure)
    grams, per_kg = _compute_doses(pl.col("weight_kg"))
    next_start = pl.col("start_date").shift(-1).over(REGIMEN)
    return (
        infusion_days.filter(pl.col("course").is_not_null())
        .sort("patient_id", "date")
        .group_by(COURSE, maintain_order=True)
        .agg(
            pl.col("recorded_g", "recorded_g_per_kg").sum(),
            pl.col("is_dose_known").all(),
            pl.col("weight_kg", "weight_age_days", "weight_rule", "weight_row_ids").first(),
            start_date=pl.col("date").min(),
            end_date=pl.col("date").max(),
            infusion_days=pl.len().cast(pl.Int32),
            row_ids=pl.col("row_ids").explode(),
        )
        .sort(COURSE)
        .with_columns(
            dose_g=grams,
            dose_g_per_kg=per_kg,
            interval_days=(next_start - pl.col("start_date")).dt.total_days().cast(pl.Int32),
        )
        .with_columns(schedule=_label_schedule(rule), flags=_flag_courses(rule))
    )


def _label_schedule(rule: IvigExposure) -> pl.Expr:
    label = pl.lit(None, pl.String)
    for schedule in rule.schedules:
        is_inside = pl.col("interval_days").is_between(schedule.min_days, schedule.max_days)
        label = pl.when(is_inside).then(pl.lit(schedule.label)).otherwise(label)
    return label


def _flag_courses(rule: IvigExposure) -> pl.Expr:
    limits = rule.course_flags
    calendar_days = (pl.col("end_date") - pl.col("start_date")).dt.total_days() + 1
    per_kg = pl.col("dose_g_per_kg")
    is_without_weight = pl.col("weight_rule") == MISSING
    needs_weight = pl.col("recorded_g") > 0
    return collect_flags(
        {
            "low_dose": compute_comparison(per_kg, "<", limits.low_g_per_kg),
            "high_dose": compute_comparison(per_kg, ">", limits.high_g_per_kg),
            "over_maximum_grams": compute_comparison(pl.col("dose_g"), ">", limits.high_g),
            "long_span": calendar_days > limits.max_calendar_days,
            "dose_missing": pl.col("is_dose_known").not_(),
            "weight_missing": needs_weight & is_without_weight,
            "weight_interpolated": needs_weight & (pl.col("weight_rule") == "interpolated"),
        }
    )
