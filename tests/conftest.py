"""Runs of the shipped examples, made once and shared: read them, never write into them.

A run takes longer than most tests that look at one. A test that changes a run, or needs other
options than those below, copies this one or makes its own. When the tests end, each shared run
is held to what it was: a test that wrote into it is a fault of the suite, and said.

What a test records as the property ``SHOWN`` is printed at the end, whichever worker it ran in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliotrope.example_studies import find_example
from heliotrope.pipeline import run_study

SHOWN = "shown at the end"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded to be shown."""
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == SHOWN:
                terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def seven_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of the seven children, without the model, in English."""
    yield from _share_run("seven_children", tmp_path_factory)


@pytest.fixture(scope="session")
def modern_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of the modern cohort of thirty, without the model, in English."""
    yield from _share_run("modern_cohort", tmp_path_factory)


def _share_run(example: str, folders: pytest.TempPathFactory) -> Iterator[Path]:
    run = folders.mktemp("shared") / example
    run_study(find_example(example), run)
    before = _list_files(run)
    yield run
    changed = sorted(str(path.relative_to(run)) for path, *_ in before ^ _list_files(run))
    assert changed == [], "a test wrote into a shared run: it must copy it first"


def _list_files(run: Path) -> set[tuple[Path, int, int]]:
    """List what stands in a run, with the size of each and when it was written."""
    found = ((path, path.stat()) for path in run.rglob("*"))
    return {(path, stat.st_size, stat.st_mtime_ns) for path, stat in found}
