"""Which node decided that two definitions class a child differently: found by changes and replay.

The rule. Take one of the two decisions and change the answers of as few of its leaves as possible,
replaying it each time, until it gives the class of the other. A leaf that both decisions have under
one name, but answered differently (another threshold, another measure), takes the answer of the
other; any other leaf may take any answer. Of all smallest changes those count first that touch
leaves on which the decisions differ, before leaves that both asked and answered alike; then the
decision in which fewer changes would do, since it names the reason more sharply. What is left are
the deciding nodes: one set, or several of which any one would do.

Where one of the two could not decide, nothing is changed: the deciding nodes are those it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import comb
from typing import Any, Literal

from heliotrope.classify.replay import SMALL_REFERENCE, find_class, find_replay, grade
from heliotrope.classify.replay_trace import STATE_OF_TRUTH, TraceRow
from heliotrope.classify.single_changes import (
    Fact,
    Region,
    change_rows,
    find_other_regions,
    list_facts,
)
from heliotrope.definitions.comparable import Language
from heliotrope.definitions.model import Definition
from heliotrope.definitions.rule import (
    BROKEN,
    HELD,
    PREVIOUS_VISIT,
    CutOffStates,
    RuleDefinition,
)
from heliotrope.definitions.score import ScoreDefinition

ROOT = "root"
NOT_EVALUABLE = "not_evaluable"
RECORDED = "recorded"

# More replays than this are not tried for one child: then more nodes differ than anybody reads.
MOST_REPLAYS = 500

Kind = Literal["leaves", "missing", "cut_off", "no_decision", "many"]

UNDECIDED = ("indeterminate", "not_evaluable", "not_reached")

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Decision:
    """The trace rows of one decision, the definition that made it, and the words it is read in."""

    rows: tuple[TraceRow, ...]
    definition: Definition
    language: Language

    @cached_property
    def by_node(self) -> Rows:
        """The rows by the name of their node."""
        return {str(row["node"]): dict(row) for row in self.rows}

    @property
    def cut_offs(self) -> tuple[CutOffStates, ...]:
        """The nodes that cut an index into classes."""
        nodes = self.definition.nodes if isinstance(self.definition, RuleDefinition) else ()
        return tuple(node for node in nodes if isinstance(node, CutOffStates))

    @property
    def word(self) -> str:
        """The class it came to, as recorded."""
        root = self.by_node[ROOT]
        return name_class(root["state"], root["label"], self.language)

    @property
    def is_empty(self) -> bool:
        """Say whether there was nothing to decide on: a root alone, without a comparison."""
        return set(self.by_node) == {ROOT} and self.by_node[ROOT]["operator"] is None

    def replay(self, changed: Rows) -> str:
        """Make the decision again with some rows changed or added."""
        rows = list((self.by_node | changed).values())
        found = find_replay(self.definition)(rows, self.definition)
        return name_class(found.state, found.label, self.language)


@dataclass(frozen=True)
class DecidingNode:
    """A leaf whose other answer would have changed the class; ``would_be`` is that answer."""

    node: str
    would_be: str


@dataclass(frozen=True)
class Deciding:
    """Why two decisions differ: in which definition, and by which nodes.

    ``kind``: ``leaves`` (changing any one of ``ways`` would give the class of the other);
    ``missing`` (it could not decide: the one way names what it lacks, else its reason does);
    ``cut_off`` (the same points, cut otherwise); ``no_decision`` (one of them had nothing to decide
    on); ``many`` (no small change would do).
    """

    kind: Kind
    definition_id: str
    ways: tuple[tuple[DecidingNode, ...], ...] = ()


def name_class(state: str, label: str | None, language: Language) -> str:
    """Give the word a decision is compared by: its state, or its label where it has one.

    >>> name_class("met", "major", "label"), name_class("met", "major", "state")
    ('major', 'met')
    >>> name_class("not_evaluable", None, "label")
    'not_evaluable'
    """
    return label if language == "label" and label is not None else state


def find_deciding(first: Decision, second: Decision) -> Deciding:
    """Find the smallest difference that makes two decisions differ, by the rule of this module.

    Input: two decisions about the same visit or regimen that came to different classes.
    """
    for this in (first, second):
        if this.is_empty:
            return Deciding("no_decision", this.definition.id)
    if _have_equal_points(first, second):
        return Deciding("cut_off", second.definition.id)
    for this in (first, second):
        if this.word in UNDECIDED:
            lacking = tuple(DecidingNode(name, RECORDED) for name in _list_missing(this))
            return Deciding("missing", this.definition.id, (lacking,) if lacking else ())
    found = [
        (rank, order, this.definition.id, ways)
        for order, (this, other) in enumerate(((second, first), (first, second)))
        for rank, ways in [_search(this, other)]
        if ways
    ]
    if not found:
        return Deciding("many", second.definition.id)
    _, _, definition_id, ways = min(found, key=lambda item: item[:2])
    return Deciding("leaves", definition_id, ways)


def describe_answers(decision: Decision) -> tuple[object, ...]:
    """Give what decides of a decision: two with the same answers have the same deciding nodes."""
    dated = {PREVIOUS_VISIT, HELD, BROKEN}
    return tuple(
        (
            name,
            row["state"],
            row["points"] if isinstance(decision.definition, ScoreDefinition) else None,
            row["reason"] == SMALL_REFERENCE,
            None if name in dated else row["label"],
        )
        for name, row in sorted(decision.by_node.items())
    )


def _have_equal_points(first: Decision, second: Decision) -> bool:
    """Say whether two scores gave every component the same points."""
    points = [
        {item.id: decision.by_node.get(item.id, {}).get("points") for item in components}
        for decision in (first, second)
        for components in [getattr(decision.definition, "components", ())]
    ]
    return bool(points[0]) and points[0] == points[1]


@dataclass(frozen=True)
class _Alternative:
    """Another answer of a leaf: the nodes with the state they would be in, and their rows."""

    nodes: tuple[DecidingNode, ...]
    rows: Rows


@dataclass(frozen=True)
class _Leaf:
    """A leaf that may be moved: to what, and whether the other decision answered it alike."""

    alternatives: tuple[_Alternative, ...]
    is_shared: bool


Rank = tuple[int, int, int]

Way = tuple[DecidingNode, ...]


def _list_missing(this: Decision) -> list[str]:
    """Name what a rule or a score lacks; of a decision table the reason says it better."""
    match this.definition:
        case RuleDefinition():
            names = [node.id for node in this.definition.answers]
        case ScoreDefinition():
            names = [item.id for item in this.definition.components]
        case _:
            return []
    return [
        name
        for name in names
        if name not in this.by_node or this.by_node[name]["state"] == NOT_EVALUABLE
    ]


def _search(this: Decision, other: Decision) -> tuple[Rank, tuple[Way, ...]]:
    """Find the smallest changes of one decision that give the class of the other."""
    leaves = [leaf for leaf in _list_movable(this, other) if leaf.alternatives]
    tried = 0
    for size in range(1, len(leaves) + 1):
        tried += comb(len(leaves), size) * max(len(item.alternatives) for item in leaves) ** size
        if tried > MOST_REPLAYS:
            break
        ways: dict[int, list[Way]] = {}
        for chosen in combinations(leaves, size):
            shared = sum(item.is_shared for item in chosen)
            for change in product(*(item.alternatives for item in chosen)):
                rows = {name: row for part in change for name, row in part.rows.items()}
                if this.replay(rows) == other.word:
                    way = tuple(node for part in change for node in part.nodes)
                    ways.setdefault(shared, []).append(way)
        if ways:
            fewest = min(ways)
            names = {tuple(node.node for node in way) for way in ways[fewest]}
            return (size, fewest, len(names)), tuple(ways[fewest])
    return (0, 0, 0), ()


def _list_movable(this: Decision, other: Decision) -> Iterator[_Leaf]:
    """List the leaves of a decision that differ from the other's, and those that may still move."""
    if isinstance(this.definition, ScoreDefinition):
        yield from _list_components(this, this.definition, other)
        return
    for fact in list_facts(this.by_node, this.definition):
        alternatives = tuple(_list_alternatives(this, fact))
        yield _bind(fact.nodes, alternatives, this, other)
    if PREVIOUS_VISIT in this.by_node:
        row = this.by_node[PREVIOUS_VISIT]
        state = "not_met" if row["state"] == "met" else "met"
        node = (DecidingNode(PREVIOUS_VISIT, state),)
        moved = _Alternative(node, {PREVIOUS_VISIT: row | {"state": state}})
        yield _bind((PREVIOUS_VISIT,), (moved,), this, other)


