"""Each child's visits two by two: what was seen, what was then given, what was seen next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from heliotrope.definitions.steroid_sparing import DosingRule
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.steroid_dose import DOSES, derive_doses, derive_totals

CHILD = "patient_id"

ONE_DAY = pl.duration(days=1)


def derive_visit_pairs(inputs: Inputs, rule: DosingRule) -> pl.DataFrame:
    """Give a row for each pair of neighbouring visits of a child that was ever given IVIG.

    A visit is a day with the activity measure; one within a few days of the visit before is
    passed over (an infusion's own check is no new decision). A visit on the day of an infusion
    counts as before it. Between a visit and the next stand, in this order: the decision on the
    steroid, what was given, and the activity it led to.

    Columns: patient_id, date, next_date, days; ``activity`` and ``next_activity``; ``dose_before``
    (mean mg/kg/day since the visit before, else of the day before) and ``dose`` (mean of the days
    between the two visits); ``covered`` (share of the days from this visit to the day before the
    next that lie in the cover of a course); ``other_drugs`` (another immunosuppressant on the day
    of the visit: 1 or 0) and ``pulse`` (a steroid pulse in between: 1 or 0);
    ``days_from_first_infusion``; ``is_linked``: the pair follows on the child's one before.

    Missing: visits too far apart, or an unknown dose between them, make no pair.
    """
    visits = _find_visits(inputs, rule)
    pairs = (
        visits.with_columns(
            next_date=pl.col("date").shift(-1).over(CHILD),
            next_activity=pl.col("activity").shift(-1).over(CHILD),
        )
        .drop_nulls("next_date")
        .with_columns(
            days=(pl.col("next_date") - pl.col("date")).dt.total_days(),
            window=pl.int_range(pl.len(), dtype=pl.Int64),
        )
    )
    pairs = _add_doses(inputs, pairs, rule)
    pairs = _add_cover(inputs, pairs)
    pairs = _add_other_treatment(inputs, pairs)
    known = pairs.filter(
        pl.col("dose").is_not_null()
        & pl.col("dose_before").is_not_null()
        & (pl.col("days") <= rule.most_days_between_visits)
    )
    follows = pl.col("date") == pl.col("next_date").shift(1).over(CHILD)
    return known.with_columns(is_linked=follows.fill_null(False)).drop("window")


def _find_visits(inputs: Inputs, rule: DosingRule) -> pl.DataFrame:
    """List the days with the activity measure, of children with IVIG, close ones passed over."""
    days = inputs.gather(partial(_find_days, rule=rule)).sort(CHILD, "date")
    is_kept = _pass_over_close_days(
        days[CHILD].rank("dense").to_list(),
        days["days_from_first_infusion"].to_list(),
        rule.fewest_days_between_visits,
    )
    return days.filter(pl.Series(is_kept, dtype=pl.Boolean))


def _find_days(inputs: Inputs, rule: DosingRule) -> pl.DataFrame:
    regimens = inputs.first_regimens().select(CHILD, "first_infusion", "observed_until")
    return (
        inputs.record("assessment")
        .filter((pl.col("measure") == rule.activity_measure) & pl.col("value").is_not_null())
        .sort("row_id")
        .unique([CHILD, "date"], keep="last", maintain_order=True)
        .join(regimens, on=CHILD)
        .filter(pl.col("date") <= pl.col("observed_until"))
        .select(
            CHILD,
            "date",
            activity="value",
            days_from_first_infusion=(pl.col("date") - pl.col("first_infusion")).dt.total_days(),
        )
    )


def _pass_over_close_days(
    children: Sequence[int], days: Sequence[int], fewest: int
) -> Sequence[bool]:
    """Keep a child's first day, and each that lies far enough after the last one kept.

    >>> _pass_over_close_days([1, 1, 1, 2], [0, 3, 7, 8], 7)
    [True, False, True, True]
    """
    kept: list[bool] = []
    last_child, last_day = None, 0
    for child, day in zip(children, days, strict=True):
        is_kept = child != last_child or day - last_day >= fewest
        kept.append(is_kept)
        if is_kept:
            last_child, last_day = child, day
    return kept


def _add_doses(inputs: Inputs, pairs: pl.DataFrame, rule: DosingRule) -> pl.DataFrame:
    """Add the mean dose between the two visits, and that since the visit before."""
    windows = pairs.select(
        CHILD, "window", from_date=pl.col("date") + ONE_DAY, to_date=pl.col("next_date") - ONE_DAY
    )
    totals = derive_totals(inputs, windows).select(
        "window", dose=pl.col("total_mg_kg") / pl.col("days")
    )
    before = derive_doses(inputs, pairs.select(CHILD, "window", date=pl.col("date") - ONE_DAY))
    is_near = pl.col("days").shift(1).over(CHILD) <= rule.most_days_between_visits
    since_last = pl.when(is_near).then(pl.col("dose").shift(1).over(CHILD))
    return (
        pairs.join(totals, on="window", how="left", maintain_order="left")
        .join(
            before.select("window", dose_then=DOSES[0]),
            on="window",
            how="left",
            maintain_order="left",
        )
        .with_columns(dose_before=pl.coalesce(since_last, "dose_then"))
        .drop("dose_then")
    )


def _add_cover(inputs: Inputs, pairs: pl.DataFrame) -> pl.DataFrame:
    """Add the share of the days between the visits that courses cover; fortnightly ones: all."""
    cover = inputs.exposure.regimen.planned_cover_days
    courses = inputs.table("course").select(CHILD, "start_date")
    covered_to = pl.col("start_date") + pl.duration(days=cover)
    overlap = (
        pl.min_horizontal(covered_to, "next_date") - pl.max_horizontal("start_date", "date")
    ).dt.total_days()
    covered = (
        pairs.select(CHILD, "window", "date", "next_date", "days")
        .join(courses, on=CHILD)
        .with_columns(overlap=overlap)
        .filter(pl.col("overlap") > 0)
        .group_by("window")
        .agg(covered=pl.min_horizontal(pl.col("overlap").sum() / pl.col("days").first(), 1.0))
    )
    return pairs.join(covered, on="window", how="left", maintain_order="left").with_columns(
        pl.col("covered").fill_null(0.0)
    )


def _add_other_treatment(inputs: Inputs, pairs: pl.DataFrame) -> pl.DataFrame:
    """Mark the pairs with another immunosuppressant, and those with a steroid pulse between."""
    drugs = inputs.table("drug_period").filter(pl.col("dose_mg_day").ne_missing(0.0))
    is_on = (pl.col("start_date") <= pl.col("date")) & (
        pl.col("end_date") >= pl.col("date")
    ).fill_null(True)
    with_drug = (
        pairs.select(CHILD, "window", "date")
        .join(drugs.select(CHILD, "start_date", "end_date"), on=CHILD)
        .filter(is_on)["window"]
    )
    pulses = inputs.table("steroid_pulse").select(CHILD, pulse="start_date")
    with_pulse = (
        pairs.select(CHILD, "window", "date", "next_date")
        .join(pulses, on=CHILD)
        .filter((pl.col("pulse") >= pl.col("date")) & (pl.col("pulse") < pl.col("next_date")))[
            "window"
        ]
    )
    numbers = pairs["window"].to_numpy()
    return pairs.with_columns(
        other_drugs=pl.Series(np.isin(numbers, with_drug.to_numpy()).astype(np.float64)),
        pulse=pl.Series(np.isin(numbers, with_pulse.to_numpy()).astype(np.float64)),
    )
