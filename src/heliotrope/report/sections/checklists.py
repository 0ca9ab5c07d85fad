"""Reporting checklists, filled where the run knows the answer, left to the author where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heliotrope.definitions.checklist import (
    FOUND,
    Checklist,
    ChecklistAnswer,
    ChecklistItem,
)
from heliotrope.report.language import _
from heliotrope.report.read_run import look_up
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.definitions import CitationLine, make_citation

FOR_THE_AUTHOR = "For the author."


@dataclass(frozen=True)
class Said:
    """One sentence of the run, and the section of the report, or the result row, it stands in."""

    text: str
    section: str | None
    row: str | None
    is_refused: bool


@dataclass(frozen=True)
class ItemLine:
    """An item as printed: what it asks, what the run says, what is left to the author."""

    number: str
    topic: str
    asks: str
    said: Sequence[Said]
    for_author: str | None

    @property
    def is_answered(self) -> bool:
        """Whether the run says anything of it that it could estimate."""
        return any(not one.is_refused for one in self.said)


@dataclass(frozen=True)
class ChecklistTable:
    """A checklist as printed."""

    checklist: Checklist
    lines: Sequence[ItemLine]
    sources: Sequence[CitationLine]

    @property
    def answered(self) -> int:
        """Items of which the run says something."""
        return sum(line.is_answered for line in self.lines)


def build_checklists(report: ReportInput) -> Section:
    """Fill every checklist of the rulebook from the run; nothing is invented for the author.

    An answer is printed only if the run has the row or the manifest entry it is read from. An
    estimate that was refused is printed with its reason, and does not count as an answer.
    """
    found = [item for item in report.rulebook.definitions.values() if isinstance(item, Checklist)]
    tables = [_make_table(report, item) for item in sorted(found, key=lambda item: item.id)]
    return Section(
        "checklists", _("Reporting checklists"), "checklists.html.j2", {"tables": tables}
    )


def _make_table(report: ReportInput, checklist: Checklist) -> ChecklistTable:
    return ChecklistTable(
        checklist=checklist,
        lines=[_make_line(report, item) for item in checklist.items],
        sources=[make_citation(source) for source in checklist.sources],
    )


def _make_line(report: ReportInput, item: ChecklistItem) -> ItemLine:
    said = [one for answer in item.answers if (one := _say(report, answer)) is not None]
    left = item.for_author if said or item.for_author else FOR_THE_AUTHOR
    return ItemLine(item.number, item.topic, item.asks, said, left)


def _say(report: ReportInput, answer: ChecklistAnswer) -> Said | None:
    """Say one sentence, or nothing where the run does not hold what it is read from."""
    if answer.manifest:
        entry = look_up(report.run.manifest, *answer.manifest)
        return None if entry is None else _fill(answer, _print_entry(entry))
    if answer.analysis is None:
        return _fill(answer, "")
    row = report.results.row(
        answer.analysis, str(answer.variable), str(answer.statistic), answer.group
    )
    if row is None:
        return None
    if row["refused"] is None:
        return _fill(answer, str(row["formatted"]))
    if FOUND not in answer.says:
        return None
    return replace(
        _fill(answer, _("not estimated ({refused})").format(refused=row["refused"])),
        is_refused=True,
    )


def _fill(answer: ChecklistAnswer, found: str) -> Said:
    text = answer.says.replace(FOUND, found)
    row = None if answer.analysis is None else f"{answer.analysis}, {answer.variable}"
    return Said(text, answer.section, row, is_refused=False)


def _print_entry(entry: Any) -> str:
    """Print what the manifest holds; of a list or a table, how many entries it has."""
    if isinstance(entry, bool):
        return _("yes") if entry else _("no")
    if isinstance(entry, Mapping | list):
        return f"{len(entry)}"
    return f"{entry:,}" if isinstance(entry, int) else str(entry)
