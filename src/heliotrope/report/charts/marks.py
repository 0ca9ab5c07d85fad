"""The marks of the static drawing: lines, areas, points, rules, rectangles, ticks, text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from heliotrope.report.charts.scales import LaneScale, NumericScale
from heliotrope.report.charts.spec import PALETTE, STROKE, Spec

PADDING = 5
RADIUS = 4
SYMBOLS = {
    "circle": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "square": "M-4,-4h8v8h-8z",
    "diamond": "M0,-5.5l4.5,5.5l-4.5,5.5l-4.5,-5.5z",
    "triangle-up": "M0,-5l5,9h-10z",
    "triangle-down": "M0,5l5,-9h-10z",
    "cross": "M-1.5,-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    "triangle-right": "M-3,-5l8,5l-8,5z",
    STROKE: "M-1.5,-6h3v12h-3z",
}
_NAMES = {value: name for name, value in PALETTE.items()}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Panel:
    """The height of a panel in pixels and its two scales."""

    height: int
    x: NumericScale | None
    y: NumericScale | LaneScale | None

    def left(self, value: float) -> str:
        """Place a value from left to right, in percent of the width."""
        assert self.x is not None
        return f"{100 * self.x.fraction(value):.2f}%"

    def top(self, value: Any) -> float:
        """Place a value from top to bottom, in pixels."""
        if isinstance(self.y, LaneScale):
            return round(self.y.centre(str(value)) * self.height, 1)
        if self.y is None:
            return self.height / 2
        inner = self.height - 2 * PADDING
        return round(PADDING + (1 - self.y.fraction(float(value))) * inner, 1)


def name_color(color: str) -> str:
    """Name a colour of the palette, so that the page's light and dark styles apply."""
    return _NAMES[color.lower()]


def draw_layer(layer: Spec, panel: Panel) -> Markup:
    """Draw one layer of a panel."""
    return _DRAW[layer["mark"]["type"]](layer, panel)


def _rows(layer: Spec) -> list[dict[str, Any]]:
    return list(layer["data"]["values"])


def _field(layer: Spec, channel: str) -> str | None:
    encoding = layer["encoding"].get(channel)
    return encoding.get("field") if encoding else None


def _color(layer: Spec, row: Row, prefix: str) -> str:
    by = layer["encoding"].get("color")
    if by is None:
        return f"{prefix}-{name_color(layer['mark'].get('color', PALETTE['ink']))}"
    colors = dict(zip(by["scale"]["domain"], by["scale"]["range"], strict=True))
    return f"{prefix}-{name_color(colors[row[by['field']]])}"


def _shape(layer: Spec, row: Row) -> str:
    by = layer["encoding"].get("shape")
    if by is None:
        return str(layer["mark"].get("shape", "circle"))
    shapes = dict(zip(by["scale"]["domain"], by["scale"]["range"], strict=True))
    return str(shapes[row[by["field"]]])


def _title(layer: Spec, row: Row) -> Markup:
    """Give what a pointer shows, in words, and the cell of the source under it."""
    shown = layer["encoding"].get("tooltip") or ()
    fields = [shown] if isinstance(shown, Mapping) else shown
    lines = [str(row[tip["field"]]) for tip in fields if row.get(tip["field"])]
    return Markup("<title>{}</title>").format("\n".join(lines)) if lines else Markup("")


def _opacity(layer: Spec) -> Markup:
    value = layer["mark"].get("opacity")
    return Markup("") if value is None else Markup(' opacity="{}"').format(value)


def _draw_points(layer: Spec, panel: Panel) -> Markup:
    x, y = _field(layer, "x"), _field(layer, "y")
    scale = round(math.sqrt(layer["mark"].get("size", 50) / 50), 2)
    hollow = layer["mark"].get("filled") is False
    drawn = []
    for row in _rows(layer):
        color = _color(layer, row, "s" if hollow else "f") + (" hollow" if hollow else "")
        at = (panel.left(row[x]) if x else "50%", panel.top(row[y] if y else None))
        said = (_opacity(layer), _title(layer, row))
        shape = _shape(layer, row)
        if shape == "circle":
            drawn.append(
                Markup('<circle cx="{}" cy="{}" r="{:g}" class="mark {}"{}>{}</circle>').format(
                    *at, RADIUS * scale, color, *said
                )
            )
            continue
        size = Markup("") if scale == 1 else Markup(' transform="scale({})"').format(scale)
        drawn.append(
            Markup(
                '<svg x="{}" y="{}" class="mark"><path class="{}"{} d="{}"{}>{}</path></svg>'
            ).format(*at, color, size, SYMBOLS[shape], *said)
        )
    return Markup("").join(drawn)


def _draw_rectangles(layer: Spec, panel: Panel) -> Markup:
    x, x2, y, y2 = (_field(layer, name) for name in ("x", "x2", "y", "y2"))
    drawn = []
    for row in _rows(layer):
        left = panel.x.fraction(row[x]) if panel.x and x else 0.0
        right = panel.x.fraction(row[x2]) if panel.x and x2 else 1.0
        top, height = _span(layer, panel, row, y, y2)
        drawn.append(
            Markup('<rect x="{:.2f}%" width="{:.2f}%" y="{}" height="{}" class="{}"{}{}').format(
                100 * left,
                max(100 * (right - left), 0.15),
                top,
                height,
                _color(layer, row, "f"),
                _opacity(layer),
                Markup(">{}</rect>").format(said) if (said := _title(layer, row)) else Markup("/>"),
            )
        )
    return Markup("").join(drawn)


