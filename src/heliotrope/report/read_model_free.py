"""Result rows of the estimates without a model, read as the rows of their charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heliotrope.definitions.model_free import Phases
from heliotrope.report.charts.cycle import CoverageRows, PulseRows
from heliotrope.report.charts.events import FirstEventRows, MeanRows, OnsetRows
from heliotrope.report.find_results import Results
from heliotrope.report.language import _

BEFORE = "pre_infusion"

TICKS = 8

Row = dict[str, Any]


def read_pulse_curve(results: Results, measure: str, title: str, phases: Phases) -> PulseRows:
    """Read a measure's mean change by phase; a phase without a change has numbers only."""
    ratio = any(
        row["statistic"] == "mean_ratio" and row["variable"].startswith(f"{measure}:")
        for row in results.rows("pulse_curve")
    )
    none = 1.0 if ratio else 0.0
    points: list[Row] = []
    bands = _make_bands(phases)
    for band in bands:
        variable = f"{measure}:{band['phase']}"
        visits = results.row("pulse_curve", f"{variable}:visits", "n")
        band["visits"] = "" if visits is None else visits["formatted"]
        band["children"] = "" if visits is None else f"{visits['n_evaluable'] or 0}"
        if band["phase"] == BEFORE:
            if visits is not None and visits["value"]:
                points.append({**_point(band["middle"], none), "tip": _("before the infusion")})
            continue
        row = results.row("pulse_curve", variable, "mean_ratio" if ratio else "mean_change")
        if row is not None and row["refused"] is None:
            tip = f"{band['name']}: {row['formatted']}"
            points.append({**_point(band["middle"], row["value"], row), "tip": tip})
    return PulseRows(title, points if len(points) > 1 else [], bands, none)


def read_phase_coverage(results: Results, phases: Phases) -> CoverageRows:
    """Read on which days of the cycle visits lie, and how many in each phase."""
    bands = _make_bands(phases)
    for band in bands:
        for name, variable in (
            ("visits", band["phase"]),
            ("children", f"{band['phase']}:children"),
        ):
            count = results.count("phase_coverage", variable)
            band[name] = "" if count is None else f"{count}"
    days = [
        {"day": day, "visits": results.count("phase_coverage", f"day_{day:.0f}") or 0}
        for day in _days(results, "phase_coverage")
    ]
    return CoverageRows(days, bands)


def read_onset(results: Results, printed_days: Sequence[int]) -> OnsetRows:
    """Read the innermost intervals with their share, and the children not known at printed days."""
    gaps: list[Row] = []
    levels: list[Row] = []
    day, share = 0.0, 0.0
    unknown: list[Row] = [
        {"day": when, "number": f"{row['value']:.0f}"}
        for when in printed_days
        if (row := results.row("first_response", f"day_{when}", "not_known")) is not None
    ]
    for row in results.rows("first_response"):
        if row["statistic"] != "share_in_interval":
            continue
        after, by = _read_interval(row["variable"])
        if after > day:
            levels.append({"day": day, "until": after, "share": 100 * share})
        day = max(after, day)
        if by is None:
            break
        rise = 100 * (share + row["value"])
        tip = _("after day {after:.0f} and by day {by:.0f}: {formatted}").format(
            after=after, by=by, formatted=row["formatted"]
        )
        gaps.append({"day": after, "until": by, "low": 100 * share, "high": rise, "tip": tip})
        day, share = by, share + row["value"]
    last = max([day, *(float(row["day"]) for row in unknown)])
    if (gaps or levels) and last > day:
        levels.append({"day": day, "until": last, "share": 100 * share})
    return OnsetRows(gaps, levels, thin(unknown, last), last)


