"""What each node of a definition's trace is called, in words a clinician uses.

A definition may word its own nodes (``node_words``); what it leaves out is said from the node
itself: the measure, the kind of change, how many of how many.
"""

from __future__ import annotations

from collections.abc import Mapping

from heliotrope.definitions.measure import Measure
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node import (
    ANSWERS,
    AllOf,
    AnyOf,
    AtLeast,
    BandedScore,
    Confirmed,
    CutOffStates,
    Leaf,
    Node,
    OffTreatment,
    Sustained,
    walk,
)
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import ScoreDefinition

QUANTITY_WORDS = {
    "value": "",
    "upper_limits": ", in upper limits of normal",
    "worsening": ", worsening",
    "relative_worsening": ", worsening in percent",
    "improvement": ", improvement",
    "relative_improvement": ", improvement in percent",
}
TREATMENT_WORDS = {
    "glucocorticoid": "steroid",
    "immunosuppressant": "another immunosuppressant",
    "immunoglobulin": "immunoglobulin",
}


def list_node_words(definition: Definition, measures: Mapping[str, Measure]) -> dict[str, str]:
    """Name the nodes of a definition: its own words first, else words made from the node.

    Nodes that no one definition owns (a root that combines others, the bounds of a score) are not
    in the answer.
    """
    words: dict[str, str] = {}
    if isinstance(definition, RuleDefinition):
        words = {
            node.id: say_node(node, measures)
            for node, parent in walk(definition.root)
            if parent is not None or isinstance(node, ANSWERS)
        }
        words |= {
            f"{node.id}_upper": f"{words.get(node.id, 'Degree of improvement')}, at most"
            for node in definition.answers
            if isinstance(node, BandedScore)
        }
    elif isinstance(definition, ScoreDefinition):
        words = {component.id: component.title for component in definition.components}
    return words | definition.node_words


def say_node(node: Node, measures: Mapping[str, Measure]) -> str:
    """Say what a node of a rule asks, without its threshold.

    >>> say_node(AnyOf(node="any_of", id="a", of=(OffTreatment(node="off_treatment", id="o",
    ...     treatments=("glucocorticoid",), operator=">=", days=1),)), {})
    'One of these'
    """
    match node:
        case Leaf():
            return _say_measures(node, measures) + QUANTITY_WORDS[node.quantity]
        case CutOffStates():
            return _title(node.measure, measures)
        case BandedScore():
            return f"Improvement score, {node.reach.replace('_', ' ')} improvement"
        case OffTreatment():
            named = " or ".join(TREATMENT_WORDS[item] for item in node.treatments)
            return f"Days without {named}"
        case AllOf():
            return "All of these" if len(node.of) != 2 else "Both of these"
        case AnyOf():
            return "One of these"
        case AtLeast():
            return f"At least {node.count} of {len(node.of)}"
        case Confirmed():
            return "On two consecutive visits"
        case Sustained():
            return f"At every visit for {node.at_least_days} days"


def _say_measures(leaf: Leaf, measures: Mapping[str, Measure]) -> str:
    titles = [_title(item.measure, measures) for item in leaf.candidates]
    if len(titles) == 1:
        return titles[0]
    first = ", ".join(titles[:-1])
    joined = f"{first} or {titles[-1]}"
    if leaf.choice == "most_abnormal_at_baseline":
        return f"The enzyme most abnormal at baseline ({joined})"
    if leaf.choice == "most_abnormal":
        return f"The most abnormal of {joined}"
    return joined


def _title(measure: str, measures: Mapping[str, Measure]) -> str:
    found = measures.get(measure)
    return found.title if found is not None else measure.replace("_", " ")
