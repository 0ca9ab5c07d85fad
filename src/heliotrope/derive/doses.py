"""What each medication row means per day, before any drug is compared with another."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.dosing import DoseRule
from heliotrope.definitions.load import Rulebook

PARTS = ["mg", "mg_per_kg", "mg_per_m2"]


def derive_doses(medication: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Say for each medication row what is given on a dosing day, how often, and until when.

    Adds ``mg``, ``mg_per_kg`` and ``mg_per_m2`` (the dose of a dosing day, Float64: one of them,
    the others 0; all null when the dose or its unit is unknown), ``every_days`` (the mean dose
    per day divides by it), ``last_day`` (inclusive; null when ongoing), ``is_single_assumed``
    (no end and no interval in a unit of single doses) and ``meets_next`` (shortened by a day,
    since the next row of the drug starts on the recorded end).
    """
    rule = rulebook.get("dose_rule", DoseRule)
    units = pl.DataFrame(
        [unit.model_dump() for unit in rule.units],
        schema={
            "unit": pl.String,
            "days": pl.Int64,
            "divides_by_interval": pl.Boolean,
            "per_kg": pl.Boolean,
            "per_m2": pl.Boolean,
            "single_when_no_end": pl.Boolean,
        },
    )
    joined = medication.join(
        units, left_on="dose_unit", right_on="unit", how="left", maintain_order="left"
    )
    dose = pl.col("dose") / pl.col("days")
    is_single = (
        pl.col("single_when_no_end") & pl.col("end_date").is_null() & (pl.col("every_n_days") == 1)
    ).fill_null(False)
    doses = joined.with_columns(
        mg=pl.when(pl.col("per_kg") | pl.col("per_m2")).then(dose * 0).otherwise(dose),
        mg_per_kg=pl.when("per_kg").then(dose).otherwise(dose * 0),
        mg_per_m2=pl.when("per_m2").then(dose).otherwise(dose * 0),
        every_days=pl.when("divides_by_interval").then("every_n_days").otherwise(1),
        is_single_assumed=is_single,
        last_day=pl.when(is_single).then("start_date").otherwise("end_date"),
    )
    return _shorten_meeting_rows(doses.drop(units.columns[1:]), rule)


def _shorten_meeting_rows(doses: pl.DataFrame, rule: DoseRule) -> pl.DataFrame:
    starts = doses.select(
        "patient_id", "drug", "route", last_day="start_date", _is_next=pl.lit(True)
    ).unique()
    meets = (
        pl.col("_is_next").fill_null(False)
        & (pl.col("last_day") > pl.col("start_date"))
        & pl.lit(rule.meeting_day_counts_once)
    ).fill_null(False)
    return (
        doses.join(
            starts,
            on=["patient_id", "drug", "route", "last_day"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(meets_next=meets)
        .with_columns(
            last_day=pl.when("meets_next")
            .then(pl.col("last_day") - pl.duration(days=1))
            .otherwise("last_day")
        )
        .drop("_is_next")
    )


def compute_body_surface(rulebook: Rulebook) -> pl.Expr:
    """Return the body surface in m2 of the columns ``height_cm`` and ``weight_kg``."""
    divisor = rulebook.get("dose_rule", DoseRule).body_surface.height_cm_times_weight_kg_over
    return (pl.col("height_cm") * pl.col("weight_kg") / divisor).sqrt()


def compute_mg(surface: pl.Expr) -> pl.Expr:
    """Return mg of the three parts; weight and body surface are only asked for where needed."""
    return (
        pl.col("mg")
        + _part("mg_per_kg", pl.col("mg_per_kg") * pl.col("weight_kg"))
        + _part("mg_per_m2", pl.col("mg_per_m2") * surface)
    )


def compute_mg_per_kg(surface: pl.Expr) -> pl.Expr:
    """Return mg/kg of the three parts; a part recorded per kg needs no weight."""
    return (
        pl.col("mg_per_kg")
        + _part("mg", pl.col("mg") / pl.col("weight_kg"))
        + _part("mg_per_m2", pl.col("mg_per_m2") * surface / pl.col("weight_kg"))
    )


def _part(name: str, converted: pl.Expr) -> pl.Expr:
    """Return a converted part, 0 where there is none of it, null where it cannot be converted."""
    return pl.when(pl.col(name) == 0).then(0.0).otherwise(converted)
