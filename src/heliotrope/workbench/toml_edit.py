"""Change single entries of a study.toml and leave every other letter of it as it stands.

A comment is somebody's reason; writing the whole file anew would lose it. So lines are changed,
and the result is read again: where it does not say exactly what was meant (a study.toml written
in an unusual way), nothing is changed and the person is told to edit the text.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heliotrope.errors import Found, UserError
from heliotrope.ingest.proposal.toml import quote, write_key
from heliotrope.report.language import _
from heliotrope.workbench.toml_lines import (
    Lines,
    before_blank,
    end_of_table,
    find_first_measure,
    find_measure,
    find_source,
    find_table,
    is_entry,
    is_key,
    put_line,
)

_TABLES = ("columns", "constants", "dates", "codes", "measures")


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
        head, end, last = find_measure(lines, source, column)
        if not any(is_key(line, key) for line in lines[head:end]):
            own = before_blank(lines, head, min(end, last))
            return [*lines[:own], *wanted, *lines[own:]]
        return put_line(lines, (head, end), key, wanted)

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


def _write_entry(lines: Lines, source: int, place: tuple[str, str], wanted: Sequence[str]) -> Lines:
    table, key = place
    first, last = find_source(lines, source)
    head = find_table(lines, f"source.{table}", (first, last))
    if head is not None:
        return put_line(lines, (head, end_of_table(lines, head, last)), key, wanted)
    own = end_of_table(lines, first, last)
    if table != "columns":  # after the columns, before the measures
        own = find_first_measure(lines, (own, last))
    return [*lines[:own], f"[source.{table}]", *wanted, *lines[own:]] if wanted else lines


def _write_codes(lines: Lines, source: int, ours: str, codes: Mapping[str, str]) -> Lines:
    """Write codes where they stand: as a table of their own, or in a line of the table of codes."""
    first, last = find_source(lines, source)
    own = find_table(lines, f"source.codes.{ours}", (first, last))
    shared = find_table(lines, "source.codes", (first, last))
    if own is not None:
        end = end_of_table(lines, own, last)
        kept = [line for line in lines[own + 1 : end] if not is_entry(line)]
        kept_head = lines[own : own + 1] if codes else []
        return [
            *lines[:own], *kept_head, *_list_codes(lines[own + 1 : end], codes), *kept, *lines[end:]
        ]  # fmt: skip
    if shared is not None:
        wanted = [f"{write_key(ours)} = {_write_value(codes)}"] if codes else []
        return put_line(lines, (shared, end_of_table(lines, shared, last)), ours, wanted)
    head = f"[source.codes.{write_key(ours)}]"
    return [*lines[:last], head, *_list_codes([], codes), *lines[last:]] if codes else lines


def _list_codes(before: Lines, codes: Mapping[str, str]) -> Lines:
    """Write each code in a line; one that says the same as before keeps its line and comment."""
    same = {}
    for line in before:
        if is_entry(line):
            ((code, meaning),) = tomllib.loads(line).items()
            same[code, meaning] = line
    return [same.get(item, f"{quote(item[0])} = {quote(item[1])}") for item in codes.items()]


def _write_measure(lines: Lines, source: int, column: str, measure: str | None) -> Lines:
    try:
        head, end, last = find_measure(lines, source, column)
    except LookupError:
        last = find_source(lines, source)[1]
        if measure is None:
            return lines
        entry = ["[[source.measures]]", f"column = {quote(column)}", f"measure = {quote(measure)}"]
        return [*lines[:last], *entry, *lines[last:]]
    if measure is not None:
        return put_line(lines, (head, end), "measure", [f"measure = {quote(measure)}"])
    has_tables = any(line.strip().startswith("[source.measures.") for line in lines[end:last])
    return lines if has_tables else [*lines[:head], *lines[end:]]
