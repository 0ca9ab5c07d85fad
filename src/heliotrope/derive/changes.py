"""Changes: every value after the first infusion of a regimen beside its baseline."""

from __future__ import annotations

import polars as pl

from heliotrope.records.row_order import sort_rows

REFERENCE_COLUMNS = [
    "baseline_date",
    "baseline_value",
    "baseline_upper_limit",
    "baseline_text",
    "baseline_row_id",
    "rejected",
]


def derive_changes(
    visit_values: pl.DataFrame, baselines: pl.DataFrame, regimens: pl.DataFrame
) -> pl.DataFrame:
    """Put each later value beside the baseline of its regimen.

    A visit belongs to the regimen whose first D0 is before it, up to and including the D0 of the
    child's next regimen (that visit is scored against the old baseline and is the new one).
    Columns: those of ``visit_values``, ``regimen``, ``day`` (days from the regimen's first D0)
    and the baseline columns, null where the measure has no baseline.
    """
    spans = regimens.sort("patient_id", "regimen").select(
        "patient_id",
        "regimen",
        "first_infusion",
        next_first_infusion=pl.col("first_infusion").shift(-1).over("patient_id"),
    )
    return (
        visit_values.join(spans, on="patient_id")
        .filter(
            (pl.col("date") > pl.col("first_infusion"))
            & (
                pl.col("next_first_infusion").is_null()
                | (pl.col("date") <= pl.col("next_first_infusion"))
            )
        )
        .with_columns(
            day=(pl.col("date") - pl.col("first_infusion")).dt.total_days().cast(pl.Int32)
        )
        .drop("first_infusion", "next_first_infusion")
        .join(baselines, on=["patient_id", "regimen", "measure"], how="left")
        .pipe(sort_rows, ["patient_id", "regimen", "date", "measure"])
    )
