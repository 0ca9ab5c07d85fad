"""The review in a real browser: one sheet on paper, no sideways scrolling, nothing for axe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.browser.barriers import find_barriers
from tests.browser.conftest import find_chromium

from heliotrope.report.explain import open_run
from heliotrope.report.review.write import ReviewOptions, write_review
from heliotrope.run.verification import read_rulebook_of

SHOWN = {"seven_children": ["S01", "S06"], "modern_cohort": ["P0000013", "P0000003"]}


@pytest.fixture(scope="module")
def pages(
    seven_run: Path, modern_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The pages of four children: improved, not shown, confounded, without IVIG."""
    folder = tmp_path_factory.mktemp("review")
    pages = {}
    for run, children in zip((seven_run, modern_run), SHOWN.values(), strict=True):
        tables = open_run(run)
        rulebook = read_rulebook_of(tables.manifest)
        for child in children:
            options = ReviewOptions(out=folder / f"{child}.html", pdf=False)
            pages[child] = write_review(tables, rulebook, child, options).page
    return pages


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_usual_child_fits_on_one_sheet(modern_run: Path, tmp_path: Path, paper: str) -> None:
    tables = open_run(modern_run)
    options = ReviewOptions(
        out=tmp_path / "page.pdf",
        paper="letter" if paper == "letter" else "a4",
        browser=Path(find_chromium()),
    )
    written = write_review(tables, read_rulebook_of(tables.manifest), "P0000013", options)
    assert written.sheets == 1
    assert written.pdf == tmp_path / "page.pdf"
    assert written.page == tmp_path / "page.html"


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("child", [name for names in SHOWN.values() for name in names])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    pages: dict[str, Path], open_page: Callable[..., Page], child: str, javascript: bool
) -> None:
    page = open_page(pages[child], width=390, javascript=javascript)
    assert page.get_by_role("heading", level=1).inner_text().endswith(child)
    assert page.get_by_text("is a clinical decision").is_visible()
    if javascript:
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("child", ["S01", "P0000003"])
def test_axe_finds_nothing(
    pages: dict[str, Path], open_page: Callable[..., Page], child: str, scheme: str
) -> None:
    page = open_page(pages[child], scheme=scheme)
    assert find_barriers(page) == []
