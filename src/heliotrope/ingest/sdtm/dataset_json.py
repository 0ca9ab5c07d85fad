"""Read datasets written as CDISC Dataset-JSON, version 1.0 or 1.1, or in its form of lines.

A file is read twice, a row at a time: for what it holds, and for the rows that are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.sdtm.json_stream import JsonStream

MARKS = ('"datasetJSONVersion"', '"dataset-json', '"itemGroupData"')

_SEQUENCE = "ITEMGROUPDATASEQ"
_DATA = ("clinicalData", "referenceData")
_ROWS_IN_A_BLOCK = 20_000


@dataclass(frozen=True)
class JsonDataset:
    """A dataset of a file: its name and label, its columns' names and labels, how many rows.

    group: where it stands in a file of several (version 1.0). is_numbered: each row begins with a
    sequence number, which is no column.
    """

    name: str
    label: str
    columns: tuple[tuple[str, str], ...]
    rows: int
    group: str = ""
    is_numbered: bool = False


@dataclass
class _Met:
    """What was met of one dataset: what it says of itself, its rows, and one of each length."""

    said: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    lengths: dict[int | None, Any] = field(default_factory=dict)


def list_json_datasets(stream: IO[bytes], place: str) -> list[JsonDataset]:
    """List the datasets of a file; every row is looked at, none is held.

    Rule: version 1.0 may hold several datasets, with a sequence number in front of each row; the
    form of lines has one row a line behind a first line that describes the columns.
    Errors: no JSON, not this form, rows of another length or another number than declared (a file
    cut off): UserError.
    """
    met: dict[str, _Met] = {}
    content = JsonStream(stream, place)
    if content.peek() != "{":
        raise _not_dataset_json(place, "no object at its beginning")
    for group, name, value in _walk(content):
        here = met.setdefault(group, _Met())
        if name is not None:
            here.said[name] = value
            continue
        here.rows += 1
        content.said = f"row {here.rows:,} of {here.said.get('name', group) or 'the dataset'}"
        here.lengths.setdefault(len(value) if isinstance(value, list) else None, value)
    described = {
        group: item
        for group, item in met.items()
        if isinstance(item.said.get("items" if group else "columns"), list)
    }
    if not described:
        names = ", ".join(list(met[""].said)[:6]) if "" in met else "no names"
        raise _not_dataset_json(place, f"the names {names}")
    return [_describe(group, item, place) for group, item in described.items()]


def read_json_rows(stream: IO[bytes], dataset: JsonDataset, place: str) -> Iterator[pl.DataFrame]:
    """Give the rows of one dataset block by block as text, columns named by their number.

    Numbers keep their digits, what is no text is written as JSON, null is null.
    """
    rows = (
        value
        for group, name, value in _walk(JsonStream(stream, place))
        if group == dataset.group and name is None
    )
    first = int(dataset.is_numbered)
    names = [str(number) for number in range(len(dataset.columns))]
    while block := list(islice(rows, _ROWS_IN_A_BLOCK)):
        yield pl.DataFrame(
            {
                name: pl.Series([_text(row[number]) for row in block], dtype=pl.String)
                for number, name in enumerate(names, start=first)
            }
        )


def _walk(content: JsonStream) -> Iterator[tuple[str, str | None, Any]]:
    """Give what stands in a file: group, name (None: a row) and value, one held at a time."""
    for name in content.members():
        if name == "rows":
            for row in content.elements():
                yield "", None, row
        elif name in _DATA:
            yield from _walk_groups(content)
        else:
            yield "", name, content.value()
    while content.peek():
        yield "", None, content.value()


def _walk_groups(content: JsonStream) -> Iterator[tuple[str, str | None, Any]]:
    for part in content.members():
        if part != "itemGroupData":
            content.value()
            continue
        for group in content.members():
            for name in content.members():
                if name == "itemData":
                    for row in content.elements():
                        yield group, None, row
                else:
                    yield group, name, content.value()


def _describe(group: str, met: _Met, place: str) -> JsonDataset:
    described = [
        (str(item.get("name", "")), str(item.get("label", "")))
        for item in met.said["items" if group else "columns"]
    ]
    name = str(met.said.get("name", group)).upper().removeprefix("IG.")
    declared = met.said.get("records")
    if declared is not None and str(declared) != str(met.rows):
        raise UserError(
            f"{declared} rows of {name}, as the file says itself",
            Found(f"{met.rows} rows", place),
            "the file was cut off or changed: export it again",
        )
    wrong = [row for length, row in met.lengths.items() if length != len(described)]
    if wrong:
        raise UserError(
            f"rows of {len(described)} cells in {name}",
            Found(f"{json.dumps(wrong[0], ensure_ascii=False)[:80]}", place),
            "export the file again",
        )
    is_numbered = bool(described) and described[0][0] == _SEQUENCE
    return JsonDataset(
        name,
        str(met.said.get("label", "")),
        tuple(described[is_numbered:]),
        met.rows,
        group,
        is_numbered,
    )


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _not_dataset_json(place: str, found: str) -> UserError:
    return UserError(
        "Dataset-JSON of version 1.0 or 1.1",
        Found(found, place),
        "export the dataset as Dataset-JSON 1.1, XPT or CSV",
    )
