"""Rules of activity, improvement and worsening: a tree of nodes, and its slow, plain reading.

The nodes are those of ``definitions/node.py``. Here stand the definition that holds a tree, and
the decision of a tree from what its leaves say, in Kleene logic: True is met, False is not met,
None is not evaluable, and missing is never false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen
from heliotrope.definitions.node import (
    ANSWERS,
    CHANGES,
    AllOf,
    Alternative,
    Answer,
    AnyOf,
    AtLeast,
    BandedScore,
    Caution,
    Confirmed,
    CutOff,
    CutOffStates,
    Leaf,
    Node,
    OffTreatment,
    Sustained,
    children,
    walk,
)

__all__ = [
    "ANSWERS",
    "BROKEN",
    "HELD",
    "PREVIOUS_VISIT",
    "AllOf",
    "Alternative",
    "Answer",
    "AnyOf",
    "AtLeast",
    "BandedScore",
    "Caution",
    "Confirmed",
    "CutOff",
    "CutOffStates",
    "Leaf",
    "Milestone",
    "Node",
    "OffTreatment",
    "RuleDefinition",
    "Sustained",
    "Truth",
    "children",
    "decide",
    "decide_all",
    "decide_at_least",
    "decide_confirmed",
    "decide_from",
    "decide_sustained",
    "walk",
]

PREVIOUS_VISIT = "previous_visit"
HELD = "held_days"
BROKEN = "days_since_not_met"

Truth = bool | None

Reference = Literal["none", "regimen_baseline", "best_so_far"]


class Milestone(Frozen):
    """A day after the regimen's first infusion on which a rule is read, at the nearest visit.

    Visits further away than ``within_days`` do not count; of two equally near the earlier does.
    """

    day: int = Field(ge=0)
    within_days: int = Field(ge=0)


class RuleDefinition(Definition):
    """A state of a visit: met, not met or not evaluable, by a tree of nodes.

    ``reference`` is ``none`` for a rule that looks at the visits alone, ``regimen_baseline``
    (fixed) for one that compares with the last values before the regimen, ``best_so_far``
    (moving) for one that compares with the best each measure had been until then.
    ``milestone``: the rule is read once a regimen, at the visit nearest to that day.
    """

    kind: Literal["rule"]
    reference: Reference
    is_default: bool = Field(default=False, description="preferred among its rivals")
    milestone: Milestone | None = None
    root: Node

    @model_validator(mode="after")
    def _has_one_root(self) -> RuleDefinition:
        names = [node.id for node, _ in walk(self.root)]
        if names[0] != "root":
            raise ValueError(f"{self.id}: the top node is called root, not {names[0]}")
        if len(set(names)) < len(names) or {PREVIOUS_VISIT, HELD, BROKEN} & set(names):
            raise ValueError(f"{self.id}: every node needs a name of its own")
        if sum(isinstance(node, (Confirmed, Sustained)) for node, _ in walk(self.root)) > 1:
            raise ValueError(f"{self.id}: only one node may look at the visits before")
        return self

    @model_validator(mode="after")
    def _has_its_reference(self) -> RuleDefinition:
        asks_for_change = any(leaf.quantity in CHANGES for leaf in self.leaves)
        asks_for_baseline = any(leaf.choice == "most_abnormal_at_baseline" for leaf in self.leaves)
        if self.reference == "none" and (asks_for_change or asks_for_baseline):
            raise ValueError(f"{self.id}: a change needs a reference")
        if self.reference == "none" and (self.milestone or self.scores):
            raise ValueError(f"{self.id}: a milestone and a score need a regimen")
        if self.milestone and self.looks_back is not None:
            raise ValueError(f"{self.id}: at a milestone there is one visit, and none before it")
        return self

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, from the top."""
        return tuple(node for node, _ in walk(self.root))

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The nodes that answer from the records, in the order of the definition."""
        return tuple(node for node in self.nodes if isinstance(node, ANSWERS))

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The leaves that compare a measure with one threshold."""
        return tuple(node for node in self.nodes if isinstance(node, Leaf))

    @property
    def reads_measures_only(self) -> bool:
        """Say whether every answer comes from a measure (not from a score or from treatment)."""
        return all(isinstance(node, (Leaf, CutOffStates)) for node in self.answers)

    @property
    def looks_back(self) -> Confirmed | Sustained | None:
        """The node that asks for more than one visit, if there is one."""
        found = [node for node in self.nodes if isinstance(node, (Confirmed, Sustained))]
        return found[0] if found else None

    @property
    def needs_history(self) -> bool:
        """Say whether one visit alone cannot answer: visits before it, or treatment, matter."""
        return self.looks_back is not None or bool(self.pauses)

    @property
    def pauses(self) -> tuple[OffTreatment, ...]:
        """The nodes that ask for time off treatment."""
        return tuple(node for node in self.nodes if isinstance(node, OffTreatment))

    @property
    def scores(self) -> tuple[str, ...]:
        """The score definitions the rule reads, each once."""
        banded = [node for node in self.nodes if isinstance(node, BandedScore)]
        return tuple(dict.fromkeys(name for node in banded for name in node.scores))

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures the rule asks for, each once."""
        names = [
            name
            for node in self.nodes
            for name in (
                [item.measure for item in node.candidates]
                if isinstance(node, Leaf)
                else [node.measure]
                if isinstance(node, CutOffStates)
                else []
            )
        ]
        return tuple(dict.fromkeys(names))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of a rule that names them; empty for one that is only met or not."""
        return self.root.labels if isinstance(self.root, CutOffStates) else ()


