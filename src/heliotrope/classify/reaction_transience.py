"""Was a reaction gone in time: urine free of protein within 30 days or by the next course."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import state_of
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.records.exact import compute_comparison

COURSE = ["patient_id", "regimen", "course"]


def find_transience(
    reactions: pl.DataFrame, assessment: pl.DataFrame, courses: pl.DataFrame, rule: ReactionWindows
) -> pl.DataFrame:
    """Say whether each reaction of a term that can be transient was so.

    Rule: met when the recorded end, or a negative value of the measure that was positive, lies
    within 30 days of the onset or at the latest on the first day of the next course of the
    regimen; not met when the end is later, or the measure still positive at that limit or after
    it. Missing: no end and no such value is not evaluable; without a limit of normal only the
    dipstick can be negative; if no value says which measure was positive, any of them may.

    reactions: with ``graded_measure``. Returns ``row_id``, ``transient`` and
    ``transient_row_ids`` (List[Int64]).
    """
    limits = _find_limits(reactions, courses, rule)
    urine = assessment.filter(
        pl.col("measure").is_in(list(rule.transient.measures)) & pl.col("value").is_not_null()
    ).select(
        "patient_id",
        "measure",
        value_date="date",
        value_row_id="row_id",
        is_negative=_is_negative(rule),
    )
    is_same = pl.col("graded_measure").is_null() | (pl.col("measure") == pl.col("graded_measure"))
    later = (
        limits.join(urine, on="patient_id")
        .filter(is_same & (pl.col("value_date") > pl.col("date")))
        .with_columns(
            _gone=pl.col("is_negative") & (pl.col("value_date") <= pl.col("limit_date")),
            _stays=pl.col("is_negative").not_() & (pl.col("value_date") >= pl.col("limit_date")),
        )
    )
    seen = later.group_by("row_id").agg(
        pl.col("_gone", "_stays").any(),
        transient_row_ids=pl.col("value_row_id")
        .filter(pl.col("_gone").fill_null(False) | pl.col("_stays").fill_null(False))
        .sort(),
    )
    ended = pl.col("end_date") <= pl.col("limit_date")
    is_gone = ended.fill_null(False) | pl.col("_gone").fill_null(False)
    stays = ended.not_().fill_null(False) | pl.col("_stays").fill_null(False)
    is_transient = pl.when(is_gone).then(True).when(stays).then(False)
    return limits.join(seen, on="row_id", how="left").select(
        "row_id",
        transient=state_of(is_transient),
        transient_row_ids=pl.col("transient_row_ids").fill_null([]),
    )


def _find_limits(
    reactions: pl.DataFrame, courses: pl.DataFrame, rule: ReactionWindows
) -> pl.DataFrame:
    """Return the reactions in question with the day by which they must be gone."""
    next_course = courses.sort(COURSE).select(
        *COURSE,
        next_start=pl.col("start_date").shift(-1).over("patient_id", "regimen"),
    )
    in_time = pl.col("date") + pl.duration(days=rule.transient.within_days)
    return (
        reactions.filter(pl.col("term").is_in(list(rule.transient.terms)))
        .join(next_course, on=COURSE, how="left")
        .with_columns(limit_date=pl.max_horizontal(in_time, "next_start"))
    )


def _is_negative(rule: ReactionWindows) -> pl.Expr:
    """Say whether a urine value is negative; null where no limit of normal was recorded."""
    is_dipstick = pl.col("measure") == rule.transient.dipstick
    value = pl.col("value")
    return (
        pl.when(is_dipstick)
        .then(compute_comparison(value, "<=", rule.transient.dipstick_negative_at_most))
        .otherwise(compute_comparison(value, "<", pl.col("upper_limit")))
    )
