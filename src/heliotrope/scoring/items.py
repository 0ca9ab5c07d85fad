"""Totals of forms in a small table: a CMAS from its fourteen columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from heliotrope.definitions.item_form import ItemForm
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.item_scores import DIFFERS, MADE, OTHER_SCALE, derive_item_scores
from heliotrope.ingest.score_table import Cell, ScoreTable

FIRST_DAY = date(2000, 1, 1)  # visits have no dates here: each row is given a day of its own

SCHEMA = {
    "patient_id": pl.String,
    "date": pl.Date,
    "measure": pl.String,
    "value": pl.Float64,
    "row_id": pl.Int64,
}


@dataclass(frozen=True)
class ItemTotals:
    """A table with the totals that its items make, and what is to be said about them."""

    table: ScoreTable
    notes: tuple[str, ...]


def add_item_totals(table: ScoreTable, rulebook: Rulebook) -> ItemTotals:
    """Make the totals of forms as a run would: a recorded total counts before its items."""
    rows = [
        (visit.patient, FIRST_DAY + timedelta(days=number), measure, cell.value, cell.row_id)
        for number, visit in enumerate(table.visits)
        for measure, cell in visit.values.items()
    ]
    scores = derive_item_scores(pl.DataFrame(rows, schema=SCHEMA, orient="row"), rulebook)
    if scores.is_empty():
        return ItemTotals(table, ())
    visits = list(table.visits)
    for row in scores.filter(pl.col("outcome") == MADE).iter_rows(named=True):
        number = (row["date"] - FIRST_DAY).days
        visit = visits[number]
        if row["measure"] not in visit.values:
            cell = Cell(row["value"], row["item_row_ids"][0])
            visits[number] = replace(visit, values={**visit.values, row["measure"]: cell})
    notes = tuple(_describe(scores, table, rulebook))
    return ItemTotals(replace(table, visits=tuple(visits)), notes)


def _describe(scores: pl.DataFrame, table: ScoreTable, rulebook: Rulebook) -> Iterator[str]:
    """Say of each row what its items made, or why they made nothing."""
    for row in scores.iter_rows(named=True):
        form = rulebook.get(row["form"], ItemForm)
        visit = table.visits[(row["date"] - FIRST_DAY).days]
        place = f"{visit.patient}, {visit.timepoint}: {row['measure']}"
        if row["outcome"] == MADE:
            yield f"{place} {row['value']:g} made from its items"
        elif row["outcome"] == DIFFERS:
            yield f"{place} {row['recorded_value']:g} counts; its items make {row['value']:g}"
        elif row["outcome"] == OTHER_SCALE:
            yield f"{place} is on another scale than its items make"
        elif row["recorded_value"] is None and form.missing_items.is_reported:
            missing = ", ".join(row["missing"])
            yield f"{place} not made: {missing} missing ({form.missing_items.wording})"
