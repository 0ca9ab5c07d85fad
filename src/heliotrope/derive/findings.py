"""What a data manager can mend, found while doses and courses are derived."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.vocabulary import PlausibilityLimits, finding_rules_of
from heliotrope.derive.derived import Derived
from heliotrope.derive.doses import derive_doses
from heliotrope.derive.instrument_findings import find_in_instruments
from heliotrope.derive.steroid_doses import DAILY, NOT_SYSTEMIC, PULSE
from heliotrope.derive.weights import derive_sizes
from heliotrope.records.exact import compute_comparison
from heliotrope.records.finding_tables import ShardFinding


def find_in_derived(derived: Derived, rulebook: Rulebook) -> pl.DataFrame:
    """Report infusions, steroid rows, doses and forms that could not be used in full.

    Returns findings with the columns of ``ShardFinding``; the words stand in the definitions.
    """
    parts = [
        *_check_infusions(derived, rulebook),
        *_check_intervals(derived, rulebook),
        *_check_stops(derived, rulebook),
        *_check_steroids(derived, rulebook),
        *_check_doses(derived, rulebook),
        *_check_instruments(derived, rulebook),
    ]
    return pl.concat(parts).sort("rule", "row_id")


def make_findings(
    rows: pl.DataFrame, rule_id: str, table: str, found: pl.Expr, rulebook: Rulebook
) -> pl.DataFrame:
    """Make one finding a row, in the words of the rule; ``rows`` has the ``row_id`` of the cell."""
    rule = finding_rules_of(rulebook)[rule_id]
    given = {
        "severity": pl.lit(rule.severity),
        "rule": pl.lit(rule.id),
        "table": pl.lit(table),
        "row_id": pl.col("row_id"),
        "found": found,
        "expected": pl.lit(rule.expected),
        "suggestion": pl.lit(rule.suggestion),
    }
    schema = ShardFinding.create_empty().schema
    return rows.select(given[name].cast(dtype).alias(name) for name, dtype in schema.items())


def _check_instruments(derived: Derived, rulebook: Rulebook) -> list[pl.DataFrame]:
    """Put what was found about instruments into the words of its rules."""
    found = find_in_instruments(derived, rulebook)
    return [
        make_findings(rows, rule_id, "assessment", pl.col("found"), rulebook)
        for (rule_id,), rows in found.partition_by("rule", as_dict=True).items()
    ]


def _check_infusions(derived: Derived, rulebook: Rulebook) -> list[pl.DataFrame]:
    days = derived.infusion_days.filter(pl.col("course").is_not_null())
    in_grams = (pl.col("recorded_g") > 0) & pl.col("weight_kg").is_null()
    zero = derived.infusion_days.filter(pl.col("has_dose").not_()).select("date", row_id="row_ids")
    return [
        make_findings(
            rows.explode("row_id"), rule_id, "infusion", pl.format(found, *columns), rulebook
        )
        for rows, rule_id, found, columns in (
            (
                days.filter(in_grams).select("date", "recorded_g", row_id="row_ids"),
                "infusion_without_weight",
                "{} g on {}, no weight in force",
                ["recorded_g", "date"],
            ),
            (
                days.filter(pl.col("is_dose_known").not_()).select("date", row_id="row_ids"),
                "infusion_without_dose",
                "no dose on {}",
                ["date"],
            ),
            (zero, "infusion_of_dose_zero", "a dose of 0 on {}", ["date"]),
        )
    ]


def _check_intervals(derived: Derived, rulebook: Rulebook) -> list[pl.DataFrame]:
    """Find intervals between courses unlike those that are usual in the same child's regimen."""
    (limits,) = rulebook.of_kind(PlausibilityLimits)
    regimen = ["patient_id", "regimen"]
    days = (pl.col("start_date") - pl.col("before").cast(pl.Date)).dt.total_days()
    courses = (
        derived.courses.sort(*regimen, "course")
        .with_columns(before=pl.col("start_date").shift(1).over(regimen))
        .with_columns(days=days)
        .with_columns(usual=pl.col("days").median().over(regimen), courses=pl.len().over(regimen))
        .filter(pl.col("courses") >= limits.interval_courses_at_least)
        .with_columns(row_id=pl.col("row_ids").list.first())
    )
    words = pl.format(
        "{} days from {} to {}, usually {}", "days", "before", "start_date",
        pl.col("usual").round(0).cast(pl.Int64),
    )  # fmt: skip
    short = compute_comparison(
        pl.col("days"), "<", pl.col("usual") * limits.interval_short_of_usual
    )
    long = compute_comparison(pl.col("days"), ">", pl.col("usual") * limits.interval_long_of_usual)
    return [
        make_findings(courses.filter(short), "interval_short", "infusion", words, rulebook),
        make_findings(courses.filter(long), "interval_long", "infusion", words, rulebook),
    ]


