"""The charts of the infusion cycle: a measure from before to trough, and where the visits lie.

The horizontal axis counts days from the first infusion day of a course. A phase is drawn as a band;
what is known of it stands in its middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.numbers import make_numbers
from heliotrope.report.charts.spec import (
    PALETTE,
    Axis,
    ChartTable,
    Row,
    Spec,
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

CURVE_HEIGHT = 170
VISITS_HEIGHT = 110
AXIS_TITLE = later("Days from the infusion")
TICK_STEPS = (7, 14, 28)
BAR = 0.35
ROOM = 0.08


@dataclass(frozen=True)
class PulseRows:
    """A measure through the cycle.

    ``points``: ``day`` (middle of the phase), ``change``, ``low``, ``high`` (equal to the change
    where there is no interval), ``tip``. ``phases``: ``day``, ``until`` and ``middle`` of each band
    with ``name``, ``visits``, ``children`` as text. ``none``: the change that means no change (0,
    or 1 for ratios).
    """

    title: str
    points: Sequence[Row]
    phases: Sequence[Row]
    none: float = 0.0


def draw_pulse_curve(rows: PulseRows) -> Spec:
    """Draw the children's mean change from before the infusion, with who was seen in each phase."""
    x = _make_axis(rows.phases)
    ends = [float(row[name]) for row in rows.points for name in ("low", "high", "change")]
    low, high = min([*ends, rows.none]), max([*ends, rows.none])
    margin = ROOM * (high - low or 1.0)
    domain = (low - margin, high + margin)
    y = make_numeric(
        "change", domain, compute_ticks(*domain, compute_nice_steps((high - low or 1.0) / 4), 6)
    )
    bars = [
        {**row, "from": float(row["day"]) - BAR, "until": float(row["day"]) + BAR}
        for row in rows.points
    ]
    curve = make_panel(
        rows.title,
        CURVE_HEIGHT,
        [
            _draw_bands(rows.phases, x),
            make_layer(
                {"type": "rule", "color": PALETTE["muted"], "strokeDash": [4, 4]},
                [{"change": rows.none}] if rows.points else [],
                y=y,
            ),
            make_layer(
                {"type": "rect", "color": PALETTE["accent"], "opacity": 0.45},
                bars,
                x={**x, "field": "from"},
                x2={"field": "until"},
                y={**y, "field": "low"},
                y2={"field": "high"},
            ),
            make_layer({"type": "line", "color": PALETTE["accent"]}, rows.points, x=x, y=y),
            make_layer(
                {"type": "point", "shape": "circle", "filled": True, "color": PALETTE["accent"]},
                rows.points,
                x=x,
                y=y,
                tooltip={"field": "tip"},
            ),
        ],
    )
    numbers = make_numbers(_make_lanes(rows.phases, ("visits", "children")), x)
    description = _(
        "{title}: mean change of the children from before an infusion, by phase of the "
        "infusion cycle, with intervals and the visits and children behind each. The "
        "table below holds the same."
    ).format(title=rows.title)
    keys = [make_key(_("mean change"), "accent", "circle"), make_key(_("interval"), "accent")]
    return make_chart(description, [curve, numbers], keys) if rows.points else make_chart("", [])


@dataclass(frozen=True)
class CoverageRows:
    """How many visits lie on which day: ``day`` and ``visits``; ``phases`` as in ``PulseRows``."""

    days: Sequence[Row]
    phases: Sequence[Row]


