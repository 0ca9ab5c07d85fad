"""Where the entries of a study.toml stand: sources, their tables, their measures, line by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\"-]+)")
_SOURCE = re.compile(r"^\s*\[\[\s*source\s*\]\]")
_MEASURE = re.compile(r"^\s*\[\[\s*source\.measures\s*\]\]")

Lines = list[str]


def find_source(lines: Lines, number: int) -> tuple[int, int]:
    """Find the lines of the n-th source, its own tables included."""
    starts = [place for place, line in enumerate(lines) if _SOURCE.match(line)]
    first = starts[number]
    for place in range(first + 1, len(lines)):
        header = _HEADER.match(lines[place])
        if header and (_SOURCE.match(lines[place]) or not header.group(1).startswith("source.")):
            return first, before_blank(lines, first, place)
    return first, before_blank(lines, first, len(lines))


def before_blank(lines: Lines, first: int, last: int) -> int:
    """Leave blank lines and comments at the end to what follows."""
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].startswith("#")):
        last -= 1
    return last


def end_of_table(lines: Lines, head: int, last: int) -> int:
    """Find where a table ends: at the next head, or with its source."""
    for place in range(head + 1, last):
        if _HEADER.match(lines[place]):
            return place
    return last


def find_table(lines: Lines, name: str, within: tuple[int, int]) -> int | None:
    """Find the head of a table, e.g. ``source.codes.sex``; its last part may be quoted."""
    parent, _dot, last = name.rpartition(".")
    key = re.escape(last)
    head = re.compile(rf"^\s*\[\s*{re.escape(parent)}\s*\.\s*(?:{key}|\"{key}\"|'{key}')\s*\]")
    return next((number for number in range(*within) if head.match(lines[number])), None)


def put_line(lines: Lines, table: tuple[int, int], key: str, wanted: Sequence[str]) -> Lines:
    """Put a line in the place of a key's, or under the head of its table; none: take it away."""
    head, end = table
    for place in range(head + 1, end):
        if is_key(lines[place], key):
            return [*lines[:place], *wanted, *lines[place + 1 :]]
    return [*lines[: head + 1], *wanted, *lines[head + 1 :]]


def find_measure(lines: Lines, source: int, column: str) -> tuple[int, int, int]:
    """Find the measure of one of their columns: its first line, its end, the end of the source."""
    first, last = find_source(lines, source)
    for head in range(first, last):
        if not _MEASURE.match(lines[head]):
            continue
        end = end_of_table(lines, head, last)
        mine = next((n for n in range(head + 1, end) if is_key(lines[n], "column")), None)
        if mine is not None and tomllib.loads(lines[mine])["column"] == column:
            return head, end, last
    raise LookupError(column)


def is_key(line: str, key: str) -> bool:
    """Say whether a line sets a key."""
    name = re.escape(key)
    return re.match(rf"^\s*(?:{name}|\"{name}\"|'{name}')\s*=", line) is not None


def is_entry(line: str) -> bool:
    """Say whether a line sets anything."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def find_first_measure(lines: Lines, within: tuple[int, int]) -> int:
    """Find the first measure of a source; where it has none, the end."""
    first, last = within
    return next((number for number in range(first, last) if _MEASURE.match(lines[number])), last)
