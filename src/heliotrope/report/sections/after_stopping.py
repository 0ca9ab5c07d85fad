"""After stopping: the curve with the numbers at risk, and each child's worsening with its limb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.cohort import CurveRows, draw_curve
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.find_results import Results
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say

TIME = "aggravation_time"
AT_RISK_TICKS = 7


@dataclass(frozen=True)
class Worsening:
    """What became of one child after stopping."""

    patient_id: str
    regimen: int
    state: str
    code: str
    date: str
    days: str
    limb: str
    reason: str


def build_after_stopping(report: ReportInput) -> Section:
    """Show how many worsened after stopping, when, and by which limb."""
    results = report.results
    rows = read_curve(results)
    lines = _list_children(report)
    windows = [
        (variable, results.share("aggravation", variable))
        for variable in results.variables("aggravation")
        if variable.startswith("within_") and ":" not in variable
    ]
    windows.sort(key=lambda window: int(window[0].split("_")[1]))
    content = {
        "share": results.share("aggravation", report.headline_window),
        "population": results.count("aggravation", "population"),
        "outside": results.count("aggravation", "not_in_population"),
        "window": _say_window(report.headline_window),
        "windows": [(_say_window(name), share) for name, share in windows],
        "ever": results.share("aggravation", "ever"),
        "chart": render_chart(draw_curve(rows)) if rows.steps else None,
        "at_risk": rows.at_risk,
        "steps": _list_steps(results),
        "median": results.row(TIME, "median_day", "median"),
        "early": results.count(TIME, "worsened_before_entry"),
        "left_early": results.count(TIME, "left_before_entry"),
        "lines": [line for line in lines if line.code != "not_reached"],
        "outside_because": _group_outside(lines),
    }
    return Section("after-stopping", "After stopping", "after_stopping.html.j2", content)


def _say_window(variable: str) -> str:
    return variable.replace("_", " ")


def _day(variable: str) -> float:
    return float(variable.removeprefix("day_"))


def _days(results: Results) -> list[str]:
    named = [name for name in results.variables(TIME) if name.startswith("day_")]
    return sorted(named, key=_day)


def read_curve(results: Results) -> CurveRows:
    """Read the curve, its band and the numbers at risk from the result rows."""
    steps, band, at_risk = [], [], []
    for variable in _days(results):
        row = results.row(TIME, variable, "survival")
        risk = results.row(TIME, variable, "at_risk")
        events = results.row(TIME, variable, "events")
        if row is None:
            continue
        day = _day(variable)
        if row["refused"] is None:
            steps.append({"day": day, "free": 100 * row["value"]})
        elif day > 0:
            continue
        if row["low"] is not None:
            band.append({"day": day, "low": 100 * row["low"], "high": 100 * row["high"]})
        is_event_day = events is not None and bool(events["value"])
        if risk is not None and risk["value"] is not None:
            at_risk.append({"day": day, "number": f"{risk['value']:.0f}", "is_event": is_event_day})
    if steps and steps[0]["day"] > 0:
        steps.insert(0, {"day": 0.0, "free": 100.0})
    return CurveRows(
        steps=steps,
        band=band,
        at_risk=_thin([row for row in at_risk if not row["is_event"]]),
        last_day=max((row["day"] for row in steps), default=0.0),
    )


def _thin(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Keep at most so many ticks, evenly, that their numbers can be read on a phone."""
    if not rows:
        return rows
    high = max(float(str(row["day"])) for row in rows)
    kept: list[dict[str, object]] = []
    for row in rows:
        day = float(str(row["day"]))
        last = float(str(kept[-1]["day"])) if kept else -high
        if day - last >= high / (AT_RISK_TICKS + 1):
            kept.append(row)
    return kept


def _list_steps(results: Results) -> Sequence[tuple[str, str, str, str]]:
    lines = []
    for variable in _days(results):
        row = results.row(TIME, variable, "survival")
        risk = results.row(TIME, variable, "at_risk")
        events = results.row(TIME, variable, "events")
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


def _group_outside(lines: Sequence[Worsening]) -> Sequence[tuple[str, str]]:
    """Name the children who were not at risk, by the reason."""
    grouped: dict[str, list[str]] = {}
    for line in lines:
        if line.code == "not_reached":
            grouped.setdefault(line.reason or "no reason given", []).append(line.patient_id)
    return [(reason, ", ".join(dict.fromkeys(named))) for reason, named in grouped.items()]


def _say_limb(limb: str | None) -> str:
    if limb is None:
        return ""
    return f"{limb}: {say('limb', limb)}" if len(limb) == 1 else say("limb", limb)


def _list_children(report: ReportInput) -> Sequence[Worsening]:
    table = report.run.table_of("aggravation", report.shown).sort("patient_id", "regimen")
    return [
        Worsening(
            patient_id=row["patient_id"],
            regimen=row["regimen"],
            state=say("aggravation", row["state"]),
            code=row["state"],
            date="" if row["date"] is None else str(row["date"]),
            days="" if row["date"] is None else str(row["days_after_last_infusion"]),
            limb=_say_limb(row["limb"]),
            reason="" if row["reason"] is None else say("response_reason", row["reason"]),
        )
        for row in table.iter_rows(named=True)
    ]
