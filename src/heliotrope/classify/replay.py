"""Replay: find the class of a decision again from its leaf rows and the definitions alone.

Plain Python on purpose, and apart from the classifiers: a second, slow and obvious reading of the
rules. Each leaf is compared anew (value, operator, threshold), the tree is combined as the TOML
says, and what the trace recorded of root and inner nodes is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from heliotrope.classify.replay_concepts import replay_haemolysis, replay_steroid
from heliotrope.classify.replay_records import (
    replay_exposure,
    replay_indication,
    replay_reactions,
)
from heliotrope.classify.replay_response import replay_aggravation, replay_response
from heliotrope.classify.replay_trace import (
    STATE_OF_TRUTH,
    TRUTH_OF_STATE,
    Replayed,
    TraceRow,
    Truth,
)
from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.haemolysis import HaemolysisCase
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.model import Definition
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.definitions.rule import (
    ANSWERS,
    BROKEN,
    HELD,
    PREVIOUS_VISIT,
    Answer,
    BandedScore,
    CutOffStates,
    Leaf,
    Node,
    OffTreatment,
    RuleDefinition,
    Sustained,
    decide,
)
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.definitions.score import Component, ScoreDefinition
from heliotrope.definitions.steroid import SteroidConcept
from heliotrope.records.exact import compare

ROOT = "root"
SMALL_REFERENCE = "small_reference"

Replay = Callable[[Sequence[TraceRow], Any], Replayed]


def replay(rows: Iterable[TraceRow], rulebook: Rulebook) -> Replayed:
    """Make one decision again from its trace rows.

    Input: the rows of one patient, regimen, definition and date, as dictionaries with the columns
    of the trace. Errors: KeyError for a definition the rulebook lacks, TypeError for a kind that
    cannot be replayed.
    """
    decision = list(rows)
    definition = rulebook.definitions[decision[0]["definition_id"]]
    return find_replay(definition)(decision, definition)


def find_replay(definition: Definition) -> Replay:
    """Choose how decisions of a definition's kind are made again."""
    replays: dict[type[Definition], Replay] = {
        RuleDefinition: replay_rule,
        ScoreDefinition: replay_score,
        ResponseDefinition: replay_response,
        AggravationDefinition: replay_aggravation,
        IvigExposure: replay_exposure,
        IvigIndication: replay_indication,
        ReactionWindows: replay_reactions,
        HaemolysisCase: replay_haemolysis,
        SteroidConcept: replay_steroid,
    }
    for kind, how in replays.items():
        if isinstance(definition, kind):
            return how
    raise TypeError(f"{definition.id}: decisions of kind {definition.kind} cannot be replayed")


def replay_rule(rows: Sequence[TraceRow], definition: RuleDefinition) -> Replayed:
    """Decide a rule again: each node from its numbers, the tree from the definition.

    A leaf in percent that missed its absolute floor is not met, as its reason says. What the visit
    before said is another decision, and is taken as recorded; the days a row of visits spans are
    compared anew.
    """
    by_node = {row["node"]: row for row in rows}
    nodes = definition.nodes
    truths = {node.id: _judge(node, by_node) for node in nodes if isinstance(node, ANSWERS)}
    if any(isinstance(node, Sustained) for node in nodes):
        truths |= {name: _compare(by_node.get(name)) for name in (HELD, BROKEN)}
    contradictions = [
        f"{name}: recorded {by_node[name]['state']}, found {STATE_OF_TRUTH[truth]}"
        for name, truth in truths.items()
        if name in by_node and by_node[name]["state"] != STATE_OF_TRUTH[truth]
    ]
    if PREVIOUS_VISIT in by_node:
        truths[PREVIOUS_VISIT] = TRUTH_OF_STATE[by_node[PREVIOUS_VISIT]["state"]]
    return Replayed(
        state=STATE_OF_TRUTH[decide(definition.root, truths.get)],
        label=_find_class(definition.root, by_node),
        contradictions=tuple(contradictions),
    )


def _judge(node: Answer, by_node: Mapping[str, TraceRow]) -> Truth:
    """Compare a node's recorded number anew with what the definition asks for."""
    row = by_node.get(node.id)
    if row is None or row["value"] is None:
        return None
    match node:
        case Leaf():
            if row["reason"] == SMALL_REFERENCE:
                return False
            return compare(row["value"], node.operator, node.threshold_of(row["label"]))
        case CutOffStates():
            return find_class(node, row["value"]) in node.met
        case BandedScore():
            return _judge_bounds(row, by_node.get(f"{node.id}_upper"))
        case OffTreatment():
            return compare(row["value"], node.operator, node.days)


def _compare(row: TraceRow | None) -> Truth:
    return None if row is None else compare(row["value"], row["operator"], row["threshold"])


def _judge_bounds(lower: TraceRow, upper: TraceRow | None) -> Truth:
    """A degree is reached by the lower bound; it is out of reach where the upper one misses it."""
    if _compare(lower):
        return True
    return False if _compare(upper) is False else None


def find_class(node: CutOffStates, value: float) -> str:
    """Name the class of an index: the first cut-off it keeps to, else the last class."""
    kept = (cut.label for cut in node.states if compare(value, cut.operator, cut.threshold))
    return next(kept, node.otherwise)


def _find_class(root: Node, by_node: Mapping[str, TraceRow]) -> str | None:
    row = by_node.get(ROOT, {})
    if not isinstance(root, CutOffStates) or row.get("value") is None:
        return None
    return find_class(root, row["value"])


def replay_score(rows: Sequence[TraceRow], definition: ScoreDefinition) -> Replayed:
    """Add a score up again: percent changes from the trace, bands and degrees from the TOML.

    Missing: a component without a percent change counts 0 below and its maximum above; without a
    required one the score is not evaluable.
    """
    by_node = {row["node"]: row for row in rows}
    points: dict[str, float | None] = {}
    contradictions: list[str] = []
    for component in definition.components:
        row = by_node.get(component.id)
        points[component.id] = grade(component, None if row is None else row["value"])
        if row is not None and row["points"] != points[component.id]:
            contradictions.append(
                f"{component.id}: recorded {row['points']} points, found {points[component.id]}"
            )
    if any(points[item.id] is None for item in definition.components if item.required):
        return Replayed("not_evaluable", "not_evaluable", tuple(contradictions))
    lower = sum(found or 0.0 for found in points.values())
    upper = lower + sum(
        component.maximum for component in definition.components if points[component.id] is None
    )
    lowest, highest = (find_category(definition, bound) for bound in (lower, upper))
    is_improved = compare(lower, ">=", definition.threshold)
    could_improve = compare(upper, ">=", definition.threshold)
    return Replayed(
        state="met" if is_improved else "not_evaluable" if could_improve else "not_met",
        label=lowest if lowest == highest else "indeterminate",
        contradictions=tuple(contradictions),
    )


def grade(component: Component, percent_change: float | None) -> float | None:
    """Give the points of a percent change: bands open below, closed above; None for None."""
    if percent_change is None:
        return None
    passed = sum(bool(compare(percent_change, ">", edge)) for edge in component.edges)
    return component.points[passed]


def find_category(definition: ScoreDefinition, points: float) -> str:
    """Name the highest degree of improvement that a number of points reaches."""
    reached = [
        (category.at_least, category.name)
        for category in definition.categories
        if compare(points, ">=", category.at_least)
    ]
    return max(reached)[1] if reached else definition.lowest_category
