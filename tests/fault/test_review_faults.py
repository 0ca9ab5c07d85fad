"""What the review does when printing fails: the page is kept, the word is clear, the exit is 4."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.errors import ExitCode, UserError
from heliotrope.report.review import write
from heliotrope.report.review.browsers import find_browser, list_usual_places
from heliotrope.report.review.print_pdf import print_pdf


@pytest.fixture(scope="module")
def run(seven_run: Path) -> Path:
    """A run of the seven children."""
    return seven_run


def make_browser(folder: Path, script: str) -> Path:
    """Make a program that stands for a browser."""
    browser = folder / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n")
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    return browser


def test_no_browser_ends_with_4_and_keeps_the_page(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "find_browser", lambda: None)
    out = tmp_path / "page.html"
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(
            app, ["review", str(run), "S01", "--out", str(out)], catch_exceptions=False
        )
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert str(out) in caught.value.to_do
    assert "IVIG review" in out.read_text(encoding="utf-8")
    assert not out.with_suffix(".pdf").exists()


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exit 7", "ended with code 7"),
        ("exit 0", "wrote no PDF"),
        ("kill -SEGV $$", "ended with code -11"),
        ('for a; do case "$a" in --print-to-pdf=*) echo torn > "${a#*=}";; esac; done', "no PDF"),
        ("sleep 30", "was not done after 0.3 seconds"),
    ],
)
def test_a_browser_that_fails_leaves_no_file(tmp_path: Path, script: str, found: str) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>page</p>")
    browser = make_browser(tmp_path, script)
    with pytest.raises(UserError, match="the page is kept") as caught:
        print_pdf(browser, page, tmp_path / "page.pdf", seconds=0.3 if "sleep" in script else 20)
    assert found in str(caught.value)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["browser", "page.html"]


def is_alive(process: int) -> bool:
    """Whether a process still runs; one that ended and was not yet waited for does not."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")


def test_a_browser_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    page, noted = tmp_path / "page.html", tmp_path / "process"
    page.write_text("<p>page</p>")
    browser = make_browser(tmp_path, f'sleep 60 & echo $! > "{noted}"; sleep 60')
    with pytest.raises(UserError, match="was ended"):
        print_pdf(browser, page, tmp_path / "page.pdf", seconds=2)
    process = int(noted.read_text())
    for _ in range(50):
        if not is_alive(process):
            return
        time.sleep(0.1)
    pytest.fail("a process that the browser started was left")


def test_a_browser_that_cannot_be_started(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>page</p>")
    with pytest.raises(UserError, match="could not be started"):
        print_pdf(tmp_path / "none", page, tmp_path / "page.pdf")


def test_a_file_that_is_no_review_is_never_overwritten(run: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.html"
    letter.write_text("Dear colleague")
    order = ["review", str(run), "S01", "--no-pdf", "--out", str(letter)]
    with pytest.raises(UserError, match="another file is in the way"):
        CliRunner().invoke(app, order, catch_exceptions=False)
    assert letter.read_text() == "Dear colleague"
    letter.unlink()
    for _ in range(2):
        assert CliRunner().invoke(app, order).exit_code == 0


def test_browsers_are_looked_for_on_the_path_first(tmp_path: Path) -> None:
    browser = make_browser(tmp_path, "exit 0").rename(tmp_path / "microsoft-edge")
    assert find_browser("linux", {"PATH": str(tmp_path)}) == browser
    assert find_browser("win32", {"PATH": os.devnull}) is None


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", "/snap/bin/chromium"),
        ("darwin", "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
        ("win32", r"Microsoft\Edge\Application\msedge.exe"),
    ],
)
def test_the_usual_places_of_each_system_are_known(platform: str, place: str) -> None:
    environment = {"PROGRAMFILES(X86)": "C:", "HOME": "/home/x"}
    assert any(str(path).endswith(place) for path in list_usual_places(platform, environment))
