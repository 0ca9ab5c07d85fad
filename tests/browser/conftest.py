"""A real Chromium for the browser tests: no request may leave the machine, no error may be hidden.

``open_page`` opens a file or an address of this machine at a width, with or without JavaScript,
in a light or dark scheme. A test fails when its page asked for anything elsewhere, and, unless it
says ``may_complain=True``, when the page reported an error to its console.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Route,
    sync_playwright,
)

PHONE, DESKTOP = 390, 1280
HEIGHTS = {PHONE: 844, DESKTOP: 800}
OF_THIS_MACHINE = {"127.0.0.1", "localhost", "[::1]", "::1"}
FONTS = Path(__file__).parent / "fonts.conf"  # letters are drawn alike on every machine
WITHOUT_HOST = {"file", "data", "blob", "about"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module in one process: they share its pages and its server."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def find_chromium() -> str:
    """Find the machine's own browser; in CI it must be there."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail("Chromium is needed in CI for the browser tests")
    pytest.skip("no Chromium here: the browser tests were NOT run")


def is_local(address: str) -> bool:
    """Whether an address stays on this machine."""
    parts = urlsplit(address)
    return parts.scheme in WITHOUT_HOST or parts.hostname in OF_THIS_MACHINE


@dataclass
class Watch:
    """What the pages of one test asked for elsewhere, and what they complained of."""

    left_the_machine: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def stop(self, route: Route, request: Request) -> None:
        """Stop a request that would leave the machine, and remember it."""
        self.left_the_machine.append(request.url)
        route.abort()

    def hear(self, message: ConsoleMessage) -> None:
        """Remember an error on the console."""
        if message.type == "error":
            self.complaints.append(message.text)

    def catch(self, error: Error) -> None:
        """Remember an exception that no script caught."""
        self.complaints.append(str(error))


def turn(page: Page, width: int, scheme: str = "light") -> None:
    """Show an open page in another width and scheme: no page asks for either while it opens."""
    page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 800)})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox"],
            env={**os.environ, "FONTCONFIG_FILE": str(FONTS)},
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a page in a profile of its own."""
    watch = Watch()
    contexts = []

    def open_one(
        address: str | Path,
        *,
        width: int = DESKTOP,
        scheme: str = "light",
        javascript: bool = True,
        may_complain: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 800)},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.route(lambda url: not is_local(url), watch.stop)
        page = context.new_page()
        if not may_complain:
            page.on("console", watch.hear)
            page.on("pageerror", watch.catch)
        page.goto(address.as_uri() if isinstance(address, Path) else address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert watch.left_the_machine == []
    assert watch.complaints == []
