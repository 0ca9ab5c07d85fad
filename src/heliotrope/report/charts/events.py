"""The charts of what happened when: onset between visits, what came first, how many flares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.numbers import make_numbers
from heliotrope.report.charts.spec import (
    AREA_OPACITY,
    MARK_SIZE,
    PALETTE,
    Axis,
    ChartTable,
    Row,
    Spec,
    StepStyle,
    compute_nice_steps,
    compute_ticks,
    make_area_key,
    make_channel,
    make_chart,
    make_key,
    make_layer,
    make_numeric,
    make_panel,
    make_step,
)
from heliotrope.report.language import _

HEIGHT = 190
DAY_STEPS = (7, 14, 28, 56, 91, 182, 365, 730)
CAUSES = (
    ("red", "diamond"),
    ("sky", "circle"),
    ("blue", "square"),
    ("muted", "cross"),
    ("amber", "triangle-up"),
)
"""The colour of each area, and the shape of the marks in it, which need no colour to be seen."""
SHARE = (0, 25, 50, 75, 100)
STYLE = StepStyle("accent", 0.18)
MARKS_ACROSS = 8


@dataclass(frozen=True)
class OnsetRows:
    """The share first seen improved, of which visits only say between which days it rose.

    ``gaps``: ``day`` to ``until`` with the share before (``low``) and after (``high``), per cent.
    ``levels``: ``day`` to ``until`` with the ``share`` that holds between gaps. ``unknown``:
    ``day`` and ``number`` of children not known to be improved or not. ``last_day``: end of axis.
    """

    gaps: Sequence[Row]
    levels: Sequence[Row]
    unknown: Sequence[Row]
    last_day: float


def draw_onset(rows: OnsetRows) -> Spec:
    """Draw Turnbull's estimate: lines where the share is known to hold, boxes where it rose."""
    x = _make_days(rows.last_day, rows.unknown, _("Days from the first infusion"))
    y = make_numeric("share", (0, 100), SHARE)
    panel = make_panel(
        _("Children first seen improved, %"),
        HEIGHT,
        [
            make_layer(
                {"type": "rect", "color": PALETTE["accent"], "opacity": 0.3},
                rows.gaps,
                x=x,
                x2={"field": "until"},
                y={**y, "field": "low"},
                y2={"field": "high"},
                tooltip={"field": "tip"},
            ),
            make_layer(
                {"type": "rule", "color": PALETTE["accent"]},
                rows.levels,
                x=x,
                x2={"field": "until"},
                y=y,
            ),
        ],
    )
    keys = [
        make_key(_("share improved"), "accent", "line"),
        make_key(_("rose at some time in the box: the visits cannot say when"), "accent"),
    ]
    description = _(
        "Share of children first seen improved by day from the first infusion. Boxes span the days "
        "between which it rose and within which the visits cannot tell. The table holds the same."
    )
    numbers = make_numbers({_("Not known"): rows.unknown}, x)
    if not rows.levels and not rows.gaps:
        return make_chart("", [])
    table = ChartTable(
        (_("From day"), _("To day"), _("Improved, %")),
        [
            (_day(row, "day"), _day(row, "until"), f"{_share(row, 'low')} – {_share(row, 'high')}")
            for row in rows.gaps
        ]
        + [(_day(row, "day"), _day(row, "until"), _share(row, "share")) for row in rows.levels],
    )
    return make_chart(description, [panel, numbers], keys, table)


def _day(row: Row, name: str = "day") -> str:
    return f"{float(row[name]):.0f}"


def _share(row: Row, name: str) -> str:
    return f"{float(row[name]):.0f}"


@dataclass(frozen=True)
class FirstEventRows:
    """Shares of children by what came first, stacked.

    ``causes``: name and rows (``day``, ``low``, ``high``, per cent from the bottom of the stack)
    of each event, the first at the bottom. ``at_risk``: ``day`` and ``number``.
    """

    causes: Sequence[tuple[str, Sequence[Row]]]
    at_risk: Sequence[Row]
    last_day: float


