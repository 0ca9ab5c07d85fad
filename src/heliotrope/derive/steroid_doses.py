"""Steroid rows sorted into pulses, daily doses and what is not systemic, before they are added."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.doses import (
    compute_body_surface,
    compute_mg,
    compute_mg_per_kg,
    derive_doses,
)
from heliotrope.derive.weights import derive_sizes
from heliotrope.records.exact import compute_comparison

PULSE = "pulse"
DAILY = "daily"
NOT_SYSTEMIC = "not_systemic"


def derive_steroid_doses(
    medication: pl.DataFrame, assessment: pl.DataFrame, rulebook: Rulebook
) -> pl.DataFrame:
    """Sort each glucocorticoid row into pulse, daily dose or not systemic.

    Rule: a steroid of unknown route is taken as oral. Intravenous methylprednisolone of at least
    10 mg/kg or 250 mg on a dosing day is a pulse. Missing: when neither limit can be decided
    (mg under the limit and no weight) the row stays a daily dose with ``is_pulse`` null.

    Returns the medication rows that are glucocorticoids with the columns of ``derive_doses``,
    ``role`` (pulse, daily, not_systemic), ``is_pulse``, ``is_route_unknown``, ``factor`` (times mg
    of the drug gives mg of prednisone; null if not in the table), weight and height in force on
    the first day, ``mg_day`` and ``mg_kg_day`` of a dosing day, in mg of the drug itself.
    """
    rule = rulebook.get("gc_equiv_v1", GlucocorticoidRule)
    steroids = _select_steroids(medication, rule, rulebook)
    dated = derive_doses(steroids, rulebook).with_columns(date=pl.col("start_date"))
    sized = derive_sizes(dated, assessment, rulebook)
    surface = compute_body_surface(rulebook)
    dosed = sized.with_columns(mg_day=compute_mg(surface), mg_kg_day=compute_mg_per_kg(surface))
    can_be = pl.col("drug").is_in(list(rule.pulse.drugs)) & pl.col("_route").is_in(
        list(rule.pulse.routes)
    )
    is_pulse = can_be & (
        compute_comparison(pl.col("mg_kg_day"), ">=", rule.pulse.min_mg_per_kg)
        | compute_comparison(pl.col("mg_day"), ">=", rule.pulse.min_mg)
    )
    role = (
        pl.when(pl.col("is_systemic").not_())
        .then(pl.lit(NOT_SYSTEMIC))
        .when(pl.col("is_pulse"))
        .then(pl.lit(PULSE))
        .otherwise(pl.lit(DAILY))
    )
    return dosed.with_columns(is_pulse=is_pulse).with_columns(role=role).drop("date", "_route")


def _select_steroids(
    medication: pl.DataFrame, rule: GlucocorticoidRule, rulebook: Rulebook
) -> pl.DataFrame:
    """Keep the glucocorticoids, with their factor and whether their route is systemic."""
    factors = {item.drug: rule.prednisone_mg / item.mg for item in rule.equivalents}
    known = [drug for drug in drugs_of(rulebook).values() if drug.is_glucocorticoid]
    table = pl.DataFrame(
        {
            "drug": [drug.id for drug in known],
            "factor": [factors.get(drug.id) for drug in known],
            "_systemic": [list(drug.systemic_routes) for drug in known],
        },
        schema={"drug": pl.String, "factor": pl.Float64, "_systemic": pl.List(pl.String)},
    )
    route = pl.col("route").fill_null(rule.unknown_route_is)
    return (
        medication.join(table, on="drug", how="inner", maintain_order="left")
        .with_columns(
            _route=route,
            is_route_unknown=pl.col("route").is_null(),
            is_systemic=pl.col("_systemic").list.contains(route),
        )
        .drop("_systemic")
    )
