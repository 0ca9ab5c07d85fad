"""The trace of one child as lines to read: what was compared with what, from which cells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from heliotrope.records.row_id import unpack_row_id
from heliotrope.report.read_child import Child
from heliotrope.report.words import say, say_flag

ROOT = "root"
SHOWN_CELLS = 4
SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "<": "<", ">": ">"}


@dataclass(frozen=True)
class Cell:
    """Where a value stands in the source, and what was read there."""

    place: str
    holds: str
    role: str
    reason: str | None


@dataclass(frozen=True)
class TraceLine:
    """One criterion of a decision, indented by its depth in the tree."""

    depth: int
    node: str
    name: str
    state: str
    compared: str
    label: str | None
    reason: str | None
    cells: Sequence[Cell]
    more_cells: int


@dataclass(frozen=True)
class SourceCells:
    """The way from a row_id to words: the columns of the sources and the child's own rows."""

    sources: pl.DataFrame

    @cached_property
    def _columns(self) -> Mapping[tuple[int, int], Mapping[str, Any]]:
        return {(row["source"], row["column"]): row for row in self.sources.iter_rows(named=True)}

    @cached_property
    def _files(self) -> Mapping[int, Mapping[str, Any]]:
        return {row["source"]: row for row in self.sources.iter_rows(named=True)}

    def place(self, row_id: int) -> str:
        """Say in which file, sheet, row and column a canonical row began.

        Column 0 of a row that has no cell of its own is printed without its column.
        """
        cell = unpack_row_id(row_id)
        named = self._columns.get((cell.source, cell.column))
        file = named or self._files.get(cell.source)
        if file is None:
            return f"row id {row_id}"
        sheet = f", sheet {file['sheet']}" if file["sheet"] else ""
        column = f", column {named['column_name']}" if named else ""
        return f"{file['file']}{sheet}, row {file['first_row'] + cell.record}{column}"


def list_holdings(child: Child) -> dict[int, str]:
    """Say what was read at each row of the child, e.g. ``1991-10-23 strength grade 3``."""
    holds: dict[int, str] = {}
    for row in child.record("assessment").iter_rows(named=True):
        value = row["text"] if row["value"] is None else f"{row['value']:g}"
        unit = "" if row["unit"] in (None, "none") else f" {row['unit']}"
        holds[row["row_id"]] = f"{row['date']} {say_flag(row['measure'])} {value}{unit}"
    for row in child.record("event").iter_rows(named=True):
        holds[row["row_id"]] = f"{row['date']} {say_flag(row['kind'])} {row['term'] or ''}".strip()
    for row in child.record("infusion").iter_rows(named=True):
        dose = "" if row["dose"] is None else f" {row['dose']:g} {row['dose_unit'] or ''}"
        holds[row["row_id"]] = f"{row['date']} IVIG{dose}"
    for row in child.record("medication").iter_rows(named=True):
        dose = "" if row["dose"] is None else f" {row['dose']:g} {row['dose_unit'] or ''}"
        holds[row["row_id"]] = f"{row['start_date']} {row['drug']}{dose}"
    return holds


def list_trace_lines(
    child: Child,
    definition_id: str,
    regimen: int,
    date: dt.date | None,
    cells: SourceCells,
) -> list[TraceLine]:
    """List the nodes of one decision from the root down; an absent decision gives no line."""
    is_date = pl.col("date").is_null() if date is None else pl.col("date") == date
    nodes = child.trace.filter(
        (pl.col("definition_id") == definition_id)
        & (pl.col("regimen").is_null() | (pl.col("regimen") == regimen))
        & is_date
    ).sort("trace_id")
    by_node: dict[int, list[dict[str, Any]]] = {}
    own = child.trace_source.join(nodes.select("trace_id"), on="trace_id", how="semi")
    for row in own.iter_rows(named=True):
        by_node.setdefault(row["trace_id"], []).append(row)
    holds = list_holdings(child)
    return [
        _make_line(row, depth, by_node.get(row["trace_id"], []), cells, holds)
        for row, depth in _walk(nodes.to_dicts())
    ]


def _walk(nodes: Sequence[Mapping[str, Any]]) -> Iterable[tuple[Mapping[str, Any], int]]:
    """Go through the tree from the top; a node whose parent is missing hangs under the root."""
    names = {row["node"] for row in nodes}
    below: dict[str | None, list[Mapping[str, Any]]] = {}
    for row in nodes:
        is_top = row["node"] == ROOT or row["parent"] is None
        parent = None if is_top else row["parent"] if row["parent"] in names else ROOT
        below.setdefault(parent, []).append(row)
    pending = [(row, 0) for row in reversed(below.get(None, []))]
    seen: set[str] = set()
    while pending:
        row, depth = pending.pop()
        if row["node"] in seen:
            continue
        seen.add(row["node"])
        yield row, depth
        pending += [(child, depth + 1) for child in reversed(below.get(row["node"], []))]


def _make_line(
    row: Mapping[str, Any],
    depth: int,
    sources: Sequence[Mapping[str, Any]],
    cells: SourceCells,
    holds: Mapping[int, str],
) -> TraceLine:
    named = [
        Cell(
            place=cells.place(source["row_id"]),
            holds=holds.get(source["row_id"], ""),
            role=source["role"],
            reason=source["reason"],
        )
        for source in sorted(
            sources, key=lambda source: (source["role"] != "used", source["row_id"])
        )
    ]
    return TraceLine(
        depth=depth,
        node=row["node"],
        name=say("node", row["node"]),
        state=row["state"],
        compared=say_comparison(row),
        label=say_flag(row["label"]) if row["label"] else None,
        reason=say_flag(row["reason"]) if row["reason"] else None,
        cells=named[:SHOWN_CELLS],
        more_cells=max(len(named) - SHOWN_CELLS, 0),
    )


def say_comparison(row: Mapping[str, Any]) -> str:
    """Say what was compared with what; a yes-or-no fact in a word.

    >>> say_comparison({"value": 41.5, "operator": ">=", "threshold": 30.0, "unit": "%"})
    '41.5 % (asked: ≥ 30)'
    >>> say_comparison({"value": 1.0, "operator": ">=", "threshold": 1.0, "unit": None})
    'yes'
    """
    value, threshold = row["value"], row["threshold"]
    if value is None:
        return ""
    is_yes_or_no = threshold == 1 and value in (0, 1) and not row["unit"]
    if is_yes_or_no and row["operator"] == ">=":
        return "yes" if value else "no"
    unit = f" {row['unit']}" if row["unit"] and row["unit"] != "none" else ""
    asked = (
        f" (asked: {SIGNS.get(row['operator'], row['operator'])} {threshold:g})"
        if threshold is not None and row["operator"]
        else ""
    )
    return f"{value:.6g}{unit}{asked}"
