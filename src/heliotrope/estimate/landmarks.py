"""The children at fixed weeks: every measure, the improvement score and improvement itself.

At each landmark the visit nearest to it within the tolerance is read, for each measure by itself
(ties: the earlier visit). The baseline is the last value in the days before, and on, the first
infusion. All children of the group are in it, whatever their pattern; how many were measured
stands beside each number. Visits up to the first infusion of the next regimen count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.response import RESPONSE
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.derive.baselines import derive_baselines
from heliotrope.derive.changes import derive_changes
from heliotrope.derive.visits import derive_visit_values
from heliotrope.estimate.inputs import NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded
from heliotrope.records.exact import Operator, compute_comparison

NO_VISIT = worded("no child was measured within the tolerance of this landmark")

NO_PAIR = worded("no child was measured both at baseline and at this landmark")

NO_SCORE = worded("no improvement score could be computed near a landmark")

BOUNDS: tuple[tuple[str, Operator], ...] = (("score_lower", ">="), ("score_upper", "<"))

NOT_VISITED = worded("no child had an evaluable visit within the tolerance of this landmark")


def estimate_landmarks(inputs: Inputs) -> list[Row]:
    """Give measures, changes, scores and improvement at baseline and at each landmark."""
    regimens = inputs.first_regimens()
    if regimens.height == 0:
        return [
            inputs.topic(analysis).refuse("any", statistic, NO_IVIG)
            for analysis, statistic in (
                ("landmark", "median"),
                ("landmark_change", "median"),
                ("landmark_score", "median"),
                ("landmark_improved", "proportion_exact"),
            )
        ]
    return [
        *_estimate_measures(inputs),
        *_estimate_scores(inputs),
        *_estimate_improved(inputs),
    ]


def read_landmarks(rows: pl.DataFrame, key: list[str], inputs: Inputs) -> pl.DataFrame:
    """Keep, for each key and landmark, the row of the nearest visit; adds ``week``.

    ``rows`` has ``day`` (days from the first infusion). Beyond the tolerance: no row.
    """
    landmarks = inputs.parameters.landmarks
    weeks = pl.DataFrame({"week": landmarks.weeks}, schema={"week": pl.Int32})
    away = (pl.col("day") - pl.col("week") * landmarks.days_per_week).abs()
    return (
        rows.join(weeks, how="cross")
        .with_columns(away=away)
        .filter(pl.col("away") <= landmarks.tolerance_weeks * landmarks.days_per_week)
        .sort(*key, "week", "away", "day")
        .unique([*key, "week"], keep="first", maintain_order=True)
        .drop("away")
    )


@dataclass(frozen=True)
class _Measured:
    """The measures recorded near a baseline or landmark, baselines, and the visits chosen."""

    measures: pl.DataFrame
    baselines: pl.DataFrame
    chosen: pl.DataFrame


def _derive_measures(inputs: Inputs) -> _Measured:
    regimens = inputs.first_regimens()
    left_out = set(inputs.parameters.landmarks.domains_left_out)
    unused = [m.id for m in measures_of(inputs.rulebook).values() if m.domain in left_out]
    recorded = _select_near(inputs, regimens).filter(
        pl.col("value").is_not_null() & pl.col("measure").is_in(unused).not_()
    )
    values = derive_visit_values(recorded, inputs.rulebook)
    baselines = derive_baselines(values, regimens, inputs.response.baseline.days_before)
    changes = derive_changes(values, baselines, inputs.table("regimen").drop("observed_until"))
    chosen = read_landmarks(
        inputs.of_group(changes).select("patient_id", "measure", "day", "value", "baseline_value"),
        ["patient_id", "measure"],
        inputs,
    )
    return _Measured(
        values.select("measure").unique(),
        baselines.select("measure", "baseline_value"),
        chosen.select("measure", "week", "value", "baseline_value"),
    )


def _estimate_measures(inputs: Inputs) -> list[Row]:
    found = list(inputs.each_piece(_derive_measures))
    measures = pl.concat([piece.measures for piece in found])["measure"]
    baselines = pl.concat([piece.baselines for piece in found])
    chosen = pl.concat([piece.chosen for piece in found])
    topic, change = inputs.topic("landmark"), inputs.topic("landmark_change")
    rows: list[Row] = []
    for measure in count_words(measures):
        at_start = baselines.filter(pl.col("measure") == measure)["baseline_value"]
        rows += topic.summary(f"{measure}:baseline", at_start, NO_VISIT)
        for name, at_week in _by_week(chosen.filter(pl.col("measure") == measure), inputs):
            rows += topic.summary(f"{measure}:{name}", at_week["value"], NO_VISIT)
            differences = at_week["value"] - at_week["baseline_value"]
            rows += change.summary(f"{measure}:{name}", differences, NO_PAIR)
    return rows


def _select_near(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Keep the assessments that a baseline or a landmark of a treated child could use."""
    landmarks = inputs.parameters.landmarks
    slack = inputs.rulebook.settings.visit_tolerance_days
    before = inputs.response.baseline.days_before + slack
    weeks = max(landmarks.weeks) + landmarks.tolerance_weeks
    after = weeks * landmarks.days_per_week + slack
    day = (pl.col("date") - pl.col("first_infusion")).dt.total_days()
    return (
        inputs.record("assessment")
        .join(regimens.select("patient_id", "first_infusion"), on="patient_id")
        .filter(day.is_between(-before, after))
        .drop("first_infusion")
    )