def _check_stops(derived: Derived, rulebook: Rulebook) -> list[pl.DataFrame]:
    rule = rulebook.get("ivig_exposure", IvigExposure)
    stops = derived.shard.event.filter(pl.col("kind") == rule.stop_event_kind)
    days = derived.infusion_days.filter(pl.col("course").is_not_null())
    after = (pl.col("infusion_date") - pl.col("date")).dt.total_days()
    joined = stops.join(
        days.select("patient_id", infusion_date="date"), on="patient_id", how="left"
    )
    has_earlier = joined.filter(pl.col("infusion_date") <= pl.col("date")).select("row_id")
    soon = (
        joined.filter((after > 0) & (after <= rule.course.max_days_between_infusion_days))
        .group_by("row_id", "date")
        .agg(pl.col("infusion_date").min())
    )
    return [
        make_findings(
            stops.join(has_earlier, on="row_id", how="anti"),
            "stop_without_infusion",
            "event",
            pl.format("a stop on {} and no infusion before it", "date"),
            rulebook,
        ),
        make_findings(
            soon,
            "infusion_soon_after_stop",
            "event",
            pl.format("a stop on {} and an infusion on {}", "date", "infusion_date"),
            rulebook,
        ),
    ]


def _check_steroids(derived: Derived, rulebook: Rulebook) -> list[pl.DataFrame]:
    rows = derived.steroid_doses
    systemic = rows.filter(pl.col("role") != NOT_SYSTEMIC)
    daily = systemic.filter(pl.col("role") == DAILY)
    dose = pl.format(
        "{} {} {}", "drug", pl.col("dose").fill_null(0.0), pl.col("dose_unit").fill_null("")
    )
    no_dose = pl.format("{} from {} without a dose or its unit", "drug", "start_date")
    return [
        make_findings(found, rule_id, "medication", words, rulebook)
        for found, rule_id, words in (
            (
                systemic.filter("is_route_unknown"),
                "steroid_route_unknown",
                pl.format("{} from {} without a route", "drug", "start_date"),
            ),
            (
                rows.filter(pl.col("role") == NOT_SYSTEMIC),
                "steroid_not_systemic",
                pl.format("{} {} from {}", "drug", "route", "start_date"),
            ),
            (daily.filter(pl.col("mg").is_null()), "steroid_dose_missing", no_dose),
            (
                daily.filter(pl.col("factor").is_null() & (pl.col("dose") > 0)),
                "steroid_without_equivalent",
                dose,
            ),
            (
                systemic.filter((pl.col("role") == PULSE) & pl.col("last_day").is_null()),
                "pulse_without_end",
                dose,
            ),
            (
                daily.filter(pl.col("is_pulse").is_null() & pl.col("mg").is_not_null()),
                "pulse_not_evaluable",
                dose,
            ),
        )
    ]


def _check_doses(derived: Derived, rulebook: Rulebook) -> list[pl.DataFrame]:
    doses = derive_doses(derived.shard.medication, rulebook).filter(
        (pl.col("mg_per_m2") > 0) | (pl.col("mg_per_kg") > 0) | pl.col("is_single_assumed")
    )
    sized = derive_sizes(doses.with_columns(date=pl.col("start_date")), derived.sizes, rulebook)
    has_no_size = pl.col("height_cm").is_null() | pl.col("weight_kg").is_null()
    dose = pl.format("{} {} {} from {}", "drug", "dose", "dose_unit", "start_date")
    return [
        make_findings(sized.filter(condition), rule_id, "medication", dose, rulebook)
        for condition, rule_id in (
            ((pl.col("mg_per_m2") > 0) & has_no_size, "dose_per_m2_without_height"),
            (
                (pl.col("mg_per_kg") > 0) & pl.col("weight_kg").is_null(),
                "dose_per_kg_without_weight",
            ),
            (pl.col("is_single_assumed"), "single_dose_assumed"),
        )
    ]
