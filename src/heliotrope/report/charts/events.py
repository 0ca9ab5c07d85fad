"""The charts of what happened when: onset between visits, what came first, how many flares."""

from __future__ import annotations

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
from heliotrope.report.language import _

HEIGHT = 190
DAY_STEPS = (7, 14, 28, 56, 91, 182, 365, 730)
CAUSE_COLORS = ("red", "sky", "blue", "muted", "amber")
SHARE = (0, 25, 50, 75, 100)
BAND = 0.18


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
    """Draw the Aalen-Johansen shares as a stack: what is left white had none of the events."""
    x = _make_days(rows.last_day, rows.at_risk, _("Days from the last infusion"))
    y = make_numeric("high", (0, 100), SHARE)
    colors = [CAUSE_COLORS[number % len(CAUSE_COLORS)] for number in range(len(rows.causes))]
    layers = [
        make_layer(
            {
                "type": "area",
                "color": PALETTE[color],
                "interpolate": "step-after",
                "opacity": 0.7,
            },
            steps,
            x=x,
            y=y,
            y2={"field": "low"},
        )
        for color, (_, steps) in zip(colors, rows.causes, strict=True)
    ]
    panel = make_panel(_("Children by what came first, %"), HEIGHT, layers)
    keys = [make_key(name, color) for color, (name, _) in zip(colors, rows.causes, strict=True)]
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
    step = {"color": PALETTE["accent"], "interpolate": "step-after"}
    panel = make_panel(
        rows.title,
        HEIGHT,
        [
            make_layer(
                {**step, "type": "area", "opacity": BAND},
                rows.band,
                x=x,
                y={**y, "field": "high"},
                y2={"field": "low"},
            ),
            make_layer({**step, "type": "line"}, rows.steps, x=x, y=y),
        ],
    )
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