def _by_week(chosen: pl.DataFrame, inputs: Inputs) -> Iterable[tuple[str, pl.DataFrame]]:
    for week in inputs.parameters.landmarks.weeks:
        yield f"week_{week}", chosen.filter(pl.col("week") == week)


def _estimate_scores(inputs: Inputs) -> list[Row]:
    """Give the score's lower and upper bound and the share that reached each category.

    Read from the nearest visit whose score is evaluable. Categories nest.
    """
    found = list(inputs.each_piece(_derive_scores))
    chosen = pl.concat([at_landmarks for _, at_landmarks in found])
    definitions = pl.concat([scored for scored, _ in found])
    if definitions.is_empty():
        return [inputs.topic("landmark_score").refuse("any", "median", NO_SCORE)]
    rows: list[Row] = []
    for definition in sorted(count_words(definitions)):
        topic = inputs.topic("landmark_score", definition)
        of_definition = chosen.filter(pl.col("definition_id") == definition)
        if of_definition.height == 0:
            rows.append(topic.refuse(definition, "median", NO_SCORE))
            continue
        for name, at_week in _by_week(of_definition, inputs):
            rows += topic.summary(f"{definition}:{name}", at_week["score_lower"], NO_SCORE)
            rows += topic.of("landmark_score_upper").summary(
                f"{definition}:{name}", at_week["score_upper"], NO_SCORE
            )
            rows += _estimate_categories(inputs, topic, f"{definition}:{name}", at_week)
    return rows


def _derive_scores(inputs: Inputs) -> tuple[pl.Series, pl.DataFrame]:
    """Name the scores of first regimens, and give those nearest to each landmark."""
    scores = inputs.of_group(inputs.table("score"))
    started = inputs.first_regimens().select("patient_id", "first_infusion")
    scored = scores.filter(
        pl.col("score_lower").is_not_null() & (pl.col("category") != "not_evaluable")
    ).join(started, on="patient_id")
    chosen = read_landmarks(
        scored.select(
            "patient_id",
            "definition_id",
            "score_lower",
            "score_upper",
            day=(pl.col("date") - pl.col("first_infusion")).dt.total_days(),
        ),
        ["patient_id", "definition_id"],
        inputs,
    )
    return scores["definition_id"].unique(), chosen


def _estimate_categories(
    inputs: Inputs, topic: Topic, variable: str, at_week: pl.DataFrame
) -> list[Row]:
    """Give the share whose score reached each category's threshold.

    A child counts as having reached it when the lower bound does, and as not when the upper bound
    does not; between the two the missing measures decide, and the child is counted as undecided.
    """
    definition = inputs.rulebook.definitions.get(topic.definition_id)
    categories = definition.categories if isinstance(definition, ScoreDefinition) else ()
    topic = topic.of("landmark_score_category")
    rows: list[Row] = []
    for category in categories:
        name = f"{variable}:at_least_{category.name}"
        reached, failed = (
            at_week.filter(compute_comparison(pl.col(bound), operator, category.at_least)).height
            for bound, operator in BOUNDS
        )
        rows.append(topic.count(name, reached, reached + failed))
        rows += topic.proportion(name, reached, reached + failed, NO_SCORE)
        undecided = at_week.height - reached - failed
        rows.append(topic.count(f"{name}:undecided", undecided, at_week.height))
    return rows


def _estimate_improved(inputs: Inputs) -> list[Row]:
    """Give the share improved at the evaluable visit nearest to each landmark."""
    visits = inputs.of_group(inputs.table("visit")).filter(
        pl.col("state").is_in(["met", "not_met"])
    )
    chosen = read_landmarks(visits, ["patient_id"], inputs)
    topic = inputs.topic("landmark_improved", RESPONSE)
    rows: list[Row] = []
    for name, at_week in _by_week(chosen, inputs):
        improved = at_week.filter(pl.col("state") == "met").height
        rows.append(topic.count(name, improved, at_week.height))
        rows += topic.proportion(name, improved, at_week.height, NOT_VISITED)
    return rows
