"""Read a dataset written as CDISC Dataset-JSON, version 1.0 or 1.1, or its form of lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from heliotrope.errors import Found, UserError

MARKS = ('"datasetJSONVersion"', '"dataset-json', '"itemGroupData"')


@dataclass(frozen=True)
class JsonDataset:
    """A dataset of one file: its name and label, its columns' names and labels, its rows."""

    name: str
    label: str
    columns: tuple[tuple[str, str], ...]
    cells: pl.DataFrame


def read_dataset_json(content: bytes, place: str) -> list[JsonDataset]:
    """Read the datasets of a file, cells as they are written.

    Rule: numbers keep their digits; version 1.0 may hold several datasets and a sequence number
    in front of each row, which is no column; the form of lines has one row a line behind a first
    line that describes the columns.
    Errors: no JSON, not this form, rows of another length or another number than declared (a file
    cut off): UserError.
    """
    text = content.decode("utf-8-sig", "replace")
    try:
        whole = json.loads(text, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        return [_read_lines(text, place, error)]
    if not isinstance(whole, dict):
        raise _not_dataset_json(place, "a list")
    if isinstance(whole.get("columns"), list):
        return [_read_group(whole, "columns", "rows", place)]
    groups = [
        _read_group({"name": name, **group}, "items", "itemData", place)
        for part in ("clinicalData", "referenceData")
        for name, group in (whole.get(part) or {}).get("itemGroupData", {}).items()
    ]
    if not groups:
        raise _not_dataset_json(place, f"the names {', '.join(list(whole)[:6])}")
    return groups


def _read_lines(text: str, place: str, error: json.JSONDecodeError) -> JsonDataset:
    lines = [line for line in text.splitlines() if line.strip()]
    parsed = []
    for number, line in enumerate(lines, start=1):
        try:
            parsed.append(json.loads(line, parse_float=str, parse_int=str))
        except json.JSONDecodeError:
            shown = error if number == 1 else f"line {number} is none"
            raise UserError(
                "JSON that is whole",
                Found(f"{shown}", place),
                "the file may have been cut off: export or copy it again",
            ) from None
    if not parsed or not isinstance(parsed[0], dict) or "columns" not in parsed[0]:
        raise _not_dataset_json(place, "lines without a description of columns")
    return _read_group({**parsed[0], "rows": parsed[1:]}, "columns", "rows", place)


def _read_group(group: dict[str, Any], columns: str, rows: str, place: str) -> JsonDataset:
    described = [
        (str(item.get("name", "")), str(item.get("label", ""))) for item in group.get(columns, [])
    ]
    content = group.get(rows) or []
    name = str(group.get("name", "")).upper().removeprefix("IG.")
    declared = group.get("records")
    if declared is not None and str(declared) != str(len(content)):
        raise UserError(
            f"{declared} rows of {name}, as the file says itself",
            Found(f"{len(content)} rows", place),
            "the file was cut off or changed: export it again",
        )
    wrong = [row for row in content if not isinstance(row, list) or len(row) != len(described)]
    if wrong:
        raise UserError(
            f"rows of {len(described)} cells in {name}",
            Found(f"{json.dumps(wrong[0], ensure_ascii=False)[:80]}", place),
            "export the file again",
        )
    cells = pl.DataFrame(
        {
            str(number): pl.Series([_text(row[number]) for row in content], dtype=pl.String)
            for number in range(len(described))
        }
    )
    is_sequence = bool(described) and described[0][0] == "ITEMGROUPDATASEQ"
    if is_sequence:
        cells = cells.drop("0")
        cells.columns = [str(number) for number in range(len(described) - 1)]
        described = described[1:]
    return JsonDataset(name, str(group.get("label", "")), tuple(described), cells)


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _not_dataset_json(place: str, found: str) -> UserError:
    return UserError(
        "Dataset-JSON of version 1.0 or 1.1",
        Found(found, place),
        "export the dataset as Dataset-JSON 1.1, XPT or CSV",
    )
