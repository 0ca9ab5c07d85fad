"""Each child's steroid dose on a day, over a window, and the day on which it fell to a fraction."""

from __future__ import annotations

import polars as pl

from heliotrope.estimate.inputs import Inputs
from heliotrope.records.exact import compute_comparison

DOSES = ("prednisone_mg_kg_day", "prednisone_mg_day")

WINDOW = ["patient_id", "window"]


def derive_doses(inputs: Inputs, days: pl.DataFrame) -> pl.DataFrame:
    """Read the dose of each child on given days.

    ``days``: patient_id, date and any other column. Adds ``prednisone_mg_kg_day`` and
    ``prednisone_mg_day``: 0 on a day without a dose in a child with any medication row, null in a
    child without one and where the dose or the weight is unknown.
    """
    periods = inputs.table("steroid_period").select("patient_id", "start_date", "end_date", *DOSES)
    known = _with_medication(inputs)
    joined = (
        days.sort("date")
        .join_asof(
            periods.sort("start_date"),
            left_on="date",
            right_on="start_date",
            by="patient_id",
            strategy="backward",
            coalesce=False,
            check_sortedness=False,
        )
        .join(known, on="patient_id", how="left")
    )
    is_inside = (pl.col("date") <= pl.col("end_date")).fill_null(False)
    return (
        joined.with_columns(
            pl.when(is_inside).then(name).when("has_medication").then(0.0).alias(name)
            for name in DOSES
        )
        .drop("start_date", "end_date", "has_medication")
        .sort("patient_id", "date")
    )


def derive_amounts(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Add up each child's dose in the windows before, during and after IVIG.

    Before: the days up to the day before the first infusion. During: from the first infusion to
    the last on-regimen day. After: from the next day to a fixed number of days after the last
    infusion. A window counts only for a child observed through all of it (and, after stopping, not
    given IVIG again in it); an unknown dose inside leaves the sum unknown.

    Returns patient_id, window, days, total_mg_kg and pulses (number of episodes that began in it).
    """
    windows = _derive_windows(inputs, regimens)
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
            is_unknown=pl.col("dose").is_null().any(),
            total=(pl.col("dose") * pl.col("overlap")).sum(),
        )
    )
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
        windows.join(totals, on=WINDOW, how="left")
        .join(pulses, on=WINDOW, how="left")
        .select(
            *WINDOW,
            days=(pl.col("to_date") - pl.col("from_date")).dt.total_days() + 1,
            total_mg_kg=pl.when(pl.col("is_unknown").fill_null(False).not_()).then(
                pl.col("total").fill_null(0.0)
            ),
            pulses="pulses",
        )
        .sort(WINDOW)
    )


def derive_time_to_fraction(
    inputs: Inputs, regimens: pl.DataFrame, fraction: float
) -> pl.DataFrame:
    """Give the time from the first infusion to the first day at or under a fraction of the dose.

    ``regimens``: first regimens with ``before``, the dose on the day before IVIG; children without
    a known dose above 0 are left out. The end of the last period counts as a fall to 0. Censored
    at the end of observation, or where the dose becomes unknown.

    Returns patient_id, entry, exit (days) and is_event. Entry is -1: the infusion's day counts.
    """
    on_steroid = regimens.filter(compute_comparison(pl.col("before"), ">", 0)).select(
        "patient_id", "first_infusion", "observed_until", "before"
    )
    periods = inputs.table("steroid_period")
    stops = periods.group_by("patient_id").agg(
        (pl.col("end_date").max() + pl.duration(days=1)).alias("start_date")
    )
    steps = pl.concat(
        [
            periods.select("patient_id", "start_date", "end_date", dose=DOSES[0]),
            stops.select(
                "patient_id",
                "start_date",
                end_date=pl.lit(None, pl.Date),
                dose=pl.lit(0.0),
            ),
        ]
    )
    first_day = pl.max_horizontal("start_date", "first_infusion")
    is_ahead = pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("first_infusion"))
    is_low = compute_comparison(pl.col("dose"), "<=", pl.col("before") * fraction)
    reached = (
        on_steroid.join(steps, on="patient_id")
        .filter(is_ahead & (first_day <= pl.col("observed_until")))
        .with_columns(day=first_day)
        .filter(is_low.fill_null(True))
        .with_columns(is_event=is_low.fill_null(False))
        .sort("patient_id", "day")
        .group_by("patient_id", maintain_order=True)
        .agg(pl.col("day").first(), pl.col("is_event").first())
    )
    return (
        on_steroid.join(reached, on="patient_id", how="left", maintain_order="left")
        .select(
            "patient_id",
            entry=pl.lit(-1, pl.Int64),
            exit=(pl.coalesce("day", "observed_until") - pl.col("first_infusion")).dt.total_days(),
            is_event=pl.col("is_event").fill_null(False),
        )
        .filter(pl.col("exit").is_not_null())
    )


def _with_medication(inputs: Inputs) -> pl.DataFrame:
    """Give the children with any medication row: only in them is no dose a dose of 0."""
    return (
        inputs.record("medication")
        .select("patient_id")
        .unique()
        .with_columns(has_medication=pl.lit(True))
    )


def _derive_windows(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Give patient_id, window, from_date and to_date of the windows a child was observed in."""
    numbers = inputs.parameters.steroid
    first, cover_end = pl.col("first_infusion"), pl.col("cover_end")
    after_end = pl.col("last_infusion") + pl.duration(days=numbers.after_days)
    is_free = pl.col("next_first_infusion").is_null() | (
        pl.col("next_first_infusion") > pl.col("to_date")
    )
    known = regimens.join(_with_medication(inputs), on="patient_id").join(
        _first_recorded(inputs), on="patient_id", how="left"
    )
    spans = {
        "before": (first - pl.duration(days=numbers.before_days), first - pl.duration(days=1)),
        "during": (first, cover_end),
        "after": (cover_end + pl.duration(days=1), after_end),
    }
    made = pl.concat(
        known.select(
            "patient_id",
            "observed_from",
            "observed_until",
            "next_first_infusion",
            "status",
            window=pl.lit(window),
            from_date=from_date,
            to_date=to_date,
        )
        for window, (from_date, to_date) in spans.items()
    )
    is_after = pl.col("window") == "after"
    return made.filter(
        (pl.col("from_date") >= pl.col("observed_from"))
        & (pl.col("to_date") <= pl.col("observed_until"))
        & (pl.col("from_date") <= pl.col("to_date"))
        & (is_after.not_() | ((pl.col("status") == "discontinued") & is_free))
    ).select(*WINDOW, "from_date", "to_date")


def _first_recorded(inputs: Inputs) -> pl.DataFrame:
    """Give the first day on which each child was observed: diagnosis or the first record."""
    dated = {
        "patient": "diagnosis_date",
        "assessment": "date",
        "infusion": "date",
        "medication": "start_date",
        "event": "date",
    }
    return (
        pl.concat(
            inputs.record(name).select("patient_id", observed_from=column)
            for name, column in dated.items()
        )
        .group_by("patient_id")
        .agg(pl.col("observed_from").min())
    )
