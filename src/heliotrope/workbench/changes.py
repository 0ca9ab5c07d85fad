"""Who is classed differently by two definitions or in two runs, as rows of a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heliotrope.comparison.result import ClassChange, Comparison, NodeThatDecided
from heliotrope.definitions.model import Definition
from heliotrope.report.language import _


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


@dataclass(frozen=True)
class ChangeTable:
    """What two definitions differ in: how many units there are, and those that differ."""

    definitions: Sequence[Definition]
    unit: str
    units: int
    changes: int
    lines: Sequence[ChangeLine]
    classes: Sequence[tuple[str, str, int]]


def list_changes(comparison: Comparison, most: int) -> ChangeTable:
    """List what two definitions class differently, at most so many lines."""
    (pair,) = comparison.pairs
    words = comparison.node_words
    letters = {pair.first: "A", pair.second: "B"}
    lines = [make_line(change, words, letters) for change in pair.changes[:most]]
    return ChangeTable(
        definitions=comparison.definitions,
        unit=comparison.unit,
        units=comparison.units,
        changes=sum(count for _first, _second, count in pair.classes),
        lines=lines,
        classes=pair.classes,
    )


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
