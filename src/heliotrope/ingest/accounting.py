"""Account for every row and cell of every source: in = used + ignored + quarantined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.ingested import Accounting
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staging import Staged
from heliotrope.records.row_id import compute_source_cell


class AccountingError(AssertionError):
    """A fault of this program: a row or cell was lost or counted twice."""


@dataclass(frozen=True)
class Ledger:
    """Everything that is counted.

    raws, staged: the sources and their mappings. tables: the canonical rows that were made.
    problems: located problems with their effect. left_out: ignored records and rows.
    """

    raws: Sequence[RawTable]
    staged: Sequence[Staged]
    tables: Mapping[str, pl.DataFrame]
    problems: pl.DataFrame
    left_out: pl.DataFrame


def make_accounting(ledger: Ledger) -> pl.DataFrame:
    """Count rows and cells of each source by their fate.

    A row is *used* if any canonical row was made of it, else *quarantined* if any problem refused
    it, else *ignored* by a rule. A cell of a used row is quarantined if it was refused alone,
    used if a mapping that used the row reads its column, else ignored.
    Errors: AccountingError if a sum does not come out: nothing may be lost.
    """
    made = pl.concat(
        [
            rows.select(pl.lit(table).alias("table"), *compute_source_cell(pl.col("row_id")))
            for table, rows in ledger.tables.items()
        ]
    )
    rows = [_account(ledger, made, number) for number in range(len(ledger.raws))]
    schema = Accounting.create_empty().schema
    accounting = Accounting.validate(pl.DataFrame(rows, schema=schema, orient="row"))
    _check_sums(accounting)
    return accounting


def _account(ledger: Ledger, made: pl.DataFrame, number: int) -> tuple[object, ...]:
    raw = ledger.raws[number]
    here = made.filter(pl.col("source") == number)
    problems = ledger.problems.filter(pl.col("source") == number)
    left_out = ledger.left_out.filter(pl.col("source") == number)
    used = here.select("record").unique()
    refused = problems.filter(pl.col("effect") == "quarantine_row").select("record").unique()
    quarantined = refused.join(used, on="record", how="anti")
    gone = (
        left_out.join(used, on="record", how="anti")
        .join(quarantined, on="record", how="anti")
        .unique("record", keep="first", maintain_order=True)
    )
    by_rule = gone.group_by("rule").len().sort("rule")
    by_table = here.group_by("table").len().sort("table")
    cells = _count_cells(ledger, problems, left_out, here, number)
    width = len(raw.header)
    return (
        number,
        raw.file,
        raw.sheet,
        raw.cells.height,
        used.height,
        gone.height,
        quarantined.height,
        raw.cells.height * width,
        cells.used,
        cells.ignored + gone.height * width,
        cells.quarantined + quarantined.height * width,
        "; ".join(f"{rule}: {count}" for rule, count in by_rule.iter_rows()),
        here.height,
        "; ".join(f"{table}: {count}" for table, count in by_table.iter_rows()),
    )


@dataclass(frozen=True)
class CellCount:
    """The fate of the cells of used rows."""

    used: int
    ignored: int
    quarantined: int


def _count_cells(
    ledger: Ledger,
    problems: pl.DataFrame,
    left_out: pl.DataFrame,
    here: pl.DataFrame,
    number: int,
) -> CellCount:
    """Count the cells of the rows of one source that were used."""
    used_records = here.select("record").unique()
    by_mapping = [
        (
            here.filter(pl.col("table") == item.table).select("record").unique(),
            item.used_columns,
        )
        for item in ledger.staged
        if item.source == number
    ]
    refused = (
        problems.filter(pl.col("effect").is_in(["quarantine_row", "quarantine_cell"]))
        .join(used_records, on="record", how="semi")
        .select("record", "column")
        .unique()
    )
    single = left_out.filter(pl.col("row_id").is_not_null()).join(
        used_records, on="record", how="semi"
    )
    skipped = (
        single.select("record", compute_source_cell(pl.col("row_id"))[2])
        .unique()
        .join(refused, on=["record", "column"], how="anti")
    )
    width = len(ledger.raws[number].header)
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
