"""Decide regimens, reactions and indications again, from trace rows and the definitions alone.

Plain Python on purpose, and apart from the classifiers: a fault in their frames cannot hide here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliotrope.classify.replay_response import decide
from heliotrope.classify.replay_trace import STATE_OF_TRUTH, Replayed, TraceRow, Truth
from heliotrope.definitions.decision import Axis, Criterion
from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.records.exact import compare

ROOT = "root"
EVENTS_RECORDED = "events_recorded"
HOURS = "h"
GRADE = ".grade"


def replay_exposure(rows: Sequence[TraceRow], definition: IvigExposure) -> Replayed:
    """Decide again how a regimen ended and what it was for."""
    by_node = {str(row["node"]): row for row in rows}
    if set(by_node) == {ROOT}:
        return Replayed(str(by_node[ROOT]["state"]), None)
    labels, contradictions = _decide(by_node, definition.criteria, definition.axes)
    return Replayed("met", labels["status"], tuple(contradictions))


def replay_indication(rows: Sequence[TraceRow], definition: IvigIndication) -> Replayed:
    """Decide the reasons of a regimen again from the values of its criteria."""
    by_node = {str(row["node"]): row for row in rows}
    if set(by_node) == {ROOT}:
        return Replayed(str(by_node[ROOT]["state"]), None)
    labels, contradictions = _decide(by_node, definition.criteria, definition.axes)
    found = [axis for axis, label in labels.items() if label == "met"]
    is_excluded = all(label == "not_met" for label in labels.values())
    state = "met" if found else "not_met" if is_excluded else "not_evaluable"
    return Replayed(state, " + ".join(found) or None, tuple(contradictions))


def _decide(
    by_node: Mapping[str, TraceRow], criteria: Sequence[Criterion], axes: Sequence[Axis]
) -> tuple[dict[str, str], list[str]]:
    """Compare each recorded value again and go down the tables; say where the trace differs."""
    truths: dict[str, Truth] = {}
    contradictions = []
    for criterion in criteria:
        row = by_node[criterion.name]
        truths[criterion.name] = compare(row["value"], criterion.operator, criterion.threshold)
        contradictions += _contradict(row, truths[criterion.name])
    labels = {name: label for name, (label, _) in decide(axes, truths).items()}
    contradictions += [
        f"{axis}: recorded {by_node[axis]['label']}, found {label}"
        for axis, label in labels.items()
        if by_node[axis]["label"] != label
    ]
    return labels, contradictions


def replay_reactions(rows: Sequence[TraceRow], definition: ReactionWindows) -> Replayed:
    """Look again whether any event of a regimen lies in the window of its kind."""
    by_node = {str(row["node"]): row for row in rows}
    if rows[0]["regimen"] is None:
        return Replayed("not_reached", None)
    reactions = [row for row in rows if row["parent"] == ROOT and row["node"] != EVENTS_RECORDED]
    contradictions = []
    inside = []
    for row in reactions:
        is_inside = _is_inside(row, definition)
        contradictions += _contradict(row, is_inside)
        inside.append(is_inside)
    for row in rows:
        if str(row["node"]).endswith(GRADE):
            contradictions += _contradict(row, _has_grade(row))
    if any(inside):
        return Replayed("met", None, tuple(contradictions))
    is_recorded = compare(by_node[EVENTS_RECORDED]["value"], ">=", 1)
    return Replayed("not_met" if is_recorded else "not_evaluable", None, tuple(contradictions))


def _is_inside(row: TraceRow, definition: ReactionWindows) -> bool:
    """Say whether one reaction lies in any window of its term (its reason names the term)."""
    windows = definition.windows_of(str(row["reason"]))
    limits = [
        window.hours if row["unit"] == HOURS else window.days
        for window in windows
        if row["unit"] == HOURS or window.days is not None
    ]
    return any(compare(row["value"], "<=", limit) is True for limit in limits)


def _has_grade(row: TraceRow) -> Truth:
    """Say whether a reaction has a grade over 0: by its value where one graded it.

    A value that reaches no step and has no grade either (a protein to creatinine ratio under the
    lowest published one) is no proof that there is none.
    """
    if row["operator"] is None:
        return compare(row["points"], ">", 0)
    is_reached = compare(row["value"], row["operator"], row["threshold"])
    return None if is_reached is False and row["points"] is None else is_reached


def _contradict(row: Mapping[str, object], truth: Truth) -> list[str]:
    if row["state"] == STATE_OF_TRUTH[truth]:
        return []
    return [f"{row['node']}: recorded {row['state']}, found {STATE_OF_TRUTH[truth]}"]
