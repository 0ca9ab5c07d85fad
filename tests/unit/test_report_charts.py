"""The static drawing puts marks where the specification says, and Vega-Lite accepts the same."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
from tests.unit.vega_lite import check_spec

from heliotrope.report.charts.cohort import draw_counts, draw_intervals
from heliotrope.report.charts.curve import CurveRows, CurveWords, draw_curve
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.palette_css import DARK, render_palette
from heliotrope.report.charts.spec import (
    PALETTE,
    Axis,
    Spec,
    make_channel,
    make_chart,
    make_lanes,
    make_layer,
    make_numeric,
    make_panel,
)
from heliotrope.report.charts.swimmer import SwimmerRows, draw_swimmer

AXIS = Axis(0, 10, (0, 5, 10), "Weeks")


def draw_one(mark: str | Spec, rows: list[dict[str, Any]], **encoding: Any) -> str:
    encoding = {"x": make_channel(AXIS), **encoding}
    return str(
        render_chart(
            make_chart("a chart", [make_panel("P", 100, [make_layer(mark, rows, **encoding)])])
        )
    )


def swimmer() -> Spec:
    row = {"lane": "A", "week": 2.0, "until": 6.0, "tip": "A: something"}
    spans = {key: [row] for key in ("regimens", "improved", "not_improved", "not_assessed")}
    marks = {key: [row] for key in ("courses", "first_improved", "worse", "reactions", "stopped")}
    return draw_swimmer(SwimmerRows(["A", "B"], 8, **spans, **marks, ongoing=[row], died=[row]))


def curve() -> Spec:
    return draw_curve(
        CurveRows(
            steps=[{"day": 0.0, "free": 100.0}, {"day": 90.0, "free": 50.0}],
            band=[{"day": 90.0, "low": 10.0, "high": 80.0}, {"day": 120.0, "low": 5, "high": 70}],
            at_risk=[{"day": 0.0, "number": "4"}, {"day": 90.0, "number": "2"}],
            last_day=120,
        ),
        CurveWords("Children not worse", "Days from the last infusion"),
    )


def counts() -> Spec:
    return draw_counts([{"lane": "Rapid", "count": 3, "text": "3"}], "counts")


def intervals() -> Spec:
    row = {"lane": "Held", "share": 40.0, "low": 5.0, "high": 85.0, "text": "2 of 5"}
    return draw_intervals([row], "shares")


class TestPlaces:
    def test_a_point_stands_at_its_share_of_the_width_and_height(self) -> None:
        drawn = draw_one("point", [{"week": 2.5, "v": 10}], y=make_numeric("v", (0, 10), (0, 10)))
        assert '<circle cx="25.00%" cy="5.0"' in drawn

    def test_ten_times_more_is_as_far_as_ten_times_less_on_a_log_axis(self) -> None:
        y = make_numeric("v", (10, 1000), (10, 100, 1000), type="log")
        drawn = draw_one("point", [{"week": 0, "v": v} for v in (10, 100, 1000)], y=y)
        tops = [float(top) for top in re.findall(r'<circle [^>]*cy="([\d.]+)"', drawn) if top]
        assert tops == [95.0, 50.0, 5.0]

    def test_a_value_beyond_the_axis_stands_at_its_edge(self) -> None:
        drawn = draw_one("point", [{"week": 99, "v": -5}], y=make_numeric("v", (0, 1), ()))
        assert '<circle cx="100.00%" cy="95.0"' in drawn

    def test_lanes_run_from_top_to_bottom(self) -> None:
        drawn = draw_one(
            "point",
            [{"week": 0, "l": "first"}, {"week": 0, "l": "second"}],
            y=make_lanes("l", ["first", "second"]),
        )
        assert drawn.index('y="25.0"') < drawn.index('y="75.0"')

    def test_a_step_goes_across_before_it_goes_down(self) -> None:
        mark = {"type": "line", "interpolate": "step-after", "color": PALETTE["blue"]}
        drawn = draw_one(
            mark,
            [{"week": 0, "v": 1}, {"week": 5, "v": 0}],
            y=make_numeric("v", (0, 1), ()),
        )
        assert 'd="M0,5L500,5L500,95"' in drawn

    def test_a_band_has_the_width_of_its_span(self) -> None:
        drawn = draw_one("rect", [{"week": 2, "until": 7}], x2={"field": "until"})
        assert '<rect x="20.00%" width="50.00%" y="0" height="100"' in drawn


class TestText:
    def test_text_from_data_is_never_markup(self) -> None:
        rows = [{"week": 1, "lane": "<script>alert(1)</script>", "tip": "<b>&</b>"}]
        drawn = draw_one(
            "point",
            rows,
            y=make_lanes("lane", ["<script>alert(1)</script>"]),
            tooltip={"field": "tip"},
        )
        assert "<script" not in drawn
        assert "<b>" not in drawn
        assert "&lt;script&gt;" in drawn

    def test_every_chart_is_an_image_with_a_name(self) -> None:
        assert 'role="img" aria-label="a chart"' in draw_one("rect", [{"week": 1}])

    def test_a_quote_in_the_description_does_not_end_the_attribute(self) -> None:
        chart = make_chart(
            'x" onload="evil', [make_panel("P", 9, [make_layer("rule", [{"week": 1}])])]
        )
        assert 'onload="evil' not in str(render_chart(chart))

    def test_a_panel_without_rows_is_left_out(self) -> None:
        chart = make_chart("empty", [make_panel("P", 9, [make_layer("rule", [])])])
        assert chart["vconcat"] == []


class TestPalette:
    def test_the_dark_palette_has_every_colour(self) -> None:
        assert DARK.keys() == PALETTE.keys()

    def test_every_colour_has_its_two_classes(self) -> None:
        css = render_palette()
        assert all(f".f-{name}{{" in css and f".s-{name}" in css for name in PALETTE)


@pytest.mark.parametrize("draw", [swimmer, curve, counts, intervals])
def test_vega_lite_accepts_the_specification(draw: Any) -> None:
    """The oracle: what is drawn here is a chart that any Vega-Lite viewer draws too."""
    import vl_convert

    check_spec(draw())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = vl_convert.vegalite_to_svg(draw(), vl_version="6.4")
    assert svg.startswith("<svg")
    assert "NaN" not in svg


@pytest.mark.parametrize("draw", [swimmer, curve, counts, intervals])
def test_the_drawing_has_no_undefined_place(draw: Any) -> None:
    drawn = str(render_chart(draw()))
    assert "nan" not in drawn.lower().replace("nanum", "")
    assert drawn.count("<svg") == drawn.count("</svg>")
