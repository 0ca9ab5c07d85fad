"""A scheduler that is no part of heliotrope, added as the manual says: the same tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import pytest
from tests.fault.stopped_runs import STUDY, assert_same_run

from heliotrope.execution import shards
from heliotrope.execution.attempts import AttemptFolder, AttemptName, Manifest, write_attempt
from heliotrope.execution.engines import ENGINES, EngineOrder
from heliotrope.execution.jobs import EVALUATE, Engine, Progress, ShardJob, evaluate_shard
from heliotrope.execution.local import evaluate_job
from heliotrope.execution.shards import ATTEMPTS, is_done
from heliotrope.pipeline import RunOptions, run_study

pytestmark = pytest.mark.usefixtures("without_a_page")


@dataclass(frozen=True)
class Threads:
    """Evaluates shards in threads of this process."""

    workers: int

    def run(self, jobs: Sequence[ShardJob], progress: Progress) -> None:
        unfinished = [job for job in jobs if not is_done(job.run, job.shard)]
        done = len(jobs) - len(unfinished)
        with ThreadPoolExecutor(self.workers) as pool:
            for finished, _ in enumerate(pool.map(evaluate_job, unfinished), start=done + 1):
                progress(EVALUATE, finished, len(jobs))


@dataclass(frozen=True)
class Twice:
    """Runs every job twice, as a scheduler may, and counts what the second attempt wrote."""

    begun: list[str] = field(default_factory=list)

    def run(self, jobs: Sequence[ShardJob], progress: Progress) -> None:
        attempts = AttemptFolder.make(jobs[0].run)
        for number, job in enumerate(jobs, start=1):
            _, second = map(self._attempt, repeat(job), repeat(attempts), (0, 1))
            attempts.commit(second)
            progress(EVALUATE, number, len(jobs))
        attempts.clear()

    def _attempt(self, job: ShardJob, attempts: AttemptFolder, number: int) -> Manifest:
        name = AttemptName(job.shard, number, task=len(self.begun))
        self.begun.append(name.folder)
        return write_attempt(job, attempts.path, name, evaluate_shard)


@pytest.fixture(autouse=True)
def _three_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PATIENTS_A_SHARD", 3)


@pytest.fixture
def local(seven_run_in_shards: Path) -> Path:
    """The seven children in three shards, evaluated by the local engine."""
    return seven_run_in_shards


def test_an_engine_in_one_module_gives_the_same_run(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def open_threads(order: EngineOrder) -> Iterator[Engine]:
        yield Threads(order.workers)

    monkeypatch.setitem(ENGINES, "threads", open_threads)
    told: list[tuple[str, int, int]] = []
    options = RunOptions(engine="threads", workers=2)
    run_study(STUDY, tmp_path / "run", options, lambda *step: told.append(step))
    assert_same_run(tmp_path / "run", local)
    assert [step for step in told if step[0] == EVALUATE] == [
        (EVALUATE, done, 3) for done in (1, 2, 3)
    ]


@pytest.mark.usefixtures("each_shard_once")
def test_a_scheduler_that_runs_every_job_twice_doubles_nothing(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Twice()

    @contextmanager
    def open_twice(_: EngineOrder) -> Iterator[Engine]:
        yield engine

    monkeypatch.setitem(ENGINES, "twice", open_twice)
    run_study(STUDY, tmp_path / "run", RunOptions(engine="twice"))
    assert engine.begun == ["00000-0-0", "00000-1-1", "00001-0-2", "00001-1-3", "00002-0-4",
                            "00002-1-5"]  # fmt: skip
    assert_same_run(tmp_path / "run", local)
    assert not (tmp_path / "run" / ATTEMPTS).exists()
