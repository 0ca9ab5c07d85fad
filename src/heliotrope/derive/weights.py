"""The weight in force on a day: what every dose per kilogram is divided by."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.exposure import MeasureInForce
from heliotrope.definitions.load import Rulebook
from heliotrope.records.in_force import (
    IN_FORCE,
    INTERPOLATED,
    MISSING,
    RECORDED,
    find_in_force,
)

__all__ = ["INTERPOLATED", "MISSING", "RECORDED", "derive_heights", "derive_weights"]

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


def derive_sizes(doses: pl.DataFrame, assessment: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Give each dose the weight and height in force on its date.

    Heights are looked up where any dose was recorded per m2 of body surface; else they are null,
    since nothing asks for them.
    """
    weighed = derive_weights(doses, assessment, rulebook)
    if (weighed["mg_per_m2"] > 0).any():
        return derive_heights(weighed, assessment, rulebook)
    return derive_heights(weighed.clear(), assessment.clear(), rulebook).pipe(
        lambda none: weighed.with_columns(
            pl.lit(None, none[name].dtype).alias(name)
            for name in none.columns
            if name not in weighed.columns
        )
    )


def select_sizes(assessment: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Keep the weights and heights: all that doses ask of the assessments."""
    rules = [rulebook.get(f"{name}_in_force", MeasureInForce) for name in _VALUE]
    return assessment.filter(pl.col("measure").is_in([rule.measure for rule in rules]))


def _derive_in_force(
    rows: pl.DataFrame, assessment: pl.DataFrame, rule: MeasureInForce, name: str
) -> pl.DataFrame:
    names = (_VALUE[name], f"{name}_age_days", f"{name}_rule", f"{name}_row_ids")
    found = find_in_force(rows, _recorded_values(assessment, rule), rule.max_age_days)
    return found.rename(dict(zip(IN_FORCE, names, strict=True)))


def _recorded_values(assessment: pl.DataFrame, rule: MeasureInForce) -> pl.DataFrame:
    return (
        assessment.filter((pl.col("measure") == rule.measure) & (pl.col("value") > 0))
        .sort("patient_id", "date", "row_id")
        .unique(["patient_id", "date"], keep="last", maintain_order=True)
        .select("patient_id", "date", "value", "row_id")
    )
