"""The swimmer plot: every child in a lane, what was received, what was found, what is not known."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliotrope.report.charts.spec import (
    PALETTE,
    STROKE,
    TIP,
    Axis,
    Row,
    Spec,
    compute_ticks,
    make_channel,
    make_chart,
    make_key,
    make_lanes,
    make_layer,
    make_panel,
)
from heliotrope.report.language import _, ngettext

WEEK_STEPS = (4, 8, 13, 26, 52, 104, 260)
LANE_HEIGHT = 26
THIN_HEIGHT = 6
MOST_NAMED = 60
MOST_STROKES, FINE = 60, 9
NOTHING: Sequence[Row] = ()


@dataclass(frozen=True)
class SwimmerRows:
    """The rows of the swimmer plot: ``lane`` names the child, ``week`` counts from its D0.

    Spans (``week`` to ``until``): ``regimens``, ``improved``, ``not_improved``, ``not_assessed``.
    Marks (``week``): ``courses``, ``first_improved``, ``worse``, ``reactions``, ``stopped``,
    ``ongoing`` (at the end of the records), ``died``. Every row has ``tip``, some a ``cell``.
    ``groups``: of many children, the first lane of each group and what the group is called.
    """

    lanes: Sequence[str]
    last_week: float
    regimens: Sequence[Row] = NOTHING
    improved: Sequence[Row] = NOTHING
    not_improved: Sequence[Row] = NOTHING
    not_assessed: Sequence[Row] = NOTHING
    courses: Sequence[Row] = NOTHING
    first_improved: Sequence[Row] = NOTHING
    worse: Sequence[Row] = NOTHING
    reactions: Sequence[Row] = NOTHING
    stopped: Sequence[Row] = NOTHING
    ongoing: Sequence[Row] = NOTHING
    died: Sequence[Row] = NOTHING
    groups: Mapping[str, str] | None = None

    @property
    def are_many(self) -> bool:
        """Whether there are so many children that lanes are thin and bear no names."""
        return len(self.lanes) > MOST_NAMED


def draw_swimmer(rows: SwimmerRows) -> Spec:
    """Draw one lane a child. Of many children the bands and worsening alone are drawn.

    Bands differ in height as in colour, so that they can be told apart in print without colour.
    """
    if not rows.lanes:
        return make_chart("", [])
    high = max(math.ceil(rows.last_week), 4)
    ticks = compute_ticks(0, high, WEEK_STEPS, 8)
    x = make_channel(Axis(0, high, ticks, _("Weeks from the first infusion")))
    lane = make_lanes("lane", rows.lanes, rows.groups if rows.are_many else None)
    layers = _draw_bands(rows, x, lane)
    layers += _draw_many(rows, x, lane) if rows.are_many else _draw_marks(rows, x, lane)
    thick = THIN_HEIGHT if rows.are_many else LANE_HEIGHT
    panel = make_panel("", thick * len(rows.lanes), layers)
    return make_chart(_describe(rows), [panel], _list_keys(rows))


def _draw_bands(rows: SwimmerRows, x: Spec, lane: Spec) -> list[Spec]:
    part = THIN_HEIGHT / LANE_HEIGHT if rows.are_many else 1

    def band(color: str, height: int, of: Sequence[Row]) -> Spec:
        mark = {"type": "rect", "color": PALETTE[color], "height": round(height * part, 1)}
        return make_layer(mark, of, x=x, x2={"field": "until"}, y=lane, tooltip=TIP)

    gap = {"type": "rule", "color": PALETTE["muted"], "strokeDash": [2, 3], "strokeWidth": 1}
    return [
        band("cover", 20, rows.regimens),
        make_layer(gap, rows.not_assessed, x=x, x2={"field": "until"}, y=lane, tooltip=TIP),
        band("amber", 4, rows.not_improved),
        band("green", 10, rows.improved),
    ]


def _draw_marks(rows: SwimmerRows, x: Spec, lane: Spec) -> list[Spec]:
    def mark(color: str, shape: str, of: Sequence[Row], size: int = 50) -> Spec:
        filled = of is not rows.first_improved
        drawn = {"type": "point", "color": PALETTE[color], "shape": shape, "filled": filled}
        return make_layer({**drawn, "size": size}, of, x=x, y=lane, tooltip=TIP)

    return [
        mark("accent", STROKE, rows.courses, FINE if _are_dense(rows) else 50),
        mark("ink", "circle", rows.first_improved, 60),
        mark("ink", "square", rows.stopped, 34),
        mark("amber", "triangle-up", rows.reactions),
        mark("red", "diamond", rows.worse, 80),
        mark("ink", "triangle-right", rows.ongoing, 60),
        mark("ink", "cross", rows.died, 70),
    ]


def _are_dense(rows: SwimmerRows) -> bool:
    """Whether the courses of a lane stand so close that full strokes would hide its bands."""
    counts = Counter(str(row["lane"]) for row in rows.courses)
    return max(counts.values(), default=0) > MOST_STROKES


def _draw_many(rows: SwimmerRows, x: Spec, lane: Spec) -> list[Spec]:
    worse = {"type": "point", "color": PALETTE["red"], "shape": "diamond", "filled": True}
    return [make_layer({**worse, "size": 18}, rows.worse, x=x, y=lane, tooltip=TIP)]


def _list_keys(rows: SwimmerRows) -> list[Spec]:
    keys = [
        (rows.regimens, _("first to last infusion"), "cover", "square"),
        (rows.courses, _("course"), "accent", STROKE),
        (rows.improved, _("improved at the visit"), "green", "tall"),
        (rows.not_improved, _("not improved at the visit"), "amber", "low"),
        (rows.not_assessed, _("not assessed"), "muted", "dashed"),
        (rows.first_improved, _("first seen improved"), "ink", "hollow"),
        (rows.stopped, _("IVIG stopped"), "ink", "square"),
        (rows.worse, _("worse after stopping"), "red", "diamond"),
        (rows.reactions, _("reaction"), "amber", "triangle-up"),
        (rows.ongoing, _("IVIG ongoing at the end of the records"), "ink", "triangle-right"),
        (rows.died, _("died"), "ink", "cross"),
    ]
    if rows.are_many:
        keys = [*keys[:1], *keys[2:5], keys[7]]
    return [make_key(label, color, shape) for of, label, color, shape in keys if of]


def _describe(rows: SwimmerRows) -> str:
    number = len(rows.lanes)
    return ngettext(
        "Swimmer plot of {number} child: IVIG, improved and not improved visits, time not "
        "assessed, stops, reactions and worsening, by week from the first infusion. The table "
        "below says the same in words.",
        "Swimmer plot of {number} children: IVIG, improved and not improved visits, time not "
        "assessed, stops, reactions and worsening, by week from the first infusion. The table "
        "below says the same in words.",
        number,
    ).format(number=number)