def _span(
    layer: Spec, panel: Panel, row: Row, y: str | None, y2: str | None
) -> tuple[float, float]:
    if y and y2:
        low, high = panel.top(row[y]), panel.top(row[y2])
        return min(low, high), round(abs(high - low), 1)
    if y and isinstance(panel.y, LaneScale):
        thick = layer["mark"].get("height", round(panel.y.height * panel.height * 0.5, 1))
        return round(panel.top(row[y]) - thick / 2, 1), thick
    return 0, panel.height


def _draw_rules(layer: Spec, panel: Panel) -> Markup:
    x, x2, y, y2 = (_field(layer, name) for name in ("x", "x2", "y", "y2"))
    dash = layer["mark"].get("strokeDash")
    style = Markup(' stroke-dasharray="{}"').format(" ".join(map(str, dash))) if dash else ""
    drawn = []
    for row in _rows(layer):
        left = panel.left(row[x]) if x else "0"
        right = panel.left(row[x2]) if x2 else (left if x else "100%")
        top = panel.top(row[y]) if y else 0
        end = panel.top(row[y2]) if y2 else top if y else panel.height
        drawn.append(
            Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" class="{}"{}{}>{}</line>').format(
                left,
                right,
                top,
                end,
                _color(layer, row, "s"),
                style,
                _opacity(layer),
                _title(layer, row),
            )
        )
    return Markup("").join(drawn)


def _draw_text(layer: Spec, panel: Panel) -> Markup:
    mark = layer["mark"]
    anchor = {"left": "start", "right": "end"}.get(mark.get("align", ""), "middle")
    x, y, text = _field(layer, "x"), _field(layer, "y"), layer["encoding"]["text"]["field"]
    return Markup("").join(
        Markup('<text x="{}" y="{}" dx="{}" dy="{}" text-anchor="{}" class="{}">{}</text>').format(
            panel.left(row[x]) if x else "0",
            panel.top(row[y] if y else None),
            mark.get("dx", 0),
            mark.get("dy", 0) + 4,
            anchor,
            _color(layer, row, "f"),
            row[text],
        )
        for row in _rows(layer)
    )


def _points_of(
    layer: Spec, panel: Panel, field: str | None, rows: Sequence[Row]
) -> list[tuple[float, float]]:
    x = _field(layer, "x")
    assert panel.x is not None
    assert x is not None
    points = [
        (round(1000 * panel.x.fraction(row[x]), 1), panel.top(row[field] if field else 0))
        for row in sorted(rows, key=lambda row: float(row[x]))
    ]
    if layer["mark"].get("interpolate") != "step-after":
        return points
    corners = [(later[0], here[1]) for here, later in pairwise(points)]
    stepped = [point for pair in zip(points, corners, strict=False) for point in pair]
    return [*stepped, *points[-1:]]


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{left:g},{top:g}" for left, top in points)


def _stretch(panel: Panel, path: Markup) -> Markup:
    return Markup(
        '<svg width="100%" height="{0}" viewBox="0 0 1000 {0}" preserveAspectRatio="none">{1}</svg>'
    ).format(panel.height, path)


def _draw_line(layer: Spec, panel: Panel) -> Markup:
    dash = layer["mark"].get("strokeDash")
    style = Markup(' stroke-dasharray="{}"').format(" ".join(map(str, dash))) if dash else ""
    lines = _group(layer).values()
    path = "".join(_path(_points_of(layer, panel, _field(layer, "y"), rows)) for rows in lines)
    return _stretch(
        panel,
        Markup('<path class="{} line" d="{}"{}{}/>').format(
            _color(layer, {}, "s"), path, style, _opacity(layer)
        ),
    )


def _group(layer: Spec) -> dict[Any, list[Row]]:
    """Part the rows into the lines they belong to: one, unless a field tells them apart."""
    field = _field(layer, "detail")
    groups: dict[Any, list[Row]] = {}
    for row in _rows(layer):
        groups.setdefault(row[field] if field else None, []).append(row)
    return groups


def _draw_area(layer: Spec, panel: Panel) -> Markup:
    rows = _rows(layer)
    upper = _points_of(layer, panel, _field(layer, "y"), rows)
    lower = _points_of(layer, panel, _field(layer, "y2"), rows)
    path = _path([*upper, *reversed(lower)]) + "z"
    return _stretch(
        panel,
        Markup('<path class="{}" d="{}"{}/>').format(_color(layer, {}, "f"), path, _opacity(layer)),
    )


_DRAW: dict[str, Callable[[Spec, Panel], Markup]] = {
    "point": _draw_points,
    "rect": _draw_rectangles,
    "bar": _draw_rectangles,
    "rule": _draw_rules,
    "text": _draw_text,
    "line": _draw_line,
    "area": _draw_area,
}
