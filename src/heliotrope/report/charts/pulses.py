"""Pulse-aligned small multiples: one panel a child, every infusion cycle laid over the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliotrope.report.charts.spec import (
    PALETTE,
    TIP,
    Axis,
    ChartTable,
    Row,
    Spec,
    compute_decades,
    compute_nice_steps,
    compute_ticks,
    make_channel,
    make_key,
    make_layer,
    make_multiples,
    make_numeric,
    make_panel,
)
from heliotrope.report.language import _

HEIGHT = 92
DAY_STEPS = (7, 14, 28)
ROOM = 1.25


@dataclass(frozen=True)
class PulseChildren:
    """One measure of several children around their infusions.

    ``children``: pseudonym to rows (``day`` from the first infusion day of the course, ``value``,
    ``cycle``, ``tip``, ``cell``). ``days``: first and last day drawn. ``is_log``: of an enzyme.
    """

    title: str
    children: Mapping[str, Sequence[Row]]
    days: tuple[int, int]
    is_log: bool = False


def draw_pulse_children(rows: PulseChildren) -> Spec:
    """Draw each child's values by day of the cycle, one line a cycle, all on the same scales."""
    values = [float(row["value"]) for found in rows.children.values() for row in found]
    if not values:
        return make_multiples("", [])
    first, last = rows.days
    axis = Axis(
        first, last, compute_ticks(first, last, DAY_STEPS, 5), _("days from the infusion"), "day"
    )
    x, y = make_channel(axis), _make_values(values, is_log=rows.is_log)
    panels = [_draw_child(name, found, x, y) for name, found in rows.children.items()]
    description = _(
        "{title}, by day from the infusion, for {number} children: one panel a child, one line an "
        "infusion cycle, the same scales in all. The table holds the values."
    ).format(title=rows.title, number=len(panels))
    keys = [
        make_key(_("one cycle"), "accent", "line"),
        make_key(_("day of the infusion"), "muted", "dashed"),
    ]
    table = ChartTable(
        (_("Child"), _("Cycle"), _("Day"), _("Value"), _("Source")),
        [
            (name, f"{row['cycle']}", f"{row['day']}", f"{row['value']:g}", row.get("cell") or "")
            for name, found in rows.children.items()
            for row in found
        ],
    )
    return make_multiples(description, panels, keys, table)


def _make_values(values: Sequence[float], *, is_log: bool) -> Spec:
    low, high = min(values), max(values)
    if is_log and low > 0:
        low, high = low / ROOM, high * ROOM
        return make_numeric("value", (low, high), compute_decades(low, high), type="log")
    low, high = min(0.0, low), high or 1.0
    return make_numeric(
        "value", (low, high), compute_ticks(low, high, compute_nice_steps(high - low), 4)
    )


def _draw_child(name: str, rows: Sequence[Row], x: Spec, y: Spec) -> Spec:
    color = {"color": PALETTE["accent"]}
    day = {"type": "rule", "color": PALETTE["muted"], "strokeDash": [2, 3], "strokeWidth": 1}
    return make_panel(
        name,
        HEIGHT,
        [
            make_layer(day, [{"day": 0}], x=x),
            make_layer(
                {"type": "line", **color, "opacity": 0.55, "strokeWidth": 1.25},
                rows,
                x=x,
                y=y,
                detail={"field": "cycle", "type": "nominal"},
            ),
            make_layer(
                {"type": "point", **color, "filled": True, "size": 18},
                rows,
                x=x,
                y=y,
                tooltip=TIP,
            ),
        ],
    )
