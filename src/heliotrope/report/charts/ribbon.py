"""The steroid ribbon: median and quartiles of the dose by week, each child faint behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.numbers import make_numbers
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
    make_layer,
    make_marked_line,
    make_numeric,
    make_panel,
)
from heliotrope.report.language import _

HEIGHT = 190
WEEK_STEPS = (4, 8, 13, 26, 52)
FAINT = 0.28
RIBBON = 0.3


@dataclass(frozen=True)
class RibbonRows:
    """Steroid dose by week: ``points`` (``week``, ``median``, ``low``, ``high``, ``number``,
    ``tip``) of the cohort, and ``children`` (``week``, ``median``, ``child``) one line a child."""

    unit: str
    points: Sequence[Row]
    children: Sequence[Row]


def draw_ribbon(rows: RibbonRows) -> Spec:
    """Draw the median dose with the ribbon of the middle half of the children."""
    if len(rows.points) < 2:
        return make_chart("", [])
    last = max(float(row["week"]) for row in rows.points)
    doses = [float(row["high"]) for row in rows.points]
    high = max([*doses, *(float(row["median"]) for row in rows.children)]) * 1.05 or 1.0
    axis = Axis(0, last, compute_ticks(0, last, WEEK_STEPS, 8), _("Weeks from the first infusion"))
    x = make_channel(axis)
    steps = compute_nice_steps(high / 4)
    y = make_numeric("median", (0, high), compute_ticks(0, high, steps, 6))
    color = {"color": PALETTE["accent"]}
    panel = make_panel(
        _("Steroid dose, prednisone-equivalent {unit}").format(unit=rows.unit),
        HEIGHT,
        [
            make_layer(
                {
                    "type": "line",
                    "color": PALETTE["amber"],
                    "interpolate": "step-after",
                    "opacity": FAINT,
                    "strokeWidth": 1,
                },
                rows.children,
                x=x,
                y=y,
                detail={"field": "child", "type": "nominal"},
            ),
            make_layer(
                {"type": "area", **color, "opacity": RIBBON},
                rows.points,
                x=x,
                y={**y, "field": "high"},
                y2={"field": "low"},
            ),
            *make_marked_line(rows.points, x, y, {**color, "strokeWidth": 2.5}),
        ],
    )
    keys = [
        make_key(_("median"), "accent", "line"),
        make_key(_("middle half of the children"), "accent", "band"),
    ]
    if rows.children:
        keys.append(make_key(_("one child"), "amber", "line"))
    description = _(
        "Daily steroid dose, prednisone-equivalent {unit}, by week from the first infusion: median "
        "and quartiles at fixed weeks, each child faint behind. The table below holds the same."
    ).format(unit=rows.unit)
    return make_chart(description, [panel, make_numbers({_("Children"): rows.points}, x)], keys)
