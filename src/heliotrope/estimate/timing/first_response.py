"""Between which days improvement began, in all children: the interval-censored onset.

A child first seen improved on day ``onset_by_day`` and last seen not improved on day
``onset_after_day`` began between the two; one never seen improved has not begun by its last
evaluable day. Turnbull's estimate divides the children over the days between which the visits can
tell. The share improved by a day is printed as a range (``turnbull_least`` to ``turnbull_most``),
since within an interval nothing is known. Their ``low`` and ``high`` are ends of exact intervals
that need no assumption on who was lost: those known improved by the day, and those not known to be
still unimproved, out of all.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from heliotrope.definitions.response import RESPONSE
from heliotrope.estimate import wording
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.intervals import Interval, estimate_proportion_exact
from heliotrope.estimate.rows import Figure, Row, Topic
from heliotrope.estimate.timing.turnbull import Onset, estimate_onset
from heliotrope.estimate.wording import worded

NOBODY = worded("no child could be evaluated for the onset of improvement")

HALF_NOT_REACHED = worded("fewer than half of the children were seen improved")

NOT_FOUND = worded("the likeliest division of the children over the days was not found")

HALF = 1 / 2


BETWEEN_DAYS = worded("after day {after:.0f} and by day {by:.0f}")


def estimate_first_response(inputs: Inputs) -> list[Row]:
    """Give who was seen improved, the innermost intervals with their share, and shares by day."""
    response = inputs.of_group(inputs.table("response"))
    times = derive_onset_intervals(response)
    topic = inputs.topic("first_response", RESPONSE)
    improved = times.filter(pl.col("by").is_finite()).height
    rows = [
        topic.count("children", times.height, response.height),
        topic.count("improved", improved, times.height),
        topic.count("never_seen_improved", times.height - improved, times.height),
    ]
    if times.height == 0:
        reason = NO_IVIG if response.height == 0 else NOBODY
        return [*rows, topic.refuse("curve", "turnbull_least", reason)]
    onset = estimate_onset(times["after"].to_numpy(), times["by"].to_numpy())
    if not onset.is_maximum:
        return [*rows, topic.refuse("curve", "turnbull_least", NOT_FOUND, times.height)]
    rows += _interval_rows(topic, onset)
    days = {float(day) for day in inputs.model_free.onset.printed_days}
    days |= {float(day) for day in onset.by if math.isfinite(day)}
    for day in sorted(days):
        rows += _day_rows(topic, onset, times, day)
    return [*rows, *_median_rows(topic, onset)]


def derive_onset_intervals(response: pl.DataFrame) -> pl.DataFrame:
    """Give each evaluable child's interval: ``after`` and ``by`` (days; infinite: never seen).

    Children whose onset is not evaluable are left out. Improved on the day it was last not
    improved: the day is known exactly.
    """
    by = pl.col("onset_by_day").cast(pl.Float64)
    after = pl.col("onset_after_day").cast(pl.Float64).fill_null(0.0)
    return (
        response.filter(pl.col("onset") != "not_evaluable")
        .select(by=by.fill_null(math.inf), after=after)
        .with_columns(after=pl.min_horizontal("after", "by"))
    )


def _interval_rows(topic: Topic, onset: Onset) -> list[Row]:
    """Give each innermost interval's share; where in the interval it lies cannot be known."""
    rows = []
    for after, by, mass in zip(onset.after, onset.by, onset.mass, strict=True):
        end = f"day_{by:.0f}" if math.isfinite(by) else "not_seen"
        figure = Figure(float(mass), f"{100 * mass:.0f} %", onset.children)
        rows.append(topic.figure(f"after_day_{after:.0f}:by_{end}", "share_in_interval", figure))
    return rows


def _day_rows(topic: Topic, onset: Onset, times: pl.DataFrame, day: float) -> list[Row]:
    """Give the range of the share improved by a day, and what is known of each child."""
    variable = f"day_{day:.0f}"
    known = times.filter(pl.col("by") <= day).height
    known_not = times.filter(pl.col("after") >= day).height
    least, most = onset.share_by(day)
    n = times.height
    low = estimate_proportion_exact(known, n, topic.level).low
    high = estimate_proportion_exact(n - known_not, n, topic.level).high
    words = wording.share_range(least, most)
    rows = [
        topic.figure(variable, "turnbull_least", Figure(least, words, n, Interval(low, high))),
        topic.figure(variable, "turnbull_most", Figure(most, words, n, Interval(low, high))),
    ]
    for statistic, count in (
        ("known_improved", known),
        ("known_not_improved", known_not),
        ("not_known", n - known - known_not),
    ):
        rows.append(replace(topic.count(variable, count, n), statistic=statistic))
    return rows


def _median_rows(topic: Topic, onset: Onset) -> list[Row]:
    """Give the days between which half of the children had begun to improve."""
    names = ("median_after_day", "median_by_day")
    found = onset.day_of(HALF)
    if found is None:
        return [topic.refuse(name, "turnbull", HALF_NOT_REACHED, onset.children) for name in names]
    words = BETWEEN_DAYS.format(after=found[0], by=found[1])
    return [
        topic.figure(name, "turnbull", Figure(day, words, onset.children))
        for name, day in zip(names, np.array(found).tolist(), strict=True)
    ]
