"""The pages look as they did: pictures of them held to those kept in ``pictures``.

Chromium draws the seven children at a fixed width and height, one device pixel a pixel, with the
typeface of the pages, letters as ``fonts.conf`` says, animations ended; time and version of the run
are pinned. ``MAY_DIFFER`` of the pixels may differ, by ``picture_comparison``. Measured with
Chromium 156, in pixels of a million: taken again 0; letters on whole pixels 0; drawn as by a
graphics card at most 10; a word of the same letters turned round 32 and more, another word 58 and
more, mostly 400 to 600; a column 3 pixels aside 780 and more. A single digit (some 25) is not
seen: numbers are held by the tests of the report. Without ``fonts.conf`` slight hinting alone makes
325 to 660, a desktop with full hinting and coloured edges 36,000. No other release was at hand.

``make pictures`` takes them anew. Where a picture differs, the one drawn now and one that marks
in red what differs are written into the folder that the message names.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.picture_comparison import compare_pictures, draw_difference, keep_picture

from heliotrope.report.explain import open_run
from heliotrope.report.page import write_report
from heliotrope.report.review.write import ReviewOptions, write_review
from heliotrope.run.manifest import read_manifest, write_manifest
from heliotrope.run.verification import read_rulebook_of

PICTURES = Path(__file__).parent / "pictures"
MAY_DIFFER = 0.00003
MOST_BYTES = 600_000
RENEW = "HELIOTROPE_RENEW_PICTURES"
PINNED = {"created": "2026-01-02T12:00:00+00:00", "heliotrope": "0.0.0"}

SETTLE = """async at => {
  await document.fonts.ready;
  if (at) document.querySelector(at).scrollIntoView();
}"""
HIDE_THE_MACHINE = """() => {
  document.styleSheets[0].insertRule("code, ::file-selector-button {font: inherit !important}", 0);
  document.querySelectorAll("main code").forEach(folder => folder.textContent = "/records");
  document.querySelectorAll("[lang|=zh]").forEach(button => button.textContent = "Chinese");
}"""
TURN_A_WORD = """() => {
  const texts = document.createTreeWalker(document.querySelector("main table tbody td"), 4);
  while (texts.nextNode()) {
    const found = texts.currentNode.data.match(/[a-z]{7,}/);
    if (!found) continue;
    const turned = [...found[0]].reverse().join("");
    texts.currentNode.data = texts.currentNode.data.replace(found[0], turned);
    return;
  }
  throw new Error("no word to turn");
}"""
MOVE_A_COLUMN = """() => document.querySelectorAll("main table:first-of-type tbody td:last-child")
  .forEach(cell => Object.assign(cell.style, {position: "relative", left: "-3px"}))"""

Open = Callable[..., Page]


@dataclass(frozen=True)
class Shot:
    """What is pictured: which page, where on it, how wide, in which scheme."""

    name: str
    page: str
    width: int = DESKTOP
    scheme: str = "light"
    at: str = ""


SHOTS = [
    Shot("report-desk", "report"),
    Shot("report-desk-dark", "report", scheme="dark"),
    Shot("report-phone", "report", width=PHONE),
    Shot("child-desk", "report", at="#child-2"),
    Shot("review-desk", "review"),
    Shot("workbench-desk", "workbench"),
]


@pytest.fixture(scope="module")
def pages(
    seven_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Path | str]]:
    """The pages of a run whose time and version are always the same, and a workbench over it."""
    folder = tmp_path_factory.mktemp("pictures")
    run = Path(shutil.copytree(seven_run, folder / "work" / "runs" / "seven"))
    manifest = read_manifest(run) | PINNED
    write_manifest(manifest, run)
    rulebook = read_rulebook_of(manifest)
    options = ReviewOptions(out=folder / "review.html", pdf=False)
    review = write_review(open_run(run), rulebook, "S01", options).page
    with serving(folder / "work") as address:
        yield {"report": write_report(run, rulebook), "review": review, "workbench": address}


@contextmanager
def serving(workspace: Path) -> Iterator[str]:
    """Start a workbench and give its address."""
    command = [sys.executable, "-m", "heliotrope", "serve", "--no-open", "--workspace"]
    process = subprocess.Popen([*command, str(workspace)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


def open_shot(open_page: Open, pages: dict[str, Path | str], shot: Shot) -> Page:
    """Open a page as it is pictured: its own typeface there, scrolled to the place."""
    page = open_page(pages[shot.page], width=shot.width, scheme=shot.scheme)
    if shot.page == "workbench":  # what is not set in the typeface, or names the folder
        page.evaluate(HIDE_THE_MACHINE)
    page.evaluate(SETTLE, shot.at)
    return page


def photograph(page: Page) -> Image.Image:
    """Picture what stands on the screen."""
    taken = page.screenshot(animations="disabled", caret="hide", scale="css")
    return Image.open(io.BytesIO(taken)).convert("RGB")


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_a_page_looks_as_it_did(
    open_page: Open, pages: dict[str, Path | str], shot: Shot, tmp_path: Path
) -> None:
    actual = photograph(open_shot(open_page, pages, shot))
    kept = PICTURES / f"{shot.name}.png"
    if os.environ.get(RENEW):
        PICTURES.mkdir(exist_ok=True)
        keep_picture(actual, kept)
    difference = compare_pictures(Image.open(kept), actual)
    if difference.share > MAY_DIFFER:
        actual.save(tmp_path / f"{shot.name}-now.png")
        draw_difference(actual, difference).save(tmp_path / f"{shot.name}-difference.png")
        pytest.fail(
            f"{difference.share:.3%} of {shot.name} differs, {MAY_DIFFER:.3%} may: look at the "
            f"pictures in {tmp_path}; is it meant, `make pictures` keeps it",
            pytrace=False,
        )


@pytest.mark.parametrize("shot", [SHOTS[0], SHOTS[2]], ids=lambda shot: shot.name)
@pytest.mark.parametrize("change", [TURN_A_WORD, MOVE_A_COLUMN], ids=["a word", "a column"])
def test_a_word_and_a_column_are_more_than_may_differ(
    open_page: Open, pages: dict[str, Path | str], shot: Shot, change: str
) -> None:
    page = open_shot(open_page, pages, shot)
    before = photograph(page)
    assert compare_pictures(before, photograph(page)).share == 0
    page.evaluate(change)
    assert compare_pictures(before, photograph(page)).share > MAY_DIFFER


def test_the_pictures_kept_are_few_and_small() -> None:
    kept = list(PICTURES.iterdir())
    assert {path.name for path in kept} == {f"{shot.name}.png" for shot in SHOTS}
    assert sum(path.stat().st_size for path in kept) < MOST_BYTES
