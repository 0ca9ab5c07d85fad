"""The Kaplan-Meier curve, with its interval, who left without the event, and who is at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from heliotrope.report.charts.numbers import make_numbers
from heliotrope.report.charts.spec import (
    PALETTE,
    STROKE,
    Axis,
    Row,
    Spec,
    StepStyle,
    compute_ticks,
    make_channel,
    make_chart,
    make_key,
    make_layer,
    make_numeric,
    make_panel,
    make_step,
)
from heliotrope.report.language import _, ngettext

DAY_STEPS = (30, 60, 90, 180, 360, 720)
CURVE_HEIGHT = 200
STYLE = StepStyle("accent", 0.15)


@dataclass(frozen=True)
class CurveRows:
    """A Kaplan-Meier curve as rows: ``day`` with ``free`` (per cent), the band, those at risk.

    ``censored``: ``day``, ``free`` and ``number`` of children last seen then without the event.
    """

    steps: Sequence[Row]
    band: Sequence[Row]
    at_risk: Sequence[Row]
    last_day: float
    censored: Sequence[Row] = field(default=())


@dataclass(frozen=True)
class CurveWords:
    """What a curve says in words: whose share it is (``title``), what its axis counts."""

    title: str
    axis: str


def draw_curve(rows: CurveRows, words: CurveWords) -> Spec:
    """Draw the share of children free of an event, the numbers at risk under the axis."""
    high = max(rows.last_day, 1)
    ticks = tuple(float(row["day"]) for row in rows.at_risk) or compute_ticks(0, high, DAY_STEPS, 6)
    x = make_channel(Axis(0, high, ticks, _(words.axis), "day"))
    y = make_numeric("free", (0, 100), (0, 25, 50, 75, 100))
    steps = [{**row, "tip": _say_step(row)} for row in rows.steps]
    censored = [{**row, "tip": _say_censored(row)} for row in rows.censored]
    tip = {"field": "tip"}
    curve = make_panel(
        f"{_(words.title)}, %",
        CURVE_HEIGHT,
        [
            *make_step(steps, rows.band, x, y, STYLE),
            make_layer(
                {"type": "point", "shape": STROKE, "filled": True, "color": PALETTE["accent"]},
                censored,
                x=x,
                y=y,
                tooltip=tip,
            ),
            make_layer(
                {"type": "point", "opacity": 0, "filled": True, "color": PALETTE["accent"]},
                steps,
                x=x,
                y=y,
                tooltip=tip,
            ),
        ],
    )
    description = _(
        "Kaplan-Meier curve: {title}, by {axis}, with the numbers at risk. "
        "The table below holds the same."
    ).format(title=_(words.title).lower(), axis=_(words.axis).lower())
    keys = [make_key(_("share"), "accent", "line"), make_key(_("its interval"), "accent", "band")]
    if censored:
        keys.append(make_key(_("last seen without the event"), "accent", STROKE))
    numbers = make_numbers({_("At risk"): rows.at_risk}, x)
    return make_chart(description, [curve, numbers], keys)


def _say_step(row: Row) -> str:
    return _("day {day}: {share} %").format(
        day=f"{float(row['day']):.0f}", share=f"{float(row['free']):.0f}"
    )


def _say_censored(row: Row) -> str:
    number = int(row["number"])
    return ngettext(
        "day {day}: {number} child last seen without the event",
        "day {day}: {number} children last seen without the event",
        number,
    ).format(day=f"{float(row['day']):.0f}", number=number)
