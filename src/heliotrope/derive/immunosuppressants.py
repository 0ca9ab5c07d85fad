"""Drugs beside immunoglobulin and steroids: started, raised, lowered, stopped."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.dosing import FollowedDrugs
from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.doses import PARTS, compute_body_surface, compute_mg, derive_doses
from heliotrope.derive.weights import derive_sizes
from heliotrope.records.exact import compute_comparison

STARTED = "started"
RAISED = "raised"
LOWERED = "lowered"
UNCHANGED = "unchanged"
UNKNOWN = "unknown"

_KEY = ["patient_id", "drug", "start_date"]


def derive_drug_periods(
    medication: pl.DataFrame, assessment: pl.DataFrame, rulebook: Rulebook
) -> pl.DataFrame:
    """Say for each row of another immunosuppressant whether it starts or changes the drug.

    Rule: the total dose of the drug on the row's first day is compared with that of the day
    before, both by the weight of the first day, so that growth alone is no rise. Nothing the day
    before is a start. Routes that do not reach the blood (tacrolimus on the skin) are left out.

    Missing: an unknown dose on either day gives ``unknown``, never ``unchanged``.

    Returns the columns of ``DrugPeriod`` and ``drug_class``, ``is_cytotoxic``, ``every_days``.
    """
    doses = _select_followed_rows(medication, rulebook)
    dated = derive_doses(doses, rulebook).with_columns(
        [(pl.col(part) / pl.col("every_days")).alias(part) for part in PARTS],
        date=pl.col("start_date"),
    )
    sized = derive_sizes(dated, assessment, rulebook)
    totals = _compare_with_day_before(sized, rulebook)
    return (
        sized.with_columns(dose_mg_day=compute_mg(compute_body_surface(rulebook)))
        .join(totals, on=_KEY, how="left")
        .select(
            "patient_id",
            "drug",
            "start_date",
            pl.col("last_day").alias("end_date"),
            "dose_mg_day",
            "change",
            "relative_rise",
            "stop_reason",
            "row_id",
            "drug_class",
            "is_cytotoxic",
            "every_days",
        )
        .sort("patient_id", "drug", "start_date", "row_id")
    )


def _select_followed_rows(medication: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    followed = rulebook.get("followed_drugs", FollowedDrugs)
    drugs = [drug for drug in drugs_of(rulebook).values() if drug.drug_class in followed.classes]
    table = pl.DataFrame(
        {
            "drug": [drug.id for drug in drugs],
            "drug_class": [drug.drug_class for drug in drugs],
            "is_cytotoxic": [drug.is_cytotoxic for drug in drugs],
            "_systemic": [list(drug.systemic_routes) for drug in drugs],
        },
        schema={
            "drug": pl.String,
            "drug_class": pl.String,
            "is_cytotoxic": pl.Boolean,
            "_systemic": pl.List(pl.String),
        },
    )
    is_systemic = pl.col("route").is_null() | pl.col("_systemic").list.contains(pl.col("route"))
    return (
        medication.join(table, on="drug", how="inner", maintain_order="left")
        .filter(is_systemic)
        .drop("_systemic")
    )


def _compare_with_day_before(doses: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Return one row a child, drug and first day: ``change`` and ``relative_rise``."""
    first_days = doses.unique(_KEY).select(*_KEY, "weight_kg", "height_cm", _first_day="start_date")
    rows = doses.select("patient_id", "drug", "last_day", "row_id", *PARTS, _since="start_date")
    pairs = first_days.join(rows, on=["patient_id", "drug"], how="inner")
    day_before = pl.col("_first_day") - pl.duration(days=1)
    before = _add_up(pairs, day_before, "before")
    on_day = _add_up(pairs, pl.col("_first_day"), "now")
    surface = compute_body_surface(rulebook)
    joined = on_day.join(before, on=_KEY, how="left")
    compared = joined.with_columns(
        _now=_in_common_unit("now", surface), _before=_in_common_unit("before", surface)
    ).with_columns(
        relative_rise=pl.when(pl.col("_before") > 0).then(pl.col("_now") / pl.col("_before") - 1)
    )
    was_given = pl.col("rows_before").is_not_null() & (pl.col("_before").ne_missing(0.0))
    rise = pl.col("relative_rise")
    change = (
        pl.when(was_given.not_())
        .then(pl.lit(STARTED))
        .when(compute_comparison(rise, ">", 0))
        .then(pl.lit(RAISED))
        .when(compute_comparison(rise, "<", 0))
        .then(pl.lit(LOWERED))
        .when(rise.is_not_null())
        .then(pl.lit(UNCHANGED))
        .otherwise(pl.lit(UNKNOWN))
    )
    return compared.select(*_KEY, "relative_rise", change.alias("change"))


def _add_up(pairs: pl.DataFrame, day: pl.Expr, name: str) -> pl.DataFrame:
    """Add up the drug's rows that cover a day, part by part; an unknown dose leaves null."""
    is_given = (pl.col("_since") <= day) & (
        pl.col("last_day").is_null() | (pl.col("last_day") >= day)
    )
    is_known = pl.col("mg").is_not_null().all()
    return (
        pairs.filter(is_given)
        .sort(*_KEY, *PARTS)
        .group_by(_KEY, maintain_order=True)
        .agg(
            *[pl.when(is_known).then(pl.col(part).sum()).alias(f"{part}_{name}") for part in PARTS],
            *([pl.col("weight_kg", "height_cm").first()] if name == "now" else []),
            pl.len().alias(f"rows_{name}"),
        )
    )


def _in_common_unit(name: str, surface: pl.Expr) -> pl.Expr:
    """Return the total of a day, in mg; or in the recorded unit where both days have only that."""
    only = pl.lit(None, pl.Float64)
    for part in PARTS:
        others = [other for other in PARTS if other != part]
        is_only = pl.all_horizontal(
            (pl.col(f"{other}_{day}").fill_null(0.0) == 0)
            for other in others
            for day in ("now", "before")
        )
        only = pl.when(is_only).then(pl.col(f"{part}_{name}")).otherwise(only)
    factors = {"mg": pl.lit(1.0), "mg_per_kg": pl.col("weight_kg"), "mg_per_m2": surface}
    total = pl.sum_horizontal(
        [
            pl.when(pl.col(f"{part}_{name}") == 0)
            .then(0.0)
            .otherwise(pl.col(f"{part}_{name}") * factor)
            for part, factor in factors.items()
        ],
        ignore_nulls=False,
    )
    return pl.coalesce(only, total)
