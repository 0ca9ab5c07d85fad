"""Every treated child in a line, to be filtered, and the children behind each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliotrope.report.language import _
from heliotrope.report.read_behind import ANY_OCCASION, AXES, HARMED, WORSE, ChildLine, name_group
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.patterns import PATTERNS
from heliotrope.report.words import say

OPEN_LISTS = 30
"""Up to so many children the lists behind the numbers stand open."""


@dataclass(frozen=True)
class Group:
    """A count of the report and the children it counts."""

    name: str
    title: str
    children: Sequence[str]


def build_every_child(report: ReportInput) -> Section | None:
    """Put every treated child in a line, in the order of the patterns; None without IVIG."""
    if not report.treated:
        return None
    lines = sorted(report.behind.lines, key=lambda line: (_rank(line), line.patient_id))
    counts = report.behind.counts
    content = {
        "lines": [_describe(line) for line in lines],
        "anchors": report.anchors,
        "treated": len(report.treated),
        "hidden": len(report.treated) - len(report.shown),
        "axes": [(title, groups) for title, groups in _list_axes(report) if groups],
        "patterns": [
            (name_group(("response_pattern", code)), say("pattern", code), len(children))
            for code in PATTERNS
            if (children := counts.get(("response_pattern", code)))
        ],
        "are_open": len(lines) <= OPEN_LISTS,
    }
    return Section("every_child", _("Every child in a line"), "every_child.html.j2", content)


def _rank(line: ChildLine) -> int:
    pattern = line.response["pattern"]
    return PATTERNS.index(pattern) if pattern in PATTERNS else len(PATTERNS)


def _describe(line: ChildLine) -> dict[str, Any]:
    response = line.response
    days = [_("day {n}").format(n=day) for day in line.worse_after_days if day is not None]
    return {
        "patient_id": line.patient_id,
        "groups": line.keys,
        "pattern": say("pattern", response["pattern"]),
        "courses": response["courses"],
        "onset": response["onset_by_day"],
        "durability": say("durability", response["durability"]),
        "steroid": say("steroid_effect", response["steroid_effect"]),
        "worse": ", ".join(days) or (_("yes") if line.worse_after_days else ""),
        "reactions": line.occasions,
    }


def _list_axes(report: ReportInput) -> list[tuple[str, list[Group]]]:
    titles = {
        "responded": _("Improved?"),
        "response_pattern": _("Pattern"),
        "onset": _("How fast?"),
        "durability": _("Held or lost?"),
        "steroid_effect": _("Steroid dose"),
    }
    counts = report.behind.counts
    axes = [
        (
            titles[axis],
            [
                Group(name_group((axis, code)), say(column, code), counts[axis, code])
                for code in report.results.variables(axis)
                if (axis, code) in counts
            ],
        )
        for axis, column in AXES.items()
    ]
    others = (
        ((WORSE, report.headline_window), _("After stopping"), say("aggravation", "met")),
        ((HARMED, ANY_OCCASION), _("Harm"), _("A reaction recorded")),
    )
    for group, title, words in others:
        found = counts.get(group, ())
        axes.append((title, [Group(name_group(group), words, found)] if found else []))
    return axes
