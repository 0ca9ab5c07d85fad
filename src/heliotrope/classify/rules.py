"""The rules engine: every node of a rule, at every visit, in Kleene logic, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_

import polars as pl

from heliotrope.classify.trace import NO_SOURCES, SOURCE, make_nodes, state_of, used
from heliotrope.definitions.rule import (
    PREVIOUS_VISIT,
    AllOf,
    AnyOf,
    AtLeast,
    Confirmed,
    Leaf,
    Node,
    RuleDefinition,
    children,
    walk,
)
from heliotrope.definitions.settings import Settings
from heliotrope.records.exact import DECIMALS, compute_comparison

SMALL_REFERENCE = "small_reference"


@dataclass(frozen=True)
class RuleContext:
    """What a rule is evaluated with, beside the values.

    ``floors``: measure to the least absolute worsening that a leaf in percent also asks for
    (empty: none); ``settings``: the study's own scales.
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)


def evaluate_rule(
    values: pl.DataFrame, definition: RuleDefinition, context: RuleContext
) -> pl.DataFrame:
    """Say of each visit what every node of a rule says.

    Input: one row a child, (regimen,) date and measure with ``value`` and ``row_id``; for a rule
    with a reference also ``baseline_value``, ``baseline_row_id`` and ``rejected``; where it has
    ``birth_date``, cautions of age are set. Output: one row for each visit with any of the rule's
    measures; the key, and per node ``truth:<node>`` (nullable Boolean), per leaf also
    ``quantity:<leaf>``, ``reason:<leaf>`` and ``sources:<leaf>``; for a rule that asks for two
    visits ``truth:previous_visit`` and ``date:previous_visit``.
    """
    key = [name for name in ("patient_id", "regimen", "date") if name in values.columns]
    recorded = values.filter(
        pl.col("measure").is_in(definition.measures) & pl.col("value").is_not_null()
    )
    visits = (
        recorded.group_by(key)
        .agg(
            expression
            for measure in definition.measures
            for expression in _pick_measure(measure, recorded.columns)
        )
        .sort(key)
    )
    visits = visits.with_columns(
        expression for leaf in definition.leaves for expression in _read_leaf(leaf, context)
    ).with_columns(
        expression
        for leaf in definition.leaves
        for expression in _judge_leaf(leaf, context, visits.columns)
    )
    for node, _ in reversed(list(walk(definition.root))):
        if not isinstance(node, Leaf):
            visits = visits.with_columns(_combine(node))
    return visits


def _pick_measure(measure: str, columns: list[str]) -> list[pl.Expr]:
    """Bring one measure's cells beside the others of the same visit."""
    wanted = ["value", "row_id", "baseline_value", "baseline_row_id", "rejected", "birth_date"]
    picked = [
        pl.col(name).filter(pl.col("measure") == measure).first().alias(f"{name}:{measure}")
        for name in wanted
        if name in columns
    ]
    if "baseline_value" not in columns:
        picked.append(pl.lit(None, pl.Float64).alias(f"baseline_value:{measure}"))
    return picked


def _read_leaf(leaf: Leaf, context: RuleContext) -> list[pl.Expr]:
    """Compute the number a leaf compares, and the absolute worsening behind it."""
    value = pl.col(f"value:{leaf.measure}")
    reference = pl.col(f"baseline_value:{leaf.measure}")
    if _is_other_scale(leaf, context.settings):
        value = pl.lit(None, pl.Float64)
    worsening = value - reference if leaf.better == "low" else reference - value
    relative = pl.when(reference != 0).then(worsening / reference * 100)
    quantity = {"value": value, "worsening": worsening, "relative_worsening": relative}
    return [
        quantity[leaf.quantity].round(DECIMALS).alias(f"quantity:{leaf.id}"),
        worsening.alias(f"worsening:{leaf.id}"),
    ]


def _judge_leaf(leaf: Leaf, context: RuleContext, columns: list[str]) -> list[pl.Expr]:
    """Compare a leaf with its threshold; say why it has no answer; keep its cells."""
    quantity = pl.col(f"quantity:{leaf.id}")
    truth = compute_comparison(quantity, leaf.operator, leaf.threshold)
    is_small = pl.lit(False)
    if leaf.quantity == "relative_worsening" and leaf.measure in context.floors:
        is_large = compute_comparison(
            pl.col(f"worsening:{leaf.id}"), ">=", context.floors[leaf.measure]
        )
        is_small = truth & is_large.not_()
        truth = truth & is_large
    reason = (
        pl.when(pl.col(f"value:{leaf.measure}").is_null())
        .then(pl.lit("not_recorded"))
        .when(pl.lit(_is_other_scale(leaf, context.settings)))
        .then(pl.lit("other_scale"))
        .when(is_small)
        .then(pl.lit(SMALL_REFERENCE))
        .when(quantity.is_not_null())
        .then(_caution(leaf, columns))
        .when(pl.col(f"baseline_value:{leaf.measure}").is_null())
        .then(pl.lit("no_baseline"))
        .otherwise(pl.lit("reference_zero"))
    )
    return [
        truth.alias(f"truth:{leaf.id}"),
        reason.alias(f"reason:{leaf.id}"),
        _sources(leaf, columns).alias(f"sources:{leaf.id}"),
    ]


