"""The forest plot: shares of several series with their intervals, this cohort's among them."""

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
    make_key,
    make_lanes,
    make_layer,
    make_panel,
)
from heliotrope.report.language import _, later

LANE_HEIGHT = 38
WHOLE = 100
MOST_TICKS = 6
MARKS = {
    "cohort": ("accent", "square"),
    "series": ("blue", "circle"),
    "pooled": ("red", "diamond"),
}
NAMES = {
    "cohort": later("this cohort"),
    "series": later("published series"),
    "pooled": later("pooled, with its interval; dashed: where a further series would lie"),
}


def draw_forest(rows: Sequence[Row], axis_title: str, description: str) -> Spec:
    """Draw shares with their intervals, a lane each, in the order given.

    Rows: ``lane`` (each its own), ``kind`` (cohort, series or pooled), ``share``, ``low``, ``high``
    (0 to 100), ``text``; pooled ones also ``least`` and ``most``, the prediction interval. Where
    all shares are small the axis ends just beyond the highest of them.
    """
    names = [str(row["lane"]) for row in rows]
    high = _find_end(rows)
    ticks = compute_ticks(0, high, compute_nice_steps(high / MOST_TICKS), MOST_TICKS)
    axis = Axis(0, high, ticks, axis_title, "share")
    lane, x = make_lanes("lane", names), make_channel(axis)
    wide = [row for row in rows if "least" in row]
    layers = [
        make_layer(
            {"type": "rule", "color": PALETTE["red"], "strokeDash": [3, 3]},
            [{**row, "share": row["least"]} for row in wide],
            x=x,
            x2={"field": "most"},
            y=lane,
        )
    ]
    for kind, (color, shape) in MARKS.items():
        own = [row for row in rows if row["kind"] == kind]
        layers += [
            make_layer(
                {"type": "rule", "color": PALETTE[color]},
                [{**row, "share": row["low"]} for row in own],
                x=x,
                x2={"field": "high"},
                y=lane,
            ),
            make_layer(
                {"type": "point", "shape": shape, "filled": True, "color": PALETTE[color]},
                own,
                x=x,
                y=lane,
                tooltip={"field": "text"},
            ),
        ]
    shown = [kind for kind in MARKS if any(row["kind"] == kind for row in rows)]
    keys = [make_key(_(NAMES[kind]), *MARKS[kind]) for kind in shown]
    panel = make_panel("", LANE_HEIGHT * len(names), layers)
    return make_chart(description, [panel] if names else [], keys)


def _find_end(rows: Sequence[Row]) -> float:
    """Find where the axis ends: at 100 %, or just beyond the highest end where all are small."""
    highest = max((max(row["high"], row.get("most", 0.0)) for row in rows), default=WHOLE)
    if highest > WHOLE / 2:
        return WHOLE
    return next(step for step in compute_nice_steps(highest) if step >= highest)
