"""Change single entries of a study.toml and leave every other letter of it as it stands.

A comment is somebody's reason; writing the whole file anew would lose it. So lines are changed,
and the result is read again: where it does not say exactly what was meant (a study.toml written
in an unusual way), nothing is changed and the person is told to edit the text.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heliotrope.errors import Found, UserError
from heliotrope.ingest.proposal.toml import quote, write_key
from heliotrope.report.language import _

_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\"-]+)")
_SOURCE = re.compile(r"^\s*\[\[\s*source\s*\]\]")
_MEASURE = re.compile(r"^\s*\[\[\s*source\.measures\s*\]\]")
_TABLES = ("columns", "constants", "dates", "codes", "measures")

Lines = list[str]


def set_column(text: str, source: int, ours: str, theirs: str | None) -> str:
    """Say which of their columns is ours in the n-th ``[[source]]`` (from 0); None: none is."""
    return set_entry(text, source, ("columns", ours), theirs)


def set_entry(text: str, source: int, place: tuple[str, str], value: str | None) -> str:
    """Set an entry of a table of the n-th ``[[source]]``, e.g. of dates; None: take it away.

    ``place``: the table (columns, constants, dates) and the key.
    """
    table, key = place

    def mean(content: dict[str, Any]) -> None:
        entries = content["source"][source].setdefault(table, {})
        entries.pop(key, None)
        if value is not None:
            entries[key] = value

    wanted = [] if value is None else [f"{write_key(key)} = {quote(value)}"]
    return _change(text, mean, lambda lines: _write_entry(lines, source, place, wanted))


def set_codes(text: str, source: int, ours: str, codes: Mapping[str, str]) -> str:
    """Say what the codes of one of our columns mean in the n-th ``[[source]]``; none: as it is."""

    def mean(content: dict[str, Any]) -> None:
        entries = content["source"][source].setdefault("codes", {})
        entries.pop(ours, None)
        if codes:
            entries[ours] = dict(codes)

    return _change(text, mean, lambda lines: _write_codes(lines, source, ours, codes))


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


def set_measure_entry(
    text: str, source: int, column: str, entry: tuple[str, str | Mapping[str, str] | None]
) -> str:
    """Set a key of the measure that one of their columns holds; None: take the key away.

    ``entry``: the key (unit, codes) and its value.
    """
    key, value = entry

    def mean(content: dict[str, Any]) -> None:
        for item in content["source"][source].get("measures", []):
            if item["column"] == column:
                item.pop(key, None)
                if value:
                    item[key] = value if isinstance(value, str) else dict(value)

    wanted = [f"{key} = {_write_value(value)}"] if value else []

    def write(lines: Lines) -> Lines:
        head, end, last = _find_measure(lines, source, column)
        if not any(_is_key(line, key) for line in lines[head:end]):
            own = _before_blank(lines, head, min(end, last))
            return [*lines[:own], *wanted, *lines[own:]]
        return _put_line(lines, (head, end), key, wanted)

    return _change(text, mean, write)


def _write_value(value: str | Mapping[str, str]) -> str:
    if isinstance(value, str):
        return quote(value)
    entries = (f"{quote(key)} = {quote(meaning)}" for key, meaning in value.items())
    return f"{{ {', '.join(entries)} }}"


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
        for name in _TABLES:
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


def _find_table(lines: Lines, name: str, within: tuple[int, int]) -> int | None:
    """Find the head of a table, e.g. ``source.codes.sex``; its last part may be quoted."""
    parent, _dot, last = name.rpartition(".")
    key = re.escape(last)
    head = re.compile(rf"^\s*\[\s*{re.escape(parent)}\s*\.\s*(?:{key}|\"{key}\"|'{key}')\s*\]")
    return next((number for number in range(*within) if head.match(lines[number])), None)


def _put_line(lines: Lines, table: tuple[int, int], key: str, wanted: Sequence[str]) -> Lines:
    """Put a line in the place of a key's, or under the head of its table; none: take it away."""
    head, end = table
    for place in range(head + 1, end):
        if _is_key(lines[place], key):
            return [*lines[:place], *wanted, *lines[place + 1 :]]
    return [*lines[: head + 1], *wanted, *lines[head + 1 :]]


