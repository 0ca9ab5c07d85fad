"""What became of the steroid dose: the facts behind the axis ``steroid_effect``."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.response_parameters import SteroidRule
from heliotrope.derive.derived import Derived
from heliotrope.derive.glucocorticoids import derive_steroid_dose_on
from heliotrope.records.exact import compute_comparison

REGIMEN = ["patient_id", "regimen"]
_ONE_DAY = pl.duration(days=1)


def derive_steroid_facts(
    derived: Derived, breaks: pl.DataFrame, definition: ResponseDefinition
) -> pl.DataFrame:
    """Give the steroid facts of each regimen.

    ``breaks``: patient_id, regimen (null for every regimen), start_date, end_date: flares, limbs
    of worsening and pulses; a window of low dose may hold none of these days.

    Columns: the criteria ``medication_recorded``, ``steroid_recorded``, ``baseline_dose`` (mg/kg
    of the day before D0), ``low_dose_window`` (days of the longest run at or under half of it),
    ``dose_share_reduced`` and ``dose_share_increased`` (dose of the last on-regimen day over
    baseline), each with its ``.sources``; ``window_start`` and the booleans ``sparing_lost`` and
    ``within_standard_taper``. Missing: unknown days make the run not evaluable, unless a long
    enough one is known.
    """
    rule = definition.steroid
    facts = _recorded(derived).join(
        _baseline_and_last(derived, definition), on=REGIMEN, how="left", maintain_order="left"
    )
    facts = facts.with_columns(
        # No steroid on the day before the first infusion is a dose of 0, not an unknown one.
        baseline_dose=pl.when((pl.col("steroid_recorded") > 0) & pl.col("is_before_record"))
        .then(pl.lit(0.0))
        .otherwise("baseline_dose"),
    ).with_columns(
        is_high_enough=compute_comparison(
            pl.col("baseline_dose"), ">=", rule.baseline_minimum_mg_kg_day
        ).fill_null(value=False)
    )
    doses = _doses_against_baseline(derived, facts, rule)
    window = _longest_low_run(doses, breaks, facts, definition)
    share = pl.when("is_high_enough").then(pl.col("last_dose") / pl.col("baseline_dose"))
    return (
        facts.join(window, on=REGIMEN, how="left", maintain_order="left")
        .with_columns(
            low_dose_window=pl.when("is_high_enough").then("low_dose_window"),
            window_start=pl.when("is_high_enough").then("window_start"),
            dose_share_reduced=share,
            dose_share_increased=share,
        )
        .pipe(_flag_sparing_lost, doses, rule)
        .pipe(_flag_standard_taper, derived, rule)
    )


def _recorded(derived: Derived) -> pl.DataFrame:
    """Count medication rows and systemic steroid records of each child, a row a regimen."""
    rows = derived.shard.medication.group_by("patient_id").agg(
        pl.len().cast(pl.Float64).alias("medication_recorded")
    )
    steroids = (
        pl.concat(
            [
                derived.steroid_periods.filter(pl.col("row_ids").list.len() > 0).select(
                    "patient_id"
                ),
                derived.steroid_pulses.select("patient_id"),
            ]
        )
        .group_by("patient_id")
        .agg(pl.len().cast(pl.Float64).alias("steroid_recorded"))
    )
    return (
        derived.regimens.select(*REGIMEN, "first_infusion", "last_course_start", "observed_until")
        .join(rows, on="patient_id", how="left", maintain_order="left")
        .join(steroids, on="patient_id", how="left", maintain_order="left")
        .with_columns(pl.col("medication_recorded", "steroid_recorded").fill_null(0.0))
    )


def _baseline_and_last(derived: Derived, definition: ResponseDefinition) -> pl.DataFrame:
    """Look up the dose on the day before D0 and on the last day the regimen covers."""
    covered_until = pl.min_horizontal(
        pl.col("last_course_start") + pl.duration(days=definition.windows.cover_days),
        "observed_until",
    )
    before = derive_steroid_dose_on(
        derived.regimens.select(*REGIMEN, date=pl.col("first_infusion") - _ONE_DAY),
        derived.steroid_periods,
    ).select(
        *REGIMEN,
        baseline_dose="prednisone_mg_kg_day",
        baseline_dose_mg_day="prednisone_mg_day",
        is_before_record=pl.col("steroid_reason") == "no_medication_recorded",
        dose_row_ids="steroid_row_ids",
    )
    last = derive_steroid_dose_on(
        derived.regimens.select(*REGIMEN, date=covered_until), derived.steroid_periods
    ).select(*REGIMEN, last_dose="prednisone_mg_kg_day", last_row_ids="steroid_row_ids")
    return before.join(last, on=REGIMEN)


def _doses_against_baseline(
    derived: Derived, facts: pl.DataFrame, rule: SteroidRule
) -> pl.DataFrame:
    """Mark each period, per regimen, as at or under the share of the baseline dose."""
    periods = derived.steroid_periods.select(
        "patient_id", "start_date", "end_date", "prednisone_mg_kg_day"
    )
    return (
        facts.filter("is_high_enough")
        .select(*REGIMEN, "first_infusion", "observed_until", "last_course_start", "baseline_dose")
        .join(periods, on="patient_id")
        .with_columns(
            is_low=compute_comparison(
                pl.col("prednisone_mg_kg_day"), "<=", pl.col("baseline_dose") * rule.share
            )
        )
        .sort(*REGIMEN, "start_date")
    )


def _longest_low_run(
    doses: pl.DataFrame, breaks: pl.DataFrame, facts: pl.DataFrame, definition: ResponseDefinition
) -> pl.DataFrame:
    """Find the longest run of low days without a break, begun while the regimen covered.

    Returns ``low_dose_window`` (days; null when too short and some days are unknown) and
    ``window_start`` (first day of the first run that is long enough).
    """
    needed = definition.steroid.days
    runs = _cut_at_breaks(_low_spells(doses), breaks, facts)
    latest_start = pl.col("last_course_start") + pl.duration(days=definition.windows.cover_days)
    qualifying = (
        runs.filter(pl.col("start") <= latest_start)
        .group_by(REGIMEN)
        .agg(
            pl.col("days").max().alias("longest"),
            pl.col("start").filter(pl.col("days") >= needed).min().alias("window_start"),
        )
    )
    unknown = (
        doses.filter(
            pl.col("prednisone_mg_kg_day").is_null()
            & (pl.col("end_date") > pl.col("first_infusion"))
            & (pl.col("start_date") <= latest_start + pl.duration(days=needed))
        )
        .select(REGIMEN)
        .unique()
        .with_columns(has_unknown=pl.lit(value=True))
    )
    days = pl.col("longest").fill_null(0).cast(pl.Float64)
    return (
        facts.select(REGIMEN)
        .join(qualifying, on=REGIMEN, how="left")
        .join(unknown, on=REGIMEN, how="left")
        .select(
            *REGIMEN,
            "window_start",
            low_dose_window=pl.when(pl.col("has_unknown").is_null() | (days >= needed)).then(days),
        )
    )


def _low_spells(doses: pl.DataFrame) -> pl.DataFrame:
    """Join neighbouring low periods: from the day after D0 at the earliest to the last seen day."""
    adjacent = pl.col("start_date") == pl.col("end_date").shift(1).over(REGIMEN) + _ONE_DAY
    continues = adjacent.fill_null(value=False)
    return (
        doses.filter("is_low")
        .with_columns(spell=(~continues).cast(pl.Int32).cum_sum().over(REGIMEN))
        .group_by([*REGIMEN, "spell"])
        .agg(
            pl.col("first_infusion", "last_course_start").first(),
            start=pl.max_horizontal(
                pl.col("start_date").min(), pl.col("first_infusion").first() + _ONE_DAY
            ),
            end=pl.min_horizontal(pl.col("end_date").max(), pl.col("observed_until").first()),
        )
        .filter(pl.col("start") <= pl.col("end"))
    )


def _cut_at_breaks(spells: pl.DataFrame, breaks: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Cut spells at breaks: runs start at a spell's start or after a break, end before the next."""
    everyone = facts.select(REGIMEN)
    of_regimen = pl.concat(
        [
            breaks.filter(pl.col("regimen").is_null())
            .drop("regimen")
            .join(everyone, on="patient_id")
            .select(*REGIMEN, "start_date", "end_date"),
            breaks.filter(pl.col("regimen").is_not_null()).select(
                *REGIMEN, "start_date", "end_date"
            ),
        ]
    ).unique()
    after_break = (
        spells.join(of_regimen, on=REGIMEN)
        .filter((pl.col("end_date") >= pl.col("start")) & (pl.col("end_date") < pl.col("end")))
        .with_columns(start=pl.col("end_date") + _ONE_DAY)
        .select(spells.columns)
    )
    runs = pl.concat([spells, after_break]).unique().with_row_index("run")
    next_break = (
        runs.join(of_regimen, on=REGIMEN)
        .filter(pl.col("end_date") >= pl.col("start"))
        .group_by("run")
        .agg(pl.col("start_date").min().alias("next_break"))
    )
    last = pl.min_horizontal("end", pl.col("next_break") - _ONE_DAY)
    return (
        runs.join(next_break, on="run", how="left")
        .with_columns(days=(last - pl.col("start")).dt.total_days() + 1)
        .filter(pl.col("days") > 0)
    )


