"""The report as a person reads it: both widths and schemes, by keyboard, without JavaScript."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.barriers import WCAG_AA, find_barriers, thin_out
from tests.browser.conftest import DESKTOP, PHONE, turn

from heliotrope.pipeline import run_study

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = [(1, "a", "rapid"), (1, "b", "slow"), (2, "a", "slow"), (6, "a", "none"), (7, "a", "late")]

OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"
TOO_WIDE = """[...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.scroll, svg, .hidden'))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 120))"""
TOO_SMALL = """[...document.querySelectorAll('.chart span, .chart text, td, th, p, dd')]
  .filter(e => e.textContent.trim() && !e.closest('.hidden')
  && parseFloat(getComputedStyle(e).fontSize) < 10.5).map(e => e.outerHTML.slice(0, 120))"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seven children with every section there is: labels invented here, series pooled."""
    folder = tmp_path_factory.mktemp("browser")
    study = Path(shutil.copytree(EXAMPLES / "seven_children", folder / "study"))
    with (study / "study.toml").open("a", encoding="utf-8") as settings:
        settings.write("pool_evidence = true\n")
    labels = [f"S0{child},1,{rater},{label}" for child, rater, label in LABELS]
    text = "\n".join(["patient_id,regimen,rater,pattern", *labels])
    (study / "adjudication.csv").write_text(text + "\n", encoding="utf-8")
    run_study(study, folder / "run")
    return folder / "run" / "report.html"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same children, one named by 10,000 characters, one by marks and markup, one by RTL."""
    folder = tmp_path_factory.mktemp("hostile")
    study = Path(shutil.copytree(EXAMPLES / "seven_children", folder / "study"))
    names = {"S01": "x" * 10_000, "S02": "<b onclick=alert(1)>&amp;</b>", "S03": "\u202eילד אחד"}
    for path in study.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        for old, new in names.items():
            text = text.replace(f"{old},", f"{new},")
        path.write_text(text, encoding="utf-8")
    run_study(study, folder / "run")
    return folder / "run" / "report.html"


def test_no_barrier_that_axe_knows(open_page: Open, report: Path) -> None:
    page = open_page(report, width=PHONE, scheme="dark")
    thin_out(page)
    page.evaluate(OPEN_ALL)
    assert find_barriers(page, (*WCAG_AA, "best-practice")) == []
    turn(page, DESKTOP)
    assert find_barriers(page, (*WCAG_AA, "best-practice")) == []


@pytest.mark.parametrize("name", ["report", "hostile"])
def test_nothing_is_wider_than_the_screen_or_too_small_to_read(
    open_page: Open, request: pytest.FixtureRequest, name: str
) -> None:
    page = open_page(request.getfixturevalue(name), width=320)
    page.evaluate(OPEN_ALL)
    for width in (320, PHONE, DESKTOP):
        turn(page, width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(TOO_SMALL) == []


def test_the_answer_fits_one_screen(open_page: Open, report: Path) -> None:
    page = open_page(report)
    box = page.locator("#answer table").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800


def test_a_number_leads_to_its_children_and_a_child_to_its_page(
    open_page: Open, report: Path
) -> None:
    page = open_page(report)
    page.locator(".answers a.behind", has_text="3 of 7").click()
    lines = page.locator(".every-child tbody tr:visible th")
    assert lines.all_inner_texts() == ["S01", "S03", "S04"]
    assert page.locator(".child:visible").count() == 3
    assert "3 of 7 children shown" in page.locator(".filter [role=status]").inner_text()
    assert page.evaluate("document.activeElement.name") == "group"
    page.locator(".filter select").select_option(label="Improvement not shown (1)")
    assert lines.all_inner_texts() == ["S06"]
    page.locator(".filter input").fill("s0")
    page.locator(".filter button").click()
    expect(lines).to_have_count(7)
    lines.locator("a", has_text="S05").click()
    page.wait_for_function("location.hash === '#child-5'")


def test_a_link_to_a_hidden_child_shows_it(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.locator(".answers a.behind", has_text="3 of 7").click()
    assert page.locator("#child-6").is_hidden()
    page.evaluate("location.hash = '#child-6'")
    page.locator("#child-6").wait_for(state="visible")


def test_everything_of_a_child_opens_at_once_by_keyboard(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.locator("#child-2 .open-all").focus()
    page.keyboard.press("Enter")
    assert page.locator("#child-2 details:not([open])").count() == 0
    assert page.locator("#child-1 details[open]").count() == 0
    page.keyboard.press("Space")
    assert page.locator("#child-2 details[open]").count() == 0


def test_a_value_names_its_cell_by_pointer_and_by_arrow_keys(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.locator("#child-1 .open-all").click()
    values = page.locator("#child-1 .with-cells td[data-at]")
    values.nth(3).hover()
    assert re.search(r"assessment.csv, row \d+, column", page.locator("#tip").inner_text())
    values.first.focus()
    first = page.locator("#tip").inner_text()
    page.keyboard.press("ArrowDown")
    assert page.locator("#tip").inner_text() != first
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_without_javascript_the_numbers_lead_to_lists_and_nothing_is_lost(
    open_page: Open, report: Path
) -> None:
    page = open_page(report, javascript=False)
    assert page.locator(".filter").count() == 0
    page.locator(".answers a.behind", has_text="3 of 7").click()
    assert page.url.endswith("#behind-onset-rapid")
    shown = page.locator("#behind-onset-rapid")
    assert shown.is_visible()
    assert shown.locator("dd a").all_inner_texts() == ["S01", "S03", "S04"]
    assert page.locator(".child:visible").count() == 7
    page.locator("#child-1 details.cells > summary").click()
    assert page.locator("#child-1 .decision").first.is_visible()


def test_on_a_phone_the_contents_fold_and_lead_away(open_page: Open, report: Path) -> None:
    page = open_page(report, width=390)
    link = page.locator(".contents a", has_text="Harm recorded")
    assert link.is_hidden()
    page.locator(".contents summary").click()
    link.click()
    assert page.url.endswith("#harm")
    assert link.is_hidden()


def test_at_a_desk_the_contents_stand_beside_the_text_without_javascript(
    open_page: Open, report: Path
) -> None:
    page = open_page(report, javascript=False)
    assert page.locator(".contents a", has_text="Harm recorded").is_visible()


def test_a_smuggled_script_does_not_run(open_page: Open, report: Path, tmp_path: Path) -> None:
    smuggled = "<script>document.documentElement.dataset.ran='yes'</script></body>"
    path = tmp_path / "smuggled.html"
    text = report.read_text(encoding="utf-8")
    path.write_text(text.replace("</body>", smuggled), encoding="utf-8")
    page = open_page(path, may_complain=True)
    assert page.evaluate("document.documentElement.dataset.ran") is None
    assert page.locator("form.filter").count() == 1


def test_hostile_names_are_shown_cut_and_the_whole_is_reachable(
    open_page: Open, hostile: Path
) -> None:
    page = open_page(hostile)
    pages = page.locator(".child")
    assert pages.count() == 7
    long = page.locator(".child", has=page.locator(".long"))
    assert len(long.locator("h3").inner_text()) < 80
    assert len(long.locator(".long").text_content() or "") == 10_000
    assert page.locator("b[onclick]").count() == 0
    assert page.locator("h3 bdi", has_text="<b onclick=alert(1)>&amp;</b>").count() == 1


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_every_child_begins_on_a_page_of_its_own(
    open_page: Open, report: Path, paper: str, tmp_path: Path
) -> None:
    page = open_page(report, scheme="dark")
    pdf = page.pdf(format=paper, path=tmp_path / "report.pdf")
    counts = [int(n) for n in re.findall(rb"/Count (\d+)", pdf)]
    assert max(counts) >= 7 + 4
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    breaks = "[...document.querySelectorAll('.child')].map(e => getComputedStyle(e).breakBefore)"
    assert page.evaluate(breaks) == ["auto", *["page"] * 6]
