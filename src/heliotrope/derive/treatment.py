"""Treatment as spans of days, whatever the drug: on which days was a child treated with what."""

from __future__ import annotations

from datetime import date

import polars as pl

from heliotrope.definitions.node import OffTreatment
from heliotrope.records.row_order import begins, sort_rows

CHILD = "patient_id"
GLUCOCORTICOID = "glucocorticoid"
IMMUNOSUPPRESSANT = "immunosuppressant"
IMMUNOGLOBULIN = "immunoglobulin"
MEDICATION_RECORDED = "medication_recorded"
IVIG_RECORDED = "immunoglobulin_recorded"

# As many days as there are dates: what the days of one child are lifted by over those of another.
DAYS_OF_A_CHILD = (date.max - date.min).days + 1

# The columns beside patient_id, with their types.
SPAN_SCHEMA = {
    "treatment": pl.String,
    "start_date": pl.Date,
    "end_date": pl.Date,
    "row_id": pl.Int64,
}


def derive_treatment_spans(
    medication: pl.DataFrame,
    infusion_days: pl.DataFrame,
    steroids: tuple[pl.DataFrame, pl.DataFrame],
    drug_periods: pl.DataFrame,
) -> pl.DataFrame:
    """List the days on which each child was treated, as spans, each with a cell that says so.

    ``steroids``: steroid periods and pulses; ``infusion_days`` of any route; ``drug_periods`` of
    every other followed drug. A period of 0 mg is no treatment; one of an unknown dose is. Also
    one row a child for the first day from which medication (``medication_recorded``) and
    immunoglobulin (``immunoglobulin_recorded``) are recorded at all: before it, silence says
    nothing. ``end_date`` is the last day, null while it goes on.
    """
    periods, pulses = steroids
    first_row = pl.col("row_ids").list.first()
    parts = [
        _span(
            periods.filter(pl.col("prednisone_mg_day").ne_missing(0.0)), GLUCOCORTICOID, first_row
        ),
        _span(pulses, GLUCOCORTICOID, first_row),
        _span(
            drug_periods.filter(pl.col("dose_mg_day").ne_missing(0.0)),
            IMMUNOSUPPRESSANT,
            pl.col("row_id"),
        ),
        _span(
            infusion_days.with_columns(start_date="date", end_date="date"),
            IMMUNOGLOBULIN,
            pl.col("row_ids").list.first(),
        ),
        _first_day(medication, "start_date", MEDICATION_RECORDED),
        _first_day(infusion_days, "date", IVIG_RECORDED),
    ]
    return pl.concat(parts).sort(CHILD, "treatment", "start_date", "row_id")


def _span(rows: pl.DataFrame, treatment: str, row_id: pl.Expr) -> pl.DataFrame:
    given = {"treatment": pl.lit(treatment), "row_id": row_id}
    return rows.select(
        CHILD,
        *(
            given.get(name, pl.col(name)).cast(dtype).alias(name)
            for name, dtype in SPAN_SCHEMA.items()
        ),
    )


def _first_day(rows: pl.DataFrame, date: str, treatment: str) -> pl.DataFrame:
    first = rows.group_by(CHILD).agg(start_date=pl.col(date).min())
    return _span(
        first.with_columns(end_date="start_date", row_id=pl.lit(None, pl.Int64)).drop_nulls(
            "start_date"
        ),
        treatment,
        pl.col("row_id"),
    )


def derive_days_off(visits: pl.DataFrame, spans: pl.DataFrame, node: OffTreatment) -> pl.DataFrame:
    """Count, at each visit, the days since the last day of any of the treatments of a node.

    ``visits``: ``patient_id`` and ``date``, kept in their order. Returns ``days_off`` (0 on a day
    of treatment), ``row_id`` of the treatment that ended last, and ``reason`` where it is null.

    Rule: fewer days than the node asks for are certain once a treatment that late is recorded.
    That many days are certain only if medication was recorded all that time. Missing: no
    medication recorded before the visit (``no_medication_recorded``), or too short a record
    (``not_seen_long_enough``), leaves null.
    """
    drugs = set(node.treatments) != {IMMUNOGLOBULIN}
    record = MEDICATION_RECORDED if drugs else IVIG_RECORDED
    given = spans.filter(pl.col("treatment").is_in(node.treatments))
    seen = visits.select(CHILD, "date").hstack(
        [
            *_find_last(visits, given, "treated"),
            *_find_last(visits, spans.filter(pl.col("treatment") == record), "recorded"),
        ]
    )
    since_last = (pl.col("date") - pl.col("treated")).dt.total_days()
    since_record = (pl.col("date") - pl.col("first_recorded")).dt.total_days()
    certain = pl.min_horizontal(since_last, since_record)
    days = (
        pl.when(since_last < node.days)
        .then(since_last)
        .when(since_record.is_not_null() & (certain >= node.days))
        .then(certain)
    )
    silent = pl.when(since_record.is_null()).then(pl.lit("no_medication_recorded"))
    return seen.select(
        days.cast(pl.Float64).alias("days_off"),
        pl.col("treated_row_id").alias("row_id"),
        pl.when(days.is_null())
        .then(silent.otherwise(pl.lit("not_seen_long_enough")))
        .alias("reason"),
    )


def _find_last(visits: pl.DataFrame, spans: pl.DataFrame, name: str) -> pl.DataFrame:
    """Find for each visit the first day of the spans, and the last day, up to it, they cover."""
    is_next = begins(CHILD)
    starts = (
        spans.sort(CHILD, "start_date", "row_id")
        .with_columns(
            _end=pl.col("end_date").fill_null(pl.lit(date.max)),
            _first=pl.when(is_next).then("start_date").forward_fill(),
        )
        .with_columns(_latest=_find_latest(is_next, pl.col("_end")))
        .with_columns(
            _row=pl.when(pl.col("_end") == pl.col("_latest")).then("row_id").forward_fill()
        )
        .select(CHILD, "start_date", "_latest", "_row", "_first")
    )
    return (
        visits.select(CHILD, "date")
        .with_row_index("_order")
        .pipe(sort_rows, [CHILD, "date"])
        .join_asof(
            starts,
            left_on="date",
            right_on="start_date",
            by=CHILD,
            strategy="backward",
            check_sortedness=False,
        )
        .sort("_order")
        .select(
            pl.when(pl.col("_latest").is_not_null())
            .then(pl.min_horizontal("_latest", "date"))
            .alias(name),
            pl.col("_row").alias(f"{name}_row_id"),
            pl.col("_first").alias(f"first_{name}"),
        )
    )


def _find_latest(is_next: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Find the latest day so far of each child, of rows that stand child by child.

    The days of each child are lifted above those of the one before, so that no child need be
    looked at alone.
    """
    lift = is_next.cum_sum().cast(pl.Int64) * DAYS_OF_A_CHILD
    return ((day.to_physical().cast(pl.Int64) + lift).cum_max() - lift).cast(pl.Int32).cast(pl.Date)
