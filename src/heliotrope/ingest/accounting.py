"""Account for every row and cell of every source: in = used + ignored + quarantined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.delivery import Bucket
from heliotrope.ingest.ingested import Accounting
from heliotrope.ingest.raw import RawTable
from heliotrope.records.row_id import compute_source_cell
from heliotrope.records.shard import count_children

# Counted of no source: children named, rows of the quarantine by table, rows of files by table and
# rule of which something could not be used.
CHILDREN, QUARANTINED_AS, SET_ASIDE = "children", "quarantined_as", "set_aside"

USED, IGNORED, QUARANTINED, CELLS, MADE = "used", "ignored", "quarantined", "cells", "made"


class AccountingError(AssertionError):
    """A fault of this program: a row or cell was lost or counted twice."""


# What is counted of each source: ``name`` is the rule of rows ignored, the table of rows made.
FATES = {"source": pl.Int64, "fate": pl.String, "name": pl.String, "count": pl.Int64}

_Counts = Iterator[tuple[str, str, int]]


def count_fates(
    bucket: Bucket,
    tables: Mapping[str, pl.DataFrame],
    problems: pl.DataFrame,
    left_out: pl.DataFrame,
) -> pl.DataFrame:
    """Count rows and cells of each source by their fate; those of several buckets add up.

    tables: the canonical rows that were made. problems: located problems with their effect.
    left_out: ignored records and rows.
    A row is *used* if any canonical row was made of it or it was read into the row of another
    table, else *quarantined* if any problem refused it, else *ignored* by a rule. A cell of a
    used row is quarantined if it was refused alone, used if a mapping that used the row reads its
    column, else ignored.
    """
    made = pl.concat(
        [
            rows.select(pl.lit(table).alias("table"), *compute_source_cell(pl.col("row_id")))
            for table, rows in tables.items()
        ]
    )
    by_readers = bucket.left_out.with_columns(pl.lit(None, pl.Int64).alias("row_id"))
    left_out = pl.concat([left_out, by_readers.select(left_out.columns)])
    by_source = [_part(frame) for frame in (made, bucket.joined, problems, left_out)]
    counts = []
    for number, raw in bucket.raws.items():
        here, read, refused, left = (part(number) for part in by_source)
        source = _Source(number, raw, here, read.select("record"), refused, left)
        counts += [(number, *count) for count in _count(bucket, source)]
    return pl.DataFrame(counts, schema=FATES, orient="row")


def count_whole(
    tables: Mapping[str, pl.DataFrame], quarantine: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Count what belongs to no source; those of several buckets add up."""
    counts = [(None, CHILDREN, "", count_children(tables))]
    for table, rows in quarantine.items():
        counts.append((None, QUARANTINED_AS, table, rows.height))
        refused = rows.select("file", "sheet", "row", "rule").unique()
        counts += [
            (None, SET_ASIDE, f"{table} {rule}", count)
            for rule, count in refused.group_by("rule").len().sort("rule").iter_rows()
        ]
    return pl.DataFrame(counts, schema=FATES, orient="row")


def make_accounting(raws: Sequence[RawTable], fates: pl.DataFrame) -> pl.DataFrame:
    """Account for every row and cell of every source; ``fates``: the counts of all buckets.

    Rows that a reader passed over are ignored, with their rule.
    Errors: AccountingError if a sum does not come out: nothing may be lost.
    """
    summed = fates.group_by("source", "fate", "name", maintain_order=True).agg(
        pl.col("count").sum()
    )
    by_source = _part(summed)
    rows = [_account(number, raw, by_source(number)) for number, raw in enumerate(raws)]
    schema = Accounting.create_empty().schema
    accounting = Accounting.validate(pl.DataFrame(rows, schema=schema, orient="row"))
    _check_sums(accounting)
    return accounting


def _account(number: int, raw: RawTable, fates: pl.DataFrame) -> tuple[object, ...]:
    """Sum up one source, with the rows that its reader passed over."""
    counts = {(fate, name): count for fate, name, count in fates.drop("source").iter_rows()}
    by_rule = Counter({name: n for (fate, name), n in counts.items() if fate == IGNORED})
    by_rule.update(dict(raw.passed_over))
    by_table = sorted((name, n) for (fate, name), n in counts.items() if fate == MADE)
    used, quarantined = counts.get((USED, ""), 0), counts.get((QUARANTINED, ""), 0)
    cells = {fate: counts.get((CELLS, fate), 0) for fate in (USED, IGNORED, QUARANTINED)}
    width, ignored = len(raw.header), by_rule.total()
    return (
        number,
        raw.file,
        raw.sheet,
        raw.rows_in,
        used,
        ignored,
        quarantined,
        raw.rows_in * width,
        cells[USED],
        cells[IGNORED] + ignored * width,
        cells[QUARANTINED] + quarantined * width,
        "; ".join(f"{rule}: {count}" for rule, count in sorted(by_rule.items())),
        sum(count for _, count in by_table),
        "; ".join(f"{table}: {count}" for table, count in by_table),
    )


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


def _count(bucket: Bucket, source: _Source) -> _Counts:
    """Count one source: (fate, name, count), those of its used rows' cells as (CELLS, fate)."""
    if all(part.is_empty() for part in source.rows):
        return
    used = source.used
    refused = source.problems.filter(pl.col("effect") == "quarantine_row")
    quarantined = refused.select("record").unique().join(used, on="record", how="anti")
    gone = (
        source.left_out.join(used, on="record", how="anti")
        .join(quarantined, on="record", how="anti")
        .unique("record", keep="first", maintain_order=True)
    )
    cells = _count_cells(bucket, source, used)
    yield USED, "", used.height
    yield QUARANTINED, "", quarantined.height
    yield CELLS, USED, cells.used
    yield CELLS, IGNORED, cells.ignored
    yield CELLS, QUARANTINED, cells.quarantined
    for rule, count in gone.group_by("rule").len().sort("rule").iter_rows():
        yield IGNORED, rule, count
    for table, count in source.made.group_by("table").len().sort("table").iter_rows():
        yield MADE, table, count


@dataclass(frozen=True)
class CellCount:
    """The fate of the cells of used rows."""

    used: int
    ignored: int
    quarantined: int


def _count_cells(bucket: Bucket, source: _Source, used_records: pl.DataFrame) -> CellCount:
    """Count the cells of the rows of one source that were used."""
    here = source.made
    by_mapping = [
        (here.filter(pl.col("table") == item.table).select("record").unique(), item.used_columns)
        for item in bucket.by_source.get(source.number, ())
    ]
    if source.joined.height:
        by_mapping.append((source.joined, bucket.joined_columns.get(source.number, frozenset())))
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
