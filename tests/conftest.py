"""Runs of the shipped examples, made once and shared: read them, never write into them.

A run takes longer than most tests that look at one. A test that changes a run, or needs other
options than those below, copies this one or makes its own. The workers of one call of pytest share
them too: whichever needs a run first makes it. When the tests end, each shared run is held to what
it was: a test that wrote into it is a fault of the suite, and said.

What a test records as the property ``SHOWN`` is printed at the end, whichever worker it ran in.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.example_studies import find_example
from heliotrope.execution import jobs, shards
from heliotrope.pipeline import run_study
from heliotrope.records.shard import Shard
from heliotrope.report import page
from heliotrope.report.page import REPORT_FILE

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


@pytest.fixture(scope="session")
def seven_run_in_shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run like ``seven_run``, but in three shards."""
    yield from _share_run("seven_children", tmp_path_factory, patients_a_shard=3)


def _share_run(
    example: str,
    folders: pytest.TempPathFactory,
    patients_a_shard: int = shards.PATIENTS_A_SHARD,
) -> Iterator[Path]:
    base = folders.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)
    run = shared / f"{example}_by_{patients_a_shard}"
    with run.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.exists():
            with mock.patch.object(shards, "PATIENTS_A_SHARD", patients_a_shard):
                run_study(find_example(example), run)
    before = _list_files(run)
    yield run
    changed = sorted(str(path.relative_to(run)) for path, *_ in before ^ _list_files(run))
    assert changed == [], "a test wrote into a shared run: it must copy it first"


def _list_files(run: Path) -> set[tuple[Path, int, int]]:
    """List what stands in a run, with the size of each and when it was written."""
    found = ((path, path.stat()) for path in run.rglob("*"))
    return {(path, stat.st_size, stat.st_mtime_ns) for path, stat in found}


@pytest.fixture(scope="session")
def evaluations() -> dict[tuple[str, ...], Evaluation]:
    """What was evaluated under ``each_shard_once``, by the content of shard and rulebook."""
    return {}


@pytest.fixture
def each_shard_once(
    monkeypatch: pytest.MonkeyPatch, evaluations: dict[tuple[str, ...], Evaluation]
) -> None:
    """Runs of this process evaluate a shard once: one of equal records has an equal answer.

    For tests of what a run does around the evaluation: interrupt, resume, cut, merge. A shard of
    which a single cell or definition differs is another shard.
    """

    def evaluate_once(shard: Shard, rulebook: Rulebook, first_trace_id: int = 0) -> Evaluation:
        tables = (table.write_ipc(None).getvalue() for table in shard.tables().values())
        records = (hashlib.sha256(content).hexdigest() for content in tables)
        key = (rulebook.sha256, str(first_trace_id), *records)
        if key not in evaluations:
            evaluations[key] = evaluate(shard, rulebook, first_trace_id)
        return evaluations[key]

    monkeypatch.setattr(jobs, "evaluate", evaluate_once)


@contextmanager
def writing_no_page() -> Iterator[None]:
    """Let runs of this process write an empty report: for who looks at the tables alone."""
    with mock.patch.object(page, "write_report", lambda run, _: (run / REPORT_FILE).touch()):
        yield


@pytest.fixture
def without_a_page() -> Iterator[None]:
    """The runs of a test write an empty report: it looks at the tables alone."""
    with writing_no_page():
        yield
