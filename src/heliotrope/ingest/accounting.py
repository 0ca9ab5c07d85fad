"""Account for every row and cell of every source: in = used + ignored + quarantined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.delivery import Numbered
from heliotrope.ingest.ingested import Accounting
from heliotrope.ingest.raw import RawTable
from heliotrope.records.row_id import compute_source_cell


class AccountingError(AssertionError):
    """A fault of this program: a row or cell was lost or counted twice."""


@dataclass(frozen=True)
class Ledger:
    """Everything that is counted.

    numbered: the sources, what was laid out of them and what their readers left out.
    tables: the canonical rows that were made.
    problems: located problems with their effect. left_out: ignored records and rows.
    """

    numbered: Numbered
    tables: Mapping[str, pl.DataFrame]
    problems: pl.DataFrame
    left_out: pl.DataFrame


def make_accounting(ledger: Ledger) -> pl.DataFrame:
    """Count rows and cells of each source by their fate.

    A row is *used* if any canonical row was made of it or it was read into the row of another
    table, else *quarantined* if any problem refused it, else *ignored* by a rule. A cell of a
    used row is quarantined if it was refused alone, used if a mapping that used the row reads its
    column, else ignored. Rows that a reader passed over are ignored, with their rule.
    Errors: AccountingError if a sum does not come out: nothing may be lost.
    """
    made = pl.concat(
        [
            rows.select(pl.lit(table).alias("table"), *compute_source_cell(pl.col("row_id")))
            for table, rows in ledger.tables.items()
        ]
    )
    joined = ledger.numbered.joined()
    by_readers = ledger.numbered.left_out().with_columns(pl.lit(None, pl.Int64).alias("row_id"))
    left_out = pl.concat([ledger.left_out, by_readers.select(ledger.left_out.columns)])
    by_source = [_part(frame) for frame in (made, joined, ledger.problems, left_out)]
    rows = []
    for number, raw in enumerate(ledger.numbered.raws):
        here, read, problems, left = (part(number) for part in by_source)
        source = _Source(number, raw, here, read.select("record"), problems, left)
        rows.append(_account(ledger.numbered, source))
    schema = Accounting.create_empty().schema
    accounting = Accounting.validate(pl.DataFrame(rows, schema=schema, orient="row"))
    _check_sums(accounting)
    return accounting


def _part(rows: pl.DataFrame) -> Callable[[int], pl.DataFrame]:
    """Part rows by their source once, whatever the number of sources."""
    parts = rows.partition_by("source", as_dict=True, maintain_order=True)
    return lambda number: parts.get((number,), rows.clear())


@dataclass(frozen=True)
class _Source:
    """All that is counted of one source."""

    number: int
    raw: RawTable
    made: pl.DataFrame
    joined: pl.DataFrame
    problems: pl.DataFrame
    left_out: pl.DataFrame

    @property
    def rows(self) -> tuple[pl.DataFrame, ...]:
        """Return all that is said of rows of the source."""
        return self.made, self.joined, self.problems, self.left_out

    @property
    def used(self) -> pl.DataFrame:
        """Return the records used."""
        return pl.concat([self.made.select("record"), self.joined]).unique()


def _account(numbered: Numbered, source: _Source) -> tuple[object, ...]:
    raw, here = source.raw, source.made
    if raw.cells.is_empty() and all(part.is_empty() for part in source.rows):
        return _account_nothing(source)
    used = source.used
    refused = source.problems.filter(pl.col("effect") == "quarantine_row")
    quarantined = refused.select("record").unique().join(used, on="record", how="anti")
    gone = (
        source.left_out.join(used, on="record", how="anti")
        .join(quarantined, on="record", how="anti")
        .unique("record", keep="first", maintain_order=True)
    )
    by_rule = Counter(dict(gone.group_by("rule").len().iter_rows()))
    by_rule.update(dict(raw.passed_over))
    by_table = here.group_by("table").len().sort("table")
    cells = _count_cells(numbered, source, used)
    width, ignored = len(raw.header), by_rule.total()
    return (
        source.number,
        raw.file,
        raw.sheet,
        raw.rows_in,
        used.height,
        ignored,
        quarantined.height,
        raw.rows_in * width,
        cells.used,
        cells.ignored + ignored * width,
        cells.quarantined + quarantined.height * width,
        "; ".join(f"{rule}: {count}" for rule, count in sorted(by_rule.items())),
        here.height,
        "; ".join(f"{table}: {count}" for table, count in by_table.iter_rows()),
    )


def _account_nothing(source: _Source) -> tuple[object, ...]:
    """Account for a source of which no row is held: all are passed over."""
    raw, rows = source.raw, source.raw.rows_in
    by_rule = Counter(dict(raw.passed_over))
    said = "; ".join(f"{rule}: {count}" for rule, count in sorted(by_rule.items()))
    cells = rows * len(raw.header)
    place = (source.number, raw.file, raw.sheet)
    return (*place, rows, 0, rows, 0, cells, 0, cells, 0, said, 0, "")


@dataclass(frozen=True)
class CellCount:
    """The fate of the cells of used rows."""

    used: int
    ignored: int
    quarantined: int


def _count_cells(numbered: Numbered, source: _Source, used_records: pl.DataFrame) -> CellCount:
    """Count the cells of the rows of one source that were used."""
    here = source.made
    by_mapping = [
        (here.filter(pl.col("table") == item.table).select("record").unique(), item.used_columns)
        for item in numbered.by_source.get(source.number, ())
    ]
    if source.joined.height:
        by_mapping.append((source.joined, numbered.joined_columns(source.number)))
    refused = (
        source.problems.filter(pl.col("effect").is_in(["quarantine_row", "quarantine_cell"]))
        .join(used_records, on="record", how="semi")
        .select("record", "column")
        .unique()
    )
    single = source.left_out.filter(pl.col("row_id").is_not_null()).join(
        used_records, on="record", how="semi"
    )
    skipped = (
        single.select("record", compute_source_cell(pl.col("row_id"))[2])
        .unique()
        .join(refused, on=["record", "column"], how="anti")
    )
    width = len(source.raw.header)
    if len(by_mapping) == 1 and refused.is_empty() and skipped.is_empty():
        count = len(by_mapping[0][1])
        return CellCount(by_mapping[0][0].height * count, used_records.height * (width - count), 0)
    used = ignored = 0
    for column in range(width):
        records = [rows for rows, columns in by_mapping if column in columns]
        read = pl.concat(records).unique() if records else used_records.clear()
        unread = used_records.join(read, on="record", how="anti")
        refused_here = refused.filter(pl.col("column") == column).select("record")
        skipped_here = skipped.filter(pl.col("column") == column).select("record")
        used += (
            read.join(refused_here, on="record", how="anti")
            .join(skipped_here, on="record", how="anti")
            .height
        )
        ignored += unread.join(refused_here, on="record", how="anti").height
        ignored += read.join(skipped_here, on="record", how="semi").height
    return CellCount(used, ignored, refused.height)


def _check_sums(accounting: pl.DataFrame) -> None:
    for what in ("rows", "cells"):
        lost = accounting.filter(
            pl.col(f"{what}_in")
            != pl.col(f"{what}_used") + pl.col(f"{what}_ignored") + pl.col(f"{what}_quarantined")
        )
        if lost.height:
            counts = lost.select("file", pl.col(f"^{what}_.*$")).rows(named=True)[0]
            raise AccountingError(f"the {what} of a source do not add up: {counts}")
