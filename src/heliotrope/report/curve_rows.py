"""A curve over time, read from the result rows: its steps, its band, the numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliotrope.report.charts.curve import CurveRows
from heliotrope.report.find_results import Results
from heliotrope.report.read_model_free import thin

Row = dict[str, Any]
StepLine = tuple[str, str, str, str]


def read_curve(results: Results, analysis: str) -> CurveRows:
    """Read a Kaplan-Meier curve, in per cent, with the numbers at risk on the printed days.

    It runs on to the last day on which anybody was seen. Where everybody at risk had the event
    while others entered later it ends there: beyond, the curve says nothing.
    """
    steps: list[Row] = []
    band: list[Row] = []
    at_risk: list[Row] = []
    censored: list[Row] = []
    is_depleted = False
    for variable in _days(results, analysis):
        left = results.row(analysis, variable, "censored")
        if left is not None:
            censored.append({"day": _day(variable), "number": int(left["value"])})
        row = results.row(analysis, variable, "survival")
        risk = results.row(analysis, variable, "at_risk")
        events = results.row(analysis, variable, "events")
        if row is None:
            continue
        day = _day(variable)
        if row["refused"] is None:
            steps.append({"day": day, "free": 100 * row["value"]})
        elif day > 0:
            is_depleted |= bool(row["n_evaluable"])
            continue
        if row["low"] is not None:
            band.append({"day": day, "low": 100 * row["low"], "high": 100 * row["high"]})
        is_event_day = events is not None and bool(events["value"])
        if risk is not None and risk["value"] is not None:
            at_risk.append({"day": day, "number": f"{risk['value']:.0f}", "is_event": is_event_day})
    if steps and steps[0]["day"] > 0:
        steps.insert(0, {"day": 0.0, "free": 100.0})
    numbered = [row for row in at_risk if not row["is_event"]]
    known = max((float(row["day"]) for row in steps), default=0.0)
    seen = [row for row in censored if steps and (row["day"] <= known or not is_depleted)]
    last = max([known, *(float(row["day"]) for row in seen)])
    return CurveRows(
        steps=_extend(steps, last),
        band=_extend(band, last),
        at_risk=thin([row for row in numbered if row["day"] <= last], last),
        last_day=last,
        censored=[row | {"free": _height_at(steps, row["day"])} for row in seen],
    )


def _extend(rows: list[Row], last: float) -> list[Row]:
    """Draw a step function on to the last day on which anybody was seen."""
    if not rows or rows[-1]["day"] >= last:
        return rows
    return [*rows, {**rows[-1], "day": last}]


def _height_at(steps: Sequence[Row], day: float) -> float:
    return [float(row["free"]) for row in steps if row["day"] <= day][-1]


def list_curve_steps(results: Results, analysis: str) -> Sequence[StepLine]:
    """List day, number at risk, events and share free, as printed: the curve as a table."""
    lines = []
    for variable in _days(results, analysis):
        row = results.row(analysis, variable, "survival")
        risk = results.row(analysis, variable, "at_risk")
        events = results.row(analysis, variable, "events")
        if row is None:
            continue
        shown = row["formatted"] if row["refused"] is None else row["refused"]
        lines.append(
            (
                f"{_day(variable):.0f}",
                "" if risk is None else risk["formatted"],
                "" if events is None else events["formatted"],
                shown,
            )
        )
    return lines


def _day(variable: str) -> float:
    return float(variable.removeprefix("day_"))


def _days(results: Results, analysis: str) -> list[str]:
    named = [name for name in results.variables(analysis) if name.startswith("day_")]
    return sorted(named, key=_day)
