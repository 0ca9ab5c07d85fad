"""The charts of the comparison with untreated children: balance, weights, estimates."""

from __future__ import annotations

import math
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

BALANCE_LANE_HEIGHT = 24
LANE_HEIGHT = 34
MOST_TICKS = 7

UNADJUSTED = "unadjusted"

MARKS = {
    UNADJUSTED: ("amber", "circle", later("as recorded, nothing adjusted")),
    "weighted": ("accent", "square", "weighted"),
    "sequential_trials": ("blue", "diamond", later("sequential trials")),
    "g_formula": ("green", "triangle-up", later("simulated (g-formula)")),
}


def draw_balance(rows: Sequence[Row], limit: float, description: str) -> Spec:
    """Draw how far starts of IVIG differ from other intervals, before and after weighting.

    Rows: ``lane`` (the covariate), ``before`` and ``after`` (standardised differences, any sign),
    ``text``. Distances are drawn without sign; the dashed line is the ``limit`` called balanced.
    """
    names = [str(row["lane"]) for row in rows]
    most = max([limit, *(abs(float(row[side])) for row in rows for side in ("before", "after"))])
    axis = _make_axis(0.0, most, _("standardised difference, without sign"))
    lane, x = make_lanes("lane", names), make_channel(axis)

    def point(side: str, color: str, shape: str) -> Spec:
        return make_layer(
            {"type": "point", "shape": shape, "filled": True, "color": PALETTE[color]},
            [{**row, "value": abs(float(row[side]))} for row in rows],
            x=x,
            y=lane,
            tooltip={"field": "text"},
        )

    line = make_layer(
        {"type": "rule", "color": PALETTE["muted"], "strokeDash": [3, 3]},
        [{"value": limit}],
        x=x,
    )
    panel = make_panel(
        "",
        BALANCE_LANE_HEIGHT * len(names),
        [line, point("before", "amber", "circle"), point("after", "accent", "square")],
    )
    keys = [
        make_key(_("before weighting"), "amber", "circle"),
        make_key(_("after weighting"), "accent", "square"),
        make_key(_("balanced: up to {limit:g}").format(limit=limit), "muted", "line"),
    ]
    return make_chart(description, [panel] if names else [], keys)


def draw_weights(rows: Sequence[Row], description: str) -> Spec:
    """Draw the mean and the range of the weights, a year since diagnosis a lane.

    Rows: ``lane``, ``mean``, ``minimum``, ``maximum``, ``text``. The dashed line is 1, where the
    mean of stabilised weights should lie.
    """
    names = [str(row["lane"]) for row in rows]
    most = max([1.0, *(float(row["maximum"]) for row in rows)])
    axis = _make_axis(0.0, most, _("weight of an interval"))
    lane, x = make_lanes("lane", names), make_channel(axis)
    panel = make_panel(
        "",
        LANE_HEIGHT * len(names),
        [
            make_layer(
                {"type": "rule", "color": PALETTE["muted"], "strokeDash": [3, 3]},
                [{"value": 1.0}],
                x=x,
            ),
            make_layer(
                {"type": "rule", "color": PALETTE["accent"]},
                [{**row, "value": row["minimum"]} for row in rows],
                x=x,
                x2={"field": "maximum"},
                y=lane,
            ),
            make_layer(
                {"type": "point", "shape": "square", "filled": True, "color": PALETTE["accent"]},
                [{**row, "value": row["mean"]} for row in rows],
                x=x,
                y=lane,
                tooltip={"field": "text"},
            ),
        ],
    )
    keys = [make_key(_("mean; line: least to most"), "accent"), make_key("1", "muted", "line")]
    return make_chart(description, [panel] if names else [], keys)


def draw_estimates(rows: Sequence[Row], axis_title: str, description: str) -> Spec:
    """Draw the differences found by each estimator with their intervals, a lane each.

    Rows: ``lane``, ``kind`` (unadjusted, weighted, sequential_trials, g_formula), ``value``,
    ``low``, ``high`` (None: no interval), ``text``. The dashed line is no difference.
    """
    names = [str(row["lane"]) for row in rows]
    ends = [
        float(row[end])
        for row in rows
        for end in ("value", "low", "high")
        if row.get(end) is not None
    ]
    axis = _make_axis(min([0.0, *ends]), max([0.0, *ends]), axis_title)
    lane, x = make_lanes("lane", names), make_channel(axis)
    layers = [
        make_layer(
            {"type": "rule", "color": PALETTE["muted"], "strokeDash": [3, 3]}, [{"value": 0.0}], x=x
        )
    ]
    for kind, (color, shape, _words) in MARKS.items():
        own = [row for row in rows if row["kind"] == kind]
        layers += [
            make_layer(
                {"type": "rule", "color": PALETTE[color]},
                [{**row, "value": row["low"]} for row in own if row.get("low") is not None],
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
    keys = [
        make_key(_(words), color, shape)
        for kind, (color, shape, words) in MARKS.items()
        if any(row["kind"] == kind for row in rows)
    ]
    panel = make_panel("", LANE_HEIGHT * len(names), layers)
    return make_chart(description, [panel] if names else [], keys)


def _make_axis(low: float, high: float, title: str) -> Axis:
    """Make an axis that ends at round numbers on both sides and names ``value`` as its field."""
    steps = compute_nice_steps((high - low) / MOST_TICKS)
    step = next((step for step in steps if (high - low) / step <= MOST_TICKS), steps[-1])
    first, last = step * math.floor(low / step), step * math.ceil(high / step)
    last = last if last > first else first + step
    ticks = compute_ticks(first, last, (step, *steps), MOST_TICKS + 2)
    return Axis(first, last, tuple(round(tick, 10) for tick in ticks), title, "value")
