"""Pages in Traditional Chinese as a person sees them: report, review and workbench."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.browser.barriers import find_barriers, thin_out
from tests.browser.conftest import DESKTOP, PHONE, turn

from heliotrope.definitions.load import read_rulebook
from heliotrope.example_studies import find_example
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.report.explain import open_run
from heliotrope.report.language import speaking
from heliotrope.report.review.write import ReviewOptions, write_review

OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"
TOO_WIDE = """[...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.scroll, svg, .hidden, .skip, option, thead')
  && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 120))"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the seven children with its report in Traditional Chinese."""
    folder = tmp_path_factory.mktemp("chinese") / "run"
    run_study(find_example("seven_children"), folder, RunOptions(model=False, language="zh_TW"))
    return folder


@pytest.fixture(scope="module")
def review(run: Path) -> Path:
    """The review of a child in Traditional Chinese."""
    out = run.parent / "review.html"
    with speaking("zh_TW"):
        options = ReviewOptions(out=out, pdf=False, paper="a4", browser=None)
        write_review(open_run(run), read_rulebook(), "S01", options)
    return out


@pytest.fixture(scope="module")
def workbench(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a workbench that holds the run."""
    folder = tmp_path_factory.mktemp("workbench")
    command = [sys.executable, "-m", "heliotrope", "serve", str(run), "--no-open"]
    process = subprocess.Popen(
        [*command, "--language", "zh_TW", "--workspace", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stdout is not None
    found = None
    while found is None and (line := process.stdout.readline()):
        found = re.search(r"http://\S+", line)
    assert found is not None
    yield found.group()
    process.terminate()
    process.wait(10)


def check_page(page: Page, *, is_long: bool = False) -> None:
    """Check the language, both widths and what axe says; of a long page it sees a few of each."""
    assert page.get_attribute("html", "lang") == "zh-Hant-TW"
    page.evaluate(OPEN_ALL)
    for width in (PHONE, DESKTOP):
        turn(page, width)
        assert page.evaluate(TOO_WIDE) == [], width
    if is_long:
        thin_out(page)
    for width in (DESKTOP, PHONE):
        turn(page, width)
        assert find_barriers(page) == [], width


def test_a_report_in_chinese(open_page: Open, run: Path) -> None:
    page = open_page(run / "report.html")
    assert "名病童於接受 IVIG 期間改善" in page.inner_text("#answer")
    assert "以英文引述" in page.inner_text(".notices")
    check_page(page, is_long=True)


def test_a_review_in_chinese(open_page: Open, review: Path) -> None:
    page = open_page(review)
    assert "繼續或停止 IVIG 是臨床決定" in page.inner_text("header")
    check_page(page, is_long=True)


def test_a_workbench_in_chinese_until_another_language_is_chosen(
    open_page: Open, workbench: str
) -> None:
    page = open_page(workbench)
    assert "一切都留在這台電腦" in page.inner_text("body")
    check_page(page)
    page.get_by_role("link", name="計算器").click()
    check_page(page)
    page.get_by_role("button", name="English").click()
    assert page.get_attribute("html", "lang") == "en"
