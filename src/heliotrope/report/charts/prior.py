"""The chart of what the pulse model expected before it read the records, beside what was recorded.

The horizontal axis counts days from the first infusion; a month is drawn as one step. Higher is
worse; deficits count from the best value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.spec import (
    PALETTE,
    Axis,
    ChartTable,
    Row,
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
from heliotrope.report.language import _, later

HEIGHT = 170
AXIS_TITLE = later("Days from the first infusion")
TICK_STEPS = (28, 56, 84, 168)
DECADE = 10.0


@dataclass(frozen=True)
class PriorRows:
    """A measure by month: ``day``, ``until``, ``middle``; ``expected``, ``low``, ``high``;
    ``recorded`` (median), ``tip``."""

    title: str
    months: Sequence[Row]


def draw_prior_predictive(rows: PriorRows) -> Spec:
    """Draw what the priors expect, month by month, and the medians of what was recorded."""
    if not rows.months:
        return make_chart("", [])
    ends = [float(row[name]) for row in rows.months for name in ("low", "high", "recorded")]
    low, high = min(ends), max(ends)
    first = min(float(row["day"]) for row in rows.months)
    last = max(float(row["until"]) for row in rows.months)
    x = make_channel(
        Axis(first, last, compute_ticks(first, last, TICK_STEPS, 8), _(AXIS_TITLE), "day")
    )
    points = {"type": "point", "shape": "circle", "filled": True, "color": PALETTE["accent"]}
    y = _make_values(low, high)
    panel = make_panel(
        rows.title,
        HEIGHT,
        [
            make_layer(
                {"type": "rect", "color": PALETTE["cover"]},
                rows.months,
                x=x,
                x2={"field": "until"},
                y={**y, "field": "low"},
                y2={"field": "high"},
            ),
            make_layer(
                {"type": "line", "color": PALETTE["muted"], "strokeDash": [4, 4]},
                rows.months,
                x={**x, "field": "middle"},
                y={**y, "field": "expected"},
            ),
            make_layer(
                points,
                rows.months,
                x={**x, "field": "middle"},
                y=y,
                tooltip={"field": "tip"},
            ),
        ],
    )
    description = _(
        "{title}: by month from the first infusion, the interval and median that the "
        "pulse model expects before it has read the records, and the median of what "
        "was recorded."
    ).format(title=rows.title)
    keys = [
        make_key(_("recorded, median"), "accent", "circle"),
        make_key(_("expected beforehand, 95 %"), "cover"),
    ]
    return make_chart(description, [panel], keys, _make_table(rows))


def _make_values(low: float, high: float) -> Spec:
    """Make the vertical channel; logarithmic where values above 0 span more than a decade."""
    if low > 0 and high / low > DECADE:
        return make_numeric("recorded", (low, high), compute_decades(low, high), type="log")
    ticks = compute_ticks(low, high, compute_nice_steps((high - low or 1.0) / 4), 6)
    return make_numeric("recorded", (low, high), ticks)


def _make_table(rows: PriorRows) -> ChartTable:
    columns = (_("Days from the first infusion"), _("Expected beforehand"), _("Recorded, median"))
    return ChartTable(
        columns,
        [
            (
                f"{float(row['day']) + 1:.0f} to {float(row['until']):.0f}",
                f"{row['expected']:.2g} ({row['low']:.2g} to {row['high']:.2g})",
                f"{row['recorded']:.2g}",
            )
            for row in rows.months
        ],
    )
