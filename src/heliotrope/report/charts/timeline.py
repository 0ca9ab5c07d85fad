"""A child's course on one page: activity, strength, function, steroid dose, IVIG and harm."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure
from heliotrope.report.charts.lanes import draw_treatment_lanes, draw_visit_lane
from heliotrope.report.charts.spec import (
    PALETTE,
    TIP,
    Axis,
    Spec,
    compute_decades,
    compute_nice_steps,
    compute_ticks,
    make_channel,
    make_chart,
    make_key,
    make_layer,
    make_numeric,
    make_panel,
)
from heliotrope.report.explain_cells import SourceCells
from heliotrope.report.language import _
from heliotrope.report.read_child import Child
from heliotrope.report.show_measures import list_measures

PANEL_HEIGHT = 68
LOG_HEIGHT = 84
WEEKS_BEFORE = 26
WEEK_STEPS = (1, 2, 4, 8, 13, 26, 52, 104, 260)
SHOWN_DOMAINS = ("enzyme", "strength", "function", "global", "composite", "skin")
SERIES_COLORS = ("blue", "red")


def draw_timeline(child: Child, rulebook: Rulebook, places: SourceCells) -> Spec:
    """Draw a child's timeline as stacked panels on one axis of weeks from the first infusion."""
    axis = _draw_axis(child)
    find = places.place_of
    marks = _draw_overlay(child, axis)
    panels = [draw_visit_lane(child, axis, marks)]
    recorded = list_measures(child, rulebook)
    for group in _group_measures(recorded):
        panels.append(_draw_measures(child, group, axis, marks, find))
    panels.append(_draw_steroid(child, axis, marks))
    panels.append(draw_treatment_lanes(child, axis, marks, find))
    return make_chart(_describe(child, recorded), panels, _make_legend(child, recorded))


def _draw_axis(child: Child) -> Axis:
    dates = [
        *child.record("assessment")["date"],
        *child.table("steroid_period")["start_date"],
        *child.table("infusion_day")["date"],
    ]
    first = min((child.week(date) for date in dates), default=0.0)
    low = max(min(math.floor(first), -1), -WEEKS_BEFORE)
    high = max(math.ceil(child.week(child.last_date)), 4)
    start = _("the first infusion") if child.table("regimen").height else _("the first record")
    title = _("Weeks from {start} ({value})").format(start=start, value=child.origin.isoformat())
    return Axis(low, high, compute_ticks(low, high, WEEK_STEPS, 8), title)


def _draw_overlay(child: Child, axis: Axis) -> list[Spec]:
    """Draw what every panel shares: the regimens as bands, worsening after stopping as a line."""
    regimens = [
        {
            "week": child.week(row["first_infusion"]),
            "until": child.week(row["last_infusion"]),
            "tip": _("IVIG, {courses} courses").format(courses=row["courses"]),
        }
        for row in child.table("regimen").iter_rows(named=True)
    ]
    worse = [
        {
            "week": child.week(row["date"]),
            "tip": _("Worse after stopping, {date}").format(date=row["date"]),
        }
        for row in child.table("aggravation").iter_rows(named=True)
        if row["date"] is not None and row["state"] == "met"
    ]
    return [
        make_layer(
            {"type": "rect", "color": PALETTE["cover"]},
            regimens,
            x=make_channel(axis),
            x2={"field": "until"},
        ),
        make_layer(
            {"type": "rule", "color": PALETTE["red"], "strokeDash": [4, 3]},
            worse,
            x=make_channel(axis),
            tooltip={"field": "tip"},
        ),
    ]


def _group_measures(recorded: Sequence[Measure]) -> Iterable[list[Measure]]:
    """Put measures that share a scale and a domain into one panel, two at most."""
    enzymes = [measure for measure in recorded if measure.domain == "enzyme"][:1]
    if enzymes:
        yield enzymes
    for domain in SHOWN_DOMAINS[1:]:
        of_domain = [measure for measure in recorded if measure.domain == domain]
        if domain == "global":
            if of_domain:
                yield of_domain[:2]
            continue
        yield from ([measure] for measure in of_domain)


