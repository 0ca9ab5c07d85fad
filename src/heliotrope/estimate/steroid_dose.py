"""Each child's steroid dose on a day, over a window, and the day on which it fell to a target."""

from __future__ import annotations

import polars as pl

from heliotrope.estimate.inputs import Inputs
from heliotrope.records.exact import compute_comparison

DOSES = ("prednisone_mg_kg_day", "prednisone_mg_day")

WINDOW = ["patient_id", "window"]


def derive_doses(inputs: Inputs, days: pl.DataFrame) -> pl.DataFrame:
    """Read the dose of each child on given days.

    ``days``: patient_id, date and any other column. Adds ``prednisone_mg_kg_day`` and
    ``prednisone_mg_day``; null on a day outside the child's recorded medication and where the dose
    or the weight is unknown.
    """
    periods = inputs.table("steroid_period").select("patient_id", "start_date", "end_date", *DOSES)
    joined = days.sort("date").join_asof(
        periods.sort("start_date"),
        left_on="date",
        right_on="start_date",
        by="patient_id",
        strategy="backward",
        coalesce=False,
        check_sortedness=False,
    )
    is_inside = pl.col("date") <= pl.col("end_date")
    return (
        joined.with_columns(pl.when(is_inside).then(name).alias(name) for name in DOSES)
        .drop("start_date", "end_date")
        .sort("patient_id", "date")
    )


def derive_amounts(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Add up each child's dose in the windows before, during and after IVIG.

    Before: the days up to the day before the first infusion. During: from the first infusion to
    the last on-regimen day. After: from the next day to a fixed number of days after the last
    infusion, if the regimen was stopped and no other began in it. A window counts only where the
    child was observed, and its dose is known, on every day of it; else the sum is null.

    Returns patient_id, window, days, total_mg_kg and pulses (episodes that began in it; null where
    medication was not recorded for the whole window).
    """
    windows = derive_windows(inputs, regimens)
    totals = derive_totals(inputs, windows)
    pulses = (
        windows.join(
            inputs.table("steroid_pulse").select("patient_id", pulse_date="start_date"),
            on="patient_id",
        )
        .filter(pl.col("pulse_date").is_between(pl.col("from_date"), pl.col("to_date")))
        .group_by(WINDOW)
        .agg(pulses=pl.len().cast(pl.Int64))
    )
    return (
        totals.join(pulses, on=WINDOW, how="left")
        .select(
            *WINDOW,
            "days",
            "total_mg_kg",
            pulses=pl.when("is_recorded").then(pl.col("pulses").fill_null(0)),
        )
        .sort(WINDOW)
    )


def derive_totals(inputs: Inputs, windows: pl.DataFrame) -> pl.DataFrame:
    """Add the steroid dose up over windows: patient_id, window (any key), from_date, to_date.

    Returns patient_id, window, ``days``, ``is_recorded`` (medication was recorded on every day)
    and ``total_mg_kg``, null unless the dose is known on every day.
    """
    periods = inputs.table("steroid_period").select(
        "patient_id", "start_date", "end_date", dose=DOSES[0]
    )
    overlap = (
        pl.min_horizontal("end_date", "to_date") - pl.max_horizontal("start_date", "from_date")
    ).dt.total_days() + 1
    totals = (
        windows.join(periods, on="patient_id")
        .with_columns(overlap=overlap)
        .filter(pl.col("overlap") > 0)
        .group_by(WINDOW)
        .agg(
            recorded_days=pl.col("overlap").sum(),
            is_known=pl.col("dose").is_not_null().all(),
            total=(pl.col("dose") * pl.col("overlap")).sum(),
        )
    )
    days = (pl.col("to_date") - pl.col("from_date")).dt.total_days() + 1
    is_recorded = (pl.col("recorded_days") == pl.col("days")).fill_null(False)
    return (
        windows.with_columns(days=days)
        .join(totals, on=WINDOW, how="left", maintain_order="left")
        .with_columns(is_recorded=is_recorded)
        .select(
            *WINDOW,
            "days",
            "is_recorded",
            total_mg_kg=pl.when(pl.col("is_recorded") & pl.col("is_known")).then("total"),
        )
    )


def derive_time_to_dose(inputs: Inputs, regimens: pl.DataFrame, target: pl.Expr) -> pl.DataFrame:
    """Give the time from the first infusion to the first day at or under a target dose.

    ``regimens``: first regimens with ``before``, the dose on the day before IVIG. Children whose
    dose was unknown or already at or under the target are left out. Censored at the end of
    observation, or on the day the dose becomes unknown.

    Returns patient_id, entry, exit (days) and is_event. Entry is -1: the infusion's day counts.
    """
    above = regimens.with_columns(target=target).filter(
        compute_comparison(pl.col("before"), ">", pl.col("target"))
    )
    periods = inputs.table("steroid_period").select(
        "patient_id", "start_date", "end_date", dose=DOSES[0]
    )
    first = pl.col("first_infusion")
    is_low = compute_comparison(pl.col("dose"), "<=", pl.col("target"))
    reached = (
        above.select("patient_id", "first_infusion", "observed_until", "target")
        .join(periods, on="patient_id")
        .with_columns(day=pl.max_horizontal("start_date", "first_infusion"), is_event=is_low)
        .filter((pl.col("end_date") >= first) & (pl.col("day") <= pl.col("observed_until")))
        .filter(pl.col("is_event").fill_null(True))
        .sort("patient_id", "day")
        .group_by("patient_id", maintain_order=True)
        .agg(pl.col("day").first(), pl.col("is_event").first())
    )
    end = pl.coalesce("day", "observed_until")
    return above.join(reached, on="patient_id", how="left", maintain_order="left").select(
        "patient_id",
        entry=pl.lit(-1, pl.Int64),
        exit=(end - first).dt.total_days(),
        is_event=pl.col("is_event").fill_null(False),
    )


def derive_windows(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Give patient_id, window, from_date and to_date of the windows a child was observed in."""
    numbers = inputs.parameters.steroid
    first, cover_end = pl.col("first_infusion"), pl.col("cover_end")
    one_day = pl.duration(days=1)
    spans = {
        "before": (first - pl.duration(days=numbers.before_days), first - one_day),
        "during": (first, cover_end),
        "after": (
            cover_end + one_day,
            pl.col("last_infusion") + pl.duration(days=numbers.after_days),
        ),
    }
    made = pl.concat(
        regimens.select(
            "patient_id",
            "observed_until",
            "next_first_infusion",
            "status",
            window=pl.lit(window),
            from_date=from_date,
            to_date=to_date,
        )
        for window, (from_date, to_date) in spans.items()
    )
    has_stopped = (pl.col("status") == "discontinued") & (
        pl.col("next_first_infusion") > pl.col("to_date")
    ).fill_null(True)
    return made.filter(
        (pl.col("to_date") <= pl.col("observed_until"))
        & (pl.col("from_date") <= pl.col("to_date"))
        & ((pl.col("window") != "after") | has_stopped)
    ).select(*WINDOW, "from_date", "to_date")
