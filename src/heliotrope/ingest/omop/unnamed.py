"""Rows that name no person: set apart as a source of their own, and quarantined whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from heliotrope.ingest.omop.store import as_number
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged, stage_unnamed

PERSON = "person_id"

# What the place of such rows is called beside that of the table.
_PLACE = "without person_id"

# The canonical table under which a row is quarantined.
_TABLE_OF = {
    "person": "patient",
    "observation_period": "patient",
    "death": "patient",
    "drug_exposure": "medication",
    "measurement": "assessment",
}


def split_unnamed(raw: RawTable) -> tuple[RawTable, RawTable | None]:
    """Part a table into the rows that name a person and those that do not, None if there are none.

    A person_id that is no number names nobody.
    """
    if PERSON not in raw.header or not raw.cells.height:
        return raw, None
    name = str(raw.header.index(PERSON))
    is_unnamed = raw.cells.select(as_number(name).is_null()).to_series()
    if not is_unnamed.any():
        return raw, None
    place = f"{raw.sheet}, {_PLACE}" if raw.sheet else _PLACE
    unnamed = replace(_keep(raw, is_unnamed), sheet=place, passed_over=(), notes=())
    return _keep(raw, ~is_unnamed), unnamed


def _keep(raw: RawTable, is_kept: pl.Series) -> RawTable:
    records = raw.numbered()["record"].filter(is_kept)
    return replace(raw, cells=raw.cells.filter(is_kept), records=records)


def stage_all_unnamed(tables: Mapping[str, RawTable]) -> list[Staged]:
    """Quarantine the rows of some tables that name no person."""
    return [
        stage_unnamed(
            _TABLE_OF.get(table, "event"), raw, raw.numbered().select("record"),
            raw.header.index(PERSON),
        )
        for table, raw in tables.items()
    ]  # fmt: skip
