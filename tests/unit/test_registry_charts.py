"""The charts of the comparison: marks where the numbers say, and Vega-Lite accepts them."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
from tests.unit.vega_lite import check_spec

from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.registry import draw_balance, draw_estimates, draw_weights
from heliotrope.report.charts.spec import Spec


def balance() -> Spec:
    rows = [
        {"lane": "Weakness", "before": -0.8, "after": 0.1, "text": "-0.80, then 0.10"},
        {"lane": "Skin disease", "before": 0.4, "after": -0.2, "text": "0.40, then -0.20"},
    ]
    return draw_balance(rows, 0.1, "balance")


def weights() -> Spec:
    row = {"lane": "Year 1", "mean": 1.0, "minimum": 0.5, "maximum": 4.0, "text": "1.00"}
    return draw_weights([row], "weights")


def estimates() -> Spec:
    rows: list[dict[str, Any]] = [
        {"lane": "As recorded", "kind": "unadjusted", "value": 0.5, "low": 0.0, "high": 1.0},
        {"lane": "Weighted", "kind": "weighted", "value": -0.5, "low": -1.0, "high": -0.1},
        {"lane": "Simulated", "kind": "g_formula", "value": -0.4, "low": None, "high": None},
    ]
    return draw_estimates([{**row, "text": "x"} for row in rows], "cm", "estimates")


def places(spec: Spec) -> list[tuple[float, float]]:
    """Where the points stand: per cent across, pixels down."""
    found = re.findall(r'<(?:svg|circle) c?x="([\d.]+)%" c?y="([\d.]+)"', str(render_chart(spec)))
    return [(float(across), float(down)) for across, down in found]


def test_distances_are_drawn_without_sign() -> None:
    first, second, third, fourth = places(balance())
    assert first[0] == pytest.approx(8 * third[0])
    assert second[0] == pytest.approx(2 * fourth[0])
    assert first[1] == third[1] < second[1] == fourth[1]


def test_the_mean_weight_stands_within_its_range() -> None:
    assert places(weights()) == [(25.0, 17.0)]


def test_estimates_on_both_sides_of_no_difference() -> None:
    unadjusted, weighted, simulated = places(estimates())
    assert weighted[0] == pytest.approx(25)
    assert unadjusted[0] == pytest.approx(75)
    assert simulated[0] == pytest.approx(30)
    drawn = str(render_chart(estimates()))
    assert "sequential trials" not in drawn
    assert "simulated (g-formula)" in drawn


@pytest.mark.parametrize("spec", [balance(), weights(), estimates()])
def test_vega_lite_draws_the_same(spec: Spec) -> None:
    import vl_convert

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_spec(spec)
        assert "<svg" in vl_convert.vegalite_to_svg(spec, vl_version="6.4")


@pytest.mark.parametrize(
    "spec",
    [draw_balance([], 0.1, "none"), draw_weights([], "none"), draw_estimates([], "cm", "none")],
)
def test_nothing_to_draw_draws_nothing(spec: Spec) -> None:
    assert spec["vconcat"] == []
    assert "chart" in str(render_chart(spec))
