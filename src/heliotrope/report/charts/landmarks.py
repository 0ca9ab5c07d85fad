"""The cohort at fixed weeks: median, quartiles and range of each measure, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.spec import (
    PALETTE,
    Axis,
    Row,
    Spec,
    compute_decades,
    compute_nice_steps,
    compute_ticks,
    make_channel,
    make_key,
    make_layer,
    make_marked_line,
    make_multiples,
    make_numeric,
    make_panel,
)
from heliotrope.report.language import _

HEIGHT = 96
BOX = 0.9
MOST_TICKS = 4


@dataclass(frozen=True)
class LandmarkRows:
    """A measure at fixed weeks: ``points`` with ``week``, ``median``, ``low`` and ``high``
    (quartiles), ``least`` and ``most``, ``tip``; ``span``: the ends of the vertical axis, which is
    logarithmic where ``is_log`` says so."""

    title: str
    points: Sequence[Row]
    span: tuple[float, float]
    is_log: bool = False


def draw_landmarks(measures: Sequence[LandmarkRows]) -> Spec:
    """Draw each measure in a panel of its own, all on the same weeks."""
    weeks = sorted({float(row["week"]) for rows in measures for row in rows.points})
    if not weeks:
        return make_multiples("", [])
    margin = max(weeks) * 0.04 or 1.0
    axis = Axis(-margin, max(weeks) + margin, _thin(weeks), _("weeks from the first infusion"))
    description = _(
        "{measures} at fixed weeks from the first infusion: median, quartiles and range of the "
        "children seen then, who are not the same at every week. The table below holds the same."
    ).format(measures=", ".join(rows.title.partition(",")[0] for rows in measures))
    keys = [
        make_key(_("median"), "accent", "circle"),
        make_key(_("middle half of the children"), "accent", "band"),
        make_key(_("least to most"), "accent", "line"),
    ]
    panels = [_draw_measure(rows, axis) for rows in measures]
    return make_multiples(description, panels, keys, is_one_scale=False)


def _draw_measure(rows: LandmarkRows, axis: Axis) -> Spec:
    x, y = make_channel(axis), _make_values(rows)
    half = BOX * (axis.high - axis.low) / 50
    boxes = [{**r, "from": r["week"] - half, "until": r["week"] + half} for r in rows.points]
    color = {"color": PALETTE["accent"]}
    layers = [
        make_layer(
            {"type": "rule", **color, "strokeWidth": 1},
            rows.points,
            x=x,
            y={**y, "field": "least"},
            y2={"field": "most"},
        ),
        make_layer(
            {"type": "rect", **color, "opacity": 0.35},
            boxes,
            x={**x, "field": "from"},
            x2={"field": "until"},
            y={**y, "field": "low"},
            y2={"field": "high"},
        ),
        *make_marked_line(rows.points, x, y, {**color, "opacity": 0.6}),
    ]
    return make_panel(rows.title, HEIGHT, layers)


def _make_values(rows: LandmarkRows) -> Spec:
    low, high = rows.span
    if rows.is_log:
        return make_numeric("median", rows.span, compute_decades(low, high), type="log")
    ticks = compute_ticks(low, high, compute_nice_steps(high - low), MOST_TICKS)
    return make_numeric("median", rows.span, ticks)


def _thin(weeks: Sequence[float]) -> tuple[float, ...]:
    """Leave out weeks whose labels would touch in a narrow panel."""
    kept: list[float] = []
    for week in weeks:
        if not kept or week - kept[-1] >= max(weeks) / 7:
            kept.append(week)
    return tuple(kept)