def _write_entry(lines: Lines, source: int, place: tuple[str, str], wanted: Sequence[str]) -> Lines:
    table, key = place
    first, last = _find_source(lines, source)
    head = _find_table(lines, f"source.{table}", (first, last))
    if head is not None:
        return _put_line(lines, (head, _end_of_table(lines, head, last)), key, wanted)
    own = _end_of_table(lines, first, last)
    if table != "columns":  # after the columns, before the measures
        own = next((n for n in range(own, last) if _MEASURE.match(lines[n])), last)
    return [*lines[:own], f"[source.{table}]", *wanted, *lines[own:]] if wanted else lines


def _write_codes(lines: Lines, source: int, ours: str, codes: Mapping[str, str]) -> Lines:
    """Write codes where they stand: as a table of their own, or in a line of the table of codes."""
    first, last = _find_source(lines, source)
    own = _find_table(lines, f"source.codes.{ours}", (first, last))
    shared = _find_table(lines, "source.codes", (first, last))
    if own is not None:
        end = _end_of_table(lines, own, last)
        kept = [line for line in lines[own + 1 : end] if not _is_entry(line)]
        head = lines[own : own + 1] if codes else []
        return [
            *lines[:own], *head, *_list_codes(lines[own + 1 : end], codes), *kept, *lines[end:]
        ]  # fmt: skip
    if shared is not None:
        wanted = [f"{write_key(ours)} = {_write_value(codes)}"] if codes else []
        return _put_line(lines, (shared, _end_of_table(lines, shared, last)), ours, wanted)
    head = f"[source.codes.{write_key(ours)}]"
    return [*lines[:last], head, *_list_codes([], codes), *lines[last:]] if codes else lines


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _list_codes(before: Lines, codes: Mapping[str, str]) -> Lines:
    """Write each code in a line; one that says the same as before keeps its line and comment."""
    same = {}
    for line in before:
        if _is_entry(line):
            ((code, meaning),) = tomllib.loads(line).items()
            same[code, meaning] = line
    return [same.get(item, f"{quote(item[0])} = {quote(item[1])}") for item in codes.items()]


def _find_measure(lines: Lines, source: int, column: str) -> tuple[int, int, int]:
    """Find the measure of one of their columns: its first line, its end, the end of the source."""
    first, last = _find_source(lines, source)
    for head in range(first, last):
        if not _MEASURE.match(lines[head]):
            continue
        end = _end_of_table(lines, head, last)
        mine = next((n for n in range(head + 1, end) if _is_key(lines[n], "column")), None)
        if mine is not None and tomllib.loads(lines[mine])["column"] == column:
            return head, end, last
    raise LookupError(column)


def _write_measure(lines: Lines, source: int, column: str, measure: str | None) -> Lines:
    try:
        head, end, last = _find_measure(lines, source, column)
    except LookupError:
        last = _find_source(lines, source)[1]
        if measure is None:
            return lines
        entry = ["[[source.measures]]", f"column = {quote(column)}", f"measure = {quote(measure)}"]
        return [*lines[:last], *entry, *lines[last:]]
    if measure is not None:
        return _put_line(lines, (head, end), "measure", [f"measure = {quote(measure)}"])
    has_tables = any(line.strip().startswith("[source.measures.") for line in lines[end:last])
    return lines if has_tables else [*lines[:head], *lines[end:]]


def _is_key(line: str, key: str) -> bool:
    name = re.escape(key)
    return re.match(rf"^\s*(?:{name}|\"{name}\"|'{name}')\s*=", line) is not None
