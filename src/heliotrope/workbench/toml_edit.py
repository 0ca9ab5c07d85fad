"""Change single entries of a study.toml and leave every other letter of it as it stands.

A comment is somebody's reason; writing the whole file anew would lose it. So lines are changed,
and the result is read again: where it does not say exactly what was meant (a study.toml written
in an unusual way), nothing is changed and the person is told to edit the text.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from heliotrope.errors import Found, UserError
from heliotrope.ingest.proposal.toml import quote, write_key
from heliotrope.report.language import _

_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\"-]+)")
_SOURCE = re.compile(r"^\s*\[\[\s*source\s*\]\]")
_COLUMNS = re.compile(r"^\s*\[\s*source\.columns\s*\]")
_MEASURE = re.compile(r"^\s*\[\[\s*source\.measures\s*\]\]")

Lines = list[str]


def set_column(text: str, source: int, ours: str, theirs: str | None) -> str:
    """Say which of their columns is ours in the n-th ``[[source]]`` (from 0); None: none is."""

    def mean(content: dict[str, Any]) -> None:
        columns = content["source"][source].setdefault("columns", {})
        columns.pop(ours, None)
        if theirs is not None:
            columns[ours] = theirs
        if not columns:
            del content["source"][source]["columns"]

    return _change(text, mean, lambda lines: _write_column(lines, source, ours, theirs))


def set_measure(text: str, source: int, column: str, measure: str | None) -> str:
    """Say which measure one of their columns holds; None: none that is read."""

    def mean(content: dict[str, Any]) -> None:
        entry = content["source"][source]
        listed = entry.setdefault("measures", [])
        old = [item for item in listed if item["column"] == column]
        if measure is None:
            listed[:] = [item for item in listed if item["column"] != column]
        elif old:
            old[0]["measure"] = measure
        else:
            listed.append({"column": column, "measure": measure})
        if not listed:
            del entry["measures"]

    return _change(text, mean, lambda lines: _write_measure(lines, source, column, measure))


def _change(
    text: str, mean: Callable[[dict[str, Any]], None], write: Callable[[Lines], Lines]
) -> str:
    """Change lines; the result must say what is meant, and nothing else."""
    meant = copy.deepcopy(tomllib.loads(text))
    mean(meant)
    try:
        changed = "\n".join(write(text.split("\n")))
        if _without_empty(tomllib.loads(changed)) == _without_empty(meant):
            return changed
    except (tomllib.TOMLDecodeError, LookupError):
        pass
    raise UserError(
        _("a study.toml whose entries stand a line each"),
        Found(_("one written in another way"), "study.toml"),
        _("change this entry in the text of the mapping"),
    )


def _without_empty(content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out empty tables of sources: an empty ``[source.columns]`` says nothing."""
    plain = copy.deepcopy(dict(content))
    for entry in plain.get("source", []):
        for name in ("columns", "measures"):
            if not entry.get(name, True):
                del entry[name]
    return plain


def _find_source(lines: Lines, number: int) -> tuple[int, int]:
    """Find the lines of the n-th source, its own tables included."""
    starts = [place for place, line in enumerate(lines) if _SOURCE.match(line)]
    first = starts[number]
    for place in range(first + 1, len(lines)):
        header = _HEADER.match(lines[place])
        if header and (_SOURCE.match(lines[place]) or not header.group(1).startswith("source.")):
            return first, _before_blank(lines, first, place)
    return first, _before_blank(lines, first, len(lines))


def _before_blank(lines: Lines, first: int, last: int) -> int:
    """Leave blank lines and comments at the end to what follows."""
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].startswith("#")):
        last -= 1
    return last


def _end_of_table(lines: Lines, head: int, last: int) -> int:
    for place in range(head + 1, last):
        if _HEADER.match(lines[place]):
            return place
    return last


def _write_column(lines: Lines, source: int, ours: str, theirs: str | None) -> Lines:
    first, last = _find_source(lines, source)
    wanted = [] if theirs is None else [f"{write_key(ours)} = {quote(theirs)}"]
    head = next((n for n in range(first, last) if _COLUMNS.match(lines[n])), None)
    if head is None:
        own = _end_of_table(lines, first, last)
        return [*lines[:own], "[source.columns]", *wanted, *lines[own:]] if wanted else lines
    for place in range(head + 1, _end_of_table(lines, head, last)):
        if _is_key(lines[place], ours):
            return [*lines[:place], *wanted, *lines[place + 1 :]]
    return [*lines[: head + 1], *wanted, *lines[head + 1 :]]


def _write_measure(lines: Lines, source: int, column: str, measure: str | None) -> Lines:
    first, last = _find_source(lines, source)
    for head in range(first, last):
        if not _MEASURE.match(lines[head]):
            continue
        end = _end_of_table(lines, head, last)
        rows = range(head + 1, end)
        mine = next((n for n in rows if _is_key(lines[n], "column")), None)
        if mine is None or tomllib.loads(lines[mine])["column"] != column:
            continue
        if measure is None:
            tables = [
                n for n in range(end, last) if lines[n].strip().startswith("[source.measures.")
            ]
            return [*lines[:head], *lines[end:]] if not tables else lines
        place = next(n for n in rows if _is_key(lines[n], "measure"))
        return [*lines[:place], f"measure = {quote(measure)}", *lines[place + 1 :]]
    if measure is None:
        return lines
    entry = ["[[source.measures]]", f"column = {quote(column)}", f"measure = {quote(measure)}"]
    return [*lines[:last], *entry, *lines[last:]]


def _is_key(line: str, key: str) -> bool:
    name = re.escape(key)
    return re.match(rf"^\s*(?:{name}|\"{name}\"|'{name}')\s*=", line) is not None
