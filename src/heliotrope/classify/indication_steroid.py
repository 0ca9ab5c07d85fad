"""Could the steroid not be reduced: failed reductions, or a dose still high after a year."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import used_all
from heliotrope.definitions.indication import SteroidDependence
from heliotrope.derive.derived import Derived
from heliotrope.derive.glucocorticoids import derive_steroid_dose_on
from heliotrope.records.exact import compute_comparison

REGIMEN = ["patient_id", "regimen"]
ONE_DAY = pl.duration(days=1)


def find_failed_reductions(derived: Derived, rule: SteroidDependence) -> pl.DataFrame:
    """Count reductions of the steroid that failed before each first infusion.

    Rule: a rise of the dose within 90 days of a reduction, with a physician global up by 2 cm
    from the last value before the reduction to the last one before the rise. Missing: a rise
    without both values may be one; the count is null where that could decide.

    Returns ``failed_reductions`` (Float64) and ``failed_reductions.sources``.
    """
    rises = _find_rises_after_reductions(derived, rule)
    judged = _judge_global(rises, derived, rule)
    starts = derived.regimens.select(*REGIMEN, "first_infusion")
    counted = (
        starts.join(judged, on="patient_id")
        .filter(pl.col("rise_date") <= pl.col("first_infusion"))
        .group_by(REGIMEN)
        .agg(
            sure=pl.col("is_failed").fill_null(False).sum(),
            open=pl.col("is_failed").is_null().sum(),
            row_ids=pl.col("row_ids").explode().drop_nulls().unique().sort(),
        )
    )
    has_dose = (
        starts.join(derived.steroid_periods, on="patient_id")
        .filter(pl.col("start_date") < pl.col("first_infusion"))
        .group_by(REGIMEN)
        .agg(all_known=pl.col("prednisone_mg_day").is_not_null().all())
    )
    sure, is_open = pl.col("sure").fill_null(0), pl.col("open").fill_null(0)
    enough = rule.failed_reductions
    is_decided = (sure >= enough) | (pl.col("all_known") & (sure + is_open < enough))
    return (
        starts.join(counted, on=REGIMEN, how="left")
        .join(has_dose, on=REGIMEN, how="left")
        .select(
            *REGIMEN,
            pl.when(is_decided.fill_null(False))
            .then(sure)
            .cast(pl.Float64)
            .alias("failed_reductions"),
            used_all(pl.col("row_ids")).alias("failed_reductions.sources"),
        )
    )


def _find_rises_after_reductions(derived: Derived, rule: SteroidDependence) -> pl.DataFrame:
    """Find rises of the daily dose that follow a reduction within its days."""
    dose = pl.col("prednisone_mg_day")
    is_same_child = pl.col("patient_id") == pl.col("patient_id").shift(1)
    before = pl.when(is_same_child).then(dose.shift(1))
    periods = derived.steroid_periods.sort("patient_id", "start_date")
    steps = periods.select(
        "patient_id",
        "start_date",
        is_rise=compute_comparison(dose, ">", before),
        is_cut=compute_comparison(dose, "<", before),
    ).with_row_index("place")
    cuts = steps.filter("is_cut").select("patient_id", cut_date="start_date", cut_place="place")
    days = (pl.col("rise_date") - pl.col("cut_date")).dt.total_days()
    near = (
        steps.filter("is_rise")
        .select("patient_id", rise_date="start_date", rise_place="place")
        .sort("rise_date")
        .join_asof(
            cuts.sort("cut_date"),
            left_on="rise_date",
            right_on="cut_date",
            by="patient_id",
            strategy="backward",
            coalesce=False,
            check_sortedness=False,
        )
        .filter(days <= rule.rise_back_days)
    )
    cells = periods["row_ids"]
    return near.select(
        "patient_id",
        "rise_date",
        "cut_date",
        rise_row_ids=cells.gather(near["rise_place"]),
        cut_row_ids=cells.gather(near["cut_place"]),
    )


def _judge_global(rises: pl.DataFrame, derived: Derived, rule: SteroidDependence) -> pl.DataFrame:
    """Add ``is_failed``: was the physician global up by its step between reduction and rise."""
    recorded = derived.visit_values.filter(
        (pl.col("measure") == rule.physician_global) & pl.col("value").is_not_null()
    ).select("patient_id", seen="date", seen_value="value", seen_row_id="row_id")
    joined = rises
    for side in ("cut", "rise"):
        joined = joined.sort(f"{side}_date").join_asof(
            recorded.sort("seen").rename(
                {name: f"{side}_{name}" for name in ("seen", "seen_value", "seen_row_id")}
            ),
            left_on=f"{side}_date",
            right_on=f"{side}_seen",
            by="patient_id",
            strategy="backward",
            coalesce=False,
            check_sortedness=False,
        )
    is_between = pl.col("rise_seen") > pl.col("cut_date")
    change = pl.col("rise_seen_value") - pl.col("cut_seen_value")
    return joined.select(
        "patient_id",
        "rise_date",
        is_failed=pl.when(is_between).then(compute_comparison(change, ">=", rule.global_rise)),
        row_ids=pl.concat_list(
            "cut_row_ids",
            "rise_row_ids",
            pl.concat_list("cut_seen_row_id", "rise_seen_row_id"),
        ),
    )


def find_lasting_steroid(derived: Derived, rule: SteroidDependence) -> pl.DataFrame:
    """Find how long steroids had been given, and the lower of two doses: after a year and at D0.

    Returns ``steroid_for_long`` (days from the first steroid to the first infusion; 0 when none
    was given, null without any medication row) and ``steroid_still_high`` (mg/kg/day).
    """
    starts = derived.regimens.select(*REGIMEN, "first_infusion")
    periods = derived.steroid_periods
    first = (
        periods.filter(pl.col("prednisone_mg_day") > 0)
        .group_by("patient_id")
        .agg(first_steroid=pl.col("start_date").min())
    )
    recorded = periods.select("patient_id").unique().with_columns(has_periods=pl.lit(True))
    rows = starts.join(first, on="patient_id", how="left").join(
        recorded, on="patient_id", how="left"
    )
    after_a_year = pl.col("first_steroid") + pl.duration(days=rule.after_days)
    a_year = derive_steroid_dose_on(rows.with_columns(date=after_a_year), periods)
    day_before = derive_steroid_dose_on(
        rows.with_columns(date=pl.col("first_infusion") - ONE_DAY), periods
    )
    both = pl.concat([a_year, day_before])
    lowest = both.group_by(REGIMEN).agg(
        steroid_still_high=pl.when(pl.col("prednisone_mg_kg_day").is_not_null().all()).then(
            pl.col("prednisone_mg_kg_day").min()
        ),
        row_ids=pl.col("steroid_row_ids").explode().drop_nulls().unique().sort(),
    )
    days = (pl.col("first_infusion") - pl.col("first_steroid")).dt.total_days()
    return (
        rows.join(lowest, on=REGIMEN, how="left")
        .select(
            *REGIMEN,
            steroid_for_long=pl.when("has_periods")
            .then(days.fill_null(0).clip(lower_bound=0))
            .cast(pl.Float64),
            steroid_still_high=pl.when(days >= rule.after_days).then("steroid_still_high"),
        )
        .join(
            lowest.select(
                *REGIMEN, used_all(pl.col("row_ids")).alias("steroid_still_high.sources")
            ),
            on=REGIMEN,
            how="left",
        )
    )
