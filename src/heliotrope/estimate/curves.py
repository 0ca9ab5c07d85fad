"""The rows of a Kaplan-Meier curve: its steps, numbers at risk and median."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from heliotrope.estimate import wording
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.kaplan_meier import Curve
from heliotrope.estimate.rows import Row, Topic

DEPLETED = (
    "everybody at risk on day {day:.0f} had the event while others entered later: the curve would "
    "stay at zero and say nothing of them"
)

NOBODY_THEN = "nobody was at risk on this day"

NOT_REACHED = "the curve does not fall to one half"


def estimate_curve_rows(
    topic: Topic, curve: Curve, printed_days: Iterable[int], refused: str
) -> list[Row]:
    """Give the rows of a curve.

    At each day with an event, and at each printed day (variable ``day_<t>``): ``at_risk``,
    ``events`` (on that day) and ``survival`` (log-log interval) with ``survival_greenwood``
    beside. Then the ``median`` with its log-log interval. Refused when nobody is at risk.
    """
    n = curve.times.height
    events = int(curve.times["is_event"].sum())
    rows = [topic.count("at_risk_ever", n, n), topic.count("events", events, n)]
    if n == 0:
        return [*rows, *(topic.refuse("curve", s, refused) for s in ("survival", "median"))]
    days = sorted({float(day) for day in printed_days} | set(curve.steps["day"].to_list()))
    for day in days:
        rows += _rows_of_day(topic, curve, day)
    return [*rows, _median_row(topic, curve)]


def _rows_of_day(topic: Topic, curve: Curve, day: float) -> list[Row]:
    variable = f"day_{day:.0f}"
    at_risk = curve.at_risk(day)
    step = curve.step_at(day)
    events = int(step["events"] or 0) if step and step["day"] == day else 0
    rows = [
        replace(topic.count(variable, at_risk, at_risk), statistic="at_risk"),
        replace(topic.count(variable, events, at_risk), statistic="events"),
    ]
    reason = None
    if at_risk == 0:
        reason = NOBODY_THEN
    elif curve.depleted_day is not None and day >= curve.depleted_day:
        reason = DEPLETED.format(day=curve.depleted_day)
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
        formatted=f"day {wording.number(middle)}",
        low=low,
        high=high,
        level=topic.level,
        n_evaluable=n,
    )
