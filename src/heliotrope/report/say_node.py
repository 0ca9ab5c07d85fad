"""A row of the trace in words: its title, its answer, what was compared, why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from heliotrope.definitions.decision import Axis
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node_words import list_node_words
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.definitions.rule import Leaf, RuleDefinition
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.report.explanation import ROOT
from heliotrope.report.language import _, later, ngettext, say_defined
from heliotrope.report.words import (
    count_of,
    read_words,
    say,
    say_flag,
    say_number,
    say_unit,
    sentence,
)

Row = Mapping[str, Any]
Cut = tuple[str, float]

SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "<": "<", ">": ">"}
MEASURED_PARENTS = ("strength", "function")
BOUNDS = {
    "<=": later("at most"),
    ">=": later("at least"),
    "==": later("exactly"),
    "<": later("under"),
    ">": later("over"),
}
NUMBERED = re.compile(r"(?P<name>[a-z]+)_(?P<number>\d+)(\.(?P<part>[a-z]+))?$")


@dataclass(frozen=True)
class Reading:
    """How the trace of one definition is read; without the definition, from the trace alone."""

    definition: Definition | None
    rulebook: Rulebook

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """Every measure by its name."""
        return measures_of(self.rulebook)

    @cached_property
    def words(self) -> Mapping[str, str]:
        """What each node is called: the definition's words, then those all share."""
        common = read_words().words["node"]
        if self.definition is None:
            return common
        return common | list_node_words(self.definition, self.measures)

    @cached_property
    def order(self) -> Mapping[str, int]:
        """The order in which nodes are read: that of the definition, the pattern first."""
        names = list_node_words(self.definition, self.measures) if self.definition else {}
        return {name: number for number, name in enumerate(names)}

    @property
    def axes(self) -> Sequence[Axis]:
        """The decision tables, in the order in which they decide."""
        axes: Sequence[Axis] = getattr(self.definition, "axes", ())
        return axes

    @cached_property
    def title(self) -> str | None:
        """The title of the definition."""
        return say_defined(self.definition.title) if self.definition else None

    def say_title(self, row: Row) -> str:
        """Name a node; numbered ones (reaction 1) with what they are about."""
        name = str(row["node"])
        if name in self.words:
            return say_defined(self.words[name])
        numbered = NUMBERED.match(name)
        if numbered is not None:
            word = self.words.get(numbered["part"] or numbered["name"])
            if word is not None and numbered["part"]:
                return say_defined(word)
            if word is not None:
                about = f": {say_flag(row['reason'])}" if row["reason"] else ""
                return f"{say_defined(word)} {numbered['number']}{about}"
        if name in self.measures:
            return _(self.measures[name].title)
        return sentence(say_flag(name))

    def say_answer(self, row: Row) -> str:
        """Give a node's class, yes or no, points, or its state in words."""
        name, state, label = row["node"], row["state"], row["label"]
        if name == ROOT:
            return self._say_root(row)
        if any(axis.name == name for axis in self.axes):
            return say_label(label) if label else say("class", state)
        if row["points"] is not None:
            return self._say_points(row)
        if is_yes_or_no(row):
            return {"met": _("yes"), "not_met": _("no")}.get(state, say("class", state))
        return ", ".join([say("class", state), *([say_class(label)] if label else [])])

    def _say_points(self, row: Row) -> str:
        by = _(", by {label}").format(label=say_flag(row["label"])) if row["label"] else ""
        if isinstance(self.definition, ReactionWindows):
            return _("grade {points}{by}").format(points=say_number(row["points"]), by=by)
        return f"{_points(row['points'])}{by}"

    def _say_root(self, row: Row) -> str:
        state, label = row["state"], row["label"]
        match self.definition:
            case ResponseDefinition() if row["date"] is not None:
                tier = _(", by {value}").format(value=say("tier", label)) if label else ""
                return say("visit_state", state) + tier
            case ResponseDefinition() if label:
                return f"{say_class(label)} ({say('pattern', label).lower()})"
            case AggravationDefinition() if state == "met" and label:
                return _("met, by {value}").format(value=say("limb", label))
            case AggravationDefinition():
                return say("class", state)
            case ScoreDefinition() if row["points"] is not None:
                return f"{say_class(label or state)}, {_points(row['points'])}"
            case ReactionWindows() if row["points"]:
                return count_of(int(row["points"]), "reaction", "reactions")
        root = self.definition.root if isinstance(self.definition, RuleDefinition) else None
        if label and isinstance(root, Leaf):
            return _("{value}, by {label}").format(
                value=say("class", state), label=say_class(label)
            )
        if label:
            return say_class(label.replace(" + ", "; "))
        return say("class", state)

    def say_comparison(self, row: Row) -> str:
        """Say what was compared with what; of a component of a score its percent change."""
        is_component = row["parent"] == ROOT and row["unit"] != "points"
        if is_component and isinstance(self.definition, ScoreDefinition):
            return say_comparison({**row, "operator": None})
        if is_yes_or_no(row):
            return ""
        return say_comparison(row)

    def say_because(self, row: Row) -> str | None:
        """Say the reason of a node; of a reaction it is its name already."""
        if row["reason"] is None or NUMBERED.match(str(row["node"])):
            return None
        words = say("response_reason", row["reason"])
        return words[:1].lower() + words[1:]


