"""A common data model whose rows stay in its files until the study is cut by children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import polars as pl

from heliotrope.ingest.apart import FindBuckets
from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.omop.lay_out import lay_out_tables
from heliotrope.ingest.omop.layout import number_persons
from heliotrope.ingest.omop.model import Model
from heliotrope.ingest.omop.procedures import find_alone, find_given_days
from heliotrope.ingest.omop.selection import (
    IMMUNOGLOBULIN,
    PROCEDURES,
    gather_meant,
    gather_rows,
)
from heliotrope.ingest.omop.store import as_number
from heliotrope.ingest.omop.unnamed import PERSON, split_unnamed
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.spool import Spool

_BUCKET = "bucket"


@dataclass(frozen=True)
class ModelApart:
    """The wanted rows of a common data model; ``tables``: their sources, without rows."""

    model: Model
    tables: Mapping[str, RawTable]

    @property
    def step(self) -> str:
        """Return the place of the tables."""
        return self.model.store.name

    @cached_property
    def ids(self) -> pl.DataFrame:
        """Return person and patient_id of everyone in the cohort."""
        named = self.model.source.patient_id
        where = self.model.wanted["person"]
        found = gather_rows(
            self.model.store, "person", where, lambda rows: number_persons(rows, named)
        )
        return found.unique("person", keep="first", maintain_order=True)

    @property
    def children(self) -> pl.Series:
        """Return the identifiers of the cohort, each once."""
        return self.ids["patient_id"].drop_nulls().unique()

    @property
    def infused(self) -> pl.Series:
        """Return the identifiers of those with immunoglobulin, as a drug or as a procedure."""
        given = pl.concat([self._days["drug_exposure"], self._alone])
        return self.ids.join(given, on="person", how="semi")["patient_id"].drop_nulls().unique()

    @property
    def given_alone(self) -> int:
        """Count the infusions that are known by a procedure alone."""
        return self._alone.height

    @cached_property
    def _days(self) -> Mapping[str, pl.DataFrame]:
        """Return person and day of immunoglobulin as each table records it, a row a record."""
        found = {}
        for table in ("drug_exposure", PROCEDURES):
            if table not in self.tables:
                continue
            given = self.model.meanings[table].named([IMMUNOGLOBULIN])
            find = partial(find_given_days, table=table, meanings=given)
            found[table] = gather_meant(
                self.model.vocabulary, table, given, self.model.selected.persons, find
            )
        return found

    @property
    def _alone(self) -> pl.DataFrame:
        days = self._days["drug_exposure"]
        return (
            find_alone(self._days[PROCEDURES], days) if PROCEDURES in self._days else days.clear()
        )

    def part(self, spool: Spool, find_buckets: FindBuckets) -> None:
        """Write the wanted rows of each bucket into a spool, a frame a table."""
        places = self.ids.select("person", find_buckets(self.ids["patient_id"]).alias(_BUCKET))
        for table, where in self.model.wanted.items():
            for batch in self.model.store.batches(table, where):
                raw, _ = split_unnamed(batch)
                person = as_number(str(raw.header.index(PERSON))).alias("person")
                rows = raw.numbered().with_columns(person)
                rows = rows.join(places, on="person", how="left", maintain_order="left")
                rows = rows.drop("person").with_columns(pl.col(_BUCKET).fill_null(0))
                for (bucket,), part in rows.partition_by(
                    _BUCKET, as_dict=True, include_key=False, maintain_order=True
                ).items():
                    spool.add(table, bucket, part)

    def lay_out(self, spool: Spool, bucket: int) -> Delivery:
        """Lay out the rows of one bucket."""
        return lay_out_tables(
            self.model,
            {table: _take(raw, spool.read(table, bucket)) for table, raw in self.tables.items()},
        )

    def close(self) -> None:
        """Let go of the files."""
        self.model.store.close()


def _take(raw: RawTable, rows: pl.DataFrame | None) -> RawTable:
    raw = replace(raw, on_disk=0, passed_over=())
    if rows is None:
        return raw
    return replace(raw, cells=rows.drop("record"), records=rows["record"])
