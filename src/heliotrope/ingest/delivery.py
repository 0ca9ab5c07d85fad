"""What the reader of one form of records hands over: its tables as text, laid out as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from heliotrope.ingest.apart import Apart
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.tabular.large import LargeTable


@dataclass(frozen=True)
class RowsOf:
    """Some rows of a raw table: ``rows`` has ``record``, and ``rule`` where one left them out."""

    raw: RawTable
    rows: pl.DataFrame


@dataclass(frozen=True)
class Joined(RowsOf):
    """Rows that were read into rows of another table: a supplement into its parent.

    ``columns``: the numbers of the columns read.
    """

    columns: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Note:
    """Something found about a source as a whole: the rule, what was found, in which column."""

    rule: str
    found: str
    raw: RawTable | None = None
    column: str | None = None


@dataclass(frozen=True)
class Delivery:
    """All that one source of records gives.

    raws: its tables as text, every one read, also those of which nothing is used.
    staged: rows laid out for canonical tables; a raw table may serve several.
    hashes: SHA-256 of every file by its name within the study; ``check`` stops if one of them
    is no longer what was read.
    joined: rows read into those of another table. left_out: rows left out whole, by rule.
    notes: findings about files. cohort: (step, words, persons) of a cohort selected, if any.
    source: how study.toml names the source; None: each file is a source of its own.
    large: tables that stay on disk; they are no ``raws`` until they have been looked through.
    apart: the rows of ``raws`` that stay where they are until the study is cut by children.
    """

    raws: tuple[RawTable, ...]
    staged: tuple[Staged, ...]
    hashes: Mapping[str, str]
    check: Callable[[], None] = lambda: None
    joined: tuple[Joined, ...] = ()
    left_out: tuple[RowsOf, ...] = ()
    notes: tuple[Note, ...] = ()
    cohort: tuple[tuple[str, str, int], ...] = ()
    source: str | None = None
    large: tuple[LargeTable, ...] = ()
    apart: Apart | None = None


@dataclass(frozen=True)
class Bucket:
    """All rows of some children: the part of a study that is read at once.

    raws: their sources by number, no other rows in them. staged: the rows laid out.
    joined: (source, record) of rows that were read into those of another table, and the columns
    of each source read so. left_out: (source, record, rule) of rows that readers left out.
    """

    raws: Mapping[int, RawTable]
    staged: tuple[Staged, ...]
    joined: pl.DataFrame
    joined_columns: Mapping[int, frozenset[int]]
    left_out: pl.DataFrame

    @cached_property
    def by_source(self) -> Mapping[int, Sequence[Staged]]:
        """Return what was laid out of each source."""
        found: dict[int, list[Staged]] = {}
        for item in self.staged:
            found.setdefault(item.source, []).append(item)
        return found


@dataclass(frozen=True)
class Numbered:
    """All deliveries of a study, their sources numbered in the order of their content hash."""

    raws: tuple[RawTable, ...]
    staged: tuple[Staged, ...]
    deliveries: tuple[Delivery, ...]

    @cached_property
    def _numbers(self) -> Mapping[int, int]:
        return {id(raw): number for number, raw in enumerate(self.raws)}

    def number_of(self, raw: RawTable) -> int:
        """Return the number of a source."""
        return self._numbers[id(raw)]

    def source_name(self, number: int) -> str:
        """Return how study.toml names the source of a raw table."""
        return self._names[number]

    @cached_property
    def _names(self) -> dict[int, str]:
        return {
            self.number_of(raw): item.source or raw.file
            for item in self.deliveries
            for raw in item.raws
        }

    def whole(self) -> Bucket:
        """Return all that was read as one bucket."""
        numbers, deliveries = self._numbers, self.deliveries
        joined = [item for each in deliveries for item in each.joined]
        left_out = [item for each in deliveries for item in each.left_out]
        return make_bucket(dict(enumerate(self.raws)), numbers, self.staged, joined, left_out)


def make_bucket(
    raws: Mapping[int, RawTable],
    numbers: Mapping[int, int],
    staged: tuple[Staged, ...],
    joined: Sequence[Joined],
    left_out: Sequence[RowsOf],
) -> Bucket:
    """Put what was laid out of some sources together; ``numbers``: of each by its ``id``."""
    columns: dict[int, frozenset[int]] = {}
    for item in joined:
        number = numbers[id(item.raw)]
        columns[number] = columns.get(number, frozenset()) | item.columns
    return Bucket(
        raws,
        staged,
        _place_rows(numbers, joined),
        columns,
        _place_rows(numbers, left_out, "rule"),
    )


def join_buckets(parts: Sequence[Bucket]) -> Bucket:
    """Put parts of one bucket together, each of sources of its own."""
    return Bucket(
        {source: raw for part in parts for source, raw in part.raws.items()},
        tuple(staged for part in parts for staged in part.staged),
        pl.concat([part.joined for part in parts]),
        {source: names for part in parts for source, names in part.joined_columns.items()},
        pl.concat([part.left_out for part in parts]),
    )


def _place_rows(numbers: Mapping[int, int], items: Sequence[RowsOf], *columns: str) -> pl.DataFrame:
    schema = {"source": pl.Int64, "record": pl.Int64, **dict.fromkeys(columns, pl.String)}
    parts = [
        item.rows.select(
            pl.lit(numbers[id(item.raw)], pl.Int64).alias("source"),
            pl.col("record").cast(pl.Int64),
            *columns,
        )
        for item in items
    ]
    return pl.concat([pl.DataFrame(schema=schema), *parts]).unique(maintain_order=True)


def number_deliveries(deliveries: Sequence[Delivery]) -> Numbered:
    """Number the sources in the order of their content hash (ties: file, then sheet name)."""
    raws = sorted(
        (raw for item in deliveries for raw in item.raws),
        key=lambda raw: (raw.sha256, raw.file, raw.sheet or ""),
    )
    numbers = {id(raw): number for number, raw in enumerate(raws)}
    staged = tuple(
        replace(part, source=numbers[id(part.raw)]) for item in deliveries for part in item.staged
    )
    return Numbered(tuple(raws), staged, tuple(deliveries))
