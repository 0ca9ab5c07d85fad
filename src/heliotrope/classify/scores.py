"""Degrees of improvement: the total improvement score of each visit, with its bounds and trace."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.presence import make_absent_roots
from heliotrope.classify.trace import NO_SOURCES, SOURCE, Classified, empty_nodes, make_nodes, used
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.derive.scores import (
    REGIMEN_KEY,
    derive_attainable,
    derive_components,
    derive_score_bounds,
)
from heliotrope.records.exact import compute_comparison
from heliotrope.records.results import Score, ShardFinding

INDETERMINATE = "indeterminate"
NOT_EVALUABLE = "not_evaluable"

TABLE_COLUMNS = [*Score.column_names(), "flags"]


def classify_scores(
    changes: pl.DataFrame,
    baselines: pl.DataFrame,
    rulebook: Rulebook,
    cohort: pl.DataFrame | None = None,
) -> Classified:
    """Score every visit after the first infusion against the baseline of its regimen.

    Every shipped score is evaluated, for children and for adults, so that definitions can be
    compared within one run; which one is the headline is for the reader (``population``).
    Input: ``changes`` and ``baselines``; ``cohort`` (patient_id, regimen) names who must have a
    root even without a visit. Table: the columns of ``Score`` and ``flags`` (``enzyme_floor``,
    ``strength_by_cmas``).

    ``state`` says whether improvement of the lowest degree was reached: met when the lower bound
    is over its threshold, not_met when the upper one is under it, else not evaluable with reason
    ``bounds_straddle``. ``category`` is the degree both bounds agree on, else ``indeterminate``
    (reason ``bounds_straddle``). Without physician global or strength state and category are
    ``not_evaluable`` (reason ``no_physician_global`` or ``no_strength``); bounds are still given.
    """
    tables, frames = [], []
    for definition in rulebook.of_kind(ScoreDefinition):
        components = derive_components(changes, baselines, definition, rulebook.settings)
        scores = _classify(
            derive_score_bounds(components, definition).join(
                derive_attainable(baselines, definition, rulebook.settings),
                on=REGIMEN_KEY,
                how="left",
            ),
            definition,
        )
        nodes = pl.concat(
            [*_make_root_nodes(scores, definition), _make_component_nodes(components, definition)]
        )
        frames.append(nodes)
        if cohort is not None:
            frames.append(make_absent_roots(cohort, nodes, definition, label=NOT_EVALUABLE))
        tables.append(scores.select(TABLE_COLUMNS))
    empty = Score.create_empty().with_columns(flags=pl.lit([], dtype=pl.List(pl.String)))
    return Classified(
        table=pl.concat(tables) if tables else empty,
        nodes=pl.concat(frames) if frames else empty_nodes(),
        findings=ShardFinding.create_empty(),
    )


def compute_category(points: pl.Expr, definition: ScoreDefinition) -> pl.Expr:
    """Give the highest degree of improvement that a number of points reaches."""
    category: pl.Expr = pl.lit(definition.lowest_category)
    for degree in sorted(definition.categories, key=lambda item: item.at_least):
        category = (
            pl.when(compute_comparison(points, ">=", degree.at_least))
            .then(pl.lit(degree.name))
            .otherwise(category)
        )
    return category


def _classify(scores: pl.DataFrame, definition: ScoreDefinition) -> pl.DataFrame:
    """Add category, state and reason to the bounds."""
    lower, upper = (
        compute_category(pl.col(name), definition) for name in ("score_lower", "score_upper")
    )
    is_evaluable = pl.col("missing_required").is_null()
    improved = compute_comparison(pl.col("score_lower"), ">=", definition.threshold)
    could_improve = compute_comparison(pl.col("score_upper"), ">=", definition.threshold)
    return scores.with_columns(
        pl.col("score_max_attainable").fill_null(0.0),
        definition_id=pl.lit(definition.id),
        category=pl.when(is_evaluable.not_())
        .then(pl.lit(NOT_EVALUABLE))
        .when(lower == upper)
        .then(lower)
        .otherwise(pl.lit(INDETERMINATE)),
        state=pl.when(is_evaluable & improved)
        .then(pl.lit("met"))
        .when(is_evaluable & could_improve.not_())
        .then(pl.lit("not_met"))
        .otherwise(pl.lit(NOT_EVALUABLE)),
        reason=pl.when(is_evaluable.not_())
        .then(pl.format("no_{}", pl.col("missing_required")))
        .when(lower != upper)
        .then(pl.lit("bounds_straddle")),
        flags=pl.col("marks"),
    )


def _make_root_nodes(scores: pl.DataFrame, definition: ScoreDefinition) -> list[pl.DataFrame]:
    """Make the root (lower bound and degree) and the nodes of upper bound and attainable score."""
    columns = {
        "operator": pl.lit(">="),
        "threshold": pl.lit(definition.threshold),
        "unit": pl.lit("points"),
    }
    root = make_nodes(
        scores,
        definition,
        node=pl.lit("root"),
        state=pl.col("state"),
        reason=pl.col("reason"),
        value=pl.col("score_lower"),
        points=pl.col("score_lower"),
        label=pl.col("category"),
        **columns,
    )
    bounds = [
        make_nodes(
            scores,
            definition,
            node=pl.lit(name),
            parent=pl.lit("root"),
            state=pl.when(compute_comparison(pl.col(name), ">=", definition.threshold))
            .then(pl.lit("met"))
            .otherwise(pl.lit("not_met")),
            value=pl.col(name),
            label=compute_category(pl.col(name), definition),
            **columns,
        )
        for name in ("score_upper", "score_max_attainable")
    ]
    return [root, *bounds]


def _make_component_nodes(components: pl.DataFrame, definition: ScoreDefinition) -> pl.DataFrame:
    """Make one node a visit and component: percent change, band edge, points and cells."""
    points = pl.col("points")
    rejected = pl.col("rejected").cast(pl.List(SOURCE))
    passed_over = pl.col("passed_over").list.eval(
        pl.struct(
            row_id=pl.element().struct.field("row_id"),
            role=pl.lit("rejected"),
            reason=pl.element().struct.field("reason"),
        ).cast(SOURCE)
    )
    return make_nodes(
        components,
        definition,
        node=pl.col("component"),
        parent=pl.lit("root"),
        state=pl.when(points > 0)
        .then(pl.lit("met"))
        .when(points.is_not_null())
        .then(pl.lit("not_met"))
        .otherwise(pl.lit(NOT_EVALUABLE)),
        reason=pl.coalesce("reason", "mark"),
        value=pl.col("percent_change"),
        unit=pl.lit("%"),
        operator=pl.col("operator"),
        threshold=pl.col("edge"),
        points=points,
        label=pl.col("measure"),
        sources=pl.concat_list(
            used(pl.col("row_id")),
            used(pl.col("baseline_row_id")),
            pl.when(rejected.is_not_null()).then(rejected).otherwise(NO_SOURCES),
            pl.when(passed_over.is_not_null()).then(passed_over).otherwise(NO_SOURCES),
        ),
    )
