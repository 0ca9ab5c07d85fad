"""The weight in force on a day: what every dose per kilogram is divided by."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.exposure import WeightInForce
from heliotrope.definitions.load import Rulebook

RECORDED = "recorded"
INTERPOLATED = "interpolated"
MISSING = "missing"

_ADDED = ["weight_kg", "weight_age_days", "weight_rule", "weight_row_ids"]


def derive_weights(
    rows: pl.DataFrame, assessment: pl.DataFrame, rulebook: Rulebook
) -> pl.DataFrame:
    """Give each row the child's weight in force on its date, how old it is and where it stands.

    Rule: the latest weight on or before the date if it is at most 90 days old; else the straight
    line between the weights before and after; never extrapolated; else missing.

    rows: ``patient_id``, ``date`` and any other columns, in any order, which is kept.
    Adds ``weight_kg`` (Float64), ``weight_age_days`` (Int32, null when interpolated or missing),
    ``weight_rule`` (recorded, interpolated, missing) and ``weight_row_ids`` (List[Int64]).
    Ties: of two weights on a day the last row counts. A weight of 0 is none.
    Source: project decision, clinical definitions 4.2 and 10.13.
    """
    rule = rulebook.get("weight_in_force", WeightInForce)
    weights = _recorded_weights(assessment, rule)
    numbered = rows.with_row_index("_order").sort("date", maintain_order=True)
    joined = numbered.join_asof(
        weights.rename(
            {"weight": "_before", "weight_date": "_before_date", "row_id": "_before_id"}
        ),
        left_on="date",
        right_on="_before_date",
        by="patient_id",
        strategy="backward",
        coalesce=False,
        check_sortedness=False,
    ).join_asof(
        weights.rename({"weight": "_after", "weight_date": "_after_date", "row_id": "_after_id"}),
        left_on="date",
        right_on="_after_date",
        by="patient_id",
        strategy="forward",
        coalesce=False,
        check_sortedness=False,
    )
    return _choose(joined, rule).sort("_order").select(*rows.columns, *_ADDED)


def _recorded_weights(assessment: pl.DataFrame, rule: WeightInForce) -> pl.DataFrame:
    return (
        assessment.filter((pl.col("measure") == rule.measure) & (pl.col("value") > 0))
        .sort("patient_id", "date", "row_id")
        .unique(["patient_id", "date"], keep="last", maintain_order=True)
        .sort("date", maintain_order=True)
        .select("patient_id", "row_id", weight_date="date", weight="value")
    )


def _choose(joined: pl.DataFrame, rule: WeightInForce) -> pl.DataFrame:
    age = (pl.col("date") - pl.col("_before_date")).dt.total_days()
    is_recent = (age <= rule.max_age_days).fill_null(False)
    has_both = pl.col("_before").is_not_null() & pl.col("_after").is_not_null()
    span = (pl.col("_after_date") - pl.col("_before_date")).dt.total_days()
    line = pl.col("_before") + (pl.col("_after") - pl.col("_before")) * age / span
    no_ids = pl.lit([], dtype=pl.List(pl.Int64))
    return joined.with_columns(
        weight_kg=pl.when(is_recent).then("_before").when(has_both).then(line),
        weight_age_days=pl.when(is_recent).then(age).cast(pl.Int32),
        weight_rule=pl.when(is_recent)
        .then(pl.lit(RECORDED))
        .when(has_both)
        .then(pl.lit(INTERPOLATED))
        .otherwise(pl.lit(MISSING)),
        weight_row_ids=pl.when(is_recent)
        .then(pl.concat_list("_before_id"))
        .when(has_both)
        .then(pl.concat_list("_before_id", "_after_id"))
        .otherwise(no_ids),
    )