def draw_phase_coverage(rows: CoverageRows) -> Spec:
    """Draw on which days of the infusion cycle children were seen: what the visits can tell."""
    x = _make_axis(rows.phases)
    most = max((float(row["visits"]) for row in rows.days), default=1.0)
    steps = tuple(max(step, 1.0) for step in compute_nice_steps(most))
    y = make_numeric("visits", (0, most), compute_ticks(0, most, steps, 4))
    bars = [
        {
            "from": float(row["day"]) - BAR,
            "until": float(row["day"]) + BAR,
            "visits": row["visits"],
            "none": 0,
            "tip": _("day {day:.0f}: {visits:.0f} visits").format(
                day=float(row["day"]), visits=float(row["visits"])
            ),
        }
        for row in rows.days
    ]
    visits = make_panel(
        _("Visits, on each day of a cycle"),
        VISITS_HEIGHT,
        [
            _draw_bands(rows.phases, x),
            make_layer(
                {"type": "rect", "color": PALETTE["accent"]},
                bars,
                x={**x, "field": "from"},
                x2={"field": "until"},
                y={**y, "field": "none"},
                y2={"field": "visits"},
                tooltip={"field": "tip"},
            ),
        ],
    )
    numbers = make_numbers(_make_lanes(rows.phases, ("visits", "children")), x)
    description = _(
        "Visits by day of the infusion cycle, with the number of visits and children in each "
        "phase. Where no bar stands nothing can be seen."
    )
    table = ChartTable(
        (_("Day of the cycle"), _("Visits")),
        [(f"{float(row['day']):.0f}", f"{float(row['visits']):.0f}") for row in rows.days],
    )
    return make_chart(description, [visits, numbers] if rows.days else [], (), table)


@dataclass(frozen=True)
class BandRows:
    """A modelled effect by day of the cycle: ``day``, ``effect``, ``low``, ``high``; its unit."""

    points: Sequence[Row]
    unit: str


def draw_effect_band(rows: BandRows) -> Spec:
    """Draw the modelled effect through a cycle of monthly courses with its band."""
    days = [float(row["day"]) for row in rows.points]
    ends = [float(row[name]) for row in rows.points for name in ("low", "high")]
    low, high = min([0.0, *ends]), max([0.0, *ends]) or 1.0
    last = max(days, default=1.0)
    x = make_channel(Axis(0, last, compute_ticks(0, last, TICK_STEPS, 8), _(AXIS_TITLE), "day"))
    ticks = compute_ticks(low, high, compute_nice_steps((high - low) / 4), 6)
    y = make_numeric("effect", (low, high), ticks)
    panel = make_panel(
        _("Improvement by the model, {unit}").format(unit=rows.unit),
        CURVE_HEIGHT,
        [
            make_layer(
                {"type": "area", "color": PALETTE["accent"], "opacity": 0.15},
                rows.points,
                x=x,
                y={**y, "field": "high"},
                y2={"field": "low"},
            ),
            make_layer({"type": "line", "color": PALETTE["accent"]}, rows.points, x=x, y=y),
        ],
    )
    description = _(
        "The pulse model's mean improvement through a cycle of monthly courses, with its interval."
    )
    table = ChartTable(
        (_("Day of the cycle"), _("Improvement, {unit}").format(unit=rows.unit), _("Interval")),
        [
            (
                f"{float(row['day']):g}",
                f"{float(row['effect']):.2g}",
                f"{float(row['low']):.2g} – {float(row['high']):.2g}",
            )
            for row in rows.points
        ],
    )
    return make_chart(description, [panel] if rows.points else [], (), table)


def _make_axis(phases: Sequence[Row]) -> Spec:
    low = min((float(row["day"]) for row in phases), default=0.0)
    high = max((float(row["until"]) for row in phases), default=1.0)
    ticks = compute_ticks(math.ceil(low), high, TICK_STEPS, 8)
    return make_channel(Axis(low, high, ticks, _(AXIS_TITLE), "day"))


def _draw_bands(phases: Sequence[Row], x: Spec) -> Spec:
    """Draw every second phase as a band, so that the phases can be told apart."""
    return make_layer(
        {"type": "rect", "color": PALETTE["cover"]},
        [{"day": row["day"], "until": row["until"]} for row in phases[1::2]],
        x=x,
        x2={"field": "until"},
    )


def _make_lanes(phases: Sequence[Row], names: Sequence[str]) -> dict[str, list[Row]]:
    """Place each phase's name and numbers in its middle."""
    lanes: dict[str, list[Row]] = {
        _("Phase"): [{"day": row["middle"], "number": row["name"]} for row in phases]
    }
    for name in names:
        lanes[_(name.capitalize())] = [
            {"day": row["middle"], "number": row[name]} for row in phases if row.get(name)
        ]
    return lanes
