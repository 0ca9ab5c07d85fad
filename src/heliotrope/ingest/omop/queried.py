"""Rows that a query brought: named by their own key, hashed as they came, since no file stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import polars as pl

from heliotrope.definitions.omop_model import OmopModel
from heliotrope.ingest.omop.store import CdmStore, Where, as_number, as_text
from heliotrope.ingest.raw import RawTable
from heliotrope.records.row_id import RECORD_BITS

# Tables of the model that are looked up, yet stand with the records.
_WITH_RECORDS = frozenset({"care_site", "cdm_source"})


def stands_with_vocabulary(table: str, model: OmopModel) -> bool:
    """Say whether a table stands where the vocabulary does, where that stands apart."""
    vocabularies = {item.name for item in model.tables if item.is_vocabulary}
    return table in vocabularies - _WITH_RECORDS


class Queried:
    """What stores whose rows come by a query have in common: no files to account for.

    Such rows are hashed as they came, all of a table, so that they cannot wait to be read.
    """

    can_wait = False

    def batches(self, table: str, where: Where) -> Iterator[RawTable]:
        """Bring all rows as one batch."""
        yield self.fetch(table, where)

    def fetch(self, table: str, where: Where) -> RawTable:
        """Bring the wanted rows of a table here: each store by its own query."""
        raise NotImplementedError

    def others(self) -> list[RawTable]:
        """Return nothing: what else stands in a hospital's database is not counted."""
        return []

    def hashes(self) -> dict[str, str]:
        """Return nothing: there is no file to hash again; the rows are hashed as sources."""
        return {}

    def check(self) -> None:
        """Trust the rows that were read: they are held here."""


def make_lookup(found: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of a vocabulary table as text, each once."""
    texts = found.select(text.alias(name) for name, text in as_text(found).items())
    return texts.unique(maintain_order=True)


def make_raw(
    store: CdmStore, table: str, found: pl.DataFrame, model: OmopModel, missing: tuple[str, ...]
) -> RawTable:
    """Give rows of text as a source.

    A row's record number is its own key where that fits, else its place in the order of the key.
    """
    key = next(item.key for item in model.tables if item.name == table)
    header = store.columns[table]
    if key in header:
        found = found.sort(as_number(key), nulls_last=True, maintain_order=True)
        records = found.select(as_number(key)).to_series()
    else:
        records = pl.Series([], dtype=pl.Int64)
    is_usable = (
        len(records) == found.height
        and not records.has_nulls()
        and records.is_unique().all()
        and bool(records.is_between(0, (1 << RECORD_BITS) - 1).all())
    )
    if not is_usable:
        records = pl.int_range(found.height, dtype=pl.Int64, eager=True)
    cells = found.rename(dict(zip(header, map(str, range(len(header))), strict=True)))
    return RawTable(
        file=f"{store.name}/{table}",
        sheet=None,
        sha256=hashlib.sha256(found.write_csv().encode()).hexdigest(),
        header=header,
        cells=cells,
        first_row=0 if is_usable else 1,
        records=records.alias("record"),
        missing=missing,
    )
