"""Run shards on this machine: one process, or a pool that survives a worker's death.

Memory is bounded by the shard: a worker reads one, evaluates it, writes its parts and forgets it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.execution.shards import TRACE_IDS_A_SHARD, read_shard, write_part

Progress = Callable[[str, int, int], None]
THREADS = "POLARS_MAX_THREADS"


@dataclass(frozen=True)
class ShardJob:
    """One shard to evaluate, and the run folder to write its parts to."""

    run: Path
    shard: int
    rulebook: Rulebook


def run_shards(jobs: Sequence[ShardJob], workers: int, progress: Progress) -> None:
    """Evaluate every shard; parts of tables, trace and findings stand in the run folder after.

    With one job or one worker it runs here. Otherwise a pool of fresh processes does, one Polars
    thread each. When a worker dies the pool is made anew and the unfinished shards are tried one
    by one; a shard that kills its worker alone is named.
    Errors: UserError for a shard that cannot be evaluated, after all others are done.
    """
    if len(jobs) == 1 or workers == 1:
        for done, job in enumerate(jobs, start=1):
            evaluate_job(job)
            progress("evaluate", done, len(jobs))
        return
    unfinished = _run_pool(jobs, workers, progress)
    fatal = []
    for job in unfinished:
        if _run_pool([job], 1, progress):
            fatal.append(job.shard)
        progress("evaluate", len(jobs) - len(unfinished) + 1, len(jobs))
    if fatal:
        raise UserError(
            "every shard to be evaluated",
            f"shard {', '.join(map(str, fatal))} ended its process (out of memory, or killed)",
            "free memory and run again; if it stays, look at the children of that shard",
            ExitCode.ENVIRONMENT,
        )


def _run_pool(jobs: Sequence[ShardJob], workers: int, progress: Progress) -> list[ShardJob]:
    """Run jobs in a pool; return those a dead worker left unfinished."""
    unfinished: list[ShardJob] = []
    with (
        _one_thread_a_worker(),
        ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool,
    ):
        futures: dict[Future[None], ShardJob] = {
            pool.submit(evaluate_job, job): job for job in jobs
        }
        for done, future in enumerate(as_completed(futures), start=1):
            try:
                future.result()
            except BrokenProcessPool:
                unfinished.append(futures[future])
            else:
                progress("evaluate", done - len(unfinished), len(jobs))
    return sorted(unfinished, key=lambda job: job.shard)


@contextmanager
def _one_thread_a_worker() -> Iterator[None]:
    """Set one Polars thread for processes started within; this process keeps its own."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def evaluate_job(job: ShardJob) -> None:
    """Read one shard, evaluate it, write its parts."""
    shard = read_shard(job.run / "records", job.shard)
    evaluation = evaluate(shard, job.rulebook, first_trace_id=job.shard * TRACE_IDS_A_SHARD)
    for name, table in evaluation.tables.items():
        write_part(table, job.run / "parts", name, job.shard)
    write_part(evaluation.findings, job.run / "parts", "shard_finding", job.shard)
    write_part(evaluation.trace, job.run / "trace", "trace", job.shard)
    write_part(evaluation.trace_source, job.run / "trace", "trace_source", job.shard)
