"""What differs between two definitions, as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from heliotrope.definitions.difference import Difference, Part
from heliotrope.definitions.model import Definition, Source
from heliotrope.terminal.definitions import cite, describe_head, list_lines, mark_local

HEADINGS: dict[Part, str] = {
    "head": "Head",
    "wording": "Wording",
    "value": "Rule and numbers",
    "source": "Sources and flags",
    "note": "Notes",
}
SIGNS = {"changed": "~", "added": "+", "removed": "-", "moved": ">"}
# Old and new stand in one line where both together are no longer.
LONGEST = 60

COLOURS = {"changed": "yellow", "added": "green", "removed": "red", "moved": "cyan"}


def describe_diff(
    old: Definition, new: Definition, differences: Sequence[Difference]
) -> dict[str, Any]:
    """Give both heads and every difference as plain dictionaries."""
    return {
        "old": describe_head(old),
        "new": describe_head(new),
        "differences": [item.to_json() for item in differences],
    }


def print_diff(old: Definition, new: Definition, differences: Sequence[Difference]) -> None:
    """Print both names, then what differs: old -> new, part by part."""
    console = Console(highlight=False)
    for sign, one in (("-", old), ("+", new)):
        name = f"{one.id} {one.version}{mark_local(one)}"
        console.print(Text(f"{sign} {name}  {one.title}", style="bold"))
    if not differences:
        console.print("They say the same in every field.")
        return
    for part, found in groupby(differences, key=lambda item: item.part):
        console.print(Text(f"\n{HEADINGS[part]}", style="bold"))
        for item in found:
            for depth, line in _say(item):
                console.print(Padding(line, (0, 0, 0, 2 + 2 * depth), expand=False))
    has_numbers = any(item.part == "value" for item in differences)
    if not has_numbers:
        console.print("\nNo number and no rule differs.")
    elif old.id == new.id and old.version == new.version:
        console.print(
            f"\nBoth are called {old.id} {old.version}: give the changed one a version of its own."
        )


Line = tuple[int, Text]


def _say(item: Difference) -> list[Line]:
    """Say one difference in lines with their depth: old and new under each other where long."""
    sign = Text(f"{SIGNS[item.change]} ", style=COLOURS[item.change])
    if item.part in ("source", "note") and item.change in ("added", "removed"):
        return [(0, sign.append(_quote(item), style="default"))]
    head = sign.append(" > ".join(_words(part) for part in item.path), style="default")
    old, new = _show(item.old, item.unit), _show(item.new, item.unit)
    if item.change == "moved":
        return [(0, head.append(f", moved to {' > '.join(_words(part) for part in item.new)}"))]
    if item.change == "changed":
        if len(old) == len(new) == 1 and len(old[0]) + len(new[0]) <= LONGEST:
            return [(0, head.append(f": {old[0]} -> {new[0]}"))]
        return [(0, head), *_under("- ", old), *_under("+ ", new)]
    lines = old if item.change == "removed" else new
    if len(lines) == 1 and len(lines[0]) <= LONGEST:
        return [(0, head.append(f": {lines[0]}"))]
    return [(0, head), *_under("", lines)]


def _quote(item: Difference) -> str:
    """Write a source that came or went as a citation, a note as it stands."""
    value = item.old if item.change == "removed" else item.new
    return cite(Source.model_validate(value)) if isinstance(value, Mapping) else str(value)


def _under(sign: str, lines: Sequence[str]) -> list[Line]:
    """Put lines one deeper; the sign stands before the first."""
    blank = " " * len(sign)
    return [(1, Text(f"{blank if number else sign}{line}")) for number, line in enumerate(lines)]


def _show(value: Any, unit: str | None) -> list[str]:
    if isinstance(value, Mapping):
        known = {key: item for key, item in value.items() if item not in (None, [], {})}
        return list_lines(known)
    shown = [line.removeprefix("- ") for line in list_lines([value])]
    return [f"{shown[0]} {unit}", *shown[1:]] if unit and value is not None else shown


def _words(name: str) -> str:
    return name.replace("_", " ")
