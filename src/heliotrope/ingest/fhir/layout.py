"""Which elements of a resource become the columns of its table, and what is passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, Struct

from heliotrope.ingest.fhir.resources import NO_NUMBER, Period, Quantity, Reference
from heliotrope.ingest.fhir.words import Words

Cell = str | None

ENTERED_IN_ERROR = "entered_in_error"
NOT_DONE = "not_done"
NOT_FINISHED = "not_finished"
ONLY_PROPOSED = "only_proposed"

UCUM = "http://unitsofmeasure.org"

# The columns that every table of resources begins with.
COMMON = ("id", "meta.lastUpdated", "subject.reference", "status")


class Taken(Struct, frozen=True, gc=False):
    """What was read of one resource: cells by layout, and those of its repeated parts."""

    cells: tuple[Cell, ...]
    parts: tuple[tuple[Cell, ...], ...] = ()


@dataclass(frozen=True)
class Layout:
    """The columns of one resource type.

    header: the element paths that are read; ``found``: what was looked up for them, no cells of
    the file. part: the path of the repeated element, ``part_header`` and ``part_found`` its
    columns; ``is_part_named``: its first column is its name. take: reads one
    resource, or names the rule that passes it over.
    """

    type: type[Any]
    take: Callable[[Any, Words], Taken | str]
    header: tuple[str, ...]
    found: tuple[str, ...] = ()
    part: str = ""
    part_header: tuple[str, ...] = ()
    part_found: tuple[str, ...] = ()
    is_part_named: bool = False

    def index_parts(self, parts: tuple[tuple[Cell, ...], ...]) -> list[str]:
        """Return the index of each repeated element: its number, or its own name.

        A name that comes again is counted on: cmas, cmas#2.
        """
        if not self.is_part_named:
            return [str(number) for number in range(len(parts))]
        names = [part[0] or "" for part in parts]
        before = [names[:number].count(name) for number, name in enumerate(names)]
        return [
            f"{name}#{count + 1}" if count else name
            for name, count in zip(names, before, strict=True)
        ]

    def part_name(self, index: int | str, column: str) -> str:
        """Return the path of a column of a repeated element.

        >>> Layout(object, lambda *_: "", (), part="component").part_name(1, "code")
        'component[1].code'
        """
        return f"{self.part}[{index}].{column}"


def begin(resource: Any, subject: Reference | None, status: Cell) -> tuple[Cell, ...]:
    """Return the cells of the columns that every table begins with."""
    updated = resource.meta.last_updated if resource.meta else None
    return resource.id, updated, subject.reference if subject else None, status


def say_raw(number: Raw) -> Cell:
    """Return a number as it is written; blank or null is missing."""
    if number is NO_NUMBER:
        return None
    text = bytes(number).decode()
    return None if text in ("", "null") else text.strip('"')


def say_value(quantity: Quantity | None) -> Cell:
    """Return the number of a quantity, with its comparator: <5."""
    if quantity is None:
        return None
    value = say_raw(quantity.value)
    return f"{quantity.comparator or ''}{value}" if value is not None else None


def say_unit(quantity: Quantity | None) -> Cell:
    """Return the unit of a quantity: its UCUM code where it has one, else its words."""
    if quantity is None:
        return None
    is_coded = quantity.code and quantity.system in (UCUM, None)
    return quantity.code if is_coded else quantity.unit


def start_of(moment: Cell, period: Period | None) -> Cell:
    """Return a point in time, else the start of a period."""
    return moment or (period.start if period else None)


def end_of(period: Period | None) -> Cell:
    """Return the end of a period."""
    return period.end if period else None


def refuse_status(status: Cell, rules: Mapping[str, str]) -> Cell:
    """Name the rule that passes over a status; None if it is used."""
    if status is None:
        return None
    return ENTERED_IN_ERROR if status == "entered-in-error" else rules.get(status)