def _list_alternatives(this: Decision, fact: Fact) -> Iterator[_Alternative]:
    """Give a fact every value that its comparisons tell apart from the recorded one."""
    for region in find_other_regions(fact, this.by_node):
        changed = change_rows(this.by_node, fact, region)
        states = _name_states(this, fact, region)
        rows = {
            name: changed[name] | {"state": state}
            for name, state in zip(fact.nodes, states, strict=True)
        }
        nodes = tuple(
            DecidingNode(name, state)
            for name, state in zip(fact.nodes, states, strict=True)
            if fact.is_added or this.by_node[name]["state"] != state
        )
        yield _Alternative(nodes, rows)


def _name_states(this: Decision, fact: Fact, region: Region) -> list[str]:
    """Name what each node of a fact says of a value: met or not, or the class of an index."""
    index = next((node for node in this.cut_offs if node.id == fact.nodes[0]), None)
    if index is not None:
        return [find_class(index, region.value)]
    states = [STATE_OF_TRUTH[truth] for truth in region.truths]
    return states if len(states) == len(fact.nodes) else states * len(fact.nodes)


def _bind(
    nodes: tuple[str, ...],
    alternatives: tuple[_Alternative, ...],
    this: Decision,
    other: Decision,
) -> _Leaf:
    """Restrict a leaf to the answer of its counterpart, where the other decision has another."""
    shared = [
        name for name in nodes if name != ROOT and name in other.by_node and name in this.by_node
    ]
    theirs = {name: other.by_node[name]["state"] for name in shared}
    ours = {name: this.by_node[name]["state"] for name in shared}
    if not shared:
        return _Leaf(alternatives, is_shared=False)
    if theirs != ours:
        borrowed = tuple(
            item
            for item in alternatives
            if all(item.rows[name]["state"] == state for name, state in theirs.items())
        )
        return _Leaf(borrowed or alternatives, is_shared=False)
    asks_alike = all(
        this.by_node[name][column] == other.by_node[name][column]
        for name in shared
        for column in ("unit", "operator", "threshold")
    )
    return _Leaf(alternatives, is_shared=asks_alike)


