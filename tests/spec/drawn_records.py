"""Canonical tables drawn in a test: days are counted from 1 January 2020, row ids from 1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl
from tests.spec.ascii_table import Cell, read_rows

from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

DAY_0 = date(2020, 1, 1)

DAYS = {
    "day": "date",
    "start": "start_date",
    "end": "end_date",
    "diagnosed": "diagnosis_date",
    "seen_to": "followup_end",
}

DEFAULTS: dict[str, dict[str, Cell]] = {
    "infusion": {"route": "iv", "dose_unit": "g"},
    "medication": {"route": "oral", "dose_unit": "mg/day", "every_n_days": 1},
    "event": {"kind": "adverse_event"},
}

FIRST_ROW_ID = {name: 1000 * number + 1 for number, name in enumerate(CANONICAL)}


def on_day(day: int) -> date:
    """Return the date of a day."""
    return DAY_0 + timedelta(days=day)


def day_of(when: date | None) -> int | None:
    """Return the day of a date."""
    return None if when is None else (when - DAY_0).days


def draw(name: str, table: str, **constants: Cell) -> pl.DataFrame:
    """Read a drawn table into a canonical one; the child is ``child`` unless a column says so."""
    rows = [{**DEFAULTS.get(name, {}), **constants, **row} for row in read_rows(table)]
    return make_table(name, rows)


def make_table(name: str, rows: list[Mapping[str, Cell]]) -> pl.DataFrame:
    """Make a canonical table of rows in which days may stand for dates."""
    schema = CANONICAL[name].create_empty().schema
    records = []
    for number, row in enumerate(rows):
        record: dict[str, Cell] = {"row_id": FIRST_ROW_ID[name] + number, "patient_id": "child"}
        for column, value in row.items():
            if column in DAYS:
                value = on_day(value) if isinstance(value, int) else None
            record[DAYS.get(column, column)] = value
        if name == "medication":
            record["is_ongoing"] = record.get("end_date") is None
        records.append({column: record.get(column) for column in schema})
    return pl.DataFrame(records, schema=schema, strict=False)


def make_shard(**tables: pl.DataFrame) -> Shard:
    """Make a shard of canonical tables; those not given are empty."""
    return Shard.from_tables(tables)
