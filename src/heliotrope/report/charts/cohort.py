"""The charts of the whole cohort: shares with their intervals, and counts of children."""

from __future__ import annotations

from collections.abc import Sequence

from heliotrope.report.charts.spec import (
    PALETTE,
    Axis,
    Row,
    Spec,
    compute_nice_steps,
    compute_ticks,
    make_channel,
    make_chart,
    make_lanes,
    make_layer,
    make_panel,
)
from heliotrope.report.language import _

WEEK_STEPS = (4, 8, 13, 26, 52, 104, 260)
LANE_HEIGHT = 26
BAR_HEIGHT = 34


def draw_intervals(rows: Sequence[Row], description: str) -> Spec:
    """Draw shares of children with their intervals, a lane each.

    Rows: ``lane``, ``share``, ``low``, ``high`` (0 to 100), ``text``.
    """
    names = [str(row["lane"]) for row in rows]
    axis = Axis(0, 100, (0, 25, 50, 75, 100), _("per cent of the children evaluable"), "share")
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
