"""How fast each child's steroid dose fell: the slope of its logarithm, window by window."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.steroid_sparing import STEROID_SPARING, DoseSlope, SteroidSparing
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.rows import Row
from heliotrope.estimate.steroid_dose import DOSES, WINDOW, derive_doses, derive_windows
from heliotrope.estimate.wording import worded
from heliotrope.records.exact import compute_comparison

WINDOWS = ("before", "during", "after")

TOO_FEW = worded(
    "no child was on a steroid, at a known dose, on {n} of the days read in this window: a slope "
    "cannot be drawn"
)


def estimate_steroid_slopes(inputs: Inputs) -> list[Row]:
    """Give the children's slopes of steroid dose before, during and after IVIG.

    A slope is the median of the slopes between any two readings of one child (Theil and Sen), of
    the logarithm of the dose, printed as per cent a reading interval: one dose missed or doubled
    does not bend it. The days on which the dose is 0 have no logarithm: they are left out, so
    that a child who came off counts by the days before. ``fell``: children whose slope is below 0.
    """
    rule = inputs.rulebook.get(STEROID_SPARING, SteroidSparing).slope
    regimens = inputs.first_regimens()
    slopes = derive_dose_slopes(inputs, regimens, rule)
    topic = inputs.topic("steroid_slope", STEROID_SPARING)
    reason = NO_IVIG if regimens.height == 0 else TOO_FEW.format(n=rule.fewest_readings)
    rows: list[Row] = []
    for window in WINDOWS:
        percent = slopes.filter(pl.col("window") == window)["percent"]
        rows += topic.summary(f"percent_per_{rule.every_days}_days:{window}", percent, reason)
        fell = int(percent.to_frame().filter(compute_comparison(pl.col("percent"), "<", 0)).height)
        rows.append(topic.count(f"fell:{window}", fell, percent.len()))
        rows += topic.proportion(f"fell:{window}", fell, percent.len(), reason)
    return rows


def derive_dose_slopes(inputs: Inputs, regimens: pl.DataFrame, rule: DoseSlope) -> pl.DataFrame:
    """Return patient_id, window, readings and percent: the change of dose a reading interval.

    The windows are those over which the dose is added up. Fewer readings than the rule asks for:
    no row. Equal doses: a slope of 0.
    """
    step = f"{rule.every_days}d"
    days = (
        derive_windows(inputs, regimens)
        .with_columns(date=pl.date_ranges("from_date", "to_date", step))
        .explode("date")
        .select(*WINDOW, "date")
    )
    readings = (
        derive_doses(inputs, days)
        .filter(compute_comparison(pl.col(DOSES[0]), ">", 0))
        .select(*WINDOW, "date", log_dose=pl.col(DOSES[0]).log())
    )
    pairs = readings.join(readings, on=WINDOW, suffix="_later").filter(
        pl.col("date_later") > pl.col("date")
    )
    intervals = (pl.col("date_later") - pl.col("date")).dt.total_days() / rule.every_days
    rise = (pl.col("log_dose_later") - pl.col("log_dose")) / intervals
    return (
        pairs.group_by(WINDOW)
        .agg(slope=rise.median())
        .join(readings.group_by(WINDOW).agg(readings=pl.len()), on=WINDOW)
        .filter(pl.col("readings") >= rule.fewest_readings)
        .select(*WINDOW, "readings", percent=100 * (pl.col("slope").exp() - 1))
        .sort(WINDOW)
    )