def decide_all(truths: Sequence[Truth]) -> Truth:
    """Say whether all are met.

    >>> decide_all([True, None, False]), decide_all([True, None])
    (False, None)
    """
    if any(truth is False for truth in truths):
        return False
    return None if any(truth is None for truth in truths) else True


def decide_at_least(count: int, truths: Sequence[Truth]) -> Truth:
    """Say whether at least ``count`` are met, as soon as the unknown ones no longer matter.

    >>> decide_at_least(3, [True, True, True, None])
    True
    >>> decide_at_least(3, [True, False, False, None])
    False
    >>> decide_at_least(3, [True, True, False, None]) is None
    True
    """
    met = sum(truth is True for truth in truths)
    unknown = sum(truth is None for truth in truths)
    if met >= count:
        return True
    return False if met + unknown < count else None


def decide_confirmed(this_visit: Truth, previous_visit: Truth) -> Truth:
    """Say whether a visit confirms the one before it.

    Missing: a visit that cannot be judged confirms nothing and is not evaluable; no earlier visit
    that can be judged means not met.
    """
    if this_visit is None:
        return None
    return this_visit and previous_visit is True


def decide_sustained(this_visit: Truth, held: Truth, broken: Truth) -> Truth:
    """Say whether a visit ends a period in which every visit met the node.

    ``held``: the row of visits is long enough; ``broken``: a visit within the period did not
    meet the node. Missing: a row too short that nothing contradicts is not evaluable.

    >>> decide_sustained(True, held=False, broken=None) is None
    True
    >>> decide_sustained(True, held=False, broken=True)
    False
    """
    if not this_visit:
        return this_visit
    if held:
        return True
    return False if broken else None


def decide(node: Node, find: Callable[[str], Truth]) -> Truth:
    """Decide a tree from what its leaves say; the slow and plain reference of the rules.

    ``find`` gives the truth of a node that answers from the records, by its name, and of
    ``previous_visit``, ``held_days`` and ``days_since_not_met`` for one that looks back.
    """
    match node:
        case Confirmed():
            return decide_confirmed(decide(node.of, find), find(PREVIOUS_VISIT))
        case Sustained():
            return decide_sustained(decide(node.of, find), find(HELD), find(BROKEN))
        case AllOf():
            return decide_all([decide(child, find) for child in node.of])
        case AnyOf():
            return decide_at_least(1, [decide(child, find) for child in node.of])
        case AtLeast():
            others = decide_at_least(node.count, [decide(child, find) for child in node.of])
            return decide_all([*(decide(child, find) for child in node.essential), others])
        case _:
            return find(node.id)


def decide_from(node: Node, leaves: Mapping[str, Truth]) -> Truth:
    """Decide a tree from a mapping of leaf names to truths; leaves not named are missing."""
    return decide(node, leaves.get)
