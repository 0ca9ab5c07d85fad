"""A measure's course in the height of a line: every value in time, the days of IVIG shaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from markupsafe import Markup, escape

from heliotrope.report.language import _
from heliotrope.report.words import say_number

WIDTH, HEIGHT, MARGIN = 120.0, 20.0, 3.0
FEWEST = 2


def draw_sparkline(
    values: Sequence[tuple[dt.date, float]],
    cover: tuple[dt.date, dt.date] | None,
    title: str,
) -> Markup:
    """Draw the values of one measure, lowest at the bottom; fewer than two values: nothing.

    The drawing has no axis, since the figures stand beside it; its text says from what to what.
    """
    if len(values) < FEWEST:
        return Markup("")
    first, last = values[0][0], values[-1][0]
    days = max((last - first).days, 1)
    numbers = [number for _date, number in values]
    low, high = min(numbers), max(numbers)

    def across(date: dt.date) -> float:
        share = min(max((date - first).days / days, 0.0), 1.0)
        return MARGIN + share * (WIDTH - 2 * MARGIN)

    def up(number: float) -> float:
        share = 0.5 if high == low else (number - low) / (high - low)
        return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)

    points = [(across(date), up(number)) for date, number in values]
    said = _("{measure}: {n} values from {first} to {last}, lowest {low}, highest {high}").format(
        measure=title,
        n=len(values),
        first=first,
        last=last,
        low=say_number(low),
        high=say_number(high),
    )
    shade = ""
    if cover is not None and cover[0] <= last and cover[1] >= first:
        left, right = across(cover[0]), across(cover[1])
        shade = (
            f'<rect class="f-cover" x="{left:.1f}" y="0" '
            f'width="{max(right - left, 1):.1f}" height="{HEIGHT:g}"/>'
        )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ends = f'<circle class="f-blue" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.2"/>'
    return Markup(
        f'<svg class="spark" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="{escape(said)}">{shade}'
        f'<polyline class="s-blue" fill="none" points="{path}"/>{ends}</svg>'
    )
