"""A pool of fresh processes that survives the death of a worker and finds out which job kills.

A worker in which memory runs out or Polars panics ends itself, as if it had been killed: after
either it is not to be trusted, and a panic cannot even be sent home. Only as many jobs are handed
out as there are workers: when one dies, the job to blame is among those few. Each of them is tried
again alone; a job that kills its process alone is set aside, and all others go on in a pool made
anew.

A worker loads nothing of the script that started the run: it need not be one that can be imported.
It ends with the process that started it, so that none writes on beside a run that is resumed.

Where jobs are done in this process, a file says which is at work. If this process ends, it stays,
and what is left is then done in a pool of one: a job that kills is found there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Generic, TypeVar

# One Polars thread; and freed memory is kept for ten seconds rather than given back at once, since
# the next table wants it: a fifth of the time of a large shard went into taking it again.
# One arena, since what one thread gave back another would else take anew from the system.
WORKER_ENVIRONMENT = {
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:10000,muzzy_decay_ms:10000,narenas:1",
}

# How a process ends in which memory ran out; any status that is not 0 would do.
NOT_TO_BE_TRUSTED = 137

_SCRIPT = "__main__"

Job = TypeVar("Job")


def count_cores() -> int:
    """Count the cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Tally:
    """How much of some work is done: ``tell`` hears it, with how much there is in all."""

    tell: Callable[[int, int], None]
    total: int

    def count_off(self, unfinished: int) -> Callable[[], None]:
        """Tell what is done already, and give what to call after each job that was left."""
        done = self.total - unfinished

        def finished() -> None:
            nonlocal done
            done += 1
            self.tell(done, self.total)

        self.tell(done, self.total)
        return finished


def name_step(step: str, at_work: Path) -> str:
    """Name a step of a run, with the job at which the process before this one ended, if it did."""
    try:
        job = at_work.read_text(encoding="utf-8")
    except FileNotFoundError:
        return step
    return f"{step} ({job} was at work when the last run ended)"


def do_jobs(
    do: Callable[[Job], None],
    unfinished: Sequence[Job],
    workers: int,
    tally: Tally,
    at_work: Path,
) -> list[Job]:
    """Do what is left of some work; return the jobs that end their process even alone.

    With one worker, or where the work is one job in all, it is done in this process (not so one
    that is left of many: it may be the one that kills), else in a pool of fresh ones.
    at_work: names the job that this process is at. Where an earlier process left it, or memory
    runs out in this one, what is left goes to a pool, too.
    """
    finished = tally.count_off(len(unfinished))
    left = list(unfinished)
    if (workers == 1 or tally.total == 1) and not at_work.exists():
        left = _do_here(do, left, finished, at_work)
    fatal = WorkerPool(do, min(workers, tally.total)).run(left, finished)
    at_work.unlink(missing_ok=True)
    return fatal


def _do_here(
    do: Callable[[Job], None], jobs: Sequence[Job], finished: Callable[[], None], at_work: Path
) -> list[Job]:
    """Do jobs in this process; return what is left from the one on in which memory ran out."""
    for number, job in enumerate(jobs):
        at_work.write_text(str(job), encoding="utf-8")
        try:
            do(job)
        except BaseException as error:  # a panic of a compiled library is no Exception
            if is_untrusted(error):
                return list(jobs[number:])
            at_work.unlink()
            raise
        at_work.unlink()
        finished()
    return []


class WorkerPool(Generic[Job]):
    """Processes that do jobs, one Polars thread each."""

    def __init__(self, do: Callable[[Job], None], workers: int) -> None:
        self._do = do
        self._workers = workers

    def run(self, jobs: Sequence[Job], finished: Callable[[], None]) -> list[Job]:
        """Do every job; return those that end their process even when they run alone.

        ``finished`` is called after each job that was done or set aside. A job that raises stops
        everything: its error is raised here.
        """
        waiting, fatal = list(reversed(jobs)), list[Job]()
        with _environment_of_workers():
            while waiting:
                for suspect in self._run_until_one_dies(waiting, self._workers, finished):
                    if self._run_until_one_dies([suspect], 1, finished):
                        fatal.append(suspect)
                        finished()
        return fatal

    def _run_until_one_dies(
        self, waiting: list[Job], workers: int, finished: Callable[[], None]
    ) -> list[Job]:
        """Do jobs from the end of ``waiting``; return those at work when a worker died."""
        at_work: dict[Future[None], Job] = {}
        spawn = get_context("spawn")
        with ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent) as pool:
            while waiting or at_work:
                while waiting and len(at_work) < workers:
                    job = waiting.pop()
                    try:
                        with self._without_the_script():
                            at_work[pool.submit(_do_or_end, self._do, job)] = job
                    except BrokenProcessPool:
                        waiting.append(job)
                        return list(at_work.values())
                done, _ = wait(at_work, return_when=FIRST_COMPLETED)
                dead = [future for future in done if _is_broken(future)]
                for future in done.difference(dead):
                    future.result()
                    del at_work[future]
                    finished()
                if dead:
                    return list(at_work.values())
        return []

    @contextmanager
    def _without_the_script(self) -> Iterator[None]:
        """Let a process that is started within not load the script that this one was started by.

        It would run again there, up to this place, unless it guards its last lines. It is loaded
        where what the pool does stands in it.
        """
        script = sys.modules[_SCRIPT]
        if getattr(self._do, "__module__", None) != _SCRIPT:
            sys.modules[_SCRIPT] = ModuleType(_SCRIPT)
        try:
            yield
        finally:
            sys.modules[_SCRIPT] = script


def _is_broken(future: Future[None]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _end_with_parent() -> None:
    """Let this worker end as soon as the process that started it is gone, even if that was killed.

    It would wait for work for ever: each worker holds both ends of the pipe that work comes by.
    """
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(NOT_TO_BE_TRUSTED)

    Thread(target=watch, daemon=True).start()


def _do_or_end(do: Callable[[Job], None], job: Job) -> None:
    """Do a job in a worker; end the process where memory runs out, or Polars panics."""
    try:
        do(job)
    except BaseException as error:
        end_if_untrusted(error)
        raise


def end_if_untrusted(error: BaseException) -> None:
    """End this process at once, as if killed, where memory ran out or Polars panicked."""
    if is_untrusted(error):
        os._exit(NOT_TO_BE_TRUSTED)


def is_untrusted(error: BaseException) -> bool:
    """Say whether a process is not to be trusted after an error: no memory, or a panic."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return False
    return isinstance(error, MemoryError) or not isinstance(error, Exception)


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """Set the environment of processes started within; this process keeps its own."""
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
