"""Decide haemolysis and the steroid concepts again, from trace rows and the definitions alone."""

from __future__ import annotations

from collections.abc import Sequence

from heliotrope.classify.replay_response import decide
from heliotrope.classify.replay_trace import STATE_OF_TRUTH, Replayed, TraceRow, Truth
from heliotrope.definitions.haemolysis import HaemolysisCase
from heliotrope.definitions.rule import decide_all, decide_at_least
from heliotrope.definitions.steroid import SteroidConcept
from heliotrope.records.exact import compare

ROOT = "root"
FALL = "haemoglobin_fall"


def replay_haemolysis(rows: Sequence[TraceRow], definition: HaemolysisCase) -> Replayed:
    """Look at each sign again and count them."""
    by_node = {str(row["node"]): row for row in rows}
    if set(by_node) == {ROOT}:
        return Replayed(str(by_node[ROOT]["state"]), None)
    test, signs = definition.antiglobulin, definition.signs
    truths: dict[str, Truth] = {
        FALL: compare(by_node[FALL]["value"], ">=", definition.fall.at_least)
    }
    for sign in (test, *signs):
        row = by_node[sign.id]
        limit = row["threshold"] if sign.present_from is None else sign.present_from
        truths[sign.id] = compare(row["value"], sign.operator, limit)
    enough = decide_at_least(definition.min_signs, [truths[sign.id] for sign in signs])
    return Replayed(
        STATE_OF_TRUTH[decide_all([truths[FALL], truths[test.id], enough])],
        None,
        tuple(_contradict(by_node, truths)),
    )


def replay_steroid(rows: Sequence[TraceRow], definition: SteroidConcept) -> Replayed:
    """Compare each fact again and go down the table."""
    by_node = {str(row["node"]): row for row in rows}
    truths = {
        item.name: compare(by_node[item.name]["value"], item.operator, item.threshold)
        for item in definition.criteria
    }
    label, _ = decide(definition.axes, truths)[definition.axis]
    return Replayed(label, None, tuple(_contradict(by_node, truths)))


def _contradict(by_node: dict[str, TraceRow], truths: dict[str, Truth]) -> list[str]:
    return [
        f"{name}: recorded {by_node[name]['state']}, found {STATE_OF_TRUTH[truth]}"
        for name, truth in truths.items()
        if by_node[name]["state"] != STATE_OF_TRUTH[truth]
    ]