def draw_first_events(rows: FirstEventRows) -> Spec:
    """Draw the Aalen-Johansen shares as a stack: what is left white had none of the events.

    Areas differ by the marks in them as by their colour, and each ends in a line.
    """
    x = _make_days(rows.last_day, rows.at_risk, _("Days from the last infusion"))
    y = make_numeric("high", (0, 100), SHARE)
    drawn = [
        (name, steps, *CAUSES[number % len(CAUSES)])
        for number, (name, steps) in enumerate(rows.causes)
    ]
    layers = [
        layer
        for _name, steps, color, _mark in drawn
        for layer in make_step(steps, steps, x, y, StepStyle(color, AREA_OPACITY))
    ]
    layers += [
        make_layer(
            {"type": "point", "shape": mark, "filled": True, "size": MARK_SIZE}
            | {"color": PALETTE["ink"]},
            _list_marks(steps, rows.last_day, number / len(drawn)),
            x=x,
            y={**y, "field": "middle"},
            tooltip={"field": "tip"},
        )
        for number, (_name, steps, _color, mark) in enumerate(drawn)
    ]
    panel = make_panel(_("Children by what came first, %"), HEIGHT, layers)
    keys = [make_area_key(name, color, mark) for name, _steps, color, mark in drawn]
    description = _(
        "Shares of children by what came first after the last infusion, stacked by day, with the "
        "numbers at risk. What is left had none of the events. The table below holds the same."
    )
    if not rows.causes:
        return make_chart("", [])
    table = ChartTable(
        (_("What came first"), _("Day"), _("Children, %")),
        [
            (name, _day(step), f"{float(step['high']) - float(step['low']):.0f}")
            for name, steps in rows.causes
            for step in steps
        ],
    )
    numbers = make_numbers({_("At risk"): rows.at_risk}, x)
    return make_chart(description, [panel, numbers], keys, table)


def _list_marks(steps: Sequence[Row], last_day: float, offset: float) -> Sequence[Row]:
    """Place marks along the middle of an area, apart from those of the areas beside it."""
    placed = []
    for number in range(MARKS_ACROSS):
        day = last_day * (number + (0.5 + offset) % 1) / MARKS_ACROSS
        before = [step for step in steps if float(step["day"]) <= day]
        if before and float(before[-1]["high"]) > float(before[-1]["low"]):
            low, high = float(before[-1]["low"]), float(before[-1]["high"])
            tip = _("day {day}: {share} %").format(day=f"{day:.0f}", share=f"{high - low:.0f}")
            placed.append({"day": day, "middle": (low + high) / 2, "tip": tip})
    return placed


@dataclass(frozen=True)
class MeanRows:
    """A mean number of events: ``steps`` (``day``, ``mean``), ``band`` (``day``, ``low``,
    ``high``), ``at_risk`` (``day``, ``number``); ``title`` and ``axis_title`` in words."""

    title: str
    axis_title: str
    steps: Sequence[Row]
    band: Sequence[Row]
    at_risk: Sequence[Row]
    last_day: float


def draw_mean_cumulative(rows: MeanRows) -> Spec:
    """Draw the mean number of events a child by day, with its interval and the numbers at risk."""
    x = _make_days(rows.last_day, rows.at_risk, rows.axis_title)
    most = max([*(float(r["high"]) for r in rows.band), *(float(r["mean"]) for r in rows.steps), 0])
    top = most or 1.0
    y = make_numeric("mean", (0, top), compute_ticks(0, top, compute_nice_steps(top / 4), 6))
    panel = make_panel(rows.title, HEIGHT, make_step(rows.steps, rows.band, x, y, STYLE))
    description = _(
        "{title} by day, with an interval that counts children and the numbers at "
        "risk. The table below holds the same."
    ).format(title=rows.title)
    numbers = make_numbers({_("At risk"): rows.at_risk}, x)
    ends = {row["day"]: f"{float(row['low']):.2f} – {float(row['high']):.2f}" for row in rows.band}
    table = ChartTable(
        (_("Day"), rows.title, _("Interval")),
        [(_day(row), f"{float(row['mean']):.2f}", ends.get(row["day"], "")) for row in rows.steps],
    )
    return make_chart(description, [panel, numbers] if rows.steps else [], (), table)


def _make_days(last_day: float, numbered: Sequence[Row], title: str) -> Spec:
    """Make the axis of days, with ticks where numbers stand under it."""
    high = max(last_day, 1)
    ticks = tuple(float(row["day"]) for row in numbered if float(row["day"]) <= high)
    return make_channel(Axis(0, high, ticks or compute_ticks(0, high, DAY_STEPS, 8), title, "day"))
