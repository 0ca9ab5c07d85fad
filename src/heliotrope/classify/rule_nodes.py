"""The trace of the rules: one row a visit and node, with what was compared and from which cells."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.rule_answers import name_cells
from heliotrope.classify.trace import empty_nodes, state_of
from heliotrope.classify.visit_nodes import NodeOfVisits, Rejected, VisitNodes
from heliotrope.definitions.rule import (
    ANSWERS,
    BROKEN,
    HELD,
    PREVIOUS_VISIT,
    Answer,
    BandedScore,
    Confirmed,
    CutOffStates,
    Leaf,
    OffTreatment,
    RuleDefinition,
    Sustained,
    walk,
)
from heliotrope.records.coded_words import STATE, WORD, word

UPPER = "{}_upper"
DAYS = "d"
POINTS = "points"


def make_rule_nodes(
    visits: pl.DataFrame, definition: RuleDefinition, absent: pl.DataFrame | None = None
) -> VisitNodes:
    """Turn evaluated visits into trace nodes: one row a visit and node of the rule.

    A banded score has a second row for its upper bound (``<node>_upper``), a node that looks back
    has rows for what it found there. ``absent``: the roots of whoever has no visit.
    """
    nodes: list[NodeOfVisits] = []
    for node, parent in walk(definition.root):
        if isinstance(node, ANSWERS):
            nodes.append(_describe_answer(node, parent))
        else:
            reason = None if parent else compute_root_reason(definition)
            nodes.append(NodeOfVisits(node.id, parent, _state_of(node.id), reason=reason))
        match node:
            case BandedScore():
                nodes.append(_describe_upper_bound(node))
            case Confirmed():
                nodes.append(_describe_previous_visit(node))
            case Sustained():
                nodes += _describe_run(node)
    return VisitNodes.keep(
        definition, visits, tuple(nodes), empty_nodes() if absent is None else absent
    )


def _state_of(node: str) -> pl.Expr:
    return state_of(pl.col(f"truth:{node}"), STATE)


def _describe_answer(node: Answer, parent: str | None) -> NodeOfVisits:
    """Show what a node compared: value, unit, operator, threshold, label and cells."""
    cells = name_cells(node)
    unit, operator = _say_comparison(node)
    threshold = pl.col(f"threshold:{node.id}")
    if isinstance(node, Leaf) and not node.otherwise:
        threshold = pl.lit(node.threshold)
    return NodeOfVisits(
        node.id,
        parent,
        _state_of(node.id),
        reason=pl.col(f"reason:{node.id}"),
        value=pl.col(f"quantity:{node.id}"),
        unit=unit,
        operator=pl.lit(operator),
        threshold=threshold,
        label=pl.col(f"label:{node.id}"),
        cell=cells.get("cell"),
        reference=cells.get("reference"),
        rejected=(Rejected(cells["rejected"]),) if "rejected" in cells else (),
    )


def _say_comparison(node: Answer) -> tuple[str, str]:
    """Give the unit and the operator of a node's comparison."""
    match node:
        case Leaf():
            return node.unit, node.operator
        case CutOffStates():
            return node.unit, node.met_cut.operator
        case BandedScore():
            return POINTS, ">="
        case OffTreatment():
            return DAYS, node.operator


def compute_root_reason(definition: RuleDefinition) -> pl.Expr:
    """Give the reason of a root that is not evaluable."""
    root, back = definition.root, definition.looks_back
    reason = word("measures_missing")
    if isinstance(root, ANSWERS):
        reason = pl.col(f"reason:{root.id}")
    elif isinstance(back, Sustained):
        is_short = pl.col(f"truth:{back.id}").is_null() & pl.col(f"truth:{back.of.id}")
        reason = pl.when(is_short).then(word("not_seen_long_enough")).otherwise(reason)
    return pl.when(pl.col(f"truth:{root.id}").is_null()).then(reason)


def _describe_upper_bound(node: BandedScore) -> NodeOfVisits:
    """Show whether the degree could be reached with missing measures at their maximum."""
    return NodeOfVisits(
        UPPER.format(node.id),
        node.id,
        _state_of(f"{node.id}_upper"),
        value=pl.col(f"upper:{node.id}"),
        unit=POINTS,
        operator=pl.lit(">="),
        threshold=pl.col(f"threshold:{node.id}"),
        label=pl.col(f"label:{node.id}"),
    )


def _describe_previous_visit(node: Confirmed) -> NodeOfVisits:
    """Show what the visit before said; its date stands as the label."""
    previous = pl.col(f"truth:{PREVIOUS_VISIT}")
    return NodeOfVisits(
        PREVIOUS_VISIT,
        node.id,
        state_of(previous.fill_null(False), STATE),
        reason=pl.col(f"reason:{PREVIOUS_VISIT}"),
        label=_spell_date(f"date:{PREVIOUS_VISIT}"),
    )


def _describe_run(node: Sustained) -> list[NodeOfVisits]:
    """Show how long the row of visits is, and how long ago one did not meet the node.

    The date of the first visit of the row, and of that other one, stand as the labels.
    """
    return [
        NodeOfVisits(
            name,
            node.id,
            _state_of(name),
            value=pl.col(f"quantity:{name}"),
            unit=DAYS,
            operator=pl.lit(operator),
            threshold=pl.lit(float(node.at_least_days)),
            label=_spell_date(f"date:{name}"),
        )
        for name, operator in ((HELD, ">="), (BROKEN, "<"))
    ]


def _spell_date(column: str) -> pl.Expr:
    return pl.col(column).dt.to_string("iso").cast(WORD)
