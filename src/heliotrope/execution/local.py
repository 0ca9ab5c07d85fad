"""Run shards on this machine: one process, or a pool that survives a worker's death.

Memory is bounded by the shard: a worker reads one, evaluates it, writes its parts and forgets it.
A shard whose parts all stand is marked as done, so that an interrupted run can go on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from heliotrope.execution.jobs import EVALUATE, Progress, ShardJob, evaluate_shard, name_killers
from heliotrope.execution.pool import Tally, do_jobs, name_step
from heliotrope.execution.shards import AT_WORK, is_done, mark_done, write_part


@dataclass(frozen=True)
class LocalEngine:
    """This machine, with so many processes that share the shards."""

    workers: int = 1

    def run(self, jobs: Sequence[ShardJob], progress: Progress) -> None:
        """Evaluate every shard that is not done; see ``run_shards``."""
        run_shards(jobs, self.workers, progress)


def run_shards(jobs: Sequence[ShardJob], workers: int, progress: Progress) -> None:
    """Evaluate every shard; parts of tables, trace and findings stand in the run folder after.

    Shards that an earlier, interrupted call marked as done are not done again. Where it runs:
    ``do_jobs``; when a worker dies, see `WorkerPool`.
    Errors: UserError for shards that end their process, after all others are done; who is in them
    stands in a file of the run folder, not in the message.
    """
    unfinished = [job for job in jobs if not is_done(job.run, job.shard)]
    at_work = jobs[0].run / AT_WORK
    tally = Tally(partial(progress, name_step(EVALUATE, at_work)), len(jobs))
    fatal = do_jobs(evaluate_job, unfinished, workers, tally, at_work)
    if fatal:
        raise name_killers(fatal)


def evaluate_job(job: ShardJob) -> None:
    """Read one shard, evaluate it, write its parts, mark it as done."""
    digests = {
        part.find_path(job.shard).as_posix(): write_part(
            part.rows, job.run / part.folder, part.table, job.shard
        )
        for part in evaluate_shard(job)
    }
    mark_done(job.run, job.shard, digests)
