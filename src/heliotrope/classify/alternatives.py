"""What else each node of a decision could have said: the rows of the trace, moved.

A node that answers from the records is moved across its threshold, or to nothing recorded; the
rows so changed are what replay is given to see whether the class would have been another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heliotrope.classify.replay import grade
from heliotrope.classify.replay_trace import TraceRow
from heliotrope.definitions.model import Definition
from heliotrope.definitions.rule import (
    PREVIOUS_VISIT,
    BandedScore,
    CutOffStates,
    Leaf,
    RuleDefinition,
)
from heliotrope.definitions.score import Component, ScoreDefinition

ROOT = "root"
UPPER = "{}_upper"
NOT_RECORDED = "not_evaluable"
ABOVE = (">", ">=")
# A strict cut-off does not hold its own edge: this far beside it lies a value that it holds.
INSIDE = {"<": -1, ">": 1}


@dataclass(frozen=True)
class Alternative:
    """Another answer of one node: what it would be, and the trace rows that say so."""

    node: str
    would_be: str
    rows: Mapping[str, TraceRow]


def list_leaves(rows: Sequence[TraceRow], definition: Definition) -> tuple[TraceRow, ...]:
    """List the rows that answer from the records: those that no other row hangs on.

    A root alone is a leaf where the rule is one comparison. The bounds of a score and of a banded
    score follow from other rows and are none.
    """
    by_node = {str(row["node"]): row for row in rows}
    if isinstance(definition, ScoreDefinition):
        names = [item.id for item in definition.components]
        return tuple(by_node[name] for name in names if name in by_node)
    if isinstance(definition, RuleDefinition):
        names = [node.id for node in definition.answers] + [PREVIOUS_VISIT]
        return tuple(by_node[name] for name in names if name in by_node)
    parents = {row["parent"] for row in rows}
    return tuple(row for row in rows if row["node"] not in parents and row["operator"] is not None)


def list_alternatives(leaf: TraceRow, definition: Definition) -> tuple[Alternative, ...]:
    """List the answers a leaf did not give, each once."""
    name = str(leaf["node"])
    found = definition.nodes if isinstance(definition, RuleDefinition) else ()
    node = next((item for item in found if item.id == name), None)
    if isinstance(definition, ScoreDefinition):
        component = next(item for item in definition.components if item.id == name)
        answers = _grades(component, leaf)
    elif name == PREVIOUS_VISIT:
        answers = _states(leaf)
    elif isinstance(node, CutOffStates):
        answers = _classes(node, leaf)
    else:
        answers = _sides(leaf, _find_threshold(leaf, node))
    if isinstance(node, BandedScore):
        upper = UPPER.format(name)
        return tuple(
            Alternative(name, word, {name: row, upper: {**row, "node": upper, "parent": name}})
            for word, row in answers
        )
    return tuple(Alternative(name, word, {name: row}) for word, row in answers)


def _find_threshold(leaf: TraceRow, node: object) -> float | None:
    if isinstance(node, Leaf):
        asked = {item.measure: item.threshold for item in node.candidates}
        return asked[leaf["label"] or node.measure]
    threshold = leaf["threshold"]
    return None if threshold is None else float(threshold)


def _sides(leaf: TraceRow, threshold: float | None) -> Iterator[tuple[str, TraceRow]]:
    """Put the value on the edge and one beside it: one meets the comparison, the other does not."""
    if threshold is None:
        return
    operator = leaf["operator"]
    beside = threshold + (-1 if operator in (">=", "<") else 1)
    is_met_on_edge = operator in (">=", "<=", "==")
    for state, value in (
        ("met", threshold if is_met_on_edge else beside),
        ("not_met", beside if is_met_on_edge else threshold),
        (NOT_RECORDED, None),
    ):
        if state != leaf["state"]:
            yield state, {**leaf, "state": state, "value": value, "reason": None}


def _states(leaf: TraceRow) -> Iterator[tuple[str, TraceRow]]:
    for state in ("met", "not_met"):
        if state != leaf["state"]:
            yield state, {**leaf, "state": state, "reason": None}


def _classes(node: CutOffStates, leaf: TraceRow) -> Iterator[tuple[str, TraceRow]]:
    """Take one value of each class: at its cut-off, or for the last class beyond all of them."""
    last = node.states[-1]
    beyond = last.threshold + (-1 if last.operator in ABOVE else 1)
    values = [(cut.label, cut.threshold + INSIDE.get(cut.operator, 0)) for cut in node.states]
    for label, value in (*values, (node.otherwise, beyond)):
        if label != leaf["label"]:
            state = "met" if label in node.met else "not_met"
            yield label, {**leaf, "state": state, "label": label, "value": value, "reason": None}
    if leaf["value"] is not None:
        nothing = {"state": NOT_RECORDED, "label": None, "value": None, "reason": None}
        yield NOT_RECORDED, {**leaf, **nothing}


def _grades(component: Component, leaf: TraceRow) -> Iterator[tuple[str, TraceRow]]:
    """Take one percent change of each band, and none at all."""
    seen = {leaf["points"]}
    for percent_change in (*component.edges, component.edges[-1] + 1, None):
        points = grade(component, percent_change)
        if points not in seen:
            seen.add(points)
            word = NOT_RECORDED if points is None else f"{points:g}"
            yield word, {**leaf, "value": percent_change, "points": points, "reason": None}
