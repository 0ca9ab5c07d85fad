"""Which regimen a recorded reason for starting immunoglobulin belongs to."""

from __future__ import annotations

import polars as pl

from heliotrope.derive.derived import Derived

REGIMEN = ["patient_id", "regimen"]


def assign_recorded_reasons(derived: Derived) -> pl.DataFrame:
    """Give each recorded reason its regimen and its place in the order of the file.

    It belongs to the first regimen that was not over on its date, to the last when all were;
    without a date to the first. Columns: patient_id, regimen, ``reason``, ``row_id``, ``place``
    (from 1).
    """
    regimens = derived.regimens.select(*REGIMEN, "last_infusion").sort("last_infusion")
    rows = derived.shard.indication.select("patient_id", "date", "reason", "row_id")
    first = regimens.group_by("patient_id").agg(
        first=pl.col("regimen").min(), last=pl.col("regimen").max()
    )
    return (
        rows.sort("date", "row_id")
        .join_asof(
            regimens,
            left_on="date",
            right_on="last_infusion",
            by="patient_id",
            strategy="forward",
            check_sortedness=False,
        )
        .join(first, on="patient_id", how="inner")
        .with_columns(
            regimen=pl.when(pl.col("date").is_null())
            .then("first")
            .otherwise(pl.col("regimen").fill_null(pl.col("last")))
        )
        .sort(*REGIMEN, "row_id")
        .with_columns(place=pl.int_range(1, pl.len() + 1).over(REGIMEN))
        .select(*REGIMEN, "reason", "row_id", "place")
    )
