"""Which states each node of a decision can reach: what a specification has to show."""

from __future__ import annotations

from functools import cache
from itertools import product

from heliotrope.definitions.decision import Axis
from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.haemolysis import HaemolysisCase
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.model import Definition
from heliotrope.definitions.reachable_outcomes import reachable_outcomes
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.definitions.rule import (
    BROKEN,
    HELD,
    PREVIOUS_VISIT,
    AllOf,
    AnyOf,
    AtLeast,
    BandedScore,
    Confirmed,
    CutOffStates,
    Node,
    RuleDefinition,
    Sustained,
    Truth,
    children,
    decide_all,
    decide_at_least,
    decide_confirmed,
    decide_sustained,
)
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.steroid import SteroidConcept

STATE_OF: dict[Truth, str] = {True: "met", False: "not_met", None: "not_evaluable"}
ANY: frozenset[Truth] = frozenset([True, False, None])
ROOT = "root"
FALL = "haemoglobin_fall"
SIGNS = "signs"
UPPER = "{}_upper"


def reachable_states(definition: Definition) -> dict[str, frozenset[str]]:
    """List, for each node of the trace of a definition, the states it can be in.

    Nodes are counted as free of one another: two leaves of one measure may be bound to each other
    in truth, and then a combination, though not a single node's state, is out of reach. A kind of
    definition that makes no decisions gives an empty mapping. Axes of a decision table are left
    to ``reachable_labels``.
    """
    match definition:
        case RuleDefinition():
            return _name(_of_rule(definition))
        case ScoreDefinition():
            return _name(_of_score(definition))
        case HaemolysisCase():
            parts = (definition.antiglobulin, *definition.signs)
            return _name(dict.fromkeys((ROOT, FALL, SIGNS, *(part.id for part in parts)), ANY))
        case ReactionWindows():
            return _name(
                {
                    ROOT: ANY,
                    "events_recorded": frozenset([True, False]),
                    "reaction": frozenset([True, False]),
                    "grade": ANY,
                    "transient": ANY,
                }
            )
        case (
            ResponseDefinition()
            | AggravationDefinition()
            | IvigExposure()
            | IvigIndication()
            | SteroidConcept()
        ):
            return {
                item.name: frozenset(STATE_OF.values()) - frozenset(item.never)
                for item in definition.criteria
            }
        case _:
            return {}


def reachable_labels(definition: Definition) -> dict[str, frozenset[str]]:
    """List the labels that a root or an axis can bear, for definitions that name classes.

    Definitions that decide nothing but have a choice of outcomes (windows, grades, dose bands,
    forms) list these instead, by what the choice is about.
    """
    match definition:
        case RuleDefinition():
            return {
                node.id: frozenset(node.labels)
                for node in definition.nodes
                if isinstance(node, CutOffStates)
            }
        case ScoreDefinition():
            degrees = [item.name for item in definition.categories]
            known = [definition.lowest_category, *degrees]
            return {
                ROOT: frozenset([*known, "indeterminate", "not_evaluable"]),
                "score_upper": frozenset(known),
                "score_max_attainable": frozenset(known),
            }
        case (
            ResponseDefinition()
            | AggravationDefinition()
            | IvigExposure()
            | IvigIndication()
            | SteroidConcept()
        ):
            return {axis.name: _labels(axis) for axis in definition.axes}
        case _:
            return reachable_outcomes(definition)


def _labels(axis: Axis) -> frozenset[str]:
    return frozenset(choice.label for choice in axis.choices)


def _name(truths: dict[str, frozenset[Truth]]) -> dict[str, frozenset[str]]:
    return {node: frozenset(STATE_OF[truth] for truth in found) for node, found in truths.items()}


def _of_score(definition: ScoreDefinition) -> dict[str, frozenset[Truth]]:
    """A score: its root, its bounds (always numbers) and its components."""
    bounds = frozenset([True, False])
    components = {component.id: ANY for component in definition.components}
    return {ROOT: ANY, "score_upper": bounds, "score_max_attainable": bounds, **components}


def _of_rule(definition: RuleDefinition) -> dict[str, frozenset[Truth]]:
    found: dict[str, frozenset[Truth]] = {}
    for node in definition.nodes:
        found[node.id] = find_reachable(node)
        match node:
            case Confirmed():
                found[PREVIOUS_VISIT] = frozenset([True, False])
            case Sustained():
                found[HELD] = found[BROKEN] = ANY
            case BandedScore():
                found[UPPER.format(node.id)] = ANY
    return found


@cache
def find_reachable(node: Node) -> frozenset[Truth]:
    """Try every combination of what the nodes under a node can say."""
    below = [find_reachable(child) for child in children(node)]
    match node:
        case AllOf():
            return frozenset(decide_all(truths) for truths in product(*below))
        case AnyOf():
            return frozenset(decide_at_least(1, truths) for truths in product(*below))
        case AtLeast():
            return _of_at_least(node, below)
        case Confirmed():
            return frozenset(
                decide_confirmed(this, before) for this, before in product(*below, ANY)
            )
        case Sustained():
            return frozenset(decide_sustained(*truths) for truths in product(*below, ANY, ANY))
        case _:
            return ANY


def _of_at_least(node: AtLeast, below: list[frozenset[Truth]]) -> frozenset[Truth]:
    essential, others = below[: len(node.essential)], below[len(node.essential) :]
    enough = {decide_at_least(node.count, truths) for truths in product(*others)}
    return frozenset(decide_all(truths) for truths in product(*essential, enough))
