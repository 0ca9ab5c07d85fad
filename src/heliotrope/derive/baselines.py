"""Baselines: for each regimen and measure the last value before the first infusion."""

from __future__ import annotations

import polars as pl

SOURCE_STRUCT = pl.Struct({"row_id": pl.Int64, "role": pl.String, "reason": pl.String})

BASELINE_COLUMNS = [
    "patient_id",
    "regimen",
    "measure",
    "baseline_date",
    "baseline_value",
    "baseline_upper_limit",
    "baseline_text",
    "baseline_row_id",
    "rejected",
]


def derive_baselines(
    visit_values: pl.DataFrame, regimens: pl.DataFrame, baseline_days: int
) -> pl.DataFrame:
    """Give the baseline of each measure: its last value in the days before, and on, day 0.

    Input: ``visit_values`` and the regimens (patient_id, regimen, first_infusion); the window is
    D-``baseline_days`` to D0, both ends counted, D0 counted as before the infusion. A row without
    a value is no candidate. The candidates not chosen are kept in ``rejected`` with the reason
    ``earlier_than_baseline`` or ``before_window`` (the nearest one before the window only).
    Missing: a measure without a value in the window has no row.
    """
    candidates = (
        visit_values.filter(pl.col("value").is_not_null() | pl.col("text").is_not_null())
        .join(regimens.select("patient_id", "regimen", "first_infusion"), on="patient_id")
        .filter(pl.col("date") <= pl.col("first_infusion"))
        .with_columns(
            in_window=(pl.col("first_infusion") - pl.col("date")) <= pl.duration(days=baseline_days)
        )
        .sort("patient_id", "regimen", "measure", "date")
    )
    key = ["patient_id", "regimen", "measure"]
    chosen = (
        candidates.filter("in_window")
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("date").last().alias("baseline_date"),
            pl.col("value").last().alias("baseline_value"),
            pl.col("upper_limit").last().alias("baseline_upper_limit"),
            pl.col("text").last().alias("baseline_text"),
            pl.col("row_id").last().alias("baseline_row_id"),
            _rejected(pl.col("row_id").slice(0, pl.len() - 1), "earlier_than_baseline").alias(
                "in_window_rejected"
            ),
        )
    )
    outside = (
        candidates.filter(~pl.col("in_window"))
        .group_by(key)
        .agg(_rejected(pl.col("row_id").tail(1), "before_window").alias("outside_rejected"))
    )
    return (
        chosen.join(outside, on=key, how="left", maintain_order="left")
        .with_columns(
            rejected=pl.concat_list(
                "in_window_rejected",
                pl.col("outside_rejected").fill_null(pl.lit([], dtype=pl.List(SOURCE_STRUCT))),
            )
        )
        .select(BASELINE_COLUMNS)
    )


def _rejected(row_ids: pl.Expr, reason: str) -> pl.Expr:
    """Pack row ids as rejected sources of a trace."""
    return pl.struct(
        row_id=row_ids,
        role=pl.lit("rejected"),
        reason=pl.lit(reason),
    ).cast(SOURCE_STRUCT)