def _draw_measures(
    child: Child,
    measures: Sequence[Measure],
    axis: Axis,
    overlay: Sequence[Spec],
    find: Callable[[int], str],
) -> Spec:
    points = {measure.id: _list_points(child, measure, find) for measure in measures}
    values = [row["value"] for rows in points.values() for row in rows]
    limits = [row[side] for rows in points.values() for row in rows for side in ("lower", "upper")]
    is_log = measures[0].domain == "enzyme" and min(values) > 0
    if is_log:
        channel = _make_log_channel([*values, *(limit for limit in limits if limit)])
    else:
        channel = _make_scale_channel(measures[0], values)
    layers = [*overlay]
    if is_log:
        layers.append(_draw_normal_range(points[measures[0].id], axis, channel))
    for color, measure in zip(SERIES_COLORS, measures, strict=False):
        layers += _draw_series(points[measure.id], color, axis, channel)
    return make_panel(_title(measures, is_log), LOG_HEIGHT if is_log else PANEL_HEIGHT, layers)


def _title(measures: Sequence[Measure], is_log: bool) -> str:
    name = _(" and ").join(
        [
            _(measures[0].title),
            *(_(measure.title)[0].lower() + _(measure.title)[1:] for measure in measures[1:]),
        ]
    )
    unit = "" if measures[0].unit == "none" else measures[0].unit
    better = {"low": _("lower is better"), "high": _("higher is better")}.get(
        measures[0].better or "", ""
    )
    axis = _("log axis") if is_log else ""
    return f"{name}, {' · '.join(filter(None, [unit, axis, better]))}"


def _list_points(
    child: Child, measure: Measure, find: Callable[[int], str]
) -> list[dict[str, Any]]:
    rows = child.record("assessment").filter(
        (pl.col("measure") == measure.id) & pl.col("value").is_not_null()
    )
    unit = "" if measure.unit == "none" else f" {measure.unit}"
    return [
        {
            "week": child.week(row["date"]),
            "value": row["value"],
            "lower": row["lower_limit"],
            "upper": row["upper_limit"],
            "tip": f"{row['date']}: {_(measure.title)} "
            f"{row['value_qualifier'] or ''}{row['value']:g}{unit}",
            "cell": find(row["row_id"]),
        }
        for row in rows.sort("date", "row_id").iter_rows(named=True)
    ]


def _make_log_channel(values: Sequence[float]) -> Spec:
    low, high = min(values) / 1.4, max(values) * 1.4
    return make_numeric("value", (low, high), compute_decades(low, high), type="log")


def _make_scale_channel(measure: Measure, values: Sequence[float]) -> Spec:
    low = measure.minimum if measure.minimum is not None else min(0.0, *values)
    high = measure.maximum if measure.maximum is not None else max(values) or 1.0
    return make_numeric(
        "value", (low, high), compute_ticks(low, high, compute_nice_steps(high - low), 4)
    )


def _list_ranges(
    points: Sequence[dict[str, Any]],
) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """List the points from which another normal range holds, each with the next such point."""
    first = [
        here
        for before, here in zip([None, *points], points, strict=False)
        if before is None or (before["lower"], before["upper"]) != (here["lower"], here["upper"])
    ]
    return list(zip(first, [*first[1:], None], strict=True))


def _draw_normal_range(points: Sequence[dict[str, Any]], axis: Axis, channel: Spec) -> Spec:
    low_edge = channel["scale"]["domain"][0]
    band = [
        {
            "week": here["week"],
            "until": later["week"] if later else axis.high,
            "value": max(here["lower"] or low_edge, low_edge),
            "top": here["upper"],
            "tip": _("Within the normal range, up to {upper:g}").format(upper=here["upper"]),
        }
        for here, later in _list_ranges(points)
        if here["upper"]
    ]
    if band:
        band[0]["week"] = axis.low
    return make_layer(
        {"type": "rect", "color": PALETTE["normal"]},
        band,
        x=make_channel(axis),
        x2={"field": "until"},
        y=channel,
        y2={"field": "top"},
    )


def _draw_series(
    points: Sequence[dict[str, Any]], color: str, axis: Axis, channel: Spec
) -> list[Spec]:
    shown = [row for row in points if row["week"] >= axis.low]
    return [
        make_layer(
            {"type": "line", "color": PALETTE[color]},
            shown if len(shown) > 1 else [],
            x=make_channel(axis),
            y=channel,
        ),
        make_layer(
            {
                "type": "point",
                "color": PALETTE[color],
                "filled": True,
                "size": 30,
                "shape": "circle" if color == SERIES_COLORS[0] else "diamond",
            },
            shown,
            x=make_channel(axis),
            y=channel,
            tooltip=TIP,
        ),
    ]


