"""Prints the page as PDF with an installed browser, in a process that cannot outlive its time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from heliotrope.errors import ExitCode, UserError
from heliotrope.report.language import _

SECONDS = 60.0

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--print-to-pdf-no-header",
    "--run-all-compositor-stages-before-draw",
)
ROOT_FLAG = "--no-sandbox"

_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")


def print_pdf(browser: Path, page: Path, pdf: Path, seconds: float = SECONDS) -> int:
    """Print an HTML page as PDF; return how many sheets it takes.

    The file appears whole or not at all. A browser that fails, writes nothing or is not done in
    time is ended with all its processes. Our page has no script and fetches nothing.
    Errors: UserError (exit 4) that names the HTML, which is kept.
    """
    with tempfile.TemporaryDirectory(prefix="review-", ignore_cleanup_errors=True) as profile:
        # Beside the target and not in the profile: a packaged browser may write only at home.
        partial = pdf.with_name(f"{pdf.name}.partial.pdf")
        partial.unlink(missing_ok=True)
        try:
            fault = _run(browser, page, partial, Path(profile), seconds)
            if not is_whole_pdf(partial):
                raise cannot_print(page, fault or _("the browser wrote no PDF"))
            sheets = count_sheets(partial)
            partial.replace(pdf)
        finally:
            partial.unlink(missing_ok=True)
    return sheets


def _run(browser: Path, page: Path, pdf: Path, profile: Path, seconds: float) -> str | None:
    """Run the browser; return what went wrong, if anything did."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    command = [
        str(browser),
        *FLAGS,
        *([ROOT_FLAG] if is_root else []),
        f"--user-data-dir={profile}",
        f"--print-to-pdf={pdf.resolve()}",
        page.resolve().as_uri(),
    ]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return _("{browser} could not be started: {why}").format(
            browser=browser.name, why=error.strerror or type(error).__name__
        )
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return _("{browser} was not done after {n} seconds and was ended").format(
            browser=browser.name, n=f"{seconds:g}"
        )
    finally:
        _end(process)
    return (
        None
        if code == 0
        else _("{browser} ended with code {code}").format(browser=browser.name, code=code)
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser and the processes it started, if any are left."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)


def is_whole_pdf(pdf: Path) -> bool:
    """Say whether a file is a PDF with its end."""
    if not pdf.is_file():
        return False
    content = pdf.read_bytes()
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-64:]


def count_sheets(pdf: Path) -> int:
    """Count the pages of a PDF that a browser wrote."""
    return len(_PAGE.findall(pdf.read_bytes()))


def cannot_print(page: Path, found: str) -> UserError:
    """Say why there is no PDF, and where the page that can be printed by hand is."""
    return UserError(
        _("a PDF, printed by Chromium, Chrome or Edge"),
        found,
        _("the page is kept: open {page} in any browser and print it there").format(page=page),
        ExitCode.ENVIRONMENT,
    )
