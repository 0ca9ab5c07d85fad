"""What came first after IVIG stopped: worse, IVIG again, subcutaneous immunoglobulin, or death.

The children, the time zero (last infusion) and the entry (the day the stop is known) are those of
``after_stopping``. A child given IVIG again before it worsened is no longer at risk of worsening
without it: that is an event of its own here, where the Kaplan-Meier curve calls it lost. On one day
worsening comes before the others. The end of observation is censoring, which is taken to tell
nothing about activity.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from heliotrope.definitions.response import AGGRAVATION
from heliotrope.estimate import wording
from heliotrope.estimate.after_stopping import NOBODY, NOBODY_AT_RISK, derive_population
from heliotrope.estimate.curves import DEPLETED, NOBODY_THEN
from heliotrope.estimate.events.aalen_johansen import (
    CENSORED,
    CompetingCurves,
    CompetingTimes,
    estimate_competing_curves,
    estimate_share_interval,
)
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import Figure, Row, Topic

CAUSES = ("worsened", "ivig_again", "switched_to_sc", "died")

FREE = "none_of_these"

SHARE = "cumulative_incidence"

SHARE_FREE = "share_free"


def estimate_after_stopping_first(inputs: Inputs) -> list[Row]:
    """Give the share of children by day for each event that came first, with numbers at risk."""
    topic = inputs.topic("after_stopping_first", AGGRAVATION)
    times = derive_first_events(inputs)
    curves = estimate_competing_curves(
        CompetingTimes(
            times["entry"].to_numpy().astype(np.float64),
            times["exit"].to_numpy().astype(np.float64),
            times["cause"].to_numpy().astype(np.int64),
        ),
        len(CAUSES),
    )
    n = int(curves.times.exit.size)
    rows = [
        topic.count("at_risk_ever", n, n),
        topic.count("ended_before_entry", times.height - n, times.height),
    ]
    for number, cause in enumerate(CAUSES, start=1):
        rows.append(topic.count(cause, int((curves.times.cause == number).sum()), n))
    if n == 0:
        return [*rows, topic.refuse("curve", SHARE, NOBODY_AT_RISK if times.height else NOBODY)]
    printed = {float(day) for day in inputs.parameters.after_stopping.printed_days}
    for day in sorted(printed | set(curves.days.tolist())):
        rows += _day_rows(topic, curves, day, day in printed)
    return rows


def derive_first_events(inputs: Inputs) -> pl.DataFrame:
    """Give each child's entry, exit and cause: the number of the event in ``CAUSES``, 0 for none.

    Days from the last infusion. Ties: the earlier cause in the list. Subcutaneous immunoglobulin
    counts from its first day after the last infusion; death from the recorded day.
    """
    aggravation = inputs.of_group(inputs.table("aggravation"))
    population = derive_population(inputs, aggravation)
    regimens = inputs.first_regimens().select(
        "patient_id", "regimen", "last_infusion", "next_first_infusion"
    )
    deaths = inputs.patients.select("patient_id", "death_date")
    times = (
        population.join(regimens, on=["patient_id", "regimen"], maintain_order="left")
        .join(deaths, on="patient_id", how="left", maintain_order="left")
        .join(
            _find_first_subcutaneous(inputs, regimens),
            on="patient_id",
            how="left",
            maintain_order="left",
        )
    )

    def day_of(name: str) -> pl.Expr:
        return (pl.col(name) - pl.col("last_infusion")).dt.total_days()

    days = [pl.col("event_day")]
    days += [day_of(name) for name in ("next_first_infusion", "first_sc", "death_date")]
    first = pl.min_horizontal(days)
    cause = pl.coalesce(
        pl.when(day == first).then(pl.lit(number)) for number, day in enumerate(days, start=1)
    )
    is_seen = (first <= pl.col("seen")).fill_null(False)
    return times.select(
        "patient_id",
        "entry",
        exit=pl.when(is_seen).then(first).otherwise("seen"),
        cause=pl.when(is_seen).then(cause).otherwise(CENSORED),
    ).drop_nulls()


def _find_first_subcutaneous(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Find each child's first subcutaneous immunoglobulin after the last infusion."""
    return (
        inputs.table("infusion_day")
        .filter(pl.col("route") == inputs.exposure.subcutaneous_route)
        .join(regimens, on="patient_id")
        .filter(pl.col("date") > pl.col("last_infusion"))
        .group_by("patient_id")
        .agg(first_sc=pl.col("date").min())
    )


def _day_rows(topic: Topic, curves: CompetingCurves, day: float, is_printed: bool) -> list[Row]:
    """Give the shares by a day: all of them on a printed day, else those that changed on it."""
    step = curves.step_at(day)
    is_event_day = step is not None and curves.days[step] == day
    at_risk = int(curves.at_risk[step]) if is_event_day else curves.times.at_risk(day)
    rows = [replace(topic.count(f"day_{day:.0f}", at_risk, at_risk), statistic="at_risk")]
    for number, cause in enumerate(CAUSES):
        if is_printed or (step is not None and curves.events[step, number] > 0):
            share = 0.0 if step is None else float(curves.shares[step, number])
            error = 0.0 if step is None else float(curves.errors[step, number])
            rows.append(_share_row(topic, curves, f"{cause}:day_{day:.0f}", (day, share, error)))
    free = 1.0 if step is None else float(curves.free[step])
    row = _share_row(topic, curves, f"{FREE}:day_{day:.0f}", (day, free, 0.0))
    return [*rows, replace(row, statistic=SHARE_FREE)]


def _share_row(
    topic: Topic, curves: CompetingCurves, variable: str, found: tuple[float, float, float]
) -> Row:
    """Give a share with its interval, or the reason why the curve cannot be read on a day."""
    day, share, error = found
    at_risk = curves.times.at_risk(day)
    if curves.depleted_day is not None and day >= curves.depleted_day:
        return topic.refuse(variable, SHARE, DEPLETED.format(day=curves.depleted_day), at_risk)
    if at_risk == 0:
        return topic.refuse(variable, SHARE, NOBODY_THEN)
    interval = estimate_share_interval(share, error, topic.level)
    return topic.figure(
        variable, SHARE, Figure(share, wording.share(share, interval), at_risk, interval)
    )
