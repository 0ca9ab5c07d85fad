"""Draw a chart specification as static HTML and SVG that stays legible at every width.

Vega needs a JavaScript engine: started once and run for each child it took 2.4 s for seven
children, more than the rest of the run, and its drawing shrinks as a whole, so that on a phone
the letters are five pixels high. Here horizontal positions are percentages and vertical ones
pixels: the drawing follows the width of the page, letters and points keep their size, colours
follow light and dark, and no script is needed. ``scales`` places the values, ``marks`` draws them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from heliotrope.report.charts.marks import SYMBOLS, Panel, draw_layer, name_color
from heliotrope.report.charts.scales import LaneScale, NumericScale, find_channel, read_numeric
from heliotrope.report.charts.spec import Spec


@dataclass(frozen=True)
class _XAxis:
    scale: NumericScale
    ticks: tuple[float, ...]
    title: str


def render_chart(spec: Spec) -> Markup:
    """Render a specification as one HTML element with the role of an image.

    Returns safe markup; every text that came from data is escaped.
    """
    axis = _read_x_axis(spec)
    panels = [_render_panel(panel, axis) for panel in spec["vconcat"]]
    foot = _render_x_axis(axis) if axis and axis.ticks else ""
    return Markup('<div class="chart" role="img" aria-label="{}">{}{}{}</div>').format(
        spec["description"],
        _render_legend(spec.get("usermeta", {}).get("legend", [])),
        Markup("").join(panels),
        foot,
    )


def _read_x_axis(spec: Spec) -> _XAxis | None:
    for panel in spec["vconcat"]:
        channel = find_channel(panel["layer"], "x")
        if channel:
            axis = channel.get("axis") or {}
            return _XAxis(
                read_numeric(channel), tuple(axis.get("values", ())), axis.get("title") or ""
            )
    return None


def _render_legend(keys: list[dict[str, Any]]) -> Markup:
    entries = [
        Markup('<span class="key"><svg width="12" height="12">{}</svg>{}</span>').format(
            _draw_key(key), key["label"]
        )
        for key in keys
    ]
    return (
        Markup('<div class="legend">{}</div>').format(Markup("").join(entries))
        if keys
        else Markup("")
    )


def _draw_key(key: dict[str, Any]) -> Markup:
    color = name_color(key["color"])
    if key["shape"] == "line":
        return Markup('<line x1="0" x2="12" y1="6" y2="6" class="s-{}"/>').format(color)
    return Markup('<path transform="translate(6,6)" class="f-{}" d="{}"/>').format(
        color, SYMBOLS[key["shape"]]
    )


def _render_panel(spec: Spec, axis: _XAxis | None) -> Markup:
    height = spec["height"]
    channel = find_channel(spec["layer"], "y")
    lanes = bool(channel and channel["type"] == "nominal")
    panel = Panel(height, axis.scale if axis else None, _read_y(channel))
    ticks = (channel or {}).get("axis", {}).get("values", ()) if not lanes else ()
    grid = _draw_grid(panel, axis.ticks if axis else (), ticks)
    layers = Markup("\n").join(draw_layer(layer, panel) for layer in spec["layer"])
    names = panel.y.names if isinstance(panel.y, LaneScale) else ()
    return Markup(
        '<div class="panel{}"><div class="panel-title">{}</div>'
        '<div class="panel-axis" style="height:{}px">{}</div>'
        '<svg class="panel-plot" width="100%" height="{}">{}{}</svg></div>'
    ).format(
        " lanes" if lanes else "",
        _render_title(spec["title"]["text"]),
        height,
        _render_y_labels(panel, ticks, names),
        height,
        grid,
        layers,
    )


def _render_title(text: str) -> Markup:
    name, _, unit = text.partition(", ")
    return Markup("{} <small>{}</small>").format(name, unit) if unit else escape(name)


def _read_y(channel: dict[str, Any] | None) -> NumericScale | LaneScale | None:
    if channel is None:
        return None
    if channel["type"] == "nominal":
        return LaneScale(tuple(channel["scale"]["domain"]))
    return read_numeric(channel)


def _draw_grid(panel: Panel, x_ticks: tuple[float, ...], y_ticks: tuple[float, ...]) -> Markup:
    lines = [
        Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(panel.top(tick))
        for tick in y_ticks
    ]
    lines += [
        Markup('<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(
            panel.left(tick), panel.height
        )
        for tick in x_ticks
    ]
    return Markup("").join(lines)


def _render_y_labels(panel: Panel, ticks: tuple[float, ...], names: tuple[str, ...]) -> Markup:
    labels: list[tuple[float, str]] = [(panel.top(tick), format_tick(tick)) for tick in ticks]
    labels += [(panel.top(name), name) for name in names]
    return Markup("").join(
        Markup('<span style="top:{}px">{}</span>').format(top, label) for top, label in labels
    )


def _render_x_axis(axis: _XAxis) -> Markup:
    labels = Markup("").join(
        Markup('<span style="left:{:.2f}%">{}</span>').format(
            100 * axis.scale.fraction(tick), format_tick(tick)
        )
        for tick in axis.ticks
    )
    return Markup(
        '<div class="panel x-axis"><div class="panel-title"></div><div class="panel-axis"></div>'
        '<div class="panel-plot">{}<em>{}</em></div></div>'
    ).format(labels, axis.title)


def format_tick(value: float) -> str:
    """Write a tick as short as it can be read.

    >>> [format_tick(value) for value in (0.5, 10.0, 2000.0, -4.0)]
    ['0.5', '10', '2,000', '−4']
    """
    text = f"{value:,.0f}" if value == int(value) else f"{value:g}"
    return text.replace("-", "−")