def _flag_sparing_lost(facts: pl.DataFrame, doses: pl.DataFrame, rule: SteroidRule) -> pl.DataFrame:
    """Flag a dose that returned over half of baseline after the window of low dose."""
    starts = facts.select(*REGIMEN, "window_start").drop_nulls()
    returned = (
        doses.join(starts, on=REGIMEN)
        .filter(
            pl.col("is_low").not_()
            & (pl.col("start_date") >= pl.col("window_start") + pl.duration(days=rule.days))
        )
        .select(REGIMEN)
        .unique()
        .with_columns(sparing_lost=pl.lit(value=True))
    )
    return facts.join(returned, on=REGIMEN, how="left", maintain_order="left").with_columns(
        pl.col("sparing_lost").fill_null(value=False)
    )


def _flag_standard_taper(facts: pl.DataFrame, derived: Derived, rule: SteroidRule) -> pl.DataFrame:
    """Flag a fall that a standard taper alone would give.

    The first infusion within 90 days of diagnosis, and between the day before it and the start of
    the low window no halving of the dose faster than in 60 days. An unknown dose in between
    leaves open how fast it fell: no flag.
    """
    recent = (
        facts.join(
            derived.patients.select("patient_id", "diagnosis_date"), on="patient_id", how="left"
        )
        .filter(
            pl.col("window_start").is_not_null()
            & (pl.col("first_infusion") - pl.col("diagnosis_date"))
            .dt.total_days()
            .is_between(0, rule.taper_diagnosis_days)
        )
        .select(*REGIMEN, "first_infusion", "window_start")
    )
    inside = recent.join(
        derived.steroid_periods.select(
            "patient_id", "start_date", "end_date", dose="prednisone_mg_kg_day"
        ),
        on="patient_id",
    ).filter(
        (pl.col("end_date") >= pl.col("first_infusion") - _ONE_DAY)
        & (pl.col("start_date") <= pl.col("window_start"))
    )
    pairs = inside.join(inside, on=REGIMEN, suffix="_later").filter(
        pl.col("start_date_later") > pl.col("end_date")
    )
    days = (pl.col("start_date_later") - pl.col("end_date")).dt.total_days()
    halved = compute_comparison(2 * pl.col("dose_later"), "<=", pl.col("dose"))
    more_than_halved = compute_comparison(2 * pl.col("dose_later"), "<", pl.col("dose"))
    fast = (
        pairs.filter(
            ((days < rule.taper_halving_days) & halved)
            | ((days == rule.taper_halving_days) & more_than_halved)
        )
        .select(REGIMEN)
        .unique()
    )
    slow = (
        recent.select(REGIMEN)
        .join(fast, on=REGIMEN, how="anti")
        .join(inside.filter(pl.col("dose").is_null()), on=REGIMEN, how="anti")
        .with_columns(within_standard_taper=pl.lit(value=True))
    )
    return facts.join(slow, on=REGIMEN, how="left", maintain_order="left").with_columns(
        pl.col("within_standard_taper").fill_null(value=False)
    )
