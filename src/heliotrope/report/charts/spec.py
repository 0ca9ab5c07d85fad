"""The pieces chart specifications are put together from: palette, marks, axes, panels.

Every ``draw_*`` function returns a Vega-Lite specification as a plain dict. Only the part of
Vega-Lite that ``draw_svg`` can draw is used: stacked panels (``vconcat``) of layers of line, area,
point, rule, rect, tick and text marks on one shared horizontal axis. ``draw_svg`` draws it without
a browser; any Vega-Lite viewer draws the same specification interactively.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ChartTable:
    """The values of a chart as a table: its columns, and its rows as printed."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


VEGA_LITE = "6.4"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
PLOT_WIDTH = 640
PANEL_GAP = 32
NUMBERS = "numbers"
MULTIPLES_WIDTH = 150
MULTIPLES_COLUMNS = 4
MULTIPLES_GAP, MULTIPLES_ROW_GAP = 44, 68
MARK_SIZE = 36
AREA, AREA_OPACITY = "area", 0.45
STROKE = "M-.3,-1.2h.6v2.4h-.6z"
"""An upright stroke, as a path: Vega's own stroke lies flat."""

PALETTE = {
    "ink": "#1f1b24",
    "paper": "#ffffff",
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


TIP: tuple[Spec, ...] = ({"field": "tip"}, {"field": "cell"})
"""What a mark shows of itself: in words, and the cell of the source where it stands."""

THEME: Spec = {
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "title": {"fontSize": 12, "fontWeight": 600, "color": PALETTE["ink"], "offset": 6},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleAnchor": "start",
        "titleAlign": "left",
        "labelColor": PALETTE["muted"],
        "titleColor": PALETTE["muted"],
        "gridColor": PALETTE["grid"],
        "domainColor": PALETTE["grid"],
        "tickColor": PALETTE["grid"],
        "labelFlush": False,
        "labelLimit": 260,
    },
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
    "text": {"fontSize": 12},
    "line": {"strokeWidth": 1.75},
    "rule": {"strokeWidth": 1.5},
    "point": {"opacity": 1, "strokeWidth": 0.75},
}
"""How Vega draws what the specification leaves open: as the page and its static drawing do."""


@dataclass(frozen=True)
class Axis:
    """The shared horizontal axis: from, to, the ticks, and what it counts."""

    low: float
    high: float
    ticks: tuple[float, ...]
    title: str
    field: str = "week"


@dataclass(frozen=True)
class StepStyle:
    """The colour of a step line, and the opacity of its band."""

    color: str
    band: float


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
        "scale": {"domain": list(domain), "nice": False, **(scale or {"zero": False})},
        "axis": {"values": list(ticks), "title": None},
    }


def make_lanes(field: str, names: Sequence[str], labels: Mapping[str, str] | None = None) -> Spec:
    """Make a vertical channel of named lanes, the first on top.

    ``labels``: the lanes that are labelled, and with what; without it every lane by its name.
    """
    axis: Spec = {"title": None, "grid": False}
    if labels is not None:
        axis |= {"values": list(labels), "labelExpr": f"{json.dumps(labels)}[datum.value]"}
    return {"field": field, "type": "nominal", "scale": {"domain": list(names)}, "axis": axis}


def read_labels(channel: Spec) -> dict[str, str]:
    """Read which lanes are labelled, and with what."""
    given = channel["axis"].get("labelExpr")
    if given is None:
        return {name: name for name in channel["scale"]["domain"]}
    labels: dict[str, str] = json.loads(given.removesuffix("[datum.value]"))
    return labels


def make_layer(mark: str | Spec, rows: Iterable[Row], **encoding: Any) -> Spec:
    """Make one layer: a mark, its rows, and which field goes where."""
    listed = [dict(row) for row in rows]
    if encoding.get("tooltip") is TIP:
        has_cell = any(row.get("cell") for row in listed)
        encoding["tooltip"] = list(TIP) if has_cell else TIP[0]
    return {
        "data": {"values": listed},
        "mark": {"type": mark} if isinstance(mark, str) else dict(mark),
        "encoding": {name: channel for name, channel in encoding.items() if channel is not None},
    }


def make_panel(title: str, height: int, layers: Iterable[Spec]) -> Spec:
    """Make one panel; layers without rows are left out."""
    return {
        "title": {"text": title, "anchor": "start", "frame": "group"},
        "width": PLOT_WIDTH,
        "height": height,
        "layer": [layer for layer in layers if layer["data"]["values"]],
    }


