"""One specification, two drawings: the page's own puts each mark where Vega puts it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.marks import PADDING
from heliotrope.report.charts.spec import (
    PLOT_WIDTH,
    VEGA_LITE,
    Axis,
    Spec,
    make_channel,
    make_chart,
    make_lanes,
    make_layer,
    make_numeric,
    make_panel,
)

HEIGHT = 100
NEAR = 0.02
"""Places are written in hundredths of a per cent across and in tenths of a pixel down."""

numbers = st.floats(0, 10, allow_nan=False).map(lambda value: round(value, 3))
marks = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12)


def list_items(spec: Spec, kind: str) -> list[dict[str, Any]]:
    """List what Vega draws of one kind of mark, with its place in the plot."""
    vl_convert = pytest.importorskip("vl_convert")
    graph = vl_convert.vegalite_to_scenegraph(spec, vl_version=VEGA_LITE)
    found: list[dict[str, Any]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("marktype") == kind and "layer_" in str(node.get("name", "")):
                found.extend(node.get("items", []))
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(json.loads(graph) if isinstance(graph, str) else graph)
    return found


def draw(mark: str, rows: list[dict[str, Any]], **encoding: Any) -> Spec:
    axis = Axis(0, 10, (0, 5, 10), "Weeks")
    layer = make_layer({"type": mark, "filled": True}, rows, x=make_channel(axis), **encoding)
    return make_chart("a chart", [make_panel("P", HEIGHT, [layer])])


@settings(max_examples=12, deadline=None)
@given(places=marks, is_log=st.booleans())
def test_points_stand_where_vega_puts_them(places: list[tuple[float, float]], is_log: bool) -> None:
    low = 1.0 if is_log else 0.0
    rows = [{"week": week, "v": max(value, low)} for week, value in places]
    scale = {"type": "log"} if is_log else {}
    spec = draw("point", rows, y=make_numeric("v", (low, 10), (low, 10), **scale))
    ours = [
        (float(x) / 100, (float(y) - PADDING) / (HEIGHT - 2 * PADDING))
        for x, y in re.findall(
            r'<(?:svg|circle) c?x="([\d.]+)%" c?y="([\d.]+)"[^>]* class="mark',
            str(render_chart(spec)),
        )
    ]
    theirs = [
        (item.get("x", 0) / PLOT_WIDTH, item.get("y", 0) / HEIGHT)
        for item in list_items(spec, "symbol")
    ]
    assert len(ours) == len(theirs) == len(rows)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=NEAR)


@settings(max_examples=12, deadline=None)
@given(spans=st.lists(st.tuples(numbers, numbers, st.sampled_from("abc")), min_size=1, max_size=9))
def test_bands_span_what_vega_spans(spans: list[tuple[float, float, str]]) -> None:
    rows = [
        {"week": min(one, other), "until": max(one, other) + 0.1, "lane": lane}
        for one, other, lane in spans
        if max(one, other) < 9.9
    ]
    spec = draw("rect", rows, x2={"field": "until"}, y=make_lanes("lane", list("abc")))
    drawn = re.findall(
        r'<rect x="([\d.]+)%" width="([\d.]+)%" y="([\d.]+)" height="([\d.]+)"',
        str(render_chart(spec)),
    )
    ours = [(float(x) / 100, float(w) / 100, float(y) + float(h) / 2) for x, w, y, h in drawn]
    theirs = [
        (i.get("x", 0) / PLOT_WIDTH, i["width"] / PLOT_WIDTH, i.get("y", 0) + i["height"] / 2)
        for i in (list_items(spec, "rect") if rows else [])
    ]
    assert len(ours) == len(theirs) == len(rows)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine[:2] == pytest.approx(other[:2], abs=NEAR)
        assert mine[2] == pytest.approx(other[2], abs=2)
