"""Improvement scores: percent change of each measure, its points, and the bounds of their sum."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.score import Component, ScoreDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.records.exact import DECIMALS, compute_comparison

VISIT_KEY = ["patient_id", "regimen", "date"]
REGIMEN_KEY = ["patient_id", "regimen"]

PASSED_OVER = pl.Struct({"row_id": pl.Int64, "reason": pl.String})

NOT_CHOSEN = {
    "first_recorded": "another_measure_preferred",
    "most_abnormal_at_baseline": "not_most_abnormal",
}


def derive_components(
    changes: pl.DataFrame,
    baselines: pl.DataFrame,
    definition: ScoreDefinition,
    settings: Settings,
) -> pl.DataFrame:
    """Grade every component of a score at every visit.

    Input: ``changes`` and ``baselines``. Output: one row for each visit with any of the score's
    measures and each of its components: the key, ``component``, ``measure`` (the one that stands
    for it), ``percent_change`` (absolute percent change, improvement positive, rounded as it is
    compared), ``operator`` and ``edge`` (of the band reached), ``points`` (null where the
    component cannot be graded), ``reason`` (why not), ``mark`` (a flag of the score), the cells
    used, the baseline candidates rejected and the measures ``passed_over``.
    Missing: a component without a pair of values has null points, never 0.
    """
    visits = (
        changes.filter(pl.col("measure").is_in(definition.measures) & pl.col("value").is_not_null())
        .select(VISIT_KEY)
        .unique()
    )
    return pl.concat(
        _grade_component(visits, _pair(changes, baselines, component, settings), component)
        for component in definition.components
    ).sort(VISIT_KEY, maintain_order=True)


def derive_score_bounds(components: pl.DataFrame, definition: ScoreDefinition) -> pl.DataFrame:
    """Add the points of the components up, once with nothing and once with all for the missing.

    Output: one row a visit: the key, ``score_lower``, ``score_upper``, ``measures_present`` and
    ``missing_required`` (the first required component that could not be graded, else null) and
    ``marks`` (the flags of the components, sorted).
    """
    required = [component.id for component in definition.components if component.required]
    order = {component.id: rank for rank, component in enumerate(definition.components)}
    maxima = {component.id: component.maximum for component in definition.components}
    rows = components.with_columns(
        maximum=pl.col("component").replace_strict(maxima, return_dtype=pl.Float64),
        rank=pl.col("component").replace_strict(order, return_dtype=pl.Int32),
        is_missing_required=pl.col("component").is_in(required) & pl.col("points").is_null(),
    ).sort([*VISIT_KEY, "rank"])
    return rows.group_by(VISIT_KEY, maintain_order=True).agg(
        pl.col("points").fill_null(0).sum().alias("score_lower"),
        pl.coalesce("points", "maximum").sum().alias("score_upper"),
        pl.col("measure").filter(pl.col("points").is_not_null()).alias("measures_present"),
        pl.col("component").filter("is_missing_required").first().alias("missing_required"),
        pl.col("mark").drop_nulls().unique().sort().alias("marks"),
    )


def derive_attainable(
    baselines: pl.DataFrame, definition: ScoreDefinition, settings: Settings
) -> pl.DataFrame:
    """Say what a regimen's score would be if every measure went to its best value.

    Output: patient_id, regimen, ``score_max_attainable``: one row for each regimen with any
    baseline. A global or a questionnaire goes to its best end, the enzyme to 0; a measure without
    a baseline adds 0. A child whose attainable score is under the first threshold cannot be
    found improved by the score.
    """
    best = {name: scale.best for name, scale in definition.scales(settings).items()}
    at_best = baselines.filter(pl.col("measure").is_in(definition.measures)).with_columns(
        date=pl.lit(None, pl.Date),
        value=pl.col("measure").replace_strict(best, return_dtype=pl.Float64),
        row_id=pl.lit(None, pl.Int64),
    )
    rows = derive_components(at_best, baselines, definition, settings)
    return rows.group_by(REGIMEN_KEY, maintain_order=True).agg(
        pl.col("points").fill_null(0).sum().alias("score_max_attainable")
    )


def _pair(
    changes: pl.DataFrame, baselines: pl.DataFrame, component: Component, settings: Settings
) -> pl.DataFrame:
    """Put the candidates of a component beside each other: rank, denominator, percent change."""
    scales = {
        candidate.measure: candidate.scale(settings.measures.get(candidate.measure))
        for candidate in component.candidates
    }
    candidates = pl.DataFrame(
        {
            "measure": [candidate.measure for candidate in component.candidates],
            "rank": range(len(component.candidates)),
            "is_low_better": [candidate.better == "low" for candidate in component.candidates],
            "mark": [candidate.mark for candidate in component.candidates],
            "units": [scale.denominator for scale in scales.values()],
            "limits": [scale.upper_limits for scale in scales.values()],
            "refused": [scale.refused for scale in scales.values()],
        },
        schema_overrides={
            "rank": pl.Int32,
            "mark": pl.String,
            "units": pl.Float64,
            "limits": pl.Float64,
            "refused": pl.String,
        },
    )
    upper_limit = pl.col("baseline_upper_limit")
    pairs = (
        changes.filter(pl.col("value").is_not_null())
        .join(candidates, on="measure")
        .with_columns(
            denominator=pl.coalesce(
                "units", pl.when(upper_limit > 0).then(pl.col("limits") * upper_limit)
            )
        )
    )
    if component.choice == "most_abnormal_at_baseline":
        pairs = _keep_most_abnormal(pairs, baselines, candidates, component)
    else:
        pairs = pairs.with_columns(
            is_eligible=pl.lit(True), mark=pl.col("mark"), not_chosen=pl.lit(None, pl.String)
        )
    return pairs.with_columns(
        percent_change=(
            pl.when("is_low_better")
            .then(pl.col("baseline_value") - pl.col("value"))
            .otherwise(pl.col("value") - pl.col("baseline_value"))
            / pl.col("denominator")
            * 100
        ).round(DECIMALS),
        reason=pl.when(pl.col("not_chosen").is_not_null())
        .then("not_chosen")
        .when(pl.col("baseline_value").is_null())
        .then(pl.lit("no_baseline"))
        .when(pl.col("refused").is_not_null())
        .then("refused")
        .when(pl.col("denominator").is_null())
        .then(pl.lit("no_upper_limit")),
    )


def _keep_most_abnormal(
    pairs: pl.DataFrame, baselines: pl.DataFrame, candidates: pl.DataFrame, component: Component
) -> pl.DataFrame:
    """Mark the enzyme that was the most abnormal at baseline, by its own upper limit of normal.

    Ties: the order of the definition. An enzyme without a limit is no candidate. The component is
    flagged where even that enzyme was within its limit: there is little to gain.
    """
    ratio = (pl.col("baseline_value") / pl.col("baseline_upper_limit")).round(DECIMALS)
    chosen = (
        baselines.filter(pl.col("baseline_upper_limit") > 0)
        .join(candidates.select("measure", "rank"), on="measure")
        .with_columns(ratio=ratio)
        .filter(pl.col("ratio").is_not_null())
        .sort([*REGIMEN_KEY, "ratio", "rank"], descending=[False, False, True, False])
        .group_by(REGIMEN_KEY, maintain_order=True)
        .agg(
            pl.col("measure").first().alias("chosen_measure"),
            compute_comparison(pl.col("ratio").first(), "<=", 1).alias("is_at_floor"),
        )
    )
    is_chosen = pl.col("measure") == pl.col("chosen_measure")
    return pairs.join(chosen, on=REGIMEN_KEY, how="left").with_columns(
        is_eligible=is_chosen.fill_null(False),
        not_chosen=pl.when(is_chosen.not_()).then(pl.lit("chosen_enzyme_not_recorded")),
        mark=pl.when(is_chosen & pl.col("is_at_floor")).then(
            pl.lit(component.floor_mark, pl.String)
        ),
    )


def _grade_component(
    visits: pl.DataFrame, pairs: pl.DataFrame, component: Component
) -> pl.DataFrame:
    """Choose the pair that counts at each visit and grade it; keep the cells passed over."""
    is_usable = pl.col("reason").is_null() & pl.col("is_eligible")
    ranked = (
        pairs.with_columns(
            is_unusable=is_usable.not_(),
            is_ineligible=pl.col("is_eligible").not_(),
            passed_over_reason=pl.when("is_eligible")
            .then(pl.coalesce("reason", pl.lit(NOT_CHOSEN[component.choice])))
            .otherwise(pl.lit(NOT_CHOSEN[component.choice])),
        )
        .sort([*VISIT_KEY, "is_unusable", "is_ineligible", "rank"])
        .with_columns(
            is_counted=(pl.int_range(pl.len()).over(VISIT_KEY) == 0) & pl.col("is_eligible")
        )
    )
    counted = ["measure", "percent_change", "mark", "row_id", "baseline_row_id", "rejected"]
    chosen = ranked.group_by(VISIT_KEY, maintain_order=True).agg(
        *(pl.col(name).filter("is_counted").first() for name in counted),
        pl.col("reason").first(),
        pl.col("is_unusable").first().not_().alias("is_usable"),
        *(
            pl.struct(row_id=pl.col(name), reason=pl.col("passed_over_reason"))
            .cast(PASSED_OVER)
            .filter(pl.col("is_counted").not_() & pl.col(name).is_not_null())
            .alias(f"passed_over_{name}")
            for name in ("row_id", "baseline_row_id")
        ),
    )
    return (
        visits.join(chosen, on=VISIT_KEY, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(is_usable=pl.col("is_usable").fill_null(False))
        .select(
            *VISIT_KEY,
            pl.lit(component.id).alias("component"),
            "measure",
            pl.when("is_usable").then("percent_change").alias("percent_change"),
            pl.when(pl.col("is_usable").not_())
            .then(pl.coalesce("reason", pl.lit("not_recorded")))
            .alias("reason"),
            pl.when("is_usable").then("mark").alias("mark"),
            "row_id",
            "baseline_row_id",
            "rejected",
            pl.concat_list("passed_over_row_id", "passed_over_baseline_row_id").alias(
                "passed_over"
            ),
        )
        .with_columns(_grade(component))
    )


def _grade(component: Component) -> list[pl.Expr]:
    """Turn the percent change into points: bands open below, closed above."""
    change = pl.col("percent_change")
    points: pl.Expr = pl.lit(component.points[0])
    edge: pl.Expr = pl.lit(component.edges[0])
    is_above: list[pl.Expr] = []
    for lower_edge, band_points in zip(component.edges, component.points[1:], strict=True):
        above = compute_comparison(change, ">", lower_edge)
        is_above.append(above)
        points = pl.when(above).then(pl.lit(band_points)).otherwise(points)
        edge = pl.when(above).then(pl.lit(lower_edge)).otherwise(edge)
    return [
        pl.when(change.is_not_null()).then(points).alias("points"),
        pl.when(change.is_not_null()).then(edge).alias("edge"),
        pl.when(is_above[0])
        .then(pl.lit(">"))
        .when(change.is_not_null())
        .then(pl.lit("<="))
        .alias("operator"),
    ]