def say_label(label: str) -> str:
    """Say the class of an axis; a state that stands for a class in the words of the states.

    >>> say_label("lost_after_discontinuation"), say_label("not_reached")
    ('lost after discontinuation', 'does not apply')
    """
    words = read_words().words["class"].get(label)
    return _(words) if words else say_class(label)


def say_class(label: str) -> str:
    """Spell the word out in which a definition answers; English where no catalogue has it.

    >>> say_class("slow_maintained")
    'slow maintained'
    """
    return say_defined(say_flag(label))


def _points(points: float) -> str:
    return ngettext("{n} point", "{n} points", 1 if points == 1 else 2).format(n=say_number(points))


def is_yes_or_no(row: Row) -> bool:
    """Say whether a comparison asks for a yes: a count of at least one, where it is 0 or 1.

    A fall by one grade is no yes: nodes that compare a measure are named like it.
    """
    asks_for_one = row["operator"] == ">=" and row["threshold"] == 1
    is_plain = not say_unit(row["unit"]) and row["value"] in (None, 0, 1)
    return asks_for_one and is_plain and row.get("parent") not in MEASURED_PARENTS


def say_comparison(row: Row) -> str:
    """Say what was compared with what; a yes-or-no fact in a word.

    >>> say_comparison({"value": 41.5, "operator": ">=", "threshold": 30.0, "unit": "%"})
    '41.5 % (asked: ≥ 30)'
    >>> say_comparison({"value": 1.0, "operator": ">=", "threshold": 1.0, "unit": None})
    'yes'
    >>> say_comparison({"value": None, "operator": ">=", "threshold": 30.0, "unit": "%"})
    'asked: ≥ 30 %'
    """
    value, operator, threshold = row["value"], row["operator"], row["threshold"]
    unit = say_unit(row["unit"])
    is_asked = operator is not None and threshold is not None
    if value is None:
        return (
            _("asked: {value} {threshold}{unit}").format(
                value=SIGNS[operator], threshold=say_number(threshold), unit=unit
            )
            if is_asked
            else ""
        )
    if is_yes_or_no(row):
        return _("yes") if value else _("no")
    asked = (
        _(" (asked: {value} {threshold})").format(
            value=SIGNS[operator], threshold=say_number(threshold)
        )
        if is_asked
        else ""
    )
    return f"{say_number(value)}{unit}{asked}"


def say_cuts(cuts: Sequence[Cut], unit: str | None) -> str:
    """Say between which values a fact would have to lie.

    >>> say_cuts([(">", 7), ("<=", 42)], "days")
    'over 7 and at most 42 days'
    """
    return _(" and ").join(
        f"{_(BOUNDS[operator])} {say_number(edge)}" for operator, edge in cuts
    ) + say_unit(unit)