def _is_other_scale(leaf: Leaf, settings: Settings) -> bool:
    """Say whether the study declares another scale than the one the threshold was made for."""
    declared = settings.measures.get(leaf.measure)
    return bool(declared and leaf.scale_maximum and declared.max != leaf.scale_maximum)


def _caution(leaf: Leaf, columns: list[str]) -> pl.Expr:
    """Give the leaf's word of caution for a child under its age; null else or without a birth."""
    birth_date = f"birth_date:{leaf.measure}"
    if leaf.caution is None or birth_date not in columns:
        return pl.lit(None, pl.String)
    birthday = pl.col(birth_date).dt.offset_by(f"{leaf.caution.under_age_years}y")
    return pl.when(pl.col("date") < birthday).then(pl.lit(leaf.caution.word))


def _sources(leaf: Leaf, columns: list[str]) -> pl.Expr:
    """List the cells of the visit and of the reference, and the candidates rejected for it."""
    parts = [used(pl.col(f"row_id:{leaf.measure}"))]
    if leaf.quantity != "value" and f"baseline_row_id:{leaf.measure}" in columns:
        parts.append(used(pl.col(f"baseline_row_id:{leaf.measure}")))
    if leaf.quantity != "value" and f"rejected:{leaf.measure}" in columns:
        rejected = pl.col(f"rejected:{leaf.measure}").cast(pl.List(SOURCE))
        parts.append(pl.when(rejected.is_not_null()).then(rejected).otherwise(NO_SOURCES))
    return pl.concat_list(parts)


def _combine(node: Node) -> list[pl.Expr]:
    """Decide one node from the nodes under it."""
    truths = [pl.col(f"truth:{child.id}") for child in children(node)]
    match node:
        case AllOf():
            return [reduce(and_, truths).alias(f"truth:{node.id}")]
        case AnyOf():
            return [reduce(or_, truths).alias(f"truth:{node.id}")]
        case AtLeast():
            essential = truths[: len(node.essential)]
            others = compute_at_least(node.count, truths[len(node.essential) :])
            return [reduce(and_, [*essential, others]).alias(f"truth:{node.id}")]
        case Confirmed():
            return _confirm(node)
        case Leaf():
            return []


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


def _confirm(node: Confirmed) -> list[pl.Expr]:
    """Look back, within child and regimen, to the last visit that could be judged."""
    truth = pl.col(f"truth:{node.of.id}")
    judged_on = pl.when(truth.is_not_null()).then(pl.col("date"))
    series = ["patient_id", "regimen"]
    previous = truth.shift(1).forward_fill().over(series, order_by="date")
    return [
        previous.alias(f"truth:{PREVIOUS_VISIT}"),
        judged_on.shift(1)
        .forward_fill()
        .over(series, order_by="date")
        .alias(f"date:{PREVIOUS_VISIT}"),
        pl.when(truth.is_not_null())
        .then(truth & previous.fill_null(False))
        .alias(f"truth:{node.id}"),
    ]


def make_rule_nodes(visits: pl.DataFrame, definition: RuleDefinition) -> pl.DataFrame:
    """Turn evaluated visits into trace nodes: one row a visit and node of the rule."""
    frames = []
    for node, parent in walk(definition.root):
        columns = {
            "node": pl.lit(node.id),
            "parent": pl.lit(parent, pl.String),
            "state": state_of(pl.col(f"truth:{node.id}")),
        }
        if isinstance(node, Leaf):
            columns |= {
                "reason": pl.col(f"reason:{node.id}"),
                "value": pl.col(f"quantity:{node.id}"),
                "unit": pl.lit(node.unit),
                "operator": pl.lit(node.operator),
                "threshold": pl.lit(node.threshold),
                "sources": pl.col(f"sources:{node.id}"),
            }
        elif parent is None:
            columns["reason"] = compute_root_reason(node)
        frames.append(make_nodes(visits, definition, **columns))
        if isinstance(node, Confirmed):
            frames.append(_make_previous_visit(visits, definition, node))
    return pl.concat(frames)


def compute_root_reason(root: Node) -> pl.Expr:
    """Give the reason of a root that is not evaluable."""
    return pl.when(pl.col(f"truth:{root.id}").is_null()).then(pl.lit("measures_missing"))


def _make_previous_visit(
    visits: pl.DataFrame, definition: RuleDefinition, node: Confirmed
) -> pl.DataFrame:
    """Show what the visit before said; its date stands as the label."""
    previous = pl.col(f"truth:{PREVIOUS_VISIT}")
    return make_nodes(
        visits,
        definition,
        node=pl.lit(PREVIOUS_VISIT),
        parent=pl.lit(node.id),
        state=state_of(previous.fill_null(False)),
        reason=pl.when(previous.is_null()).then(pl.lit("no_earlier_visit")),
        label=pl.col(f"date:{PREVIOUS_VISIT}").dt.to_string("iso"),
    )
