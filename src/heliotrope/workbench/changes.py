"""Who is classed differently by two definitions or in two runs, as rows of a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request

from heliotrope.comparison.excerpt import Excerpt
from heliotrope.comparison.result import ClassChange, Comparison, NodeThatDecided
from heliotrope.definitions.model import Definition
from heliotrope.report.language import _
from heliotrope.workbench.pages import number_of

CHANGES_A_PAGE = 50


@dataclass(frozen=True)
class ChangeLine:
    """One visit or regimen that is classed differently: both classes, and what decided."""

    patient_id: str
    regimen: int | None
    date: dt.date | None
    first: str
    second: str
    reason: str
    nodes: Sequence[str]
    until: dt.date | None = None
    units: int = 1

    @property
    def said(self) -> tuple[str, str, str, tuple[str, ...]]:
        """What is said of it, whenever it was."""
        return self.first, self.second, self.reason, tuple(self.nodes)


@dataclass(frozen=True)
class ChangeTable:
    """What two definitions differ in: how many units there are, and those that differ."""

    definitions: Sequence[Definition]
    unit: str
    units: int
    changes: int
    lines: Sequence[ChangeLine]
    classes: Sequence[tuple[str, str, int]]


@dataclass(frozen=True)
class ChangePage:
    """Which page of the changes an address asks for, and between which classes."""

    number: int
    classes: tuple[str, str] | None

    @classmethod
    def of(cls, request: Request) -> ChangePage:
        """Read it from an address."""
        query = request.query_params
        pair = query.get("from", ""), query.get("to", "")
        return cls(max(1, number_of(request, "page")), pair if all(pair) else None)

    @property
    def excerpt(self) -> Excerpt:
        """The changes to be explained."""
        return Excerpt(CHANGES_A_PAGE, (self.number - 1) * CHANGES_A_PAGE, self.classes)

    def count(self, classes: Sequence[tuple[str, str, int]]) -> int:
        """Count the changes that all pages hold together."""
        return sum(n for one, other, n in classes if self.classes in (None, (one, other)))


def list_changes(comparison: Comparison) -> ChangeTable:
    """List the changes between two definitions that were explained; all are counted."""
    (pair,) = comparison.pairs
    words = comparison.node_words
    letters = {pair.first: "A", pair.second: "B"}
    lines = [make_line(change, words, letters) for change in pair.changes]
    return ChangeTable(
        definitions=comparison.definitions,
        unit=comparison.unit,
        units=comparison.units,
        changes=sum(count for _first, _second, count in pair.classes),
        lines=lines,
        classes=pair.classes,
    )


def join_visits(lines: Sequence[ChangeLine]) -> list[ChangeLine]:
    """Join the visits of one child that follow each other and of which the same is said."""
    joined: list[ChangeLine] = []
    for line in lines:
        last = joined[-1] if joined else None
        if last is not None and line.date is not None and last.said == line.said:
            joined[-1] = replace(last, until=line.date, units=last.units + 1)
        else:
            joined.append(line)
    return joined


def make_line(
    change: ClassChange, words: Mapping[str, Mapping[str, str]], letters: Mapping[str, str]
) -> ChangeLine:
    """Make a line of a change; ``words``: what each node is called, by definition."""
    own = words.get(change.decided_in, {})
    is_open = change.kind == "missing"
    nodes = [] if is_open else [say_node(node, own) for way in change.ways[:1] for node in way]
    letter = letters[change.decided_in]
    reason = _say_reason(change, own)
    return ChangeLine(
        patient_id=change.patient_id,
        regimen=change.regimen,
        date=change.date,
        first=say_word(change.first),
        second=say_word(change.second),
        reason=reason if change.kind in ("cut_off", "many") else f"{letter}: {reason}",
        nodes=list(dict.fromkeys(nodes)),
    )


def _say_reason(change: ClassChange, words: Mapping[str, str]) -> str:
    if change.kind == "cut_off":
        return _("the same points, cut elsewhere")
    if change.kind == "many":
        return _("many criteria at once")
    if not change.ways:
        why = say_word(change.reason or "not_evaluable").lower()
        return _("cannot be decided: {why}").format(why=why)
    ways = [[words.get(n.node, say_word(n.node)) for n in way] for way in change.ways]
    if change.kind == "missing":
        return _("lacks {names}").format(names=", ".join(ways[0]))
    return _(" or ").join(dict.fromkeys(" + ".join(way) for way in ways))


def say_node(node: NodeThatDecided, words: Mapping[str, str]) -> str:
    """Say what a node compared, and what it asked for."""
    name = words.get(node.node, say_word(node.node))
    if node.points is not None:
        said = _("{name}: {points} points; with {would_be} they would agree")
        return said.format(name=name, points=f"{node.points:g}", would_be=node.would_be)
    unit = f" {node.unit}" if node.unit and node.unit != "none" else ""
    if node.value is None:
        return f"{name}: {say_word(node.reason or node.state).lower()}"
    found = f"{name}: {round(node.value, 4):g}{unit}"
    if node.threshold is None:
        return found
    return found + _(", asked {what}").format(what=f"{node.operator} {node.threshold:g}{unit}")


def say_word(code: Any) -> str:
    """Spell a class out."""
    text = str(code).replace("_", " ")
    return text[:1].upper() + text[1:]