def make_chart(
    description: str,
    panels: Sequence[Spec],
    legend: Sequence[Spec] = (),
    table: ChartTable | None = None,
) -> Spec:
    """Stack panels to a chart; ``description`` says in words what it shows.

    The horizontal axis is labelled once, under the last panel that is no panel of numbers. Give
    ``table`` where no table of the same values stands beside the chart.
    """
    shown = [panel for panel in panels if panel["layer"]]
    plots = [panel for panel in shown if not is_numbers(panel)]
    for panel in shown:
        _label_across(panel, is_labelled=bool(plots) and panel is plots[-1])
    return _finish(description, legend, table) | {
        "spacing": PANEL_GAP,
        "vconcat": shown,
        "resolve": {"scale": {"x": "shared"}},
    }


def make_multiples(
    description: str,
    panels: Sequence[Spec],
    legend: Sequence[Spec] = (),
    table: ChartTable | None = None,
    *,
    is_one_scale: bool = True,
) -> Spec:
    """Put panels of one kind side by side, each with both of its axes, on the same scales."""
    return _finish(description, legend, table) | {
        "spacing": {"row": MULTIPLES_ROW_GAP, "column": MULTIPLES_GAP},
        "columns": MULTIPLES_COLUMNS,
        "concat": [{**panel, "width": MULTIPLES_WIDTH} for panel in panels if panel["layer"]],
        "resolve": {"scale": {"x": "shared", "y": "shared" if is_one_scale else "independent"}},
    }


def list_panels(spec: Spec) -> list[Spec]:
    """List the panels of a chart, stacked or side by side."""
    return list(spec["vconcat"] if "vconcat" in spec else spec["concat"])


def is_numbers(panel: Spec) -> bool:
    """Whether a panel holds numbers under a plot."""
    return bool(panel.get("name") == NUMBERS)


def _finish(description: str, legend: Sequence[Spec], table: ChartTable | None) -> Spec:
    meta: Spec = {"legend": list(legend)}
    if table is not None:
        meta["table"] = {"columns": list(table.columns), "rows": [list(r) for r in table.rows]}
    return {
        "$schema": SCHEMA,
        "description": description,
        "usermeta": meta,
        "bounds": "flush",
        "config": THEME,
    }


def _label_across(panel: Spec, *, is_labelled: bool) -> None:
    """Label the horizontal axis of one panel; on the others only its grid is drawn."""
    if not is_labelled:
        panel["layer"] = [_hush(layer, has_grid=not is_numbers(panel)) for layer in panel["layer"]]


def _hush(layer: Spec, *, has_grid: bool) -> Spec:
    """Copy a layer whose horizontal axis says nothing: panels share their layers."""
    channel = layer["encoding"].get("x")
    if channel is None:
        return layer
    quiet = {**channel["axis"], "labels": False, "ticks": False, "domain": False, "title": None}
    across = {**channel, "axis": quiet if has_grid else None}
    return {**layer, "encoding": {**layer["encoding"], "x": across}}


def make_key(label: str, color: str, shape: str = "square") -> Spec:
    """Make one entry of the legend."""
    return {"label": label, "color": PALETTE[color], "shape": shape}


def make_area_key(label: str, color: str, mark: str) -> Spec:
    """Make the entry of an area that is told apart by the marks in it as by its colour."""
    return {**make_key(label, color, AREA), "mark": mark}


def make_step(
    rows: Iterable[Row], band: Iterable[Row], x: Spec, y: Spec, style: StepStyle
) -> list[Spec]:
    """Make a step line over its band: what holds until the next day, and its interval.

    ``band``: rows with ``low`` and ``high``; ``rows`` have the field of ``y``.
    """
    step = {"color": PALETTE[style.color], "interpolate": "step-after"}
    return [
        make_layer(
            {**step, "type": "area", "opacity": style.band},
            band,
            x=x,
            y={**y, "field": "high"},
            y2={"field": "low"},
        ),
        make_layer({**step, "type": "line"}, rows, x=x, y=y),
    ]


def make_marked_line(rows: Sequence[Row], x: Spec, y: Spec, style: Spec) -> list[Spec]:
    """Make a line with a mark at each value, which says in words what it is (``tip``)."""
    return [
        make_layer({"type": "line", **style}, rows, x=x, y=y),
        make_layer(
            {"type": "point", "color": style["color"], "filled": True, "size": MARK_SIZE},
            rows,
            x=x,
            y=y,
            tooltip={"field": "tip"},
        ),
    ]


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
