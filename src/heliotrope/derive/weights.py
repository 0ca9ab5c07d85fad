"""The weight in force on a day: what every dose per kilogram is divided by."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.exposure import MeasureInForce
from heliotrope.definitions.load import Rulebook

RECORDED = "recorded"
INTERPOLATED = "interpolated"
MISSING = "missing"

_VALUE = {"weight": "weight_kg", "height": "height_cm"}


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
    rule = rulebook.get("weight_in_force", MeasureInForce)
    return _derive_in_force(rows, assessment, rule, "weight")


def derive_heights(
    rows: pl.DataFrame, assessment: pl.DataFrame, rulebook: Rulebook
) -> pl.DataFrame:
    """Give each row the child's height in force on its date, by the same rule as the weight.

    Adds ``height_cm``, ``height_age_days``, ``height_rule`` and ``height_row_ids``.
    """
    rule = rulebook.get("height_in_force", MeasureInForce)
    return _derive_in_force(rows, assessment, rule, "height")


def _derive_in_force(
    rows: pl.DataFrame, assessment: pl.DataFrame, rule: MeasureInForce, name: str
) -> pl.DataFrame:
    recorded = _recorded_values(assessment, rule)
    joined = rows.with_row_index("_order").sort("date", maintain_order=True)
    for side in ("_before", "_after"):
        joined = joined.join_asof(
            recorded.rename({"_value": side, "_date": f"{side}_date", "row_id": f"{side}_id"}),
            left_on="date",
            right_on=f"{side}_date",
            by="patient_id",
            strategy="backward" if side == "_before" else "forward",
            coalesce=False,
            check_sortedness=False,
        )
    return joined.sort("_order").select(*rows.columns, *_choose(rule, name))


def _recorded_values(assessment: pl.DataFrame, rule: MeasureInForce) -> pl.DataFrame:
    return (
        assessment.filter((pl.col("measure") == rule.measure) & (pl.col("value") > 0))
        .sort("patient_id", "date", "row_id")
        .unique(["patient_id", "date"], keep="last", maintain_order=True)
        .sort("date", maintain_order=True)
        .select("patient_id", "row_id", _date="date", _value="value")
    )


def _choose(rule: MeasureInForce, name: str) -> list[pl.Expr]:
    age = (pl.col("date") - pl.col("_before_date")).dt.total_days()
    is_recent = (age <= rule.max_age_days).fill_null(False)
    has_both = pl.col("_before").is_not_null() & pl.col("_after").is_not_null()
    span = (pl.col("_after_date") - pl.col("_before_date")).dt.total_days()
    line = pl.col("_before") + (pl.col("_after") - pl.col("_before")) * age / span
    ids = pl.when(is_recent).then(pl.concat_list("_before_id"))
    source = pl.when(is_recent).then(pl.lit(RECORDED)).when(has_both).then(pl.lit(INTERPOLATED))
    return [
        pl.when(is_recent).then("_before").when(has_both).then(line).alias(_VALUE[name]),
        pl.when(is_recent).then(age).cast(pl.Int32).alias(f"{name}_age_days"),
        source.otherwise(pl.lit(MISSING)).alias(f"{name}_rule"),
        ids.when(has_both)
        .then(pl.concat_list("_before_id", "_after_id"))
        .otherwise(pl.lit([], dtype=pl.List(pl.Int64)))
        .alias(f"{name}_row_ids"),
    ]
