"""From the trace to the cells: where each value stands in the source, and what was read there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from heliotrope.records.row_id import unpack_row_id
from heliotrope.report.explanation import Cell, Change
from heliotrope.report.language import _
from heliotrope.report.words import say, say_flag, say_number, say_unit, say_within

Row = Mapping[str, Any]

USED = "used"


@dataclass(frozen=True)
class SourceCells:
    """The way from a row_id to words: the columns of the sources."""

    sources: pl.DataFrame

    @cached_property
    def _columns(self) -> Mapping[tuple[int, int], Row]:
        return {(row["source"], row["column"]): row for row in self.sources.iter_rows(named=True)}

    @cached_property
    def _files(self) -> Mapping[int, Row]:
        return {row["source"]: row for row in self.sources.iter_rows(named=True)}

    def place_of(self, row_id: int) -> str:
        """Say where a canonical row that was used began: file, row and column."""
        return self.find({"row_id": row_id, "role": USED, "reason": None}, "").place

    def find(self, link: Row, holds: str) -> Cell:
        """Find the file, sheet, row and column where a canonical row began.

        Column 0 of a row that has no cell of its own is given without its column.
        """
        cell = unpack_row_id(link["row_id"])
        named = self._columns.get((cell.source, cell.column))
        file = named or self._files.get(cell.source)
        return Cell(
            file=file["file"] if file else None,
            sheet=file["sheet"] if file else None,
            row=file["first_row"] + cell.record if file else None,
            column=named["column_name"] if named else None,
            holds=holds,
            role=link["role"],
            reason=link["reason"],
            because=say("cell_reason", link["reason"]).lower() if link["reason"] else None,
        )


@dataclass(frozen=True)
class ChildCells:
    """The cells behind a child's trace, by trace row; the child's own canonical rows."""

    places: SourceCells
    links: Mapping[int, Sequence[Row]]
    assessments: Mapping[int, Row]
    holdings: Mapping[int, str]

    @classmethod
    def of(
        cls, records: Mapping[str, pl.DataFrame], links: pl.DataFrame, places: SourceCells
    ) -> ChildCells:
        """Gather what is needed to say where the values of one child stand."""
        by_node: dict[int, list[Row]] = {}
        for link in links.iter_rows(named=True):
            by_node.setdefault(link["trace_id"], []).append(link)
        rows = {row["row_id"]: row for row in records["assessment"].iter_rows(named=True)}
        return cls(places, by_node, rows, list_holdings(records))

    def cells(self, trace_id: int) -> tuple[Cell, ...]:
        """List the cells of a node: those used first, in the order of the sources."""
        links = sorted(
            self.links.get(trace_id, ()), key=lambda link: (link["role"] != USED, link["row_id"])
        )
        return tuple(
            self.places.find(link, self.holdings.get(link["row_id"], "")) for link in links
        )

    def cell_of(self, row_id: int) -> Cell:
        """Give the cell of a canonical row that was used."""
        link = {"row_id": row_id, "role": USED, "reason": None}
        return self.places.find(link, self.holdings.get(row_id, ""))

    def change(self, trace_id: int) -> Change | None:
        """Read the change of a measure off a node that used two values of it, else None."""
        used = [
            self.assessments[link["row_id"]]
            for link in self.links.get(trace_id, ())
            if link["role"] == USED and link["row_id"] in self.assessments
        ]
        before_after = sorted((row for row in used if row["value"] is not None), key=_date)
        if len(before_after) != 2 or len(used) != 2:
            return None
        before, after = before_after
        if before["measure"] != after["measure"] or before["date"] == after["date"]:
            return None
        return _make_change(before, after)


def _date(row: Row) -> Any:
    return row["date"]


def _make_change(before: Row, after: Row) -> Change:
    absolute = after["value"] - before["value"]
    relative = 100 * absolute / before["value"] if before["value"] else None
    unit = say_unit(after["unit"])
    share = "" if relative is None else f", {_signed(round(relative, 1))} %"
    return Change(
        measure=after["measure"],
        unit=after["unit"],
        baseline_date=before["date"],
        baseline=before["value"],
        date=after["date"],
        value=after["value"],
        absolute=absolute,
        relative_percent=relative,
        text=f"{say_number(before['value'])} → {say_number(after['value'])}{unit} "
        f"({_signed(absolute)}{share})",
    )


def _signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{say_number(number)}"


def list_holdings(records: Mapping[str, pl.DataFrame]) -> dict[int, str]:
    """Say what was read at each row of a child, e.g. ``1991-10-23 strength grade 3``."""
    holds: dict[int, str] = {}
    for row in _rows(records, "patient"):
        dates = (("diagnosed", row["diagnosis_date"]), (_("followed until"), row["followup_end"]))
        holds[row["row_id"]] = ", ".join(f"{what} {date}" for what, date in dates if date)
    for row in _rows(records, "assessment"):
        value = row["text"]
        if row["value"] is not None:
            value = f"{row['value_qualifier'] or ''}{say_number(row['value'])}"
        holds[row["row_id"]] = (
            f"{row['date']} {say_within(row['measure'])} {value}{say_unit(row['unit'])}"
        )
    for row in _rows(records, "event"):
        value = "" if row["value"] is None else f" {say_number(row['value'])}"
        term = say_within(row["term"]) if row["term"] else ""
        words = [say_within(row["kind"]), f"{term}{value}{say_unit(row['unit']) if value else ''}"]
        holds[row["row_id"]] = f"{row['date']} {': '.join(word for word in words if word)}"
    for row in _rows(records, "infusion"):
        route = (
            "IVIG"
            if row["route"] in ("iv", None)
            else _("immunoglobulin {route}").format(route=row["route"])
        )
        holds[row["row_id"]] = f"{row['date']} {route}{_dose(row)}"
    for row in _rows(records, "medication"):
        until = _(" to {end_date}").format(end_date=row["end_date"]) if row["end_date"] else ""
        holds[row["row_id"]] = f"{row['start_date']}{until} {row['drug']}{_dose(row)}"
    for row in _rows(records, "indication"):
        text = f": {row['text']}" if row["text"] else ""
        holds[row["row_id"]] = f"{row['date'] or ''} {say_flag(row['reason'] or '')}{text}".strip()
    return holds


def _rows(records: Mapping[str, pl.DataFrame], table: str) -> Iterable[Row]:
    return records[table].iter_rows(named=True) if table in records else ()


def _dose(row: Row) -> str:
    return "" if row["dose"] is None else f" {say_number(row['dose'])}{say_unit(row['dose_unit'])}"
