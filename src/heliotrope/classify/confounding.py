"""Other treatments that could explain what happened by a day."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.drug import Drug
from heliotrope.definitions.response_parameters import Confounding
from heliotrope.derive.derived import Derived
from heliotrope.records.exact import compute_comparison
from heliotrope.records.row_order import begins

REGIMEN = ["patient_id", "regimen"]
STEROID_RAISED = "steroid_raised"
STEROID_PULSE = "steroid_pulse"
PREMEDICATION_STEROID = "premedication_steroid"


def find_confounders(
    anchors: pl.DataFrame, derived: Derived, drugs: dict[str, Drug], rule: Confounding
) -> pl.DataFrame:
    """Name, for each regimen with a day to explain, the other treatments that could explain it.

    ``anchors``: patient_id, regimen, ``anchor_date`` (null: no row comes back). Windows count back
    from that day, both ends counted. A steroid counts when started or raised by 25 % and 2.5
    mg/day; other drugs when started or raised by 25 %; rituximab and cyclophosphamide when given;
    a steroid given as premedication of the infusion before the day.
    Columns: the key, ``confounded_by`` (sorted, empty when none) and ``premedication_unrecorded``.
    """
    days = anchors.select(*REGIMEN, "anchor_date").drop_nulls("anchor_date")
    premedicated = _premedication(days, derived, drugs)
    found = pl.concat(
        [
            _steroid_rises(days, derived, rule),
            _pulses(days, derived, rule),
            _drugs(days, derived, rule),
            _long_acting(days, derived, rule),
            premedicated.filter("has_steroid").select(
                *REGIMEN, pl.lit(PREMEDICATION_STEROID).alias("word")
            ),
        ]
    )
    words = found.group_by(REGIMEN).agg(pl.col("word").unique().sort().alias("confounded_by"))
    return (
        days.select(REGIMEN)
        .join(words, on=REGIMEN, how="left", maintain_order="left")
        .join(
            premedicated.select(*REGIMEN, "premedication_unrecorded"),
            on=REGIMEN,
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("confounded_by").fill_null(pl.lit([], dtype=pl.List(pl.String))),
            pl.col("premedication_unrecorded").fill_null(value=False),
        )
    )


def _since(days: int) -> pl.Expr:
    """Give the first day of a window that ends on the anchor."""
    return pl.col("anchor_date") - pl.duration(days=days)


def _steroid_rises(days: pl.DataFrame, derived: Derived, rule: Confounding) -> pl.DataFrame:
    dose = pl.col("prednisone_mg_day")
    is_first = begins("patient_id")
    rises = (
        derived.steroid_periods.sort("patient_id", "start_date")
        .with_columns(before=pl.when(is_first).then(pl.lit(0.0)).otherwise(dose.shift(1)))
        .filter(
            compute_comparison(dose - pl.col("before"), ">=", rule.steroid_rise_mg_day)
            & compute_comparison(dose, ">=", pl.col("before") * (1 + rule.steroid_relative_rise))
        )
        .select("patient_id", "start_date")
    )
    return (
        days.join(rises, on="patient_id")
        .filter(pl.col("start_date").is_between(_since(rule.steroid_days), "anchor_date"))
        .select(*REGIMEN, pl.lit(STEROID_RAISED).alias("word"))
    )


def _pulses(days: pl.DataFrame, derived: Derived, rule: Confounding) -> pl.DataFrame:
    return (
        days.join(
            derived.steroid_pulses.select("patient_id", "start_date", "end_date"), on="patient_id"
        )
        .filter(
            (pl.col("start_date") <= pl.col("anchor_date"))
            & (pl.col("end_date") >= _since(rule.pulse_days))
        )
        .select(*REGIMEN, pl.lit(STEROID_PULSE).alias("word"))
    )


def _drugs(days: pl.DataFrame, derived: Derived, rule: Confounding) -> pl.DataFrame:
    changed = derived.drug_periods.filter(
        pl.col("drug").is_in(rule.drugs)
        & (
            (pl.col("change") == "started")
            | (
                (pl.col("change") == "raised")
                & compute_comparison(pl.col("relative_rise"), ">=", rule.drug_relative_rise)
            )
        )
    ).select("patient_id", "start_date", "drug")
    return (
        days.join(changed, on="patient_id")
        .filter(pl.col("start_date").is_between(_since(rule.drug_days), "anchor_date"))
        .select(*REGIMEN, pl.col("drug").alias("word"))
    )


def _long_acting(days: pl.DataFrame, derived: Derived, rule: Confounding) -> pl.DataFrame:
    given = derived.drug_periods.filter(pl.col("drug").is_in(rule.long_acting_drugs)).select(
        "patient_id", "start_date", "end_date", "drug"
    )
    return (
        days.join(given, on="patient_id")
        .filter(
            (pl.col("start_date") <= pl.col("anchor_date"))
            & (pl.col("end_date").is_null() | (pl.col("end_date") >= _since(rule.long_acting_days)))
        )
        .select(*REGIMEN, pl.col("drug").alias("word"))
    )


def _premedication(days: pl.DataFrame, derived: Derived, drugs: dict[str, Drug]) -> pl.DataFrame:
    """Look at the premedication of the infusion before the day: a steroid in it, or unrecorded."""
    steroids = sorted(
        {
            name.lower()
            for drug in drugs.values()
            if drug.is_glucocorticoid
            for name in (drug.id, *drug.synonyms)
        }
    )
    infusions = derived.infusion_days.filter(pl.col("course").is_not_null()).select(
        "patient_id", "date", "premedication"
    )
    last = (
        days.join(infusions, on="patient_id")
        .filter(pl.col("date") < pl.col("anchor_date"))
        .sort("date")
        .group_by(REGIMEN)
        .agg(pl.col("premedication").last())
    )
    names = (
        pl.col("premedication")
        .str.to_lowercase()
        .str.split(";")
        .list.eval(pl.element().str.strip_chars().is_in(steroids))
    )
    return last.with_columns(
        has_steroid=names.list.any().fill_null(value=False),
        premedication_unrecorded=pl.col("premedication").is_null(),
    )
