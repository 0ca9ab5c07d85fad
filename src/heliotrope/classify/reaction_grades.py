"""How severe a reaction was: graded from a recorded value where there is one."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.safety import (
    GradedMeasure,
    GradedTerm,
    GradeStep,
    GradingSystem,
    ReactionWindows,
)
from heliotrope.records.exact import DECIMALS, compute_comparison

GRADED = {
    "row_id": pl.Int64,
    "computed_grade": pl.Int32,
    "graded_measure": pl.String,
    "graded_value": pl.Float64,
    "graded_unit": pl.String,
    "graded_operator": pl.String,
    "graded_threshold": pl.Float64,
    "graded_row_id": pl.Int64,
    "graded_baseline_row_id": pl.Int64,
    "is_adult_rule": pl.Boolean,
    "is_lower_bound": pl.Boolean,
    "is_reference_missing": pl.Boolean,
}


def grade_reactions(
    reactions: pl.DataFrame,
    assessment: pl.DataFrame,
    grading: GradingSystem,
    rule: ReactionWindows,
) -> pl.DataFrame:
    """Compute the grade of each reaction that a recorded value can grade.

    Rule: of the measures of a term the first that gives a grade wins, so that a protein to
    creatinine ratio overrides a dipstick; of one measure the event's own value, else the worst
    recorded from the onset to the end of the term's widest window. A step may be a multiple of
    the upper limit of normal or of the last value before the infusion; a fall is counted from
    that value.

    Returns the columns ``GRADED``: one row for each event with such a value; ``computed_grade``
    is null where the value cannot be graded. ``is_reference_missing``: a higher step could not be
    compared, so the grade is a lower bound; ``is_lower_bound``: of its nature.
    """
    frames = [pl.DataFrame(schema={**GRADED, "_order": pl.Int32, "_is_assessment": pl.Boolean})]
    for term in grading.terms:
        own = reactions.filter(pl.col("term") == term.term)
        values = _find_values(own, assessment, term, rule)
        for number, measure in enumerate(term.measures):
            its_values = values.filter(pl.col("graded_measure") == measure.measure)
            graded = _grade(its_values, measure)
            frames.append(graded.with_columns(_order=pl.lit(number, pl.Int32)))
    best = (
        pl.concat([frame.select(frames[0].columns) for frame in frames])
        .sort(
            pl.col("computed_grade").is_null(),
            "_order",
            "_is_assessment",
            pl.col("graded_value").neg(),
            "graded_row_id",
        )
        .unique("row_id", keep="first", maintain_order=True)
    )
    return _prolong(best.select(list(GRADED)), reactions, grading)


def _find_values(
    reactions: pl.DataFrame, assessment: pl.DataFrame, term: GradedTerm, rule: ReactionWindows
) -> pl.DataFrame:
    """Return values that could grade a term: the event's own, and those recorded beside it.

    Each with its upper limit of normal and the last value of its measure before the infusion.
    """
    days = max((window.days or 0) for window in rule.windows_of(term.term))
    last_day = pl.max_horizontal("date", pl.col("infusion_day") + pl.duration(days=days))
    its_values = assessment.filter(
        pl.col("measure").is_in([measure.measure for measure in term.measures])
        & pl.col("value").is_not_null()
    )
    own = [
        reactions.filter(_has_unit(measure) & pl.col("value").is_not_null()).select(
            "row_id",
            graded_measure=pl.lit(measure.measure),
            graded_value="value",
            graded_row_id="row_id",
            upper_limit=pl.lit(None, pl.Float64),
            _is_assessment=pl.lit(False),
        )
        for measure in term.measures
    ]
    beside = (
        reactions.select("patient_id", "row_id", onset="date", last_day=last_day)
        .join(its_values.rename({"row_id": "graded_row_id"}), on="patient_id")
        .filter(pl.col("date").is_between(pl.col("onset"), pl.col("last_day")))
        .select(
            "row_id",
            graded_measure="measure",
            graded_value="value",
            graded_row_id="graded_row_id",
            upper_limit="upper_limit",
            _is_assessment=pl.lit(True),
        )
    )
    before = _find_before(reactions, its_values, rule.baseline_days)
    return pl.concat([*own, beside]).join(before, on=["row_id", "graded_measure"], how="left")


def _find_before(reactions: pl.DataFrame, values: pl.DataFrame, days: int) -> pl.DataFrame:
    """Find the last value of each measure on or before the infusion day, if not too old."""
    age = (pl.col("infusion_day") - pl.col("date")).dt.total_days()
    return (
        reactions.select("patient_id", "infusion_day", event_row_id="row_id")
        .join(values, on="patient_id")
        .filter((age >= 0) & (age <= days))
        .sort("event_row_id", "measure", "date", "row_id")
        .group_by("event_row_id", "measure", maintain_order=True)
        .agg(
            baseline_value=pl.col("value").last(),
            graded_baseline_row_id=pl.col("row_id").last(),
        )
        .rename({"event_row_id": "row_id", "measure": "graded_measure"})
    )


def _has_unit(measure: GradedMeasure) -> pl.Expr:
    has_unit = (pl.col("unit") == measure.unit).fill_null(False)
    return has_unit | pl.col("unit").is_null() if measure.takes_blank_unit else has_unit


def _grade(values: pl.DataFrame, measure: GradedMeasure) -> pl.DataFrame:
    """Grade the values of one measure by its steps, the highest reached."""
    if measure.quantity == "fall":
        fall = pl.col("baseline_value") - pl.col("graded_value")
        values = values.with_columns(graded_value=fall.round(DECIMALS)).filter(
            pl.col("graded_value").is_not_null()
        )
    reached = [
        compute_comparison(pl.col("graded_value"), step.operator, _threshold(step))
        for step in measure.steps
    ]
    none_reached = pl.all_horizontal([is_reached.not_() for is_reached in reached])
    below = _outcome(measure.grade_below, measure.steps[0])
    outcome = pl.when(none_reached).then(below).otherwise(pl.lit(None))
    for step, is_reached in zip(measure.steps, reached, strict=True):
        outcome = pl.when(is_reached).then(_outcome(step.grade, step)).otherwise(outcome)
    is_open = [
        is_reached.is_null() & (pl.col("computed_grade") < step.grade)
        for step, is_reached in zip(measure.steps, reached, strict=True)
    ]
    uses_baseline = measure.quantity == "fall" or any(
        step.of == "baseline" for step in measure.steps
    )
    return (
        values.with_columns(outcome.alias("_outcome"), graded_unit=pl.lit(measure.unit))
        .unnest("_outcome")
        .with_columns(
            is_lower_bound=pl.lit(measure.is_lower_bound),
            is_reference_missing=pl.any_horizontal(is_open),
            graded_baseline_row_id=pl.col("graded_baseline_row_id") if uses_baseline else None,
        )
        .drop("upper_limit", "baseline_value")
    )


def _outcome(grade: int | None, step: GradeStep) -> pl.Expr:
    return pl.struct(
        computed_grade=pl.lit(grade, pl.Int32),
        graded_operator=pl.lit(step.operator),
        graded_threshold=_threshold(step),
        is_adult_rule=pl.lit(step.is_adult_rule and grade == step.grade),
    )


def _threshold(step: GradeStep) -> pl.Expr:
    if step.of is None:
        return pl.lit(step.threshold, pl.Float64)
    reference = pl.col("upper_limit" if step.of == "upper_limit" else "baseline_value")
    return (reference * step.times).round(DECIMALS)


def _prolong(graded: pl.DataFrame, reactions: pl.DataFrame, grading: GradingSystem) -> pl.DataFrame:
    """Raise grades that are higher when the reaction lasts (fever over 40 for more than a day)."""
    joined = graded.join(
        reactions.select("row_id", "term", "date", "end_date"), on="row_id", how="left"
    )
    grade = pl.col("computed_grade")
    lasted = (pl.col("end_date") - pl.col("date")).dt.total_days()
    for term in grading.terms:
        if term.prolonged is not None:
            is_prolonged = (
                (pl.col("term") == term.term)
                & (pl.col("computed_grade") == term.prolonged.from_grade)
                & (lasted > term.prolonged.longer_than_days)
            )
            grade = (
                pl.when(is_prolonged).then(pl.lit(term.prolonged.grade, pl.Int32)).otherwise(grade)
            )
    return joined.with_columns(computed_grade=grade).select(graded.columns)
