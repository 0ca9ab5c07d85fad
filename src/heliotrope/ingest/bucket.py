"""Read the rows of some children into canonical tables: those of a study at once, or of a part.

Whatever is checked of a row is checked against rows of the same child. So the rows of some
children can be read without those of any other, and what is found is put together by adding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.accounting import count_fates, count_whole
from heliotrope.ingest.check_rows import (
    check_duplicates,
    check_patient_rows,
    check_repeated_values,
)
from heliotrope.ingest.check_series import check_heights, check_unit_switches, check_weights
from heliotrope.ingest.check_times import (
    check_calendar,
    check_far_dates,
    check_order_of_dates,
    check_overlaps,
)
from heliotrope.ingest.check_values import (
    check_doses,
    check_immunoglobulins,
    check_patients,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Bucket
from heliotrope.ingest.findings import Listed, list_findings, make_quarantine, place_problems
from heliotrope.ingest.linking.precedence import Sources, check_sources
from heliotrope.ingest.settle import (
    LEFT_OUT,
    LOCATED,
    Settled,
    make_late_problems,
    resolve_effects,
    settle_late,
)
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.together import settle_all
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.row_id import unpack_row_id

Check = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class BucketRead:
    """The canonical rows of some children, and what became of the rows they were made of.

    listed: findings. quarantine: rows that could not be used, by canonical table.
    fates: how many rows and cells of each source had which fate (``accounting.FATES``).
    """

    tables: Mapping[str, pl.DataFrame]
    listed: Listed
    quarantine: Mapping[str, pl.DataFrame]
    fates: pl.DataFrame


def read_bucket(bucket: Bucket, sources: Sources, context: ReadContext) -> BucketRead:
    """Read the rows of some children; all rows of a child must be among them.

    Whether a child is missing from the patient table is said as if the study had one.
    """
    settled = list(settle_all(bucket.staged, context))
    checked = _check(_gather(bucket.staged, settled), sources, context)
    placed = place_problems(checked.problems, sources.columns)
    quarantine = make_quarantine(placed, bucket.raws, context.rules)
    fates = count_fates(bucket, checked.tables, checked.problems, checked.left_out)
    return BucketRead(
        tables=checked.tables,
        listed=list_findings(placed, context.rules),
        quarantine=quarantine,
        fates=pl.concat([fates, count_whole(checked.tables, quarantine)]),
    )


@dataclass(frozen=True)
class Checked:
    """Canonical tables, all problems and everything left out, as far as known."""

    tables: Mapping[str, pl.DataFrame]
    problems: pl.DataFrame
    left_out: pl.DataFrame


def _gather(staged: Sequence[Staged], settled: Sequence[tuple[str, Settled]]) -> Checked:
    """Put the rows of all mappings together, table by table, in the order of row_id."""
    tables = {}
    for table, schema in CANONICAL.items():
        parts = [part.rows.select(schema.column_names()) for name, part in settled if name == table]
        tables[table] = pl.concat([schema.create_empty(), *parts]).sort("row_id")
        _check_cells_once(table, tables[table], staged)
    return Checked(
        tables,
        pl.concat([pl.DataFrame(schema=LOCATED), *(part.problems for _, part in settled)]),
        pl.concat([pl.DataFrame(schema=LEFT_OUT), *(part.left_out for _, part in settled)]),
    )


def _check_cells_once(table: str, rows: pl.DataFrame, staged: Sequence[Staged]) -> None:
    """Stop if two mappings make rows of one table out of one cell."""
    twice = rows.filter(pl.col("row_id").is_duplicated()).head(1)
    if twice.is_empty():
        return
    cell = unpack_row_id(twice["row_id"][0])
    raw = next(item.raw for item in staged if item.source == cell.source)
    raise UserError(
        f"each cell read once into the table {table}",
        Found(
            "two [[source]] entries make a row of this cell",
            raw.file,
            raw.sheet,
            cell.record + raw.first_row,
            raw.header[cell.column],
        ),
        "remove one of the entries, or give each its own [[source.rows]] filter",
    )


def _check(checked: Checked, sources: Sources, context: ReadContext) -> Checked:
    """Check rows against one another and tables against one another and the schemas."""
    tables: dict[str, pl.DataFrame] = {}
    problems, left_out = [checked.problems], [checked.left_out]
    for table, rows in checked.tables.items():
        kept = rows
        if rows.is_empty():
            tables[table] = CANONICAL[table].create_empty()
            continue
        first: list[Check] = [partial(check_sources, table, sources=sources)]
        first += [check_patient_rows] if table == "patient" else []
        for check in (*first, _copies_in(table, context), _against_schema(table)):
            found = settle_late(kept, check(kept), context.rules)
            kept = found.rows
            problems.append(found.problems)
            left_out.append(found.left_out)
        tables[table] = kept
    late = [
        check_repeated_values(tables, context.measures),
        check_calendar(tables),
        check_order_of_dates(tables),
        check_far_dates(tables, context),
        check_overlaps(tables, context),
        check_doses(tables, context),
        check_weights(tables, context),
        check_heights(tables, context),
        check_unit_switches(tables, context),
        check_immunoglobulins(tables, context),
        check_patients(tables),
    ]
    problems += [resolve_effects(item, context.rules) for item in late]
    return Checked(tables, pl.concat(problems), pl.concat(left_out))


def _copies_in(table: str, context: ReadContext) -> Check:
    """Return the check for repeated rows of a table."""
    return lambda rows: check_duplicates(table, rows, context.measures)


def _against_schema(table: str) -> Check:
    """Return the check of a table's rows against its canonical schema."""

    def check(rows: pl.DataFrame) -> pl.DataFrame:
        _, failure = CANONICAL[table].filter(rows)
        if not len(failure):
            return pl.DataFrame(schema=LOCATED)
        refused = failure.details()
        broken = [
            pl.when(pl.col(name).cast(pl.String) == "invalid").then(pl.lit(name))
            for name in refused.columns
            if name not in rows.columns
        ]
        said = pl.concat_str(broken, separator=", ", ignore_nulls=True)
        return make_late_problems(table, refused, "schema_refused", found=said)

    return check
