"""Facts about the time before a regimen that can show why it was started.

Each function returns one row a regimen with facts as Float64 columns (null: not evaluable) and,
beside each fact, ``<fact>.sources``, the cells it was read from.
"""

from __future__ import annotations

import polars as pl

from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.classify.escalation import find_steroid_rises
from heliotrope.classify.trace import SOURCE, used_all
from heliotrope.definitions.indication import Exacerbation, LostCytotoxicDrug, SevereInduction
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.derive.derived import Derived

REGIMEN = ["patient_id", "regimen"]


def find_before(
    derived: Derived, rows: pl.DataFrame, days: int, date: str = "date"
) -> pl.DataFrame:
    """Keep a child's rows of the days before each first infusion, that day included."""
    starts = derived.regimens.select(*REGIMEN, "first_infusion")
    before = (pl.col("first_infusion") - pl.col(date)).dt.total_days()
    return starts.join(rows, on="patient_id").filter((before >= 0) & (before <= days))


def find_global_rise(derived: Derived, rule: Exacerbation) -> pl.DataFrame:
    """Find the largest rise of the physician global over the lowest value before it."""
    recorded = derived.visit_values.filter(
        (pl.col("measure") == rule.physician_global) & pl.col("value").is_not_null()
    )
    window = find_before(derived, recorded, rule.days_before).sort(*REGIMEN, "date")
    lowest = pl.col("value").cum_min().shift(1).over(REGIMEN)
    return (
        window.with_columns(rise=pl.col("value") - lowest)
        .group_by(REGIMEN)
        .agg(
            global_rise=pl.col("rise").max(),
            row_ids=pl.col("row_id").sort(),
        )
        .with_columns(used_all(pl.col("row_ids")).alias("global_rise.sources"))
        .drop("row_ids")
    )


def find_deterioration(
    derived: Derived, rule: Exacerbation, definition: RuleDefinition
) -> pl.DataFrame:
    """Say whether deterioration was confirmed, against the first value of the window (1 or 0)."""
    window = find_before(
        derived, derived.visit_values.filter(pl.col("value").is_not_null()), rule.days_before
    ).sort(*REGIMEN, "measure", "date")
    key = [*REGIMEN, "measure"]
    changes = window.with_columns(
        baseline_value=pl.col("value").first().over(key),
        baseline_row_id=pl.col("row_id").first().over(key),
        baseline_date=pl.col("date").first().over(key),
        rejected=pl.lit([], dtype=pl.List(SOURCE)),
    ).filter(pl.col("date") > pl.col("baseline_date"))
    judged = classify_deterioration(changes, definition).table
    is_confirmed = pl.col("is_confirmed")
    cells = (
        changes.filter(pl.col("measure").is_in(definition.measures))
        .group_by(REGIMEN)
        .agg(row_ids=pl.concat([pl.col("row_id"), pl.col("baseline_row_id")]).unique().sort())
    )
    return (
        judged.group_by(REGIMEN)
        .agg(
            deterioration=pl.when(is_confirmed.any().fill_null(False))
            .then(1.0)
            .when(is_confirmed.is_not_null().all())
            .then(0.0)
        )
        .join(cells, on=REGIMEN, how="left")
        .with_columns(used_all(pl.col("row_ids")).alias("deterioration.sources"))
        .drop("row_ids")
    )


def find_steroid_escalation(derived: Derived, rule: Exacerbation) -> pl.DataFrame:
    """Count rises of the steroid dose and pulses shortly before; a first steroid is none.

    Missing: none found and a day of the window without a known dose is not evaluable.
    """
    rises = find_steroid_rises(derived.steroid_periods, rule.steroid_rise)
    pulses = derived.steroid_pulses.select("patient_id", date="start_date", row_ids="row_ids")
    given = pl.concat(
        [
            derived.steroid_periods.filter(pl.col("prednisone_mg_day") > 0).select(
                "patient_id", "start_date"
            ),
            derived.steroid_pulses.select("patient_id", "start_date"),
        ]
    )
    first = given.group_by("patient_id").agg(first_steroid=pl.col("start_date").min())
    after_start = (pl.col("date") - pl.col("first_steroid")).dt.total_days()
    escalations = (
        pl.concat([rises.select("patient_id", "date", "row_ids"), pulses])
        .join(first, on="patient_id")
        .filter(after_start > rule.steroid_start_days)
    )
    counted = (
        find_before(derived, escalations, rule.days_before)
        .group_by(REGIMEN)
        .agg(found=pl.len(), row_ids=pl.col("row_ids").explode())
    )
    known = find_known_doses(derived, rule.days_before)
    return (
        derived.regimens.select(REGIMEN)
        .join(counted, on=REGIMEN, how="left")
        .join(known, on=REGIMEN, how="left")
        .select(
            *REGIMEN,
            steroid_escalation=pl.when(pl.col("found") > 0)
            .then("found")
            .when("is_known")
            .then(0)
            .cast(pl.Float64),
            row_ids=used_all(pl.col("row_ids")),
        )
        .rename({"row_ids": "steroid_escalation.sources"})
    )


