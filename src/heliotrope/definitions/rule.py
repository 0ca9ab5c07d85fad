"""Rules of activity and worsening: a closed set of node kinds, no arithmetic, no variables.

A leaf compares one measure with one number; the other nodes combine what their nodes say in
Kleene logic: True is met, False is not met, None is not evaluable, and missing is never false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

NodeId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

Quantity = Literal["value", "worsening", "relative_worsening"]


class Caution(Frozen):
    """An age under which a leaf may be out of reach for a healthy child; flagged, never changed."""

    under_age_years: int = Field(gt=0)
    word: str


class Leaf(Frozen):
    """One measure against one threshold.

    ``quantity`` is the value itself, its ``worsening`` against the reference (in the measure's
    unit, worse is positive) or its ``relative_worsening`` (in percent of the reference; a
    reference of 0 is not evaluable). ``scale_maximum`` is the top of the scale the threshold was
    published for: a study that declares another one gets no answer from this leaf.
    """

    node: Literal["leaf"]
    id: NodeId
    measure: str
    quantity: Quantity = "value"
    better: Literal["low", "high"]
    operator: Literal["<", "<=", ">", ">="]
    threshold: float
    unit: str
    scale_maximum: float | None = None
    caution: Caution | None = None


class AllOf(Frozen):
    """Met when every node is met."""

    node: Literal["all_of"]
    id: NodeId
    of: tuple[Node, ...] = Field(min_length=1)


class AnyOf(Frozen):
    """Met when one node is met."""

    node: Literal["any_of"]
    id: NodeId
    of: tuple[Node, ...] = Field(min_length=1)


class AtLeast(Frozen):
    """Met when every essential node and at least ``count`` of the others are met."""

    node: Literal["at_least"]
    id: NodeId
    count: int = Field(ge=1)
    essential: tuple[Node, ...] = ()
    of: tuple[Node, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_possible(self) -> AtLeast:
        if self.count > len(self.of):
            raise ValueError(f"{self.id}: {self.count} of {len(self.of)} can never be met")
        return self


class Confirmed(Frozen):
    """Met on the second of two consecutive visits that have the measures and meet the node.

    Not met on the first of the two and after recovery; not evaluable on a visit that cannot be
    judged, and such a visit neither confirms nor interrupts.
    """

    node: Literal["confirmed"]
    id: NodeId
    of: Annotated[Node, Field(description="what both visits must meet")]


Node = Annotated[Leaf | AllOf | AnyOf | AtLeast | Confirmed, Field(discriminator="node")]

AllOf.model_rebuild()
AnyOf.model_rebuild()
AtLeast.model_rebuild()
Confirmed.model_rebuild()


class RuleDefinition(Definition):
    """A state of a visit: met, not met or not evaluable, by a tree of nodes.

    ``reference`` is ``none`` for a rule that looks at the visit alone and ``regimen_baseline`` for
    one that compares it with the last values before the regimen.
    """

    kind: Literal["rule"]
    reference: Literal["none", "regimen_baseline"]
    is_default: bool = Field(default=False, description="preferred among its rivals")
    root: Node

    @model_validator(mode="after")
    def _has_one_root(self) -> RuleDefinition:
        names = [node.id for node, _ in walk(self.root)]
        if names[0] != "root":
            raise ValueError(f"{self.id}: the top node is called root, not {names[0]}")
        if len(set(names)) < len(names) or PREVIOUS_VISIT in names:
            raise ValueError(f"{self.id}: every node needs a name of its own")
        if any(isinstance(node, Confirmed) for node, parent in walk(self.root) if parent):
            raise ValueError(f"{self.id}: only the top node may ask for two visits")
        if self.reference == "none" and any(leaf.quantity != "value" for leaf in self.leaves):
            raise ValueError(f"{self.id}: a change needs a reference")
        return self

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The leaves, in the order of the definition."""
        return tuple(node for node, _ in walk(self.root) if isinstance(node, Leaf))

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures the rule asks for, each once."""
        return tuple(dict.fromkeys(leaf.measure for leaf in self.leaves))


PREVIOUS_VISIT = "previous_visit"

Truth = bool | None


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right under a node; essential ones first."""
    match node:
        case Leaf():
            return ()
        case Confirmed():
            return (node.of,)
        case AtLeast():
            return (*node.essential, *node.of)
        case AllOf() | AnyOf():
            return node.of


def walk(node: Node, parent: str | None = None) -> Iterator[tuple[Node, str | None]]:
    """Go through a tree from the top, with the name of the node above each."""
    yield node, parent
    for child in children(node):
        yield from walk(child, node.id)


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


def decide(node: Node, find: Callable[[str], Truth]) -> Truth:
    """Decide a tree from what its leaves say; the slow and plain reference of the rules.

    ``find`` gives the truth of a leaf by its name, and of ``previous_visit`` for a node that asks
    for two visits.
    """
    match node:
        case Leaf():
            return find(node.id)
        case Confirmed():
            return decide_confirmed(decide(node.of, find), find(PREVIOUS_VISIT))
        case AllOf():
            return decide_all([decide(child, find) for child in node.of])
        case AnyOf():
            return decide_at_least(1, [decide(child, find) for child in node.of])
        case AtLeast():
            others = decide_at_least(node.count, [decide(child, find) for child in node.of])
            return decide_all([*(decide(child, find) for child in node.essential), others])


def decide_from(node: Node, leaves: Mapping[str, Truth]) -> Truth:
    """Decide a tree from a mapping of leaf names to truths; leaves not named are missing."""
    return decide(node, leaves.get)
