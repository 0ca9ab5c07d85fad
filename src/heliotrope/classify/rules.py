"""The rules engine: every node of a rule, at every visit, in Kleene logic, column by column."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

import polars as pl

from heliotrope.classify.rule_answers import (
    SMALL_REFERENCE,
    RuleContext,
    add_banded_score,
    add_cut_off_states,
    add_leaf,
    add_off_treatment,
)
from heliotrope.classify.visit_runs import add_confirmed, add_sustained
from heliotrope.definitions.rule import (
    AllOf,
    AnyOf,
    AtLeast,
    BandedScore,
    Confirmed,
    CutOffStates,
    Leaf,
    Milestone,
    Node,
    OffTreatment,
    RuleDefinition,
    Sustained,
    children,
)
from heliotrope.derive.wide_visits import CELLS, OF_THE_VISIT, widen_visits

__all__ = [
    "SMALL_REFERENCE",
    "RuleContext",
    "compute_at_least",
    "evaluate_rule",
    "judge_visits",
]


def evaluate_rule(
    values: pl.DataFrame, definition: RuleDefinition, context: RuleContext
) -> pl.DataFrame:
    """Say of each visit what every node of a rule says.

    Input: one row a child, (regimen,) date and measure with ``value`` and ``row_id``; for a rule
    with a reference also ``baseline_value``, ``baseline_row_id`` and ``rejected``; where it has
    ``birth_date``, cautions of age are set. Output: one row for each visit with any of the rule's
    measures; the key, and per node ``truth:<node>`` (nullable Boolean), per node that answers from
    the records also ``quantity:``, ``reason:``, ``threshold:``, ``label:`` and its cells; for a
    rule that looks back what ``classify/visit_runs.py`` adds.
    """
    return judge_visits(widen_visits(values, definition.measures), definition, context)


def judge_visits(
    wide: pl.DataFrame, definition: RuleDefinition, context: RuleContext
) -> pl.DataFrame:
    """Judge every visit that has something the rule asks for; at a milestone, the nearest one."""
    visits = _select_visits(wide, definition, context)
    for answer in definition.answers:
        match answer:
            case Leaf():
                visits = add_leaf(visits, answer, context)
            case CutOffStates():
                visits = add_cut_off_states(visits, answer, context)
            case BandedScore():
                visits = add_banded_score(visits, answer, context)
            case OffTreatment():
                visits = add_off_treatment(visits, answer, context)
    for node in reversed(definition.nodes):
        visits = _combine(visits, node)
    if definition.milestone is not None:
        visits = _take_nearest(visits, definition.milestone)
    return visits


def _select_visits(
    wide: pl.DataFrame, definition: RuleDefinition, context: RuleContext
) -> pl.DataFrame:
    """Keep the visits on which any of the rule's measures or scores, if it has any, stands."""
    key = [name for name in ("patient_id", "regimen", "date") if name in wide.columns]
    of_visit = [name for name in OF_THE_VISIT if name in wide.columns]
    columns = [
        f"{name}:{measure}"
        for measure in definition.measures
        for name in CELLS
        if f"{name}:{measure}" in wide.columns
    ]
    visits = wide.select(*key, *of_visit, *columns)
    if definition.milestone is not None:
        away = (pl.col("day") - definition.milestone.day).abs()
        visits = visits.filter(away <= definition.milestone.within_days)
    is_recorded = [pl.col(f"value:{measure}").is_not_null() for measure in definition.measures]
    if definition.scores and context.scores is not None:
        scored = context.scores.filter(pl.col("definition_id").is_in(definition.scores))
        visits = visits.join(
            scored.select(*key, _is_scored=pl.lit(True)).unique(),
            on=key,
            how="left",
            maintain_order="left",
        )
        is_recorded.append(pl.col("_is_scored").fill_null(False))
    return visits.filter(pl.any_horizontal(is_recorded)) if is_recorded else visits


def _take_nearest(visits: pl.DataFrame, milestone: Milestone) -> pl.DataFrame:
    """Take one visit a regimen: one that can be judged, the nearest, the earlier of two as near."""
    key = ["patient_id", "regimen"]
    return (
        visits.with_columns(
            _away=(pl.col("day") - milestone.day).abs(), _unknown=pl.col("truth:root").is_null()
        )
        .sort(*key, "_unknown", "_away", "day")
        .unique(key, keep="first", maintain_order=True)
        .drop("_away", "_unknown")
    )


def _combine(visits: pl.DataFrame, node: Node) -> pl.DataFrame:
    """Decide one node from the nodes under it."""
    truths = [pl.col(f"truth:{child.id}") for child in children(node)]
    match node:
        case AllOf():
            return visits.with_columns(reduce(and_, truths).alias(f"truth:{node.id}"))
        case AnyOf():
            return visits.with_columns(reduce(or_, truths).alias(f"truth:{node.id}"))
        case AtLeast():
            essential = truths[: len(node.essential)]
            others = compute_at_least(node.count, truths[len(node.essential) :])
            return visits.with_columns(reduce(and_, [*essential, others]).alias(f"truth:{node.id}"))
        case Confirmed():
            return add_confirmed(visits, node)
        case Sustained():
            return add_sustained(visits, node)
        case _:
            return visits


def compute_at_least(count: int, truths: list[pl.Expr]) -> pl.Expr:
    """Say whether at least ``count`` are true: null only while it can still go either way."""
    met = pl.sum_horizontal(truth.fill_null(False).cast(pl.Int32) for truth in truths)
    possible = pl.sum_horizontal(truth.fill_null(True).cast(pl.Int32) for truth in truths)
    return (
        pl.when(met >= count)
        .then(pl.lit(True))
        .when(possible < count)
        .then(pl.lit(False))
        .otherwise(pl.lit(None, pl.Boolean))
    )
