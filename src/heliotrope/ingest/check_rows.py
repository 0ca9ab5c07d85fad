"""Find rows that repeat or contradict one another within a table."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.definitions.measure import Measure
from heliotrope.ingest.problems import say_number
from heliotrope.ingest.settle import make_late_problems

_NOT_CONTENT = ("row_id", "record")


def check_duplicates(
    table: str, rows: pl.DataFrame, measures: Mapping[str, Measure]
) -> pl.DataFrame:
    """Find rows that say exactly what an earlier row of the table says.

    Items of which the worst counts may have several equal values: they are no copies.
    """
    content = [name for name in rows.columns if name not in _NOT_CONTENT]
    if table == "assessment":
        several = [item.id for item in measures.values() if item.several_on_a_date == "worst"]
        rows = rows.filter(~pl.col("measure").is_in(several))
    copies = rows.sort("row_id").filter(~pl.struct(content).is_first_distinct())
    said = pl.format("{}: the same as an earlier row", pl.col("patient_id"))
    if table == "patient":
        said = pl.lit("the same as an earlier row")
    return make_late_problems(table, copies, "duplicate_row", found=said)


def check_patient_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Find children with more than one row; a row with nothing but the name adds nothing."""
    content = [name for name in rows.columns if name not in (*_NOT_CONTENT, "patient_id")]
    is_bare = pl.all_horizontal(pl.col(name).is_null() for name in content)
    repeated = rows.sort("row_id").with_columns(
        is_bare=is_bare,
        says_more=(~is_bare).any().over("patient_id"),
    )
    # of a child with a row that says more, the bare rows are left out
    bare = repeated.filter(pl.col("is_bare") & pl.col("says_more"))
    rest = repeated.join(bare.select("row_id"), on="row_id", how="anti")
    distinct = rest.filter(pl.struct("patient_id", *content).is_first_distinct())
    second = distinct.filter(~pl.col("patient_id").is_first_distinct())
    return pl.concat(
        [
            make_late_problems("patient", bare, "blank_row", found="nothing but the identifier"),
            make_late_problems("patient", second, "patient_twice", found=pl.col("patient_id")),
        ]
    )


def check_repeated_values(
    tables: Mapping[str, pl.DataFrame], measures: Mapping[str, Measure]
) -> pl.DataFrame:
    """Find two values of one measure of a child on one date; the last row will count.

    Items of which the worst counts may have several values.
    """
    several = [item.id for item in measures.values() if item.several_on_a_date == "worst"]
    rows = tables["assessment"].with_columns(
        together=pl.len().over("patient_id", "date", "measure")
    )
    rows = rows.filter((pl.col("together") > 1) & ~pl.col("measure").is_in(several))
    key = ["patient_id", "date", "measure"]
    shown = pl.coalesce(say_number(pl.col("value")), pl.col("text"))
    listed = (
        rows.sort("row_id")
        .group_by(key, maintain_order=True)
        .agg(pl.col("row_id").last(), shown.str.join(", ").alias("values"))
    )
    day = pl.col("date").dt.to_string("%Y-%m-%d")
    said = pl.format("{} on {}: {}", pl.col("measure"), day, pl.col("values"))
    is_weight = pl.col("measure") == "weight"
    return pl.concat(
        [
            make_late_problems(
                "assessment", listed.filter(is_weight), "two_weights_on_a_day", found=said
            ),
            make_late_problems(
                "assessment", listed.filter(~is_weight), "two_values_on_a_date", found=said
            ),
        ]
    )