def read_first_events(
    results: Results, causes: Mapping[str, str], printed_days: Sequence[int]
) -> FirstEventRows:
    """Read what came first after stopping; ``causes``: variable and name, from the bottom up."""
    analysis, statistic = "after_stopping_first", "cumulative_incidence"
    days = [
        day
        for day in _days(results, analysis)
        if (row := results.row(analysis, f"none_of_these:day_{day:.0f}", "share_free")) is not None
        and row["refused"] is None
    ]
    shares = dict.fromkeys(causes, 0.0)
    stacked: dict[str, list[Row]] = {cause: [] for cause in causes}
    for day in [0.0, *days]:
        below = 0.0
        for cause in causes:
            row = results.row(analysis, f"{cause}:day_{day:.0f}", statistic)
            if row is not None and row["value"] is not None:
                shares[cause] = 100 * row["value"]
            above = below + shares[cause]
            stacked[cause].append({"day": day, "low": below, "high": above})
            below = above
    last = max(days, default=0.0)
    drawn = [(name, stacked[cause]) for cause, name in causes.items() if shares[cause] > 0]
    return FirstEventRows(drawn, _read_at_risk(results, analysis, printed_days, last), last)


def read_mean_cumulative(
    results: Results, analysis: str, titles: tuple[str, str], printed_days: Sequence[int]
) -> MeanRows:
    """Read a mean number of events by day: ``flare_mean`` or ``worsening_mean``.

    ``titles``: of the panel and of the axis.
    """
    steps: list[Row] = [{"day": 0.0, "mean": 0.0}]
    band: list[Row] = []
    for day in _days(results, analysis):
        row = results.row(analysis, f"day_{day:.0f}", "mean_cumulative")
        if row is None or row["refused"] is not None:
            continue
        steps.append({"day": day, "mean": row["value"]})
        if row["low"] is not None:
            band.append({"day": day, "low": row["low"], "high": row["high"]})
    last = float(steps[-1]["day"])
    at_risk = _read_at_risk(results, analysis, printed_days, last)
    drawn = steps if len(steps) > 1 else []
    return MeanRows(*titles, drawn, band, at_risk, last)


def _make_bands(phases: Phases) -> list[Row]:
    """Give each phase's span on the axis, the days before an infusion first."""
    first = -float(max(phases.pre_infusion_days, 1))
    spans = [(BEFORE, first, 0.0)]
    spans += [(w.name, float(w.first_day), float(w.last_day)) for w in phases.windows]
    return [
        {
            "phase": name,
            "name": _("before") if name == BEFORE else _say_phase(name),
            "day": low,
            "until": high,
            "middle": (low + high) / 2,
        }
        for name, low, high in spans
    ]


def _point(day: float, change: float, row: Mapping[str, Any] | None = None) -> Row:
    low = change if row is None or row["low"] is None else row["low"]
    high = change if row is None or row["high"] is None else row["high"]
    return {"day": day, "change": change, "low": low, "high": high}


def _days(results: Results, analysis: str) -> list[float]:
    names = [name for name in results.variables(analysis) if name.startswith("day_")]
    return sorted(float(name.removeprefix("day_")) for name in names)


def _read_interval(variable: str) -> tuple[float, float | None]:
    after, by = variable.split(":")
    end = by.removeprefix("by_")
    return (
        float(after.removeprefix("after_day_")),
        None if end == "not_seen" else float(end.removeprefix("day_")),
    )


def _read_at_risk(
    results: Results, analysis: str, printed_days: Sequence[int], last: float
) -> list[Row]:
    numbered = [
        {"day": day, "number": f"{row['value']:.0f}"}
        for day in printed_days
        if day <= last and (row := results.row(analysis, f"day_{day}", "at_risk")) is not None
    ]
    return thin(numbered, last)


def thin(rows: Sequence[Row], last: float) -> list[Row]:
    """Keep so few numbers, evenly spread, that they can be read on a phone.

    >>> [row["day"] for row in thin([{"day": day} for day in (0, 2, 7, 180, 182, 360)], 365)]
    [0, 180, 360]
    """
    kept: list[Row] = []
    for row in rows:
        if not kept or float(row["day"]) - float(kept[-1]["day"]) >= last / TICKS:
            kept.append(row)
    return kept


def _say_phase(name: str) -> str:
    """Say the days of a phase as short as they fit under an axis, or its name.

    >>> _say_phase("days_8_21"), _say_phase("trough")
    ('8-21', 'trough')
    """
    days = name.removeprefix("days_")
    return _(name) if days == name else days.replace("_", "-")
