"""Run shards on a Spark cluster: one task a shard, its tables read and written on a shared path.

Spark carries numbers of shards to the tasks and a line about each back, nothing else: no row of a
child passes between processes, and nothing is shuffled. What a task does with its shard is
``evaluate_shard``, as on one machine.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.attempts import AttemptFolder, Manifest, clear_attempts
from heliotrope.execution.jobs import (
    EVALUATE,
    Part,
    Progress,
    ShardJob,
    evaluate_shard,
    name_killers,
)
from heliotrope.execution.pool import Tally
from heliotrope.execution.shards import is_done
from heliotrope.execution.spark_executors import check_executors, count_tries
from heliotrope.execution.spark_task import MANIFEST, Work, make_task
from heliotrope.spark_session import describe_failure

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# How often the driver looks for attempts that have reported.
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class SparkEngine:
    """A Spark cluster, reached through a session; ``evaluate`` is what its tasks do."""

    session: SparkSession
    evaluate: Callable[[ShardJob], Iterator[Part]] = evaluate_shard

    def run(self, jobs: Sequence[ShardJob], progress: Progress) -> None:
        """Evaluate every shard that is not done on the cluster; its parts stand in the run after.

        A shard whose task fails as often as Spark tries it ends its job. Which of the shards
        begun then is to blame is not known: those begun as often are tried again alone, one after
        another; one that fails alone is set aside, and all others go on in a new job.
        Errors: executors that do not see the run folder, a fault within a shard, shards that end
        their process even alone: UserError.
        """
        absolute = [replace(job, run=job.run.resolve()) for job in jobs]
        unfinished = {job.shard: job for job in absolute if not is_done(job.run, job.shard)}
        finished = Tally(partial(progress, EVALUATE), len(jobs)).count_off(len(unfinished))
        if not unfinished:
            return
        run = absolute[0].run
        clear_attempts(run)
        check_executors(self.session, run)
        try:
            fatal = _Shards(self, unfinished, finished).evaluate_all()
        finally:
            clear_attempts(run)
        if fatal:
            raise name_killers(fatal)


@dataclass(frozen=True)
class _Shards:
    """The shards of a run that are not done yet, by number; each goes when it is counted."""

    engine: SparkEngine
    waiting: dict[int, ShardJob]
    finished: Callable[[], None]

    def evaluate_all(self) -> list[ShardJob]:
        """Evaluate all; return those that end their process even alone."""
        fatal = []
        while self.waiting:
            suspects = self._do(list(self.waiting))
            for shard in suspects:
                if self._do([shard]):
                    fatal.append(self.waiting.pop(shard))
                    self.finished()
        return fatal

    def _do(self, shards: list[int]) -> list[int]:
        """Do some shards in one job; return those that may have ended it, none if it went well."""
        first = self.waiting[shards[0]]
        attempts = AttemptFolder.make(first.run)
        tries = count_tries(self.engine.session)
        work = Work(
            first.run, attempts.path, tuple(shards), first.rulebook, self.engine.evaluate, tries
        )
        job = _Job(self.engine.session, work)
        try:
            for manifest in job.stream():
                if manifest.fault is not None:
                    raise manifest.fault
                if manifest.attempt.shard in self.waiting:
                    attempts.commit(manifest)
                    del self.waiting[manifest.attempt.shard]
                    self.finished()
            left = [shard for shard in shards if shard in self.waiting]
            return _find_suspects(attempts, left, tries, job.failure)
        finally:
            job.cancel()
            attempts.clear()


def _find_suspects(
    attempts: AttemptFolder, left: list[int], tries: int, failure: BaseException | None
) -> list[int]:
    """Return which of the shards left may have ended a job: those begun as often as Spark tries.

    Errors: a job that ended without having begun one of them: nothing to do with any child.
    """
    if not left:
        return []
    begun = attempts.count_begun(left)
    if failure is not None and "cancel" in str(failure).lower():
        begun.clear()
    most = [shard for shard in left if begun[shard] >= tries]
    suspects = most or [shard for shard in left if begun[shard]]
    if not suspects or failure is None:
        raise UserError(
            "a cluster that runs the tasks it is given",
            Found(describe_failure(failure) if failure else "a task that gave no answer"),
            "look at the logs of the executors; run again with --resume, which keeps what is done",
            ExitCode.ENVIRONMENT,
        )
    return suspects


def follow(
    reports: Callable[[], list[Manifest]], is_over: Callable[[], bool], wait: Callable[[], None]
) -> Iterator[Manifest]:
    """Give each report once, in the order in which they come, until no more can come.

    The list grows also while what was given is worked on: only what was given counts as seen.
    """
    seen = 0
    while True:
        is_last = is_over()
        new = reports()[seen:]
        seen += len(new)
        yield from new
        if is_last:
            return
        wait()


class _Job:
    """One Spark job, submitted from a thread, so that its tasks' reports can be taken meanwhile."""

    def __init__(self, session: SparkSession, work: Work) -> None:
        from pyspark import InheritableThread

        self.failure: BaseException | None = None
        self._context = session.sparkContext
        self._group = f"heliotrope-{uuid.uuid4().hex}"
        self._broadcast = self._context.broadcast(work)
        self._reports = self._context.accumulator([], _make_list_of_reports())
        count = len(work.shards)
        task = make_task(self._broadcast, self._reports)
        self._frame = session.range(0, count, 1, count).mapInArrow(task, MANIFEST)
        self._thread = InheritableThread(target=self._collect, session=session)

    def stream(self) -> Iterator[Manifest]:
        """Give the manifest of each task as it is done; ends with the job.

        ``failure`` then holds why it ended early, or None.
        Errors: the session is gone: UserError.
        """
        self._thread.start()
        yield from follow(
            lambda: self._reports.value,
            lambda: not self._thread.is_alive(),
            lambda: self._thread.join(SECONDS_BETWEEN_LOOKS),
        )
        if self.failure is not None and self._is_stopped():
            raise UserError(
                "a Spark session that stays",
                Found(describe_failure(self.failure)),
                "look at the logs of the cluster; run again with --resume, which keeps what is "
                "done",
                ExitCode.ENVIRONMENT,
            )

    def cancel(self) -> None:
        """End the job if it still runs, and let go of what was broadcast."""
        if self._is_stopped():
            return
        if self._thread.is_alive():
            self._context.cancelJobGroup(self._group)
            self._thread.join()
        self._broadcast.destroy()

    def _collect(self) -> None:
        self._context.setJobGroup(self._group, "heliotrope: evaluate shards", True)
        try:
            self._frame.collect()
        except BaseException as error:  # handed to the thread that asked
            self.failure = error

    def _is_stopped(self) -> bool:
        try:
            return bool(self._context._jsc.sc().isStopped())
        except Exception:  # no JVM answers
            return True


def _make_list_of_reports() -> Any:
    """Make what adds up the reports of tasks: a list of them."""
    from heliotrope.execution.spark_reports import ListOfReports

    return ListOfReports()
