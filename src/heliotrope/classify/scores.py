"""Degrees of improvement: the total improvement score of each visit, with its bounds and trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import polars as pl

from heliotrope.classify.presence import make_absent_roots
from heliotrope.classify.trace import (
    NO_SOURCES,
    Classified,
    make_nodes,
    state_of,
)
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.derive.scores import (
    REGIMEN_KEY,
    derive_attainable,
    derive_components,
    derive_score_bounds,
)
from heliotrope.records.exact import compute_comparison
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import Score

INDETERMINATE = "indeterminate"
NOT_EVALUABLE = "not_evaluable"
BOUNDS = ("lower", "upper", "max_attainable")

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
    definitions = rulebook.of_kind(ScoreDefinition)
    if not definitions:
        return Classified(_empty_table(), (), ShardFinding.create_empty())
    components = derive_components(changes, baselines, definitions, rulebook.settings)
    attainable = derive_attainable(baselines, definitions, rulebook.settings)
    scores = _classify(
        derive_score_bounds(components).join(
            attainable, on=["definition_id", *REGIMEN_KEY], how="left", maintain_order="left"
        ),
        definitions,
    )
    nodes = pl.concat(
        [*_make_root_nodes(scores, definitions), _make_component_nodes(components, definitions)]
    )
    absent = [
        make_absent_roots(
            cohort,
            scores.filter(pl.col("definition_id") == definition.id),
            definition,
            label=NOT_EVALUABLE,
        )
        for definition in definitions
        if cohort is not None
    ]
    return Classified(
        table=scores.select(TABLE_COLUMNS),
        parts=(nodes, *absent),
        findings=ShardFinding.create_empty(),
    )


def _empty_table() -> pl.DataFrame:
    return Score.create_empty().with_columns(flags=pl.lit([], dtype=pl.List(pl.String)))


def choose_by_definition(
    definitions: Sequence[ScoreDefinition], choose: Callable[[ScoreDefinition], pl.Expr]
) -> pl.Expr:
    """Give each row what is made for its own definition."""
    chosen: pl.Expr = choose(definitions[0])
    for definition in definitions[1:]:
        chosen = (
            pl.when(pl.col("definition_id") == definition.id)
            .then(choose(definition))
            .otherwise(chosen)
        )
    return chosen


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


def _classify(scores: pl.DataFrame, definitions: Sequence[ScoreDefinition]) -> pl.DataFrame:
    """Add threshold, the degrees of the bounds, category, state and reason."""
    scores = scores.with_columns(
        pl.col("score_max_attainable").fill_null(0.0),
        threshold=choose_by_definition(definitions, lambda item: pl.lit(item.threshold)),
        definition_version=choose_by_definition(definitions, lambda item: pl.lit(item.stamp)),
    ).with_columns(
        choose_by_definition(
            definitions, partial(compute_category, pl.col(f"score_{bound}"))
        ).alias(f"degree_{bound}")
        for bound in BOUNDS
    )
    is_evaluable = pl.col("missing_required").is_null()
    is_improved = compute_comparison(pl.col("score_lower"), ">=", pl.col("threshold"))
    could_improve = compute_comparison(pl.col("score_upper"), ">=", pl.col("threshold"))
    is_one_degree = pl.col("degree_lower") == pl.col("degree_upper")
    return scores.with_columns(
        category=pl.when(is_evaluable.not_())
        .then(pl.lit(NOT_EVALUABLE))
        .when(is_one_degree)
        .then("degree_lower")
        .otherwise(pl.lit(INDETERMINATE)),
        state=pl.when(is_evaluable & is_improved)
        .then(pl.lit("met"))
        .when(is_evaluable & could_improve.not_())
        .then(pl.lit("not_met"))
        .otherwise(pl.lit(NOT_EVALUABLE)),
        reason=pl.when(is_evaluable.not_())
        .then(pl.format("no_{}", pl.col("missing_required")))
        .when(is_one_degree.not_())
        .then(pl.lit("bounds_straddle")),
        flags=pl.col("marks"),
    )


def _make_root_nodes(
    scores: pl.DataFrame, definitions: Sequence[ScoreDefinition]
) -> list[pl.DataFrame]:
    """Make the root (lower bound and degree) and the nodes of upper bound and attainable score."""
    columns = {
        "definition_id": pl.col("definition_id"),
        "definition_version": pl.col("definition_version"),
        "operator": pl.lit(">="),
        "threshold": pl.col("threshold"),
        "unit": pl.lit("points"),
    }
    root = make_nodes(
        scores,
        definitions[0],
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
            definitions[0],
            node=pl.lit(f"score_{bound}"),
            parent=pl.lit("root"),
            state=state_of(compute_comparison(pl.col(f"score_{bound}"), ">=", pl.col("threshold"))),
            value=pl.col(f"score_{bound}"),
            label=pl.col(f"degree_{bound}"),
            **columns,
        )
        for bound in ("upper", "max_attainable")
    ]
    return [root, *bounds]


def _make_component_nodes(
    components: pl.DataFrame, definitions: Sequence[ScoreDefinition]
) -> pl.DataFrame:
    """Make one node a visit and component: percent change, band edge, points and cells."""
    points = pl.col("points")
    return make_nodes(
        components,
        definitions[0],
        definition_id=pl.col("definition_id"),
        definition_version=choose_by_definition(definitions, lambda item: pl.lit(item.stamp)),
        node=pl.col("component"),
        parent=pl.lit("root"),
        state=state_of(points > 0),
        reason=pl.coalesce("reason", "mark"),
        value=pl.col("percent_change"),
        unit=pl.lit("%"),
        operator=pl.col("operator"),
        threshold=pl.col("edge"),
        points=points,
        label=pl.col("measure"),
        sources=pl.coalesce("cells", NO_SOURCES),
    )
