"""The children of a run, one row a child and regimen: read once, then sorted and filtered."""

from __future__ import annotations

import polars as pl

from heliotrope.report.read_run import RunTables

ANSWERS = ("responded", "pattern", "onset_by_day", "durability", "steroid_effect", "confounded")
COLUMNS = (
    "patient_id", "regimen", "first_infusion", "courses", "status", *ANSWERS, "worsened",
    "reactions",
)  # fmt: skip
FILTERS = ("responded", "pattern", "durability", "steroid_effect", "worsened", "status")
WITHOUT = "without_ivig"


def read_cohort(tables: RunTables) -> pl.DataFrame:
    """Put response, regimen, worsening and reactions of every child together.

    A child without IVIG has one row without a regimen; its status says so.
    """
    key = ["patient_id", "regimen"]
    regimens = tables.table("regimen").select(*key, "first_infusion", "courses", "status")
    responses = tables.table("response").select(*key, *ANSWERS)
    worsened = tables.table("aggravation").select(*key, pl.col("state").alias("worsened"))
    reactions = (
        tables.scan_table("reaction")
        .filter(pl.col("window") != "outside")
        .group_by(key)
        .agg(pl.len().cast(pl.Int32).alias("reactions"))
        .collect()
    )
    treated = (
        regimens.join(responses, on=key, how="left")
        .join(worsened, on=key, how="left")
        .join(reactions, on=key, how="left")
        .with_columns(pl.col("reactions").fill_null(0))
    )
    children = pl.DataFrame(
        {"patient_id": tables.traced_children()}, schema={"patient_id": pl.String}
    )
    others = children.join(treated, on="patient_id", how="anti").with_columns(
        status=pl.lit(WITHOUT)
    )
    return pl.concat([treated, others], how="diagonal").select(COLUMNS).sort(key, nulls_last=True)


def list_words(cohort: pl.DataFrame, column: str) -> list[str]:
    """List the words that stand in a column, for the choice of a filter."""
    return sorted(cohort[column].drop_nulls().unique().to_list())
