"""Which node decided that two definitions class a child differently: found by flipping and replay.

The rule. Take one of the two decisions and change the answers of as few of its leaves as possible,
replaying it each time, until it gives the class of the other. A leaf that both decisions have under
one name, but answered differently (another threshold, another measure), takes the answer of the
other; any other leaf may take any answer. Of all smallest changes those count first that touch
leaves on which the decisions differ, before leaves that both asked and answered alike; then the
decision in which fewer changes would do, since it names the reason more sharply. What is left are
the deciding nodes: one set, or several of which any one would do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from math import comb
from typing import Literal

from heliotrope.classify.alternatives import Alternative, list_alternatives, list_leaves
from heliotrope.classify.replay import SMALL_REFERENCE, find_replay
from heliotrope.classify.replay_trace import TraceRow
from heliotrope.definitions.model import Definition
from heliotrope.definitions.rule import PREVIOUS_VISIT
from heliotrope.definitions.score import ScoreDefinition

# More replays than this are not tried for one child: then more nodes differ than anybody reads.
MOST_REPLAYS = 4000

Language = Literal["state", "label"]

Kind = Literal["leaves", "cut_off", "no_decision", "many"]


@dataclass(frozen=True)
class Decision:
    """The trace rows of one decision, the definition that made it, and the words it is read in."""

    rows: tuple[TraceRow, ...]
    definition: Definition
    language: Language

    @property
    def root(self) -> TraceRow:
        """The row on top."""
        return next(row for row in self.rows if row["parent"] is None)

    @property
    def word(self) -> str:
        """The class it came to, as recorded."""
        return name_class(self.root["state"], self.root["label"], self.language)

    def replay(self, changed: Mapping[str, TraceRow]) -> str:
        """Make the decision again with some rows changed; rows it lacks are added."""
        names = {row["node"] for row in self.rows}
        rows = [changed.get(str(row["node"]), row) for row in self.rows]
        rows += [row for name, row in changed.items() if name not in names]
        found = find_replay(self.definition)(rows, self.definition)
        return name_class(found.state, found.label, self.language)


@dataclass(frozen=True)
class DecidingNode:
    """A leaf whose other answer would have changed the class."""

    node: str
    would_be: str


@dataclass(frozen=True)
class Deciding:
    """Why two decisions differ: in which definition, and by which nodes.

    ``kind``: ``leaves`` (changing any one of ``ways`` would give the class of the other);
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
        if not list_leaves(this.rows, this.definition):
            return Deciding("no_decision", this.definition.id)
    if _have_equal_points(first, second):
        return Deciding("cut_off", second.definition.id)
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


def _have_equal_points(first: Decision, second: Decision) -> bool:
    """Say whether two scores gave every component the same points."""
    if not (
        isinstance(first.definition, ScoreDefinition)
        and isinstance(second.definition, ScoreDefinition)
    ):
        return False
    points = [
        {row["node"]: row["points"] for row in list_leaves(item.rows, item.definition)}
        for item in (first, second)
    ]
    return points[0] == points[1]


@dataclass(frozen=True)
class _Leaf:
    """A leaf that may be moved: to what, and whether the other decision answered it alike."""

    alternatives: tuple[Alternative, ...]
    is_shared: bool


Rank = tuple[int, int, int]


def _search(this: Decision, other: Decision) -> tuple[Rank, tuple[tuple[DecidingNode, ...], ...]]:
    """Find the smallest changes of one decision that give the class of the other."""
    leaves = list(_list_movable(this, other))
    tried = 0
    for size in range(1, len(leaves) + 1):
        tried += comb(len(leaves), size) * max(len(item.alternatives) for item in leaves) ** size
        if tried > MOST_REPLAYS:
            break
        ways: dict[int, list[tuple[DecidingNode, ...]]] = {}
        for chosen in combinations(leaves, size):
            shared = sum(item.is_shared for item in chosen)
            for change in product(*(item.alternatives for item in chosen)):
                rows = {name: row for part in change for name, row in part.rows.items()}
                if this.replay(rows) == other.word:
                    nodes = tuple(DecidingNode(part.node, part.would_be) for part in change)
                    ways.setdefault(shared, []).append(nodes)
        if ways:
            fewest = min(ways)
            names = {tuple(node.node for node in way) for way in ways[fewest]}
            return (size, fewest, len(names)), tuple(ways[fewest])
    return (0, 0, 0), ()


def _list_movable(this: Decision, other: Decision) -> Iterator[_Leaf]:
    """List the leaves of a decision that differ from the other's, and those that may still move."""
    theirs = {str(row["node"]): row for row in list_leaves(other.rows, other.definition)}
    are_scores = all(isinstance(item.definition, ScoreDefinition) for item in (this, other))
    for leaf in list_leaves(this.rows, this.definition):
        answers = list_alternatives(leaf, this.definition)
        counterpart = theirs.get(str(leaf["node"]))
        if counterpart is None:
            yield _Leaf(answers, is_shared=False)
            continue
        wanted = _answer(counterpart, are_scores=are_scores)
        if wanted != _answer(leaf, are_scores=are_scores):
            borrowed = tuple(item for item in answers if _word(wanted) == item.would_be)
            yield _Leaf(borrowed or answers, is_shared=False)
        elif not are_scores:
            yield _Leaf(answers, is_shared=_asks_alike(leaf, counterpart))


def _answer(leaf: TraceRow, *, are_scores: bool) -> object:
    return leaf["points"] if are_scores else leaf["state"]


def _word(answer: object) -> str:
    if answer is None:
        return "not_evaluable"
    return f"{answer:g}" if isinstance(answer, float) else str(answer)


def _asks_alike(leaf: TraceRow, counterpart: TraceRow) -> bool:
    return all(leaf[name] == counterpart[name] for name in ("unit", "operator", "threshold"))


def describe_answers(decision: Decision) -> tuple[object, ...]:
    """Give what decides of a decision: two with the same answers have the same deciding nodes."""
    return tuple(
        (
            leaf["node"],
            leaf["state"],
            leaf["points"],
            leaf["reason"] == SMALL_REFERENCE,
            None if leaf["node"] == PREVIOUS_VISIT else leaf["label"],
        )
        for leaf in list_leaves(decision.rows, decision.definition)
    )