def find_known_doses(derived: Derived, days: int) -> pl.DataFrame:
    """Say for each regimen whether the dose of every one of the days before D0 is known."""
    window_start = pl.col("first_infusion") - pl.duration(days=days)
    overlap_end = pl.min_horizontal("end_date", pl.col("first_infusion") - pl.duration(days=1))
    overlap = overlap_end - pl.max_horizontal("start_date", window_start)
    days_known = (overlap.dt.total_days() + 1).clip(lower_bound=0)
    return (
        derived.regimens.select(*REGIMEN, "first_infusion")
        .join(
            derived.steroid_periods.filter(pl.col("prednisone_mg_kg_day").is_not_null()),
            on="patient_id",
        )
        .group_by(REGIMEN)
        .agg(is_known=days_known.sum() >= days)
    )


def find_lost_cytotoxic(derived: Derived, rule: LostCytotoxicDrug) -> pl.DataFrame:
    """Count cytotoxic drugs stopped for a complication shortly before.

    Missing: none found and a drug that stopped for an unrecorded reason, or no medication row at
    all, is not evaluable.
    """
    drugs = derived.drug_periods.filter("is_cytotoxic")
    follows = drugs.join(
        drugs.select("patient_id", "drug", next_start="start_date", next_end="end_date"),
        on=["patient_id", "drug"],
    ).filter(
        (pl.col("next_start") <= pl.col("end_date") + pl.duration(days=1))
        & (pl.col("next_end").is_null() | (pl.col("next_end") > pl.col("end_date")))
    )
    is_complication = (pl.col("stop_reason") == rule.stop_reason).fill_null(False)
    is_unknown = (
        pl.col("stop_reason").is_null() | (pl.col("stop_reason") == rule.unknown_stop_reason)
    ) & pl.col("row_id").is_in(follows["row_id"].implode()).not_()
    stopped = find_before(
        derived, drugs.filter(pl.col("end_date").is_not_null()), rule.days_before, "end_date"
    )
    counted = stopped.group_by(REGIMEN).agg(
        found=is_complication.sum(),
        unknown=is_unknown.sum(),
        row_ids=pl.col("row_id").filter(is_complication | is_unknown).sort(),
    )
    has_medication = (
        derived.shard.medication.select("patient_id")
        .unique()
        .with_columns(has_medication=pl.lit(True))
    )
    found = pl.col("found").fill_null(0)
    is_excluded = pl.col("has_medication") & (pl.col("unknown").fill_null(0) == 0)
    return (
        derived.regimens.select(REGIMEN)
        .join(counted, on=REGIMEN, how="left")
        .join(has_medication, on="patient_id", how="left")
        .select(
            *REGIMEN,
            pl.when((found > 0) | is_excluded.fill_null(False))
            .then(found)
            .cast(pl.Float64)
            .alias("cytotoxic_stopped_for_complication"),
            used_all(pl.col("row_ids")).alias("cytotoxic_stopped_for_complication.sources"),
        )
    )


def find_severity(derived: Derived, rule: SevereInduction) -> pl.DataFrame:
    """Find the worst signs shortly before, and the days from diagnosis to the first infusion."""
    facts = derived.regimens.select(*REGIMEN, "first_infusion").join(
        derived.patients.select("patient_id", "diagnosis_date", patient_row_id="row_id"),
        on="patient_id",
        how="left",
    )
    days = (pl.col("first_infusion") - pl.col("diagnosis_date")).dt.total_days()
    facts = facts.with_columns(
        days.cast(pl.Float64).alias("days_from_diagnosis"),
        used_all(
            pl.when(pl.col("diagnosis_date").is_not_null()).then(pl.concat_list("patient_row_id"))
        ).alias("days_from_diagnosis.sources"),
    )
    for name, sign in (("severe_strength", rule.strength), ("severe_swallowing", rule.swallowing)):
        values = derived.visit_values.filter(
            (pl.col("measure") == sign.measure) & pl.col("value").is_not_null()
        )
        is_low_worse = sign.operator.startswith("<")
        worst = (
            find_before(derived, values, rule.days_before)
            .sort(*REGIMEN, pl.col("value") if is_low_worse else pl.col("value").neg(), "row_id")
            .group_by(REGIMEN, maintain_order=True)
            .agg(pl.col("value").first().alias(name), row_ids=pl.col("row_id").head(1))
            .with_columns(used_all(pl.col("row_ids")).alias(f"{name}.sources"))
            .drop("row_ids")
        )
        facts = facts.join(worst, on=REGIMEN, how="left")
    events = derived.shard.event.filter(
        pl.col("kind").is_in(list(rule.event_kinds)) & pl.col("term").is_in(list(rule.event_terms))
    )
    signs = (
        find_before(derived, events, rule.days_before)
        .group_by(REGIMEN)
        .agg(pl.len().cast(pl.Float64).alias("severe_event"), row_ids=pl.col("row_id").sort())
        .with_columns(used_all(pl.col("row_ids")).alias("severe_event.sources"))
        .drop("row_ids")
    )
    return facts.join(signs, on=REGIMEN, how="left").select(
        *REGIMEN, pl.selectors.matches("^(days_from|severe_)")
    )
