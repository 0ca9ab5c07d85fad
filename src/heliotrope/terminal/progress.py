"""Progress on long work, and the report opened at its end."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str, int, int], None]

MINUTE = 60
HOUR = 3600


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
    times = (TimeElapsedColumn(), TextColumn("{task.fields[pace]}"))
    with Bar(*columns, *times, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, pace="")
        pace = Pace(time.monotonic)

        def report(step: str, done: int, total: int) -> None:
            said = pace.say(step, done, total)
            bar.update(task, description=step, completed=done, total=total or None, pace=said)

        yield report


class Pace:
    """How fast a step goes and how long it will still take, from what was done since it began.

    What stood already when the step began (a resumed run) does not count as speed.

    >>> ticks = iter([0.0, 30.0])
    >>> pace = Pace(lambda: next(ticks))
    >>> pace.say("evaluate", 10, 40), pace.say("evaluate", 20, 40)
    ('', '20/min, about 1 min left')
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step = ""
        self._began = (0.0, 0)

    def say(self, step: str, done: int, total: int) -> str:
        """Say the pace of a step; nothing until something of it was done."""
        now = self._clock()
        if step != self._step:
            self._step, self._began = step, (now, done)
        seconds, gained = now - self._began[0], done - self._began[1]
        if gained <= 0 or seconds <= 0 or total <= 1:
            return ""
        left = seconds / gained * (total - done)
        return f"{60 * gained / seconds:,.0f}/min, {_say_time_left(left)}"


def _say_time_left(seconds: float) -> str:
    if seconds < 1:
        return "nearly done"
    if seconds < MINUTE:
        return f"about {seconds:.0f} s left"
    if seconds < HOUR:
        return f"about {seconds / MINUTE:.0f} min left"
    return f"about {seconds / HOUR:.1f} h left"


def open_in_browser(report: Path, *, wanted: bool | None) -> bool:
    """Open the report; unless it was asked for, only where a person and a browser seem to be."""
    return wants_browser(wanted) and webbrowser.open(report.resolve().as_uri())


def wants_browser(wanted: bool | None) -> bool:
    """Say whether to open a page: as asked, else where a person and a browser seem to be."""
    if wanted is not None:
        return wanted
    has_display = sys.platform in {"darwin", "win32"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return sys.stdout.isatty() and has_display and not os.environ.get("CI")
