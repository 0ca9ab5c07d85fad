"""Progress on long work, and the report opened at its end."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str, int, int], None]


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[Progress | None]:
    """Show a line for the step at work; gives None where nobody watches.

    The callback takes the name of the step, how much is done and how much there is (0: unknown).
    Written to the error stream, so that the output itself can be piped.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def report(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        yield report


def open_in_browser(report: Path, *, wanted: bool | None) -> bool:
    """Open the report; unless it was asked for, only where a person and a browser seem to be."""
    if wanted is None:
        has_display = sys.platform in {"darwin", "win32"} or bool(
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        )
        wanted = sys.stdout.isatty() and has_display and not os.environ.get("CI")
    return wanted and webbrowser.open(report.resolve().as_uri())
