"""Escalation of treatment (limb d): IVIG again, a new second-line drug, a pulse, more steroid."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.recorded_reasons import assign_recorded_reasons
from heliotrope.classify.worsening import WORSENING
from heliotrope.definitions.response import AggravationDefinition
from heliotrope.definitions.response_parameters import SteroidRise
from heliotrope.derive.derived import Derived
from heliotrope.records.exact import compute_comparison
from heliotrope.records.row_order import begins

REGIMEN = ["patient_id", "regimen"]


def find_escalations(derived: Derived, rule: AggravationDefinition) -> pl.DataFrame:
    """Find every escalation of a child's treatment: worsening rows of limb d, regimen null.

    IVIG started again counts unless a recorded indication of that regimen gives only other
    reasons than activity. A second-line drug counts when it is started. A steroid rise is
    measured against the day before and must hold for its days.
    """
    drugs = derived.drug_periods.filter(
        pl.col("drug").is_in(rule.second_line_drugs) & (pl.col("change") == "started")
    ).select(
        "patient_id",
        date="start_date",
        detail="drug",
        row_ids=pl.concat_list("row_id"),
    )
    pulses = derived.steroid_pulses.select(
        "patient_id", date="start_date", detail=pl.lit("steroid_pulse"), row_ids="row_ids"
    )
    frames = [
        _find_restarts(derived, rule),
        drugs,
        pulses,
        find_steroid_rises(derived.steroid_periods, rule.steroid_rise),
    ]
    return pl.concat([_limb_d(frame) for frame in frames])


def _find_restarts(derived: Derived, rule: AggravationDefinition) -> pl.DataFrame:
    """Find later regimens of IVIG, less those begun for another recorded reason than activity."""
    later = derived.regimens.filter(pl.col("regimen") > 1).select(*REGIMEN, date="first_infusion")
    is_other_reason = pl.col("reason").is_in(rule.reasons_other_than_activity).all()
    other = (
        assign_recorded_reasons(derived)
        .group_by(REGIMEN)
        .agg(is_other_reason.alias("is_other_reason"))
        .filter("is_other_reason")
    )
    first_cells = derived.infusion_days.select("patient_id", "date", "row_ids")
    return (
        later.join(other, on=REGIMEN, how="anti")
        .join(first_cells, on=["patient_id", "date"], how="left")
        .select("patient_id", "date", pl.lit("ivig_restarted").alias("detail"), "row_ids")
    )


def find_steroid_rises(periods: pl.DataFrame, rise: SteroidRise) -> pl.DataFrame:
    """Find rises of the steroid dose of at least 50 % and 0.2 mg/kg/day that hold for 14 days.

    A first period with a dose counts as a rise from 0. Missing: an unknown dose before or after
    makes no rise; fewer recorded days than the rise must hold make none.
    """
    before = pl.col("prednisone_mg_kg_day").shift(1)
    is_first = begins("patient_id")
    ordered = periods.sort("patient_id", "start_date").with_columns(
        before=pl.when(is_first).then(pl.lit(0.0)).otherwise(before)
    )
    least = pl.max_horizontal(
        pl.col("before") * (1 + rise.relative), pl.col("before") + rise.mg_kg_day
    )
    rises = (
        ordered.with_columns(least=pl.when(pl.col("before").is_not_null()).then(least))
        .filter(compute_comparison(pl.col("prednisone_mg_kg_day"), ">=", pl.col("least")))
        .select(
            "patient_id",
            "least",
            "row_ids",
            date="start_date",
            last=pl.col("start_date") + pl.duration(days=rise.days - 1),
        )
    )
    held = (
        rises.join(
            periods.select("patient_id", "start_date", "end_date", "prednisone_mg_kg_day"),
            on="patient_id",
        )
        .filter((pl.col("start_date") <= pl.col("last")) & (pl.col("end_date") >= pl.col("date")))
        .group_by("patient_id", "date")
        .agg(
            pl.col("row_ids").first(),
            compute_comparison(pl.col("prednisone_mg_kg_day"), ">=", pl.col("least"))
            .fill_null(value=False)
            .all()
            .alias("holds"),
            (pl.col("end_date").max() >= pl.col("last").first()).alias("is_seen"),
        )
        .filter(pl.col("holds") & pl.col("is_seen"))
    )
    return held.select("patient_id", "date", pl.lit("steroid_rise").alias("detail"), "row_ids")


def _limb_d(rows: pl.DataFrame) -> pl.DataFrame:
    given = {
        "regimen": pl.lit(None),
        "limb": pl.lit("d"),
        "is_small_reference": pl.lit(value=False),
    }
    return rows.select(
        "patient_id",
        *(
            given.get(name, pl.col(name)).cast(dtype).alias(name)
            for name, dtype in WORSENING.items()
        ),
    )
