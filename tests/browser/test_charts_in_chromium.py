"""The charts in a real browser, under the policy of the pages: pointer, keyboard, Vega, phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from markupsafe import escape
from playwright.sync_api import Page
from tests.browser.barriers import WCAG_AA, find_barriers

from heliotrope.report.charts.curve import CurveRows, CurveWords, draw_curve
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.pulses import PulseChildren, draw_pulse_children
from heliotrope.report.charts.scripts import list_script_hashes, render_chart_scripts
from heliotrope.report.charts.swimmer import SwimmerRows, draw_swimmer
from heliotrope.report.style import CHARTS, REPORT, render_style

LONG = "A child whose pseudonym is far longer than anybody would wish " * 2
EVERY_RULE = (*WCAG_AA, "best-practice")
CELL = "infusions.csv, row 7, column date"


def draw_page() -> str:
    def row(week: float, tip: str) -> dict[str, object]:
        return {"lane": LONG, "week": week, "until": week + 3, "tip": tip, "cell": CELL}

    swimmer = SwimmerRows(
        [LONG, "B"], 40, improved=[row(2, "improved")], courses=[row(1, "course 1"), row(9, "last")]
    )
    curve = CurveRows(
        [{"day": 0.0, "free": 100.0}, {"day": 90.0, "free": 50.0}],
        [{"day": 90.0, "low": 10.0, "high": 80.0}],
        [{"day": 0.0, "number": "4"}, {"day": 90.0, "number": "2"}],
        120,
        [{"day": 100.0, "free": 50.0, "number": 1}],
    )
    values = [{"day": d, "value": d + 9.0, "cycle": 1, "tip": "x", "cell": ""} for d in (-3, 4)]
    charts = [
        draw_swimmer(swimmer),
        draw_curve(curve, CurveWords("Children not worse", "Days")),
        draw_pulse_children(PulseChildren("CK", {"A": values, "B": values}, (-7, 42))),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    policy += f"script-src {' '.join(list_script_hashes())}"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>charts</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        f"<style>{render_style(CHARTS, REPORT)}</style></head><body><main><h1>Charts</h1>"
        + "".join(f"<figure>{render_chart(chart)}</figure>" for chart in charts)
        + f"</main>{render_chart_scripts()}</body></html>"
    )


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("charts") / "charts.html"
    page.write_text(draw_page(), encoding="utf-8")
    return page


def test_the_keyboard_walks_from_mark_to_mark(charts: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(charts)
    page.locator(".drawing").first.focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator(".chart-tip")
    assert tip.locator("strong").inner_text() == "course 1"
    assert tip.locator("span").inner_text() == CELL
    page.keyboard.press("End")
    assert tip.locator("strong").inner_text() == "last"
    assert page.get_by_role("status").inner_text().startswith("last")
    page.keyboard.press("Escape")
    assert not tip.is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_vega_opens_each_chart_zooms_and_fits(
    charts: Path, open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(charts, width=width)
    for number in range(3):
        chart = page.locator(".chart").nth(number)
        chart.get_by_role("button", name="Zoom or save").click()
        drawn = chart.locator(".vega-view svg")
        drawn.wait_for()
        assert not chart.locator(".drawing").is_visible()
        box = drawn.bounding_box()
        assert box is not None
        assert box["width"] <= width + 1
    swimmer = page.locator(".chart").first
    before = swimmer.locator(".vega-view svg").inner_html()
    swimmer.get_by_role("button", name="Zoom in").click()
    page.wait_for_function(
        "before => document.querySelector('.vega-view svg').innerHTML !== before", arg=before
    )
    with page.expect_download() as download:
        swimmer.get_by_role("button", name="Save as SVG").click()
    assert Path(download.value.path()).read_text(encoding="utf-8").startswith("<svg")
    swimmer.get_by_role("button", name="Back to the whole chart").click()
    assert swimmer.locator(".drawing").is_visible()


def test_without_scripts_the_drawings_and_tables_stay(
    charts: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page(charts, javascript=False)
    assert page.locator(".drawing:visible").count() == 3
    assert page.locator(".chart-bar").count() == 0
    assert page.locator("details.values table").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(
    charts: Path, open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(charts, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(charts: Path, open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(charts, scheme=scheme, may_complain=True)
    page.locator(".chart").first.get_by_role("button", name="Zoom or save").click()
    page.locator(".vega-view svg").wait_for()
    assert find_barriers(page, EVERY_RULE, within=".chart") == []
