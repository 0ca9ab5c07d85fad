"""The pieces chart specifications are put together from: palette, marks, axes, panels.

Every ``draw_*`` function returns a Vega-Lite specification as a plain dict. Only the part of
Vega-Lite that ``draw_svg`` can draw is used: stacked panels (``vconcat``) of layers of line, area,
point, rule, rect, tick and text marks on one shared horizontal axis. ``draw_svg`` draws it without
a browser; any Vega-Lite viewer draws the same specification interactively.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
Row = Mapping[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
PLOT_WIDTH = 640
STROKE = "M-.3,-1.2h.6v2.4h-.6z"
"""An upright stroke, as a path: Vega's own stroke lies flat."""

PALETTE = {
    "ink": "#1f1b24",
    "muted": "#6c6675",
    "grid": "#e2dfe6",
    "accent": "#6b4a8c",
    "cover": "#efe9f5",
    "blue": "#0072b2",
    "sky": "#56b4e9",
    "green": "#009e73",
    "amber": "#e69f00",
    "red": "#d55e00",
    "normal": "#dcefe6",
}
"""Okabe and Ito's colours, told apart by every kind of colour vision, and the page's own ink."""


@dataclass(frozen=True)
class Axis:
    """The shared horizontal axis: from, to, the ticks, and what it counts."""

    low: float
    high: float
    ticks: tuple[float, ...]
    title: str
    field: str = "week"


def make_channel(axis: Axis) -> Spec:
    """Make the horizontal channel of a mark on the shared axis."""
    return {
        "field": axis.field,
        "type": "quantitative",
        "scale": {"domain": [axis.low, axis.high], "nice": False},
        "axis": {"values": list(axis.ticks), "title": axis.title},
    }


def make_numeric(field: str, domain: Sequence[float], ticks: Sequence[float], **scale: Any) -> Spec:
    """Make a vertical channel of numbers; ``type="log"`` for a logarithmic one."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": list(domain), "nice": False, "zero": False, **scale},
        "axis": {"values": list(ticks), "title": None},
    }


def make_lanes(field: str, names: Sequence[str]) -> Spec:
    """Make a vertical channel of named lanes, the first on top."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names)},
        "axis": {"title": None},
    }


def make_layer(mark: str | Spec, rows: Iterable[Row], **encoding: Any) -> Spec:
    """Make one layer: a mark, its rows, and which field goes where."""
    return {
        "data": {"values": [dict(row) for row in rows]},
        "mark": {"type": mark} if isinstance(mark, str) else mark,
        "encoding": {name: channel for name, channel in encoding.items() if channel is not None},
    }


def make_panel(title: str, height: int, layers: Iterable[Spec]) -> Spec:
    """Make one panel; layers without rows are left out."""
    return {
        "title": {"text": title, "anchor": "start"},
        "width": PLOT_WIDTH,
        "height": height,
        "layer": [layer for layer in layers if layer["data"]["values"]],
    }


def make_chart(description: str, panels: Sequence[Spec], legend: Sequence[Spec] = ()) -> Spec:
    """Stack panels to a chart; ``description`` says in words what it shows."""
    return {
        "$schema": SCHEMA,
        "description": description,
        "usermeta": {"legend": list(legend)},
        "vconcat": [panel for panel in panels if panel["layer"]],
        "resolve": {"scale": {"x": "shared"}},
    }


def make_key(label: str, color: str, shape: str = "square") -> Spec:
    """Make one entry of the legend."""
    return {"label": label, "color": PALETTE[color], "shape": shape}


def compute_ticks(low: float, high: float, steps: Sequence[float], most: int) -> tuple[float, ...]:
    """Choose round ticks between two values: the finest of ``steps`` that gives at most ``most``.

    >>> compute_ticks(-3, 50, (4, 13, 26, 52), 6)
    (0, 13, 26, 39)
    """
    for step in steps:
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first + 1 <= most:
            return tuple(step * number for number in range(first, last + 1))
    step = steps[-1] * math.ceil((high - low) / steps[-1] / most)
    return tuple(step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1))


def compute_decades(low: float, high: float) -> tuple[float, ...]:
    """Choose ticks for a logarithmic axis: 1, 2 and 5 times powers of ten, thinned to five.

    >>> compute_decades(40, 3000)
    (100.0, 1000.0)
    >>> compute_decades(90, 600)
    (100.0, 200.0, 500.0)
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = tuple(m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high)
    coarse = tuple(10.0**p for p in powers if low <= 10.0**p <= high)
    return fine if len(fine) <= 4 or len(coarse) < 2 else coarse


def compute_nice_steps(span: float) -> tuple[float, ...]:
    """List round steps for an axis of numbers of this span.

    >>> compute_nice_steps(8)
    (1.0, 2.0, 5.0, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(span)) if span > 0 else 1.0
    return (power, 2 * power, 5 * power, 10 * power)
