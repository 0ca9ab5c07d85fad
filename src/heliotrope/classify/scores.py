"""Degrees of improvement: the total improvement score of each visit, with its bounds and trace."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.presence import make_absent_roots
from heliotrope.classify.trace import Classified, empty_nodes, state_of
from heliotrope.classify.visit_nodes import NodeOfVisits, Rejected, VisitNodes
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.derive.score_parts import Graded
from heliotrope.derive.scores import (
    REGIMEN_KEY,
    ScoredVisits,
    derive_attainable,
    derive_scores,
)
from heliotrope.records.exact import compute_comparison
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import Score

ROOT = "root"
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
    attainable = derive_attainable(baselines, definitions, rulebook.settings)
    tables, parts = [], []
    for scored in derive_scores(changes, baselines, definitions, rulebook.settings):
        definition = scored.definition
        visits = _classify(scored.visits, attainable, definition)
        absent = None
        if cohort is not None:
            absent = make_absent_roots(cohort, visits, definition, label=NOT_EVALUABLE)
        tables.append(visits.select(TABLE_COLUMNS))
        parts.append(_make_nodes(visits, scored, absent))
    return Classified(pl.concat(tables), tuple(parts), ShardFinding.create_empty())


def _empty_table() -> pl.DataFrame:
    return Score.create_empty().with_columns(flags=pl.lit([], dtype=pl.List(pl.String)))


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


def _classify(
    visits: pl.DataFrame, attainable: pl.DataFrame, definition: ScoreDefinition
) -> pl.DataFrame:
    """Add the attainable score, the degrees of the bounds, category, state and reason."""
    best = attainable.filter(pl.col("definition_id") == definition.id)
    visits = (
        visits.join(best, on=REGIMEN_KEY, how="left", maintain_order="left")
        .with_columns(
            pl.col("score_max_attainable").fill_null(0.0),
            definition_id=pl.lit(definition.id),
            flags=pl.col("marks"),
        )
        .with_columns(
            compute_category(pl.col(f"score_{bound}"), definition).alias(f"degree_{bound}")
            for bound in BOUNDS
        )
    )
    is_evaluable = pl.col("missing_required").is_null()
    is_improved = compute_comparison(pl.col("score_lower"), ">=", definition.threshold)
    could_improve = compute_comparison(pl.col("score_upper"), ">=", definition.threshold)
    is_one_degree = pl.col("degree_lower") == pl.col("degree_upper")
    return visits.with_columns(
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
    )


def _make_nodes(
    visits: pl.DataFrame, scored: ScoredVisits, absent: pl.DataFrame | None
) -> VisitNodes:
    """Make the nodes of a score: its bounds, and each component."""
    definition = scored.definition
    passed_over = [
        reason.alias(item.name(f"passed_over:{measure}"))
        for item in scored.components
        for measure, reason in item.passed_over
    ]
    nodes = [
        *(_describe_bound(bound, definition) for bound in BOUNDS),
        *(_describe_component(item) for item in scored.components),
    ]
    return VisitNodes.keep(
        definition,
        visits.with_columns(passed_over),
        tuple(nodes),
        empty_nodes() if absent is None else absent,
    )


def _describe_bound(bound: str, definition: ScoreDefinition) -> NodeOfVisits:
    """Show a bound and its degree; the root is the lower one, and says what is decided."""
    points, is_root = pl.col(f"score_{bound}"), bound == "lower"
    is_reached = compute_comparison(points, ">=", definition.threshold)
    return NodeOfVisits(
        ROOT if is_root else f"score_{bound}",
        None if is_root else ROOT,
        pl.col("state") if is_root else state_of(is_reached),
        reason=pl.col("reason") if is_root else None,
        value=points,
        unit="points",
        operator=pl.lit(">="),
        threshold=pl.lit(definition.threshold),
        points=points if is_root else None,
        label=pl.col("category" if is_root else f"degree_{bound}"),
    )


def _describe_component(item: Graded) -> NodeOfVisits:
    """Show percent change, edge of the band, points and cells of a component."""
    points = pl.col(item.name("points"))
    return NodeOfVisits(
        item.component.id,
        ROOT,
        state_of(points > 0),
        reason=pl.coalesce(item.name("reason"), item.name("mark")),
        value=pl.col(item.name("percent_change")),
        unit="%",
        operator=pl.col(item.name("operator")),
        threshold=pl.col(item.name("edge")),
        points=points,
        label=pl.col(item.name("measure")),
        cell=item.name("row_id"),
        reference=item.name("baseline_row_id"),
        rejected=tuple(Rejected(*columns) for columns in item.rejected),
        passed_over=tuple(
            (f"{cell}:{measure}", item.name(f"passed_over:{measure}"))
            for measure, _ in item.passed_over
            for cell in ("row_id", "baseline_row_id")
        ),
    )
