"""The rows of a Kaplan-Meier curve: its steps, numbers at risk and median."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.kaplan_meier import Curve
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

DEPLETED = worded(
    "everybody at risk on day {day:.0f} had the event while others entered later: the curve would "
    "stay at zero and say nothing of them"
)

NOBODY_THEN = worded("nobody was at risk on this day")

NOT_REACHED = worded("the curve does not fall to one half")


def estimate_curve_rows(
    topic: Topic, curve: Curve, printed_days: Iterable[int], refused: str
) -> list[Row]:
    """Give the rows of a curve.

    At each day with an event, and at each printed day (variable ``day_<t>``): ``at_risk``,
    ``events`` (on that day) and ``survival`` (log-log interval) with ``survival_greenwood``
    beside. ``censored``: how many were last seen on a day without the event, on each such day.
    Then the ``median`` with its log-log interval. Refused when nobody is at risk.
    """
    n = curve.times.height
    events = int(curve.times["is_event"].sum())
    rows = [topic.count("at_risk_ever", n, n), topic.count("events", events, n)]
    if n == 0:
        return [*rows, *(topic.refuse("curve", s, refused) for s in ("survival", "median"))]
    steps = {step["day"]: step for step in curve.steps.iter_rows(named=True)}
    for day in sorted({float(day) for day in printed_days} | set(steps)):
        step = steps.get(day, curve.step_at(day))
        at_risk = steps[day]["at_risk"] if day in steps else curve.at_risk(day)
        events_then = steps[day]["events"] if day in steps else 0
        variable = f"day_{day:.0f}"
        for statistic, number in (("at_risk", at_risk), ("events", events_then)):
            rows.append(replace(topic.count(variable, number, at_risk), statistic=statistic))
        reason = _find_reason(curve, day, at_risk)
        rows += _survival_rows(topic, variable, step, at_risk, reason)
    return [*rows, *_censored_rows(topic, curve), _median_row(topic, curve)]


def _censored_rows(topic: Topic, curve: Curve) -> list[Row]:
    """Count who left the curve without the event, day by day: the ticks on its line."""
    left = curve.times.filter(~pl.col("is_event")).group_by("exit").len().sort("exit")
    return [
        replace(topic.count(f"day_{day:.0f}", number), statistic="censored")
        for day, number in left.iter_rows()
    ]


def _find_reason(curve: Curve, day: float, at_risk: int) -> str | None:
    """Say why the curve cannot be read on a day; null when it can."""
    if at_risk == 0:
        return NOBODY_THEN
    if curve.depleted_day is not None and day >= curve.depleted_day:
        return DEPLETED.format(day=curve.depleted_day)
    return None


def _survival_rows(
    topic: Topic,
    variable: str,
    step: Mapping[str, float | None] | None,
    at_risk: int,
    reason: str | None,
) -> list[Row]:
    """Give the share still free, with both intervals, or the reason why there is none."""
    rows: list[Row] = []
    for statistic, name in (("survival", "loglog"), ("survival_greenwood", "greenwood")):
        if reason is not None:
            rows.append(topic.refuse(variable, statistic, reason, at_risk))
            continue
        share = 1.0 if step is None else float(step["survival"] or 0.0)
        low = None if step is None else step[f"{name}_low"]
        high = None if step is None else step[f"{name}_high"]
        interval = None if low is None or high is None else Interval(low, high)
        rows.append(
            replace(
                topic.row(variable, statistic),
                value=share,
                formatted=wording.survival(share, interval),
                low=low,
                high=high,
                level=topic.level,
                n_evaluable=at_risk,
            )
        )
    return rows


def _median_row(topic: Topic, curve: Curve) -> Row:
    middle = curve.quantile()
    n = curve.times.height
    if curve.depleted_day is not None and middle is not None and middle >= curve.depleted_day:
        return topic.refuse("median_day", "median", DEPLETED.format(day=curve.depleted_day), n)
    if middle is None:
        return topic.refuse("median_day", "median", NOT_REACHED, n)
    low, high = curve.quantile("loglog_low"), curve.quantile("loglog_high")
    return replace(
        topic.row("median_day", "median"),
        value=middle,
        formatted=worded("day {day}").format(day=wording.number(middle)),
        low=low,
        high=high,
        level=topic.level,
        n_evaluable=n,
    )
