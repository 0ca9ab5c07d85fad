"""The trace of the rules: one row a visit and node, with what was compared and from which cells."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import make_nodes, state_of
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

UPPER = "{}_upper"
DAYS = "d"
POINTS = "points"


def make_rule_nodes(visits: pl.DataFrame, definition: RuleDefinition) -> pl.DataFrame:
    """Turn evaluated visits into trace nodes: one row a visit and node of the rule.

    A banded score has a second row for its upper bound (``<node>_upper``), a node that looks back
    has rows for what it found there.
    """
    frames = []
    for node, parent in walk(definition.root):
        columns = {
            "node": pl.lit(node.id),
            "parent": pl.lit(parent, pl.String),
            "state": state_of(pl.col(f"truth:{node.id}")),
        }
        if isinstance(node, ANSWERS):
            columns |= _describe_answer(node)
        elif parent is None:
            columns["reason"] = compute_root_reason(definition)
        frames.append(make_nodes(visits, definition, **columns))
        match node:
            case BandedScore():
                frames.append(_make_upper_bound(visits, definition, node))
            case Confirmed():
                frames.append(_make_previous_visit(visits, definition, node))
            case Sustained():
                frames += _make_run(visits, definition, node)
    return pl.concat(frames)


def _describe_answer(node: Answer) -> dict[str, pl.Expr]:
    """Show what a node compared: value, unit, operator, threshold, label and cells."""
    unit, operator = _say_comparison(node)
    return {
        "reason": pl.col(f"reason:{node.id}"),
        "value": pl.col(f"quantity:{node.id}"),
        "unit": pl.lit(unit),
        "operator": pl.lit(operator),
        "threshold": pl.col(f"threshold:{node.id}"),
        "label": pl.col(f"label:{node.id}"),
        "sources": pl.col(f"sources:{node.id}"),
    }


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
    reason: pl.Expr = pl.lit("measures_missing")
    if isinstance(root, ANSWERS):
        reason = pl.col(f"reason:{root.id}")
    elif isinstance(back, Sustained):
        is_short = pl.col(f"truth:{back.id}").is_null() & pl.col(f"truth:{back.of.id}")
        reason = pl.when(is_short).then(pl.lit("not_seen_long_enough")).otherwise(reason)
    return pl.when(pl.col(f"truth:{root.id}").is_null()).then(reason)


def _make_upper_bound(
    visits: pl.DataFrame, definition: RuleDefinition, node: BandedScore
) -> pl.DataFrame:
    """Show whether the degree could be reached with missing measures at their maximum."""
    return make_nodes(
        visits,
        definition,
        node=pl.lit(UPPER.format(node.id)),
        parent=pl.lit(node.id),
        state=state_of(pl.col(f"truth:{node.id}_upper")),
        value=pl.col(f"upper:{node.id}"),
        unit=pl.lit(POINTS),
        operator=pl.lit(">="),
        threshold=pl.col(f"threshold:{node.id}"),
        label=pl.col(f"label:{node.id}"),
    )


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
        reason=pl.col(f"reason:{PREVIOUS_VISIT}"),
        label=pl.col(f"date:{PREVIOUS_VISIT}").dt.to_string("iso"),
    )


def _make_run(
    visits: pl.DataFrame, definition: RuleDefinition, node: Sustained
) -> list[pl.DataFrame]:
    """Show how long the row of visits is, and how long ago one did not meet the node.

    The date of the first visit of the row, and of that other one, stand as the labels.
    """
    return [
        make_nodes(
            visits,
            definition,
            node=pl.lit(name),
            parent=pl.lit(node.id),
            state=state_of(pl.col(f"truth:{name}")),
            value=pl.col(f"quantity:{name}"),
            unit=pl.lit(DAYS),
            operator=pl.lit(operator),
            threshold=pl.lit(float(node.at_least_days)),
            label=pl.col(f"date:{name}").dt.to_string("iso"),
        )
        for name, operator in ((HELD, ">="), (BROKEN, "<"))
    ]
