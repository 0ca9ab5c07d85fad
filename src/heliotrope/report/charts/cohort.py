"""The charts of the whole cohort: patterns, every child in a lane, the curve after stopping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.spec import (
    PALETTE,
    STROKE,
    Axis,
    Row,
    Spec,
    compute_nice_steps,
    compute_ticks,
    make_channel,
    make_chart,
    make_key,
    make_lanes,
    make_layer,
    make_numeric,
    make_panel,
)

WEEK_STEPS = (4, 8, 13, 26, 52, 104, 260)
DAY_STEPS = (30, 60, 90, 180, 360, 720)
LANE_HEIGHT = 26
BAR_HEIGHT = 34
CURVE_HEIGHT = 190
AT_RISK_HEIGHT = 24


def draw_intervals(rows: Sequence[Row], description: str) -> Spec:
    """Draw shares of children with their intervals, a lane each.

    Rows: ``lane``, ``share``, ``low``, ``high`` (0 to 100), ``text``.
    """
    names = [str(row["lane"]) for row in rows]
    axis = Axis(0, 100, (0, 25, 50, 75, 100), "per cent of the children evaluable", "share")
    lane, x = make_lanes("lane", names), make_channel(axis)
    panel = make_panel(
        "",
        BAR_HEIGHT * len(names),
        [
            make_layer(
                {"type": "rule", "color": PALETTE["accent"]},
                [{**row, "share": row["low"]} for row in rows],
                x=x,
                x2={"field": "high"},
                y=lane,
            ),
            make_layer(
                {"type": "point", "shape": "square", "filled": True, "color": PALETTE["accent"]},
                rows,
                x=x,
                y=lane,
                tooltip={"field": "text"},
            ),
        ],
    )
    return make_chart(description, [panel] if names else [])


@dataclass(frozen=True)
class SwimmerRows:
    """The rows of the swimmer plot; ``lane`` names the child, ``week`` counts from its D0."""

    lanes: Sequence[str]
    follow_up: Sequence[Row]
    regimens: Sequence[Row]
    courses: Sequence[Row]
    improved: Sequence[Row]
    first_improved: Sequence[Row]
    worse: Sequence[Row]
    reactions: Sequence[Row]
    last_week: float


def draw_swimmer(rows: SwimmerRows) -> Spec:
    """Draw one lane a child: follow-up, IVIG, improved spells, first improvement, worsening."""
    high = max(math.ceil(rows.last_week), 4)
    axis = Axis(0, high, compute_ticks(0, high, WEEK_STEPS, 8), "Weeks from the first infusion")
    lane, x, tip = make_lanes("lane", rows.lanes), make_channel(axis), {"field": "tip"}

    def bar(color: str, height: int, of: Sequence[Row], opacity: float | None = None) -> Spec:
        mark = {"type": "rect", "color": PALETTE[color], "height": height}
        mark |= {} if opacity is None else {"opacity": opacity}
        return make_layer(mark, of, x=x, x2={"field": "until"}, y=lane, tooltip=tip)

    def point(color: str, shape: str, of: Sequence[Row], size: int = 50) -> Spec:
        mark = {"type": "point", "color": PALETTE[color], "shape": shape, "filled": True}
        return make_layer({**mark, "size": size}, of, x=x, y=lane, tooltip=tip)

    panel = make_panel(
        "",
        LANE_HEIGHT * len(rows.lanes),
        [
            bar("muted", 1, rows.follow_up),
            bar("cover", 20, rows.regimens),
            bar("green", 7, rows.improved, 0.45),
            point("accent", STROKE, rows.courses),
            point("green", "circle", rows.first_improved, 80),
            point("amber", "triangle-up", rows.reactions),
            point("red", "diamond", rows.worse, 80),
        ],
    )
    keys = [
        make_key("regimen", "cover"),
        make_key("course", "accent", STROKE),
        make_key("first seen improved", "green", "circle"),
        make_key("improved, visit to visit", "green"),
        make_key("reaction", "amber", "triangle-up"),
        make_key("worse after stopping", "red", "diamond"),
        make_key("followed up", "muted", "line"),
    ]
    description = (
        f"Swimmer plot of {len(rows.lanes)} children: IVIG courses, improved visits, reactions and "
        "worsening after stopping, by week from the first infusion. The table below holds the same."
    )
    return make_chart(description, [panel], keys)


@dataclass(frozen=True)
class CurveRows:
    """A Kaplan-Meier curve as rows: ``day`` with ``free`` (per cent), the band, those at risk."""

    steps: Sequence[Row]
    band: Sequence[Row]
    at_risk: Sequence[Row]
    last_day: float


@dataclass(frozen=True)
class CurveWords:
    """What a curve says in words: whose share it is (``title``), what its axis counts."""

    title: str
    axis: str


def draw_curve(rows: CurveRows, words: CurveWords) -> Spec:
    """Draw the share of children free of an event, the numbers at risk under the axis."""
    high = max(rows.last_day, 1)
    ticks = tuple(float(row["day"]) for row in rows.at_risk) or compute_ticks(0, high, DAY_STEPS, 6)
    axis = Axis(0, high, ticks, words.axis, "day")
    x = make_channel(axis)
    y = make_numeric("free", (0, 100), (0, 25, 50, 75, 100))
    step = {"color": PALETTE["accent"], "interpolate": "step-after"}
    curve = make_panel(
        f"{words.title}, %",
        CURVE_HEIGHT,
        [
            make_layer(
                {**step, "type": "area", "opacity": 0.15},
                rows.band,
                x=x,
                y={**y, "field": "high"},
                y2={"field": "low"},
            ),
            make_layer(
                {**step, "type": "line"},
                rows.steps,
                x=x,
                y=y,
            ),
        ],
    )
    at_risk = make_panel(
        "",
        AT_RISK_HEIGHT,
        [
            make_layer(
                {"type": "text", "color": PALETTE["ink"]},
                [{**row, "lane": "At risk"} for row in rows.at_risk],
                x=x,
                y=make_lanes("lane", ["At risk"]),
                text={"field": "number"},
            )
        ],
    )
    description = (
        f"Kaplan-Meier curve: {words.title.lower()}, by {words.axis.lower()}, with the numbers at "
        "risk. The table below holds the same."
    )
    return make_chart(description, [curve, at_risk])


def draw_counts(rows: Sequence[Row], description: str) -> Spec:
    """Draw counts of children as bars: rows with ``lane``, ``count`` and ``text``."""
    most = max((float(row["count"]) for row in rows), default=1.0) or 1.0
    steps = tuple(max(step, 1.0) for step in compute_nice_steps(most))
    axis = Axis(0, most * 1.3, compute_ticks(0, most, steps, 8), "children", "count")
    names = [str(row["lane"]) for row in rows]
    lane = make_lanes("lane", names)
    bars = [{**row, "count": 0, "until": row["count"]} for row in rows]
    panel = make_panel(
        "",
        BAR_HEIGHT * len(names),
        [
            make_layer(
                {"type": "rect", "color": PALETTE["accent"], "height": 14},
                [row for row in bars if row["until"]],
                x=make_channel(axis),
                x2={"field": "until"},
                y=lane,
            ),
            make_layer(
                {"type": "text", "color": PALETTE["ink"], "align": "left", "dx": 6},
                rows,
                x=make_channel(axis),
                y=lane,
                text={"field": "text"},
            ),
        ],
    )
    return make_chart(description, [panel] if names else [])
