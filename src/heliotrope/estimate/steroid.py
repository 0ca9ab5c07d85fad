"""The steroid dose before, during and after IVIG: a description, never a claim of sparing.

The daily dose is prednisone-equivalent, pulses apart. From a child's first medication row on, a day
without a recorded dose counts as 0; before it, and where the amount or the weight is missing, the
dose is unknown. Nothing is read beyond the end of observation. A fall is reported as
"the steroid dose fell during IVIG": other drugs and the calendar lower it too.
"""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.estimate import SteroidWindows
from heliotrope.estimate.curves import estimate_curve_rows
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.kaplan_meier import estimate_curve
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.steroid_dose import (
    DOSES,
    derive_amounts,
    derive_doses,
    derive_time_to_dose,
)
from heliotrope.estimate.wording import worded
from heliotrope.records.exact import Operator, compute_comparison

BEFORE = "before"

LAST_ON_REGIMEN = "last_on_regimen"

DIRECTIONS: tuple[tuple[str, Operator], ...] = (("fell", "<"), ("unchanged", "=="), ("rose", ">"))

NO_DOSE = worded(
    "no child has a known dose on this day (no medication rows, no weight, or not observed)"
)

NO_WINDOW = worded("no child was observed, with known doses, over the whole window")

NOT_ABOVE = worded("no child had a known steroid dose above the low dose on the day before IVIG")

NOT_ON_STEROID = worded("no child had a known steroid dose above 0 on the day before IVIG")


def estimate_steroid(inputs: Inputs) -> list[Row]:
    """Give current doses, doses added up, the share whose dose fell, and the time to half."""
    regimens = inputs.first_regimens()
    windows = inputs.parameters.steroid
    nothing = NO_IVIG if regimens.height == 0 else None
    doses = derive_doses(inputs, _reading_days(inputs, regimens))
    rows: list[Row] = []
    for point in [BEFORE, *_landmarks(inputs), LAST_ON_REGIMEN, _after(windows)]:
        at_point = doses.filter(pl.col("point") == point)
        for unit in DOSES:
            rows += inputs.topic("steroid_dose").summary(
                f"{unit}:{point}", at_point[unit], nothing or NO_DOSE
            )
    rows += _estimate_amounts(inputs, regimens, nothing)
    rows += _estimate_change(inputs.topic("steroid_change"), doses, nothing)
    return rows + _estimate_times(inputs, regimens, doses, nothing)


def _landmarks(inputs: Inputs) -> dict[str, int]:
    landmarks = inputs.parameters.landmarks
    return {f"week_{week}": week * landmarks.days_per_week for week in landmarks.weeks}


def _after(windows: SteroidWindows) -> str:
    return f"after_{windows.after_days}_days"


def _reading_days(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Give the days on which each child's dose is read: patient_id, point, date.

    The dose after stopping is read only where the regimen was stopped and no other had begun.
    """
    first = pl.col("first_infusion")
    windows = inputs.parameters.steroid
    after = pl.col("last_infusion") + pl.duration(days=windows.after_days)
    has_stopped = (pl.col("status") == "discontinued") & (
        pl.col("next_first_infusion").is_null() | (pl.col("next_first_infusion") > after)
    )
    points = {
        BEFORE: first - pl.duration(days=1),
        **{name: first + pl.duration(days=days) for name, days in _landmarks(inputs).items()},
        LAST_ON_REGIMEN: pl.col("cover_end"),
        _after(windows): pl.when(has_stopped).then(after),
    }
    return pl.concat(
        regimens.select("patient_id", "observed_until", point=pl.lit(name), date=date)
        for name, date in points.items()
    ).filter(pl.col("date") <= pl.col("observed_until"))


def _estimate_amounts(inputs: Inputs, regimens: pl.DataFrame, nothing: str | None) -> list[Row]:
    """Add the dose up before, during and after IVIG; the mean a day makes them comparable."""
    amounts = derive_amounts(inputs, regimens)
    topic = inputs.topic("steroid_cumulative")
    rows: list[Row] = []
    for window in ("before", "during", "after"):
        inside = amounts.filter(pl.col("window") == window)
        reason = nothing or NO_WINDOW
        rows += topic.summary(f"prednisone_mg_kg:{window}", inside["total_mg_kg"], reason)
        rows += topic.summary(
            f"prednisone_mg_kg_day_mean:{window}",
            inside.select(pl.col("total_mg_kg") / pl.col("days")).to_series(),
            reason,
        )
        pulses = inside["pulses"].drop_nulls()
        rows += inputs.topic("steroid_pulses").proportion(
            window, int((pulses > 0).sum()), pulses.len(), reason
        )
    return rows


def _estimate_change(topic: Topic, doses: pl.DataFrame, nothing: str | None) -> list[Row]:
    """Compare the last on-regimen day with the day before IVIG, in children then on a steroid."""
    unit = DOSES[0]
    pairs = (
        doses.filter(pl.col("point") == BEFORE)
        .select("patient_id", before=unit)
        .join(
            doses.filter(pl.col("point") == LAST_ON_REGIMEN).select("patient_id", last=unit),
            on="patient_id",
        )
        .filter(compute_comparison(pl.col("before"), ">", 0) & pl.col("last").is_not_null())
    )
    reason = nothing or NOT_ON_STEROID
    rows: list[Row] = []
    for name, operator in DIRECTIONS:
        is_so = compute_comparison(pl.col("last"), operator, pl.col("before"))
        count = pairs.filter(is_so).height
        rows.append(topic.count(name, count, pairs.height))
        rows += topic.proportion(name, count, pairs.height, reason)
    change = pairs.select(100 * (pl.col("last") / pl.col("before") - 1)).to_series()
    return rows + topic.summary("percent_change", change, reason)


def _estimate_times(
    inputs: Inputs, regimens: pl.DataFrame, doses: pl.DataFrame, nothing: str | None
) -> list[Row]:
    """Give the curves of children not yet at half of their dose, and not yet at a low dose."""
    numbers = inputs.parameters.steroid
    before = doses.filter(pl.col("point") == BEFORE).select("patient_id", before=DOSES[0])
    known = regimens.join(before, on="patient_id", how="inner")
    half = f"steroid_time_to_{100 * numbers.reduced_to_fraction:.0f}_percent"
    targets = {
        half: (pl.col("before") * numbers.reduced_to_fraction, NOT_ON_STEROID),
        "steroid_time_to_low_dose": (pl.lit(numbers.low_dose_mg_kg_day), NOT_ABOVE),
    }
    rows: list[Row] = []
    for analysis, (target, reason) in targets.items():
        topic = inputs.topic(analysis)
        curve = estimate_curve(derive_time_to_dose(inputs, known, target), topic.level)
        rows += estimate_curve_rows(topic, curve, _landmarks(inputs).values(), nothing or reason)
    return rows
