"""A row a child, where a study asks for it: hidden names, study days, no date, no age, no word."""

from __future__ import annotations

import polars as pl

from heliotrope.report.disclosure.identifiers import count_study_day, hide_identifier
from heliotrope.report.read_run import RunTables

JUDGED = (
    "courses",
    "onset",
    "onset_after_day",
    "onset_by_day",
    "durability",
    "steroid_effect",
    "pattern",
    "responded",
)


def make_rows_per_child(tables: RunTables, secret: bytes) -> pl.DataFrame:
    """Make one row a child and regimen: what was judged, and the study days it was judged on.

    Day 1 is the first infusion of the child's first regimen (no day 0). Columns: child (hidden
    name), regimen, first_infusion_day, last_infusion_day, the words of the response, aggravation
    and aggravation_day. Sorted by the hidden name, so that the order tells nothing.
    """
    response = tables.table("response")
    aggravation = tables.table("aggravation").select(
        "patient_id", "regimen", aggravation="state", aggravation_date="date"
    )
    first = response.group_by("patient_id").agg(reference=pl.col("first_infusion").min())
    joined = response.join(first, on="patient_id").join(
        aggravation, on=["patient_id", "regimen"], how="left"
    )
    rows = [
        {
            "child": hide_identifier(row["patient_id"], secret),
            "regimen": row["regimen"],
            "first_infusion_day": count_study_day(row["first_infusion"], row["reference"]),
            "last_infusion_day": count_study_day(row["last_infusion"], row["reference"]),
            **{name: row[name] for name in JUDGED},
            "aggravation": row["aggravation"],
            "aggravation_day": count_study_day(row["aggravation_date"], row["reference"]),
        }
        for row in joined.iter_rows(named=True)
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "child": pl.String,
        "regimen": pl.Int32,
        "first_infusion_day": pl.Int32,
        "last_infusion_day": pl.Int32,
        **{name: response.schema[name] for name in JUDGED},
        "aggravation": pl.String,
        "aggravation_day": pl.Int32,
    }
    return pl.DataFrame(rows, schema=schema).sort("child", "regimen")
