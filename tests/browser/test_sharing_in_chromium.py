"""What leaves a site and what comes together, as a person sees it: shared and pooled pages."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page
from tests.browser.barriers import find_barriers, thin_out
from tests.browser.test_languages_in_chromium import OPEN_ALL, TOO_WIDE

from heliotrope.definitions.load import read_rulebook
from heliotrope.example_studies import find_example
from heliotrope.pipeline import run_study
from heliotrope.pooling.pool import pool_sites
from heliotrope.report.disclosure.share import ShareOptions, share_run
from heliotrope.report.language import speaking

PHONE, DESKTOP = 390, 1280
HOSTILE = "<b>Ward</b> " + "whose_name_never_ends" * 12 + " 兒童醫院"
LOOKS = pytest.mark.parametrize(("width", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
PAGES = pytest.mark.parametrize("name", ["shared", "pooled", "differing", "shared_zh", "pooled_zh"])

Open = Callable[..., Page]


def make_second_site(first: Path, folder: Path) -> Path:
    """Make another site of a shared set: one row less, its own name, its own hash."""
    shutil.copytree(first, folder)
    rows = pl.read_parquet(first / "results.parquet")
    rows.head(rows.height - 1).write_parquet(folder / "results.parquet")
    manifest = json.loads((first / "manifest.json").read_text(encoding="utf-8"))
    manifest["site"] = "Taipei"
    content = (folder / "results.parquet").read_bytes()
    manifest["results_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of a shared set and of pooled ones, alike, differing, and in Chinese."""
    folder, rulebook = tmp_path_factory.mktemp("sharing"), read_rulebook()
    run_study(find_example("modern_cohort"), folder / "run")
    first = share_run(folder / "run", rulebook, ShareOptions(folder / "a", HOSTILE, None)).folder
    second = make_second_site(first, folder / "b")
    other = make_second_site(first, folder / "c")
    manifest = json.loads((other / "manifest.json").read_text(encoding="utf-8"))
    changed = {**manifest["settings"], "visit_tolerance_days": 3}
    text = json.dumps({**manifest, "site": "Tainan", "settings": changed})
    (other / "manifest.json").write_text(text, encoding="utf-8")
    pool_sites([first, second], folder / "pooled", rulebook)
    pool_sites([first, other], folder / "differing", rulebook)
    with speaking("zh_TW"):
        share_run(folder / "run", rulebook, ShareOptions(folder / "zh", "台北", None))
        pool_sites([first, second], folder / "pooled_zh", rulebook)
    names = {"shared": "a", "pooled": "pooled", "differing": "differing"}
    names |= {"shared_zh": "zh", "pooled_zh": "pooled_zh"}
    return {name: folder / part / "report.html" for name, part in names.items()}


@LOOKS
@PAGES
def test_a_page_fits_and_axe_finds_nothing(
    open_page: Open, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    page = open_page(pages[name], width=width, scheme=scheme)
    page.evaluate(OPEN_ALL)
    assert page.evaluate(TOO_WIDE) == []
    thin_out(page)
    assert find_barriers(page) == []


@PAGES
def test_a_page_is_set_in_the_typeface_of_all_pages(
    open_page: Open, pages: dict[str, Path], name: str
) -> None:
    page = open_page(pages[name])
    assert page.evaluate("document.fonts.ready.then(() => document.fonts.check('16px Heliotrope'))")
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Heliotrope")


def test_a_name_is_shown_and_a_difference_named(open_page: Open, pages: dict[str, Path]) -> None:
    assert open_page(pages["shared"]).inner_text("h1").startswith("Shared results of <b>Ward</b>")
    page = open_page(pages["differing"])
    said = page.inner_text(".banner >> nth=-1")
    assert said.startswith("The sites differ, so nothing is pooled.")
    assert '"visit_tolerance_days": 3' in said
    assert "population" not in said, "what is the same is left out"


def test_the_pages_speak_chinese_and_the_rows_stay_english(
    open_page: Open, pages: dict[str, Path]
) -> None:
    page = open_page(pages["shared_zh"])
    assert page.get_attribute("html", "lang") == "zh-Hant-TW"
    assert "已隱藏：小於 5" in page.inner_text("main")
    assert page.locator("main [lang=en]").count() == 0
    rows = pl.read_parquet(pages["shared_zh"].parent / "results.parquet")
    assert rows.equals(pl.read_parquet(pages["shared"].parent / "results.parquet"))
    assert "個機構的合併結果" in open_page(pages["pooled_zh"]).inner_text("h1")


def test_on_paper_the_rows_are_whole(open_page: Open, pages: dict[str, Path]) -> None:
    page = open_page(pages["shared"])
    page.emulate_media(media="print")
    cut = "rows => rows.filter(row => getComputedStyle(row).breakInside !== 'avoid').length"
    assert page.eval_on_selector_all("tbody tr", cut) == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
