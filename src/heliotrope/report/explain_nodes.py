"""From the rows of one decision to its tree: what decided first, what else was looked at after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heliotrope.classify.replay_response import applies
from heliotrope.classify.replay_trace import TRUTH_OF_STATE, Truth
from heliotrope.definitions.decision import Axis, Choice
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.report.explain_cells import ChildCells
from heliotrope.report.explanation import ROOT, Node
from heliotrope.report.say_node import Reading

Row = Mapping[str, Any]

DECIDING_STATES = ("met", "not_met", "not_evaluable")
NOT_EVALUABLE = "not_evaluable"
LAST = 1 << 30


@dataclass
class TreeBuilder:
    """Builds the tree of one decision; every cell is named once, where its node first stands."""

    rows: Mapping[str, Row]
    reading: Reading
    cells: ChildCells
    shown: set[str] = field(default_factory=set)
    below: dict[str, list[str]] = field(default_factory=dict)
    deciding: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def build(self) -> Node:
        """Build the tree from the root; a node without its parent hangs on the root."""
        for name, row in self.rows.items():
            if name != ROOT:
                parent = row["parent"] if row["parent"] in self.rows else ROOT
                self.below.setdefault(parent, []).append(name)
        for names in self.below.values():
            names.sort(key=self._rank)
        self.deciding = find_deciding(self.reading.axes, self.rows)
        return self._build(ROOT, frozenset())

    def _rank(self, name: str) -> tuple[int, int]:
        order = self.reading.order.get(name, LAST)
        return order, int(self.rows[name]["trace_id"])

    def _build(self, name: str, above: frozenset[str]) -> Node:
        """Build a node; one that is its own ancestor is shown once."""
        kids = [kid for kid in self.below.get(name, []) if kid not in above | {name}]
        first, others = self._part(name, kids)
        inside = above | {name}
        self.shown.add(name)
        children = tuple(self._child(kid, name, inside) for kid in first)
        also = tuple(self._build(kid, inside) for kid in others if kid not in self.shown)
        return self._make(self.rows[name], children, also)

    def _child(self, kid: str, parent: str, above: frozenset[str]) -> Node:
        """Build what decided; an axis or a criterion explained elsewhere is named without cells."""
        is_own = kid in self.below.get(parent, []) and kid not in self.shown
        is_new_criterion = kid not in self.shown and kid not in self.deciding
        if is_own or is_new_criterion:
            return self._build(kid, above)
        return self._make(self.rows[kid], (), (), with_cells=False)

    def _part(self, name: str, kids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Part the nodes under a node into those that decided it and the others."""
        if name in self.deciding:
            first = [kid for kid in self.deciding[name] if kid in self.rows]
            return first, [kid for kid in kids if kid not in first]
        if isinstance(self.reading.definition, ScoreDefinition):
            first = [kid for kid in kids if not kid.startswith("score_")]
            return first, [kid for kid in kids if kid not in first]
        state = self.rows[name]["state"]
        same = [kid for kid in kids if self.rows[kid]["state"] == state]
        if (name == ROOT and self.deciding) or not same or state not in DECIDING_STATES:
            return kids, []
        return same, [kid for kid in kids if kid not in same]

    def _make(
        self,
        row: Row,
        children: tuple[Node, ...],
        also: tuple[Node, ...],
        *,
        with_cells: bool = True,
    ) -> Node:
        read = self.reading
        trace_id = int(row["trace_id"])
        return Node(
            node=row["node"],
            title=read.say_title(row),
            state=row["state"],
            answer=read.say_answer(row),
            comparison=read.say_comparison(row),
            reason=row["reason"],
            because=read.say_because(row),
            value=row["value"],
            unit=row["unit"],
            operator=row["operator"],
            threshold=row["threshold"],
            points=row["points"],
            label=row["label"],
            change=self.cells.change(trace_id) if with_cells and self._has_baseline() else None,
            cells=self.cells.cells(trace_id) if with_cells else (),
            children=children,
            also=also,
        )

    def _has_baseline(self) -> bool:
        """Say whether two values of a measure are a baseline and a visit: not of a reaction."""
        return not isinstance(self.reading.definition, ReactionWindows)


def find_deciding(axes: Sequence[Axis], rows: Mapping[str, Row]) -> dict[str, tuple[str, ...]]:
    """Find for each axis what decided it: what the row of its table that applied reads.

    A row without a condition of its own applies because the rows above it did not: then the
    criteria that kept those out decided, of the rows about the same case (``where``) if any. An
    answer that cannot be given also rests on what is missing in the rows above.
    """
    if not axes or any(axis.name not in rows for axis in axes):
        return {}
    truths: dict[str, Truth] = {
        name: TRUTH_OF_STATE.get(row["state"]) for name, row in rows.items()
    }
    decided: dict[str, tuple[str, str | None]] = {}
    deciding: dict[str, tuple[str, ...]] = {}
    for axis in axes:
        known = {name for choice in axis.choices for name in choice.criteria()}
        truths = dict.fromkeys(known) | truths
        number = next(n for n, item in enumerate(axis.choices) if applies(item, truths, decided))
        chosen, above = axis.choices[number], axis.choices[:number]
        decided[axis.name] = (chosen.label, chosen.reason)
        read = [*chosen.met, *chosen.not_met, *chosen.not_shown]
        read += [name for name in chosen.any_met if truths[name] is True]
        names = [*_axes_of(chosen), *read]
        if not read:
            names += _find_what_kept_out(above, truths, decided)
        if chosen.label == NOT_EVALUABLE and all(truths[name] is not None for name in read):
            names += [
                name
                for item in above
                if _fits(item, decided)
                for name in item.criteria()
                if truths[name] is None
            ]
        deciding[axis.name] = tuple(name for name in dict.fromkeys(names) if name in rows)
    return deciding


def _axes_of(choice: Choice) -> list[str]:
    return [name.removesuffix(".reason") for name in choice.where]


def _find_what_kept_out(
    above: Sequence[Choice],
    truths: Mapping[str, Truth],
    decided: Mapping[str, tuple[str, str | None]],
) -> list[str]:
    """Name the criteria that kept the rows above from applying."""
    same_case = [item for item in above if _fits(item, decided)]
    specific = [item for item in same_case if item.where]
    names = []
    for item in specific or same_case:
        names += _axes_of(item)
        names += [name for name in item.met if truths[name] is not True]
        names += [name for name in item.not_met if truths[name] is not False]
        if not any(truths[name] is not True for name in item.met):
            names += [name for name in item.not_shown if truths[name] is True]
            names += item.any_met
    return names


def _fits(choice: Choice, decided: Mapping[str, tuple[str, str | None]]) -> bool:
    return all(
        decided[name.removesuffix(".reason")][name.endswith(".reason")] == label
        for name, label in choice.where.items()
    )