def _draw_steroid(child: Child, axis: Axis, overlay: Sequence[Spec]) -> Spec:
    """Draw the daily steroid dose as an area, pulses as triangles on top of it."""
    table = child.table("steroid_period")
    per_kg = table["prednisone_mg_kg_day"].drop_nulls().len() > 0
    column = "prednisone_mg_kg_day" if per_kg else "prednisone_mg_day"
    unit = "mg/kg/day" if per_kg else _("mg/day (no weight)")
    periods = [
        {
            "week": max(child.week(row["start_date"]), axis.low),
            "until": min(child.week(row["end_date"] + dt.timedelta(days=1)), axis.high),
            "value": 0.0,
            "top": row[column],
            "tip": _("{start_date} to {end_date}: {value:.3g} {unit}").format(
                start_date=row["start_date"], end_date=row["end_date"], value=row[column], unit=unit
            ),
        }
        for row in table.iter_rows(named=True)
        if row[column] is not None and child.week(row["end_date"]) >= axis.low
    ]
    high = max([*(row["top"] for row in periods), 0.0]) * 1.15 or 1.0
    channel = make_numeric("value", (0, high), compute_ticks(0, high, compute_nice_steps(high), 4))
    pulses = [
        {
            "week": child.week(row["start_date"]),
            "value": high,
            "tip": _("Pulse: {drug}, {days} days from {start_date}").format(
                drug=row["drug"], days=row["days"], start_date=row["start_date"]
            ),
        }
        for row in child.table("steroid_pulse").iter_rows(named=True)
    ]
    layers = [
        *overlay,
        make_layer(
            {"type": "rect", "color": PALETTE["amber"], "opacity": 0.75},
            periods,
            x=make_channel(axis),
            x2={"field": "until"},
            y=channel,
            y2={"field": "top"},
            tooltip={"field": "tip"},
        ),
        make_layer(
            {"type": "point", "color": PALETTE["ink"], "shape": "triangle-down", "filled": True},
            pulses,
            x=make_channel(axis),
            y=channel,
            tooltip={"field": "tip"},
        ),
    ]
    is_recorded = bool(periods or pulses)
    return make_panel(
        _("Steroid dose, prednisone-equivalent {unit}").format(unit=unit),
        PANEL_HEIGHT,
        layers if is_recorded else [],
    )


def _make_legend(child: Child, recorded: Sequence[Measure]) -> list[Spec]:
    keys = [
        make_key(_("improved at the visit"), "green", "circle"),
        make_key(_("not improved"), "amber", "square"),
        make_key(_("not evaluable"), "muted", "cross"),
    ]
    if child.table("regimen").height:
        keys.append(make_key(_("first to last infusion"), "cover", "square"))
    if any(measure.domain == "enzyme" for measure in recorded):
        keys.append(make_key(_("enzyme within its normal range"), "normal", "square"))
    globals_ = [measure for measure in recorded if measure.domain == "global"][:2]
    if len(globals_) > 1:
        keys += [
            make_key(_(measure.title), color, shape)
            for measure, color, shape in zip(
                globals_, SERIES_COLORS, ("circle", "diamond"), strict=False
            )
        ]
    if child.table("steroid_pulse").height:
        keys.append(make_key(_("steroid pulse"), "ink", "triangle-down"))
    if (child.table("aggravation")["state"] == "met").any():
        keys.append(make_key(_("worse after stopping"), "red", "line"))
    return keys


def _describe(child: Child, recorded: Sequence[Measure]) -> str:
    days = child.table("infusion_day").filter(pl.col("route") == "iv").height
    measures = ", ".join(_(measure.title) for measure in recorded) or _("no measure")
    return _(
        "Timeline of child {patient_id}: {measures}, steroid dose, {days} infusion "
        "days, other drugs, reactions and events, by week. The same values stand in "
        "the table below."
    ).format(patient_id=child.patient_id, measures=measures, days=days)
