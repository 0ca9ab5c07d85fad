"""What a comparison of definitions finds, as a typed result."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from heliotrope.definitions.comparable import Unit
from heliotrope.definitions.model import Definition
from heliotrope.estimate.definition_agreement import UNDECIDED
from heliotrope.estimate.rows import Row


@dataclass(frozen=True)
class NodeThatDecided:
    """A leaf of the trace, as recorded, and the answer that would have made the classes equal."""

    node: str
    state: str
    reason: str | None
    value: float | None
    unit: str | None
    operator: str | None
    threshold: float | None
    points: float | None
    would_be: str


@dataclass(frozen=True)
class ClassChange:
    """One visit or regimen that two definitions class differently.

    ``kind`` and ``decided_in`` say what made the difference (see ``classify/deciding``);
    ``ways`` are sets of nodes, any one of which would have made them agree.
    """

    patient_id: str
    regimen: int | None
    date: datetime.date | None
    first: str
    second: str
    kind: str
    decided_in: str
    reason: str | None
    ways: tuple[tuple[NodeThatDecided, ...], ...]

    @property
    def is_between_classes(self) -> bool:
        """Say whether both definitions could decide."""
        return not {self.first, self.second} & set(UNDECIDED)


@dataclass(frozen=True)
class PairComparison:
    """Two definitions: the result rows of their agreement, and every unit classed differently.

    classes: how many units each pair of different classes has, also of changes not explained.
    """

    first: str
    second: str
    rows: tuple[Row, ...]
    changes: tuple[ClassChange, ...]
    classes: tuple[tuple[str, str, int], ...] = ()

    def count_deciding(self) -> list[tuple[str, str, str, int]]:
        """Count, for each pair of classes, the nodes that decided: first, second, nodes, units."""
        counted = Counter(
            (change.first, change.second, describe_ways(change)) for change in self.changes
        )
        ordered = sorted(counted.items(), key=lambda item: (item[0][:2], -item[1], item[0][2]))
        return [(*key, count) for key, count in ordered]


@dataclass(frozen=True)
class Comparison:
    """Two or more definitions over a run."""

    definitions: tuple[Definition, ...]
    unit: Unit
    language: str
    week: int | None
    units: int
    children: int
    without_regimen: int
    classes: tuple[str, ...]
    node_words: Mapping[str, Mapping[str, str]]
    pairs: tuple[PairComparison, ...]
    together: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries and lists; dates as ISO text."""
        return {
            "definitions": [
                {
                    "id": item.id,
                    "version": item.version,
                    "title": item.title,
                    "verified": item.verified,
                    "local": item.is_local,
                }
                for item in self.definitions
            ],
            "unit": self.unit,
            "compared_by": self.language,
            "week": self.week,
            "classes": list(self.classes),
            "units": self.units,
            "children": self.children,
            "children_without_regimen": self.without_regimen,
            "pairs": [_pair_to_json(pair) for pair in self.pairs],
            "together": [asdict(row) for row in self.together],
        }


def _pair_to_json(pair: PairComparison) -> dict[str, Any]:
    changes = []
    for change in pair.changes:
        content = asdict(change)
        content["date"] = change.date.isoformat() if change.date else None
        changes.append(content)
    return {
        "first": pair.first,
        "second": pair.second,
        "results": [asdict(row) for row in pair.rows],
        "changes": changes,
    }


def describe_ways(change: ClassChange) -> str:
    """Name what decided in one line: nodes joined by 'and', alternatives by 'or'."""
    if not change.ways:
        return f"{change.decided_in}: {change.reason or change.kind}"
    names = dict.fromkeys(" and ".join(node.node for node in way) for way in change.ways)
    return f"{change.decided_in}: {' or '.join(names)}"
