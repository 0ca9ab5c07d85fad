"""What reading a study gives back, and what reading needs to be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dataframely as dy
import polars as pl

from heliotrope.ingest.declared import FormSource
from heliotrope.ingest.linking.declared import Link
from heliotrope.ingest.mapping import Format, SourceMapping, TableName

Progress = Callable[[str], None]


class StudySources(Protocol):
    """The part of a study that reading needs: where its files stand and how they are mapped."""

    @property
    def folder(self) -> Path:
        """Return the folder that file names are relative to."""

    @property
    def sources(self) -> tuple[SourceMapping | FormSource, ...]:
        """Return the mappings of plain tables, one a file (or sheet) and table, and the rest."""

    @property
    def format(self) -> Format:
        """Return how cells are written where a source does not say."""

    @property
    def unread(self) -> tuple[str, ...]:
        """Return the names of files and sheets that are no part of the study."""

    @property
    def link(self) -> tuple[Link, ...]:
        """Return the link tables that translate a source's identifiers."""

    @property
    def precedence(self) -> Mapping[TableName, tuple[str, ...]]:
        """Return for a table which source counts before which, by name."""

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """Return the proposals in study.toml that nobody has decided yet."""


class Accounting(dy.Schema):
    """Where the rows and cells of one source went: in = used + ignored + quarantined."""

    source = dy.Int32(min=0, description="source number")
    file = dy.String(description="source file")
    sheet = dy.String(nullable=True, description="sheet of a workbook")
    rows_in = dy.Int64(min=0, description="rows without the header")
    rows_used = dy.Int64(min=0, description="rows of which at least one canonical row was made")
    rows_ignored = dy.Int64(min=0, description="rows left out by a rule")
    rows_quarantined = dy.Int64(min=0, description="rows that could not be used")
    cells_in = dy.Int64(min=0, description="rows times columns")
    cells_used = dy.Int64(min=0, description="cells read into canonical rows, blank ones included")
    cells_ignored = dy.Int64(min=0, description="cells of ignored rows and of unmapped columns")
    cells_quarantined = dy.Int64(min=0, description="cells that could not be used")
    ignored_by_rule = dy.String(description="rule: rows, separated by semicolons; may be empty")
    canonical_rows = dy.Int64(min=0, description="canonical rows made of this source")
    canonical_by_table = dy.String(description="table: rows, separated by semicolons")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What reading a study leaves beside its records, and everything that was not used and why.

    source: one row a source column, what ``row_id`` counts.
    findings: what a data manager should look at, errors first.
    accounting: one row a source; both identities hold, or reading stops.
    input_hashes: SHA-256 of every file by its name.
    cohort: (step, words, persons left) where a source holds everyone and a cohort was selected.
    children: how many the canonical tables name. rows: how many rows each of them has.
    quarantined: rows of the quarantine by canonical table. set_aside: for each table, rule by
    rule, the rows of the files of which a row or a cell could not be used, the most first.
    """

    source: pl.DataFrame
    findings: pl.DataFrame
    accounting: pl.DataFrame
    input_hashes: Mapping[str, str]
    cohort: tuple[tuple[str, str, int], ...] = ()
    children: int
    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    set_aside: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Ingested(Reading):
    """A study's records in canonical form, with everything that was not used and why.

    tables: the seven canonical tables by name, valid against ``records.canonical``.
    quarantine: rows that could not be used, whole, by canonical table.
    """

    tables: Mapping[str, pl.DataFrame]
    quarantine: Mapping[str, pl.DataFrame]
