"""Lay a chart out for a column of a journal: its width, its legend in it, labels wrapped.

A figure is laid out on a canvas whose letters are 12 high and then scaled as a whole, so that in
the column they are ``LETTER_POINTS`` high: what the page's drawing measures stays in proportion.
"""

from __future__ import annotations

import copy
import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from heliotrope.report.charts.scales import find_channel
from heliotrope.report.charts.spec import (
    AREA,
    AREA_OPACITY,
    MULTIPLES_GAP,
    MULTIPLES_WIDTH,
    PALETTE,
    Spec,
    list_panels,
    make_layer,
    read_labels,
)

LETTER_POINTS = 7
CANVAS_LETTER = 12
MM_PER_INCH, POINTS_PER_INCH = 25.4, 72
LETTER_WIDTH = 6.4
LEAST_PLOT = 80
LINE_HEIGHT, LEGEND_GAP = 15, 12
KEY_WIDTH, KEY_GAP, KEY_HEIGHT = 12, 18, 18
FONT = "Arial, Helvetica, sans-serif"
MOST_LABEL = 0.42
"""The part of the width that the names of lanes may take."""


def compute_canvas(width_mm: float) -> float:
    """Compute how wide the canvas of a column is.

    >>> round(compute_canvas(84)), round(compute_canvas(174))
    (408, 846)
    """
    return width_mm / MM_PER_INCH * POINTS_PER_INCH * CANVAS_LETTER / LETTER_POINTS


def lay_out(spec: Spec, canvas: float, plot: float) -> Spec:
    """Lay a chart out on a canvas with plots of a width; the legend becomes part of it."""
    body = copy.deepcopy({key: spec[key] for key in spec if key not in ("$schema", "usermeta")})
    config = body.pop("config")
    if "concat" in body:
        columns = max(1, int((canvas + MULTIPLES_GAP) // (MULTIPLES_WIDTH + MULTIPLES_GAP)))
        body["columns"] = columns
        width = (plot - (columns - 1) * MULTIPLES_GAP) / columns
    else:
        width = plot
    for panel in list_panels(body):
        panel["width"] = round(width, 1)
        _wrap_title(panel, width)
        _wrap_lanes(panel, canvas)
    lines = max((_count_lines(panel) for panel in list_panels(body)), default=1)
    body["spacing"] = _widen(body["spacing"], LINE_HEIGHT * max(lines - 1, 0))
    parts = [body]
    keys = spec["usermeta"]["legend"]
    if keys:
        parts.insert(0, draw_legend(keys, plot))
    return {
        "$schema": spec["$schema"],
        "description": body.pop("description"),
        "background": PALETTE["paper"],
        "padding": 3,
        "bounds": "flush",
        "spacing": LEGEND_GAP + LINE_HEIGHT * lines,
        "vconcat": parts,
        "config": {**config, "font": FONT},
    }


def _count_lines(panel: Spec) -> int:
    text = panel["title"]["text"]
    return (1 if text else 0) if isinstance(text, str) else len(text)


def _widen(spacing: Any, by: float) -> Any:
    """Widen the gap between rows by what the longest title takes more than one line."""
    return {**spacing, "row": spacing["row"] + by} if isinstance(spacing, dict) else spacing + by


def _wrap_title(panel: Spec, width: float) -> None:
    name, _sign, unit = panel["title"]["text"].partition(", ")
    letters = max(int(width / LETTER_WIDTH), 8)
    if name and len(name) + len(unit) + 2 > letters:
        lines = [*textwrap.wrap(name, letters), *textwrap.wrap(unit, letters)]
        panel["title"] = {**panel["title"], "text": lines}


def _wrap_lanes(panel: Spec, canvas: float) -> None:
    """Break the names of lanes over lines, so that the plot keeps more than half of the width."""
    channel = find_channel(panel["layer"], "y")
    if channel is None or channel["type"] != "nominal":
        return
    labels = read_labels(channel)
    letters = int(canvas * MOST_LABEL / LETTER_WIDTH)
    if all(len(label) <= letters for label in labels.values()):
        return
    wrapped = {name: textwrap.wrap(label, letters) or [""] for name, label in labels.items()}
    for layer in panel["layer"]:
        axis = layer["encoding"].get("y", {}).get("axis")
        if axis is not None:
            axis["labelExpr"] = f"{json.dumps(wrapped)}[datum.value]"
            axis["labelLimit"] = canvas


def draw_legend(keys: Sequence[Spec], width: float) -> Spec:
    """Draw the legend as a panel of its own, its keys in as many rows as they need."""
    placed = list(_place(keys, width))
    rows = 1 + max(key["row"] for key in placed)
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [0, width], "nice": False},
        "axis": None,
    }
    y = {
        "field": "row",
        "type": "quantitative",
        "scale": {"domain": [rows - 0.5, -0.5], "nice": False, "zero": False},
        "axis": None,
    }
    layers = [layer for key in placed for layer in _draw_key(key, x, y)]
    words = [{**key, "x": key["x"] + KEY_WIDTH + 6} for key in placed]
    text = {"type": "text", "align": "left", "baseline": "middle", "color": PALETTE["ink"]}
    layers.append(make_layer(text, words, x=x, y=y, text={"field": "label"}))
    return {"width": round(width, 1), "height": KEY_HEIGHT * rows, "layer": layers}


def _place(keys: Sequence[Spec], width: float) -> Iterable[Spec]:
    x, row = 0.0, 0
    for key in keys:
        takes = KEY_WIDTH + 6 + len(key["label"]) * LETTER_WIDTH + KEY_GAP
        if x and x + takes - KEY_GAP > width:
            x, row = 0.0, row + 1
        yield {**key, "x": x, "until": x + KEY_WIDTH, "middle": x + KEY_WIDTH / 2, "row": row}
        x += takes


def _draw_key(key: Spec, x: Spec, y: Spec) -> list[Spec]:
    if key["shape"] == AREA:
        return [
            _draw_sign({**key, "shape": "tall"}, x, y, opacity=AREA_OPACITY),
            _draw_sign({**key, "shape": key["mark"], "color": PALETTE["ink"]}, x, y),
        ]
    return [_draw_sign(key, x, y)]


def _draw_sign(key: Spec, x: Spec, y: Spec, *, opacity: float = 1) -> Spec:
    color, shape = {"color": key["color"]}, key["shape"]
    if shape in ("line", "dashed"):
        dash = {"strokeDash": [2, 3]} if shape == "dashed" else {}
        return make_layer({"type": "rule", **color, **dash}, [key], x=x, x2={"field": "until"}, y=y)
    if shape in ("tall", "low", "band"):
        height = 4 if shape == "low" else 10
        opacity = 0.3 if shape == "band" else opacity
        return make_layer(
            {"type": "bar", **color, "height": height, "opacity": opacity, "orient": "horizontal"},
            [key],
            x=x,
            x2={"field": "until"},
            y=y,
        )
    is_filled = shape != "hollow"
    mark = {"type": "point", **color, "shape": shape if is_filled else "circle", "size": 60}
    return make_layer({**mark, "filled": is_filled}, [key], x={**x, "field": "middle"}, y=y)
