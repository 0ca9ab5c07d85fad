"""Draw a chart specification as static HTML and SVG that stays legible at every width.

Vega needs a JavaScript engine: started once and run for each child it took 2.4 s for seven
children, more than the rest of the run, and its drawing shrinks as a whole, so that on a phone
the letters are five pixels high. Here horizontal positions are percentages and vertical ones
pixels: the drawing follows the width of the page, letters and points keep their size, colours
follow light and dark, and no script is needed. ``scales`` places the values, ``marks`` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from heliotrope.report.charts.beside import pack_spec, render_table
from heliotrope.report.charts.marks import SYMBOLS, Panel, draw_layer, name_color
from heliotrope.report.charts.scales import LaneScale, NumericScale, find_channel, read_numeric
from heliotrope.report.charts.spec import (
    AREA,
    AREA_OPACITY,
    Spec,
    is_numbers,
    list_panels,
    read_labels,
)

KEY_LINES = {"line": "", "dashed": Markup(' stroke-dasharray="2 3"')}
KEY_BANDS = {"tall": (10, 1), "low": (4, 1), "band": (10, 0.25)}
"""How the legend draws lines and bands: height in pixels, opacity."""


@dataclass(frozen=True)
class _XAxis:
    scale: NumericScale
    ticks: tuple[float, ...]
    title: str


def render_chart(spec: Spec) -> Markup:
    """Render a specification: the drawing, itself for the page's script, its table if it has one.

    The drawing is one element with the role of an image, whose label says in words what it shows.
    Returns safe markup; every text that came from data is escaped.
    """
    panels = list_panels(spec)
    axis = next((found for found in map(_read_x_axis, panels[::-1]) if found), None)
    if "concat" in spec:
        drawn = Markup('<div class="multiples">{}</div>').format(
            Markup("").join(
                Markup('<div class="multiple">{}{}</div>').format(
                    _render_panel(panel, axis), _render_foot(axis, is_titled=False)
                )
                for panel in panels
            )
        )
        title = axis.title if axis else ""
        drawn += Markup('<p class="across">{}</p>').format(title[:1].upper() + title[1:])
    else:
        drawn = _render_stack(panels, axis)
    return Markup(
        '<div class="chart" data-vega-lite="{}"><div class="drawing" role="img" aria-label="{}">'
        "{}{}</div>{}</div>"
    ).format(
        pack_spec(spec),
        spec["description"],
        _render_legend(spec.get("usermeta", {}).get("legend", [])),
        drawn,
        render_table(spec),
    )


def _render_stack(panels: Sequence[Spec], axis: _XAxis | None) -> Markup:
    """Stack the panels, the labels of the axis under the last plot, numbers below them."""
    plots = [panel for panel in panels if not is_numbers(panel)]
    numbers = [panel for panel in panels if is_numbers(panel)]
    return Markup("").join(
        [
            *(_render_panel(panel, axis) for panel in plots),
            _render_foot(axis),
            *(_render_panel(panel, axis) for panel in numbers),
        ]
    )


def _read_x_axis(panel: Spec) -> _XAxis | None:
    channel = find_channel(panel["layer"], "x")
    if channel is None or not channel.get("axis"):
        return None
    axis = channel["axis"]
    scale = read_numeric(channel)
    return _XAxis(scale, tuple(axis.get("values", ())), axis.get("title") or "")


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
    if key["shape"] == AREA:
        return Markup(
            '<rect width="12" height="12" class="f-{}" opacity="{}"/>'
            '<path transform="translate(6,6) scale(.8)" class="f-ink" d="{}"/>'
        ).format(color, AREA_OPACITY, SYMBOLS[key["mark"]])
    if key["shape"] in KEY_LINES:
        return Markup('<line x1="0" x2="12" y1="6" y2="6" class="s-{}"{}/>').format(
            color, KEY_LINES[key["shape"]]
        )
    height, opacity = KEY_BANDS.get(key["shape"], (0, 1))
    if height:
        return Markup('<rect width="12" height="{}" y="{}" class="f-{}" opacity="{}"/>').format(
            height, 6 - height / 2, color, opacity
        )
    if key["shape"] == "hollow":
        return Markup('<circle cx="6" cy="6" r="4" class="s-{} hollow"/>').format(color)
    return Markup('<path transform="translate(6,6)" class="f-{}" d="{}"/>').format(
        color, SYMBOLS[key["shape"]]
    )


def _render_panel(spec: Spec, axis: _XAxis | None) -> Markup:
    channel = find_channel(spec["layer"], "y")
    lanes = bool(channel and channel["type"] == "nominal")
    height = spec["height"]
    if channel and lanes:
        height -= channel["scale"].get("range", (0,))[0]
    panel = Panel(height, axis.scale if axis else None, _read_y(channel))
    ticks = ((channel or {}).get("axis") or {}).get("values", ()) if not lanes else ()
    across = axis.ticks if axis and not is_numbers(spec) else ()
    names = read_labels(channel) if channel and lanes else {}
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
        _draw_grid(panel, across, ticks),
        Markup("\n").join(draw_layer(layer, panel) for layer in spec["layer"]),
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
        Markup('<line x2="100%" y1="{0}" y2="{0}"/>').format(panel.top(tick)) for tick in y_ticks
    ]
    lines += [
        Markup('<line x1="{0}" x2="{0}" y2="{1}"/>').format(panel.left(tick), panel.height)
        for tick in x_ticks
    ]
    return Markup('<g class="grid">{}</g>').format(Markup("").join(lines))


def _render_y_labels(panel: Panel, ticks: tuple[float, ...], names: Mapping[str, str]) -> Markup:
    """Label ticks by their numbers, lanes by their names, which have a direction of their own."""
    numbers = Markup("").join(
        Markup('<span style="top:{}px">{}</span>').format(panel.top(tick), format_tick(tick))
        for tick in ticks
    )
    return numbers + Markup("").join(
        Markup('<span style="top:{}px" dir="auto">{}</span>').format(panel.top(name), label)
        for name, label in names.items()
    )


def _render_foot(axis: _XAxis | None, *, is_titled: bool = True) -> Markup:
    if axis is None or not axis.ticks:
        return Markup("")
    labels = Markup("").join(
        Markup('<span style="left:{:.2f}%">{}</span>').format(
            100 * axis.scale.fraction(tick), format_tick(tick)
        )
        for tick in axis.ticks
    )
    return Markup(
        '<div class="panel x-axis"><div class="panel-title"></div><div class="panel-axis"></div>'
        '<div class="panel-plot">{}{}</div></div>'
    ).format(labels, Markup("<em>{}</em>").format(axis.title) if is_titled else "")


def format_tick(value: float) -> str:
    """Write a tick as short as it can be read.

    >>> [format_tick(value) for value in (0.5, 10.0, 2000.0, -4.0)]
    ['0.5', '10', '2,000', '−4']
    """
    text = f"{value:,.0f}" if value == int(value) else f"{value:g}"
    return text.replace("-", "−")
