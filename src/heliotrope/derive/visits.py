"""Visits: one value a child, measure and date."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.derive.item_scores import derive_item_scores, keep_worst, make_item_totals
from heliotrope.records.row_order import pack_key

LABORATORY_DOMAINS = ["enzyme", "urine_protein", "blood"]

VISIT_VALUE_COLUMNS = [
    "patient_id",
    "date",
    "measure",
    "value",
    "value_qualifier",
    "lower_limit",
    "upper_limit",
    "text",
    "row_id",
    "item_row_ids",
]


def derive_visit_values(assessment: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Give the value that counts for each child, measure and date.

    A total that was not recorded on a date but whose items were is made from them: its ``row_id``
    is negative and ``item_row_ids`` lists the cells of the items (null for what was recorded). Two
    values of one measure on a date: the last row counts (the data check reports them), for the
    domains of the CHAQ the worst. With ``visit_tolerance_days`` above 0 a laboratory value is
    moved to the nearest date, at most that many days away, on which the child was examined (ties:
    the earlier date); of several that meet there the nearest counts. Measures that wait for a
    declaration by the study (``adl`` without a range) are left out: the data check reports them.
    """
    measures = measures_of(rulebook)
    undeclared = [name for name, measure in measures.items() if not measure.is_declared]
    values = (
        assessment.filter(~pl.col("measure").is_in(undeclared))
        .with_columns(item_row_ids=pl.lit(None, pl.List(pl.Int64)))
        .select(VISIT_VALUE_COLUMNS)
    )
    totals = make_item_totals(derive_item_scores(assessment, rulebook), VISIT_VALUE_COLUMNS)
    if totals.height:
        values = pl.concat([values, totals])
    tolerance_days = rulebook.settings.visit_tolerance_days
    if tolerance_days > 0:
        laboratory = [
            name for name, measure in measures.items() if measure.domain in LABORATORY_DOMAINS
        ]
        values = _join_laboratory_values(values, laboratory, tolerance_days)
    key = pack_key(values, ["patient_id", "date", "measure"])
    ordered = values.with_columns(key.alias("_key")).sort("_key", keep_worst(measures), "row_id")
    is_last = pl.col("_key").ne_missing(pl.col("_key").shift(-1))
    return ordered.filter(is_last).drop("_key")


def _join_laboratory_values(
    values: pl.DataFrame, laboratory: list[str], tolerance_days: int
) -> pl.DataFrame:
    """Move laboratory values to the nearest date of examination within the tolerance."""
    is_laboratory = pl.col("measure").is_in(laboratory)
    examined = (
        values.filter(~is_laboratory)
        .select("patient_id", pl.col("date").alias("visit_date"))
        .unique()
        .with_columns(date=pl.col("visit_date"))
        .sort("date")
    )
    near = pl.duration(days=tolerance_days)
    moved = values.filter(is_laboratory).sort("date")
    for strategy in ("backward", "forward"):
        moved = moved.join_asof(
            examined.rename({"visit_date": f"{strategy}_date"}),
            on="date",
            by="patient_id",
            strategy=strategy,
            check_sortedness=False,
        )
    before = pl.col("date") - pl.col("backward_date")
    after = pl.col("forward_date") - pl.col("date")
    moved = (
        moved.with_columns(
            visit_date=pl.when((before <= near) & ((before <= after) | after.is_null()))
            .then("backward_date")
            .when(after <= near)
            .then("forward_date")
            .otherwise("date")
        )
        .with_columns(distance=(pl.col("date") - pl.col("visit_date")).abs())
        .sort("distance", "date", "row_id", descending=[True, True, False])
        .unique(["patient_id", "measure", "visit_date"], keep="last", maintain_order=True)
        .with_columns(date=pl.col("visit_date"))
    )
    return pl.concat([values.filter(~is_laboratory), moved.select(VISIT_VALUE_COLUMNS)])
