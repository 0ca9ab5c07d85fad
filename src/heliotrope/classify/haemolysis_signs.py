"""What was measured after a course, sign by sign: facts for the case definition of haemolysis."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.classify.trace import used_all
from heliotrope.definitions.haemolysis import HaemolysisCase, HaemolysisSign
from heliotrope.derive.derived import Derived
from heliotrope.records.exact import DECIMALS, compute_comparison

COURSE = ["patient_id", "regimen", "course"]
LIMITS = {"above_upper_limit": "upper_limit", "below_lower_limit": "lower_limit"}


@dataclass(frozen=True)
class Windows:
    """Courses with their days, and all that was measured or happened after and before them.

    ``courses``: ``first_day``, ``last_day`` (10 days after the last infusion day, at most the
    first day of the next course, of any regimen). ``after``, ``before``: assessments of the signs
    with the course's key; ``events``: the events after.
    """

    courses: pl.DataFrame
    after: pl.DataFrame
    before: pl.DataFrame
    events: pl.DataFrame

    @classmethod
    def of(cls, derived: Derived, definition: HaemolysisCase) -> Windows:
        """Lay the windows of the definition around each course."""
        days = pl.duration(days=definition.within_days)
        courses = derived.courses.sort("patient_id", "start_date").select(
            *COURSE,
            first_day="start_date",
            last_day=pl.min_horizontal(
                pl.col("end_date") + days,
                pl.col("start_date").shift(-1).over("patient_id"),
            ),
        )
        parts = (definition.antiglobulin, *definition.signs)
        measures = {definition.fall.measure, *(sign.measure for sign in parts)}
        values = derived.shard.assessment.filter(
            pl.col("measure").is_in(sorted(measures)) & pl.col("value").is_not_null()
        ).select("patient_id", "date", "measure", "value", "lower_limit", "upper_limit", "row_id")
        beside = values.join(courses, on="patient_id")
        age = (pl.col("first_day") - pl.col("date")).dt.total_days()
        is_after = (pl.col("date") > pl.col("first_day")) & (pl.col("date") <= pl.col("last_day"))
        terms = {term for sign in parts for term in sign.event_terms} | {definition.recorded_term}
        events = (
            derived.shard.event.filter(
                pl.col("kind").is_in(list(definition.event_kinds))
                & pl.col("term").is_in(sorted(terms))
            )
            .select("patient_id", "date", "term", "row_id")
            .join(courses, on="patient_id")
            .filter(pl.col("date").is_between(pl.col("first_day"), pl.col("last_day")))
        )
        is_before = (age >= 0) & (age <= definition.baseline_days)
        return cls(courses, beside.filter(is_after), beside.filter(is_before), events)


def find_fall(windows: Windows, definition: HaemolysisCase) -> pl.DataFrame:
    """Find how far haemoglobin fell, from the last value before to the lowest after."""
    fall = definition.fall
    name = "haemoglobin_fall"
    is_measure = pl.col("measure") == fall.measure
    before = (
        windows.before.filter(is_measure)
        .sort(*COURSE, "date", "row_id")
        .group_by(COURSE, maintain_order=True)
        .agg(haemoglobin_before=pl.col("value").last(), before_row=pl.col("row_id").last())
    )
    lowest = (
        windows.after.filter(is_measure)
        .sort(*COURSE, "value", "date", "row_id")
        .group_by(COURSE, maintain_order=True)
        .agg(haemoglobin_lowest=pl.col("value").first(), lowest_row=pl.col("row_id").first())
    )
    value = (pl.col("haemoglobin_before") - pl.col("haemoglobin_lowest")).round(DECIMALS)
    cells = pl.concat_list("before_row", "lowest_row").list.drop_nulls()
    return (
        before.join(lowest, on=COURSE, how="full", coalesce=True)
        .with_columns(value.alias(f"value:{name}"), haemoglobin_fall=value)
        .with_columns(
            compute_comparison(pl.col(f"value:{name}"), ">=", fall.at_least).alias(f"truth:{name}"),
            used_all(cells).alias(f"sources:{name}"),
        )
        .drop("before_row", "lowest_row")
    )


def find_sign(windows: Windows, sign: HaemolysisSign, definition: HaemolysisCase) -> pl.DataFrame:
    """Find whether a sign was there after each course.

    Rule: one value that shows it is enough; else one that cannot say leaves it open; else it is
    absent. An event so called shows it as a value of 1 would. Missing: no value, no row.
    """
    judged = pl.concat(
        [
            _judge_values(windows.after, sign),
            windows.events.filter(pl.col("term").is_in(list(sign.event_terms))).select(
                *COURSE,
                truth=pl.lit(True),
                value=pl.lit(sign.present_from, pl.Float64),
                threshold=pl.lit(sign.present_from, pl.Float64),
                row_id="row_id",
            ),
        ]
    )
    rank = pl.when(pl.col("truth")).then(0).when(pl.col("truth").is_null()).then(1).otherwise(2)
    worst = pl.col("value") if sign.operator == "<" else pl.col("value").neg()
    found = (
        judged.sort(*COURSE, rank, worst, "row_id")
        .group_by(COURSE, maintain_order=True)
        .agg(
            pl.col("truth").first().alias(f"truth:{sign.id}"),
            pl.col("value").first().alias(f"value:{sign.id}"),
            pl.col("threshold").first().alias(f"threshold:{sign.id}"),
            cells=pl.col("row_id").head(1),
        )
        .with_columns(used_all(pl.col("cells")).alias(f"sources:{sign.id}"))
        .drop("cells")
    )
    if sign.id not in definition.not_asked_by:
        return found
    earlier = (
        _judge_values(windows.before, sign)
        .group_by(COURSE)
        .agg(pl.col("truth").any().alias(f"before:{sign.id}"))
    )
    return found.join(earlier, on=COURSE, how="left")


def _judge_values(values: pl.DataFrame, sign: HaemolysisSign) -> pl.DataFrame:
    column = LIMITS.get(sign.shown_by)
    threshold = pl.lit(sign.present_from, pl.Float64) if column is None else pl.col(column)
    return values.filter(pl.col("measure") == sign.measure).select(
        *COURSE,
        truth=compute_comparison(pl.col("value"), sign.operator, threshold),
        value="value",
        threshold=threshold,
        row_id="row_id",
    )


def find_recorded(windows: Windows, definition: HaemolysisCase) -> pl.DataFrame:
    """Find the courses after which a haemolysis was recorded as such."""
    return (
        windows.events.filter(pl.col("term") == definition.recorded_term)
        .select(COURSE)
        .unique()
        .with_columns(is_recorded=pl.lit(True))
    )
