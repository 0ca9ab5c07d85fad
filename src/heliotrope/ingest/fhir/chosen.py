"""What is left of an export on disk once the cohort is selected, bucket by bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from heliotrope.ingest.cohort import Cohort
from heliotrope.ingest.fhir.choose import Choice
from heliotrope.ingest.fhir.collect import FEW, MANY, Place, Resources
from heliotrope.ingest.fhir.export import Export, count_left_out
from heliotrope.ingest.fhir.laid import Laid, fill_source, lay_out
from heliotrope.ingest.fhir.shelf import Shelf
from heliotrope.ingest.fhir.stage import name_preparations, stage_all
from heliotrope.ingest.fhir.words import IMMUNOGLOBULIN
from heliotrope.ingest.raw import RawTable

# Nobody's, and referred to by the resources of many.
PREPARATION = "Medication"
OWN_FEW = tuple(kind for kind in FEW if kind != PREPARATION)
OWN = (*OWN_FEW, *MANY)

_NOBODY = pl.Series("patient_id", dtype=pl.String)


@dataclass
class _Table:
    """What is left of one table, and what is not."""

    kept: int = 0
    indexes: set[str] = field(default_factory=set)
    passed_over: Counter[str] = field(default_factory=Counter)


@dataclass
class Chosen:
    """What is left of the buckets looked at so far; their resources stand in those of ``kept``.

    left_out: how many of these will be, once they are laid out. preparations: those that are
    referred to. infused: the children to whom immunoglobulin was given.
    """

    export: Export
    choice: Choice
    blanks: Mapping[Place, RawTable]
    kept: Shelf
    cohorts: list[Cohort] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    preparations: pl.Series = field(default_factory=lambda: _NOBODY)
    children: pl.Series = field(default_factory=lambda: _NOBODY)
    infused: pl.Series = field(default_factory=lambda: _NOBODY)
    _tables: dict[Place, _Table] = field(default_factory=dict)

    def add(self, bucket: int, read: Shelf) -> None:
        """Select those of a bucket who belong to the cohort and keep what they have."""
        few, many = read.load(OWN_FEW, bucket), read.load(MANY, bucket)
        records = self.choice.prepare(few)
        self.cohorts.append(self.choice.select(few, many, records))
        laid = [*few, *many]
        for item in laid:
            table = self._tables.setdefault(item.place, _Table())
            table.kept += item.rows.height
            table.indexes.update(item.list_parts())
            table.passed_over += item.passed_over
            here = pl.repeat(bucket, item.rows.height, dtype=pl.Int64, eager=True)
            self.kept.add(item.place, item.rows, item.parts, here)
        self.children = _join(self.children, [item.rows["patient_id"] for item in laid])
        self.infused = _join(self.infused, [_find_infused(item) for item in few])
        self.preparations = _join(self.preparations, [name_preparations(few)])
        for item in few:
            item.raw = fill_source(self.blanks[item.place], item)
        layout = stage_all(few, self.choice.context.rulebook, self.export.reading)
        self.left_out += count_left_out(layout.left_out)

    def list_tables(self, found: Resources) -> list[Laid]:
        """Return every table without its rows, in the order in which they are held."""
        places = [place for kinds in (OWN_FEW, MANY) for place in found.tables if place[1] in kinds]
        laid = [lay_out(place, found.tables[place]) for place in places]
        for item in laid:
            item.rows = self.choice.name(item.kind, item.rows)
        self.choice.prepare([item for item in laid if item.kind in OWN_FEW])
        for item in laid:
            table = self._tables.get(item.place, _Table())
            item.passed_over += table.passed_over
            item.on_disk, item.indexes = table.kept, frozenset(table.indexes)
            item.missing = self.export.missing
        return laid


def _join(before: pl.Series, more: Sequence[pl.Series]) -> pl.Series:
    return pl.concat([before, *more]).drop_nulls().unique()


def _find_infused(item: Laid) -> pl.Series:
    """Return the children to whom the resources of a table gave immunoglobulin."""
    if item.kind == "Procedure":
        return item.rows["patient_id"]
    if item.kind == "MedicationAdministration":
        return item.rows.filter(pl.col("drug") == IMMUNOGLOBULIN)["patient_id"]
    return _NOBODY
