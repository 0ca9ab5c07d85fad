"""The one model of an explanation; text, JSON and HTML are renderings of it and add nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from heliotrope.report.language import _

ROOT = "root"


@dataclass(frozen=True)
class Cell:
    """A cell of a source file that a decision used, or considered and rejected."""

    file: str | None
    sheet: str | None
    row: int | None
    column: str | None
    holds: str
    role: str
    reason: str | None
    because: str | None

    @property
    def place(self) -> str:
        """Say where the cell stands."""
        if self.file is None:
            return _("a cell that no source file of this run holds")
        parts = [self.file]
        parts += [_("sheet {sheet}").format(sheet=self.sheet)] if self.sheet is not None else []
        parts += [_("row {row}").format(row=self.row)] if self.row is not None else []
        parts += (
            [_("column {column}").format(column=self.column)] if self.column is not None else []
        )
        return ", ".join(parts)


@dataclass(frozen=True)
class Change:
    """A measure at baseline and at the visit, and how much it changed."""

    measure: str
    unit: str
    baseline_date: dt.date
    baseline: float
    date: dt.date
    value: float
    absolute: float
    relative_percent: float | None
    text: str


@dataclass(frozen=True)
class Node:
    """One criterion: what it is called, what it came to, what was compared, and from which cells.

    ``children`` are the nodes that decided it, ``also`` those that were looked at beside them.
    ``answer`` is the class, yes or no, the points, or the state in words, whichever says most.
    """

    node: str
    title: str
    state: str
    answer: str
    comparison: str
    reason: str | None
    because: str | None
    value: float | None
    unit: str | None
    operator: str | None
    threshold: float | None
    points: float | None
    label: str | None
    change: Change | None
    cells: tuple[Cell, ...]
    children: tuple[Node, ...]
    also: tuple[Node, ...]

    @property
    def tone(self) -> str:
        """The state that colours the answer; a class named by a label is neither good nor bad."""
        is_class = self.label is not None and self.comparison == ""
        return self.state if not is_class or self.state == "not_evaluable" else "class"

    def walk(self) -> Iterator[Node]:
        """Go through the tree from here, what decided first."""
        yield self
        for child in (*self.children, *self.also):
            yield from child.walk()


@dataclass(frozen=True)
class OtherClass:
    """What an answer would be instead."""

    question: str
    before: str
    after: str


@dataclass(frozen=True)
class PossibleChange:
    """A single fact that would have given another class: what it was, what it would have to be."""

    nodes: tuple[str, ...]
    title: str
    now: str
    asked: str
    is_missing: bool
    classes: tuple[OtherClass, ...]


@dataclass(frozen=True)
class Lack:
    """A leaf of a state that is not met or not evaluable, and what would meet it."""

    node: str
    title: str
    state: str
    now: str
    asked: str


@dataclass(frozen=True)
class Gain:
    """A component of a score that can give more points: how many at most, and from which value.

    ``more`` and ``asked`` are the next band that suffices alone, else the next higher band.
    """

    node: str
    title: str
    points: float | None
    most: float
    now: str
    more: float
    asked: str
    suffices: bool


@dataclass(frozen=True)
class NextDegree:
    """The next degree of improvement and what is missing for it."""

    name: str
    at_least: float
    points: float
    missing: float
    gains: tuple[Gain, ...]


@dataclass(frozen=True)
class VisitRun:
    """Visits in a row that say the same; ``role`` is what they were chosen for, if they were."""

    first: dt.date
    last: dt.date
    visits: int
    answer: str
    state: str
    role: str | None
    because: str | None


@dataclass(frozen=True)
class Decision:
    """What one definition says of one child, regimen and (where it judges visits) date."""

    definition_id: str
    definition_version: str
    title: str
    regimen: int | None
    date: dt.date | None
    heading: str | None
    root: Node
    next_degree: NextDegree | None
    lacking: tuple[Lack, ...]
    could_change: tuple[PossibleChange, ...]
    to_record: tuple[str, ...]
    visits: tuple[VisitRun, ...]


@dataclass(frozen=True)
class VisitSummary:
    """What a definition says visit by visit, equal visits in a row together.

    ``latest`` is the last visit that could be judged, else the last one: explained whole.
    """

    definition_id: str
    definition_version: str
    title: str
    regimen: int | None
    runs: tuple[VisitRun, ...]
    latest: Decision


@dataclass(frozen=True)
class Explanation:
    """Everything a run decided about one child: whole decisions first, then visit by visit."""

    patient_id: str
    decisions: tuple[Decision, ...]
    by_visit: tuple[VisitSummary, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries and lists; dates as ISO text."""
        content = _plain(asdict(self))
        assert isinstance(content, dict)
        return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value