def _list_components(
    this: Decision, definition: ScoreDefinition, other: Decision
) -> Iterator[_Leaf]:
    """List the components of a score: other points, or those that the other score gave."""
    is_score = isinstance(other.definition, ScoreDefinition)
    for component in definition.components:
        row = this.by_node[component.id]
        answers: dict[float | None, dict[str, Any]] = {}
        for percent_change in (*component.edges, component.edges[-1] + 1, None):
            points = grade(component, percent_change)
            if points != row["points"]:
                changed = row | {"value": percent_change, "points": points, "reason": None}
                answers.setdefault(points, changed)
        if is_score and component.id in other.by_node:
            theirs = other.by_node[component.id]["points"]
            answers = {points: answers[points] for points in (theirs,) if points in answers}
        yield _Leaf(
            tuple(
                _Alternative(
                    (DecidingNode(component.id, _print_points(points)),), {component.id: changed}
                )
                for points, changed in answers.items()
            ),
            is_shared=False,
        )


def _print_points(points: float | None) -> str:
    return NOT_EVALUABLE if points is None else f"{points:g} points"


def list_ways(deciding: Deciding) -> Mapping[tuple[str, ...], Way]:
    """Give the ways by the nodes they change; of several values of one node the first."""
    ways: dict[tuple[str, ...], Way] = {}
    for way in deciding.ways:
        ways.setdefault(tuple(node.node for node in way), way)
    return ways
