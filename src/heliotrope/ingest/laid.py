"""A table whose rows stay on disk: looked through once, then laid out batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Note
from heliotrope.ingest.linking.identifiers import Named
from heliotrope.ingest.linking.link_table import (
    LinkTable,
    translate_children,
    translate_staged,
)
from heliotrope.ingest.proofs import Proofs, join_shown, prove_columns, show_columns
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import UNNUMBERED, ColumnKey, Staged
from heliotrope.ingest.tabular.deliver import find_filled, list_unused_columns
from heliotrope.ingest.tabular.large import LargeTable

CHILD = "patient_id"


@dataclass(frozen=True)
class Laid:
    """How the rows of a table on disk are laid out, with all that was decided of it as a whole.

    links: by number, the link tables that translate its identifiers. proven: for each mapping how
    its columns are written.
    """

    table: LargeTable
    links: Mapping[int, LinkTable]
    proven: tuple[Mapping[ColumnKey, str], ...] = ()
    source: int = UNNUMBERED

    def lay_out(self, batch: RawTable, context: ReadContext) -> list[Staged]:
        """Lay out some of its rows, their identifiers translated."""
        found = []
        for staged, proven in zip(self.table.lay_out(batch, context), self.proven, strict=True):
            for link in self.links.values():
                staged = translate_staged(staged, link)
            found.append(replace(staged, proven=proven, source=self.source))
        return found

    def find_children(self, batch: RawTable, context: ReadContext) -> pl.Series:
        """Return the child that each row names, translated, also of rows that are left out."""
        found = self.table.find_children(batch, context)
        for link in self.links.values():
            found = translate_children(found, link)
        return found


@dataclass(frozen=True)
class Looked:
    """What one look through a table on disk shows.

    laid: how it is laid out. named: whose identifiers it uses. seen: by the number of a link, the
    identifiers it brings to it. notes: its columns that nothing reads.
    """

    laid: Laid
    named: tuple[Named, ...]
    seen: Mapping[int, pl.Series]
    notes: tuple[Note, ...]


def look_through(
    laid: Laid, name: str, context: ReadContext, tell: Callable[[int], None]
) -> Looked:
    """Read a table on disk from its first row to its last and keep what concerns it as a whole.

    name: how study.toml calls the source. tell: hears how many bytes are read.
    Errors: a column that can be read in two ways, and those of ``LargeTable``: UserError.
    """
    look = _Look(laid, context)
    for batch in laid.table.batches(tell):
        look.take(batch)
    raw = replace(batch, cells=batch.cells.clear(), records=None, refused=batch.refused.clear(),
                  on_disk=look.rows)  # fmt: skip
    unused = list_unused_columns(laid.table.mappings, look.last, frozenset(look.filled))
    table = replace(laid.table, raw=raw)
    named = [
        Named(name, staged.table, ids) for staged, ids in zip(look.last, look.ids, strict=True)
    ]
    return Looked(
        replace(laid, table=table, proven=tuple(prove_columns(shown) for shown in look.shown)),
        tuple(named),
        look.seen,
        tuple(replace(note, raw=raw) for note in unused),
    )


class _Look:
    """What has been seen of a table so far."""

    def __init__(self, laid: Laid, context: ReadContext) -> None:
        none = pl.Series(CHILD, dtype=pl.String)
        self._laid = laid
        self._context = context
        self.rows = 0
        self.last: Sequence[Staged] = ()
        self.filled = set[int]()
        self.shown: list[Proofs] = [{} for _ in laid.table.mappings]
        self.ids = [none for _ in laid.table.mappings]
        self.seen = dict.fromkeys(laid.links, none)

    def take(self, batch: RawTable) -> None:
        """See a batch."""
        self.rows += batch.cells.height
        self.filled |= find_filled(batch, self.filled)
        self.last = self._laid.table.lay_out(batch, self._context)
        for place, staged in enumerate(self.last):
            self.shown[place] = join_shown(self.shown[place], show_columns(staged, self._context))
            if CHILD not in staged.rows.columns:
                continue
            for number, link in self._laid.links.items():
                self.seen[number] = _add(self.seen[number], staged)
                staged = translate_staged(staged, link)
            self.ids[place] = _add(self.ids[place], staged)


def _add(ids: pl.Series, staged: Staged) -> pl.Series:
    return pl.concat([ids, staged.rows[CHILD].drop_nulls().unique()]).unique()
