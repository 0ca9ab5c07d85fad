"""Run shards on this machine: one process, or a pool that survives a worker's death.

Memory is bounded by the shard: a worker reads one, evaluates it, writes its parts and forgets it.
A shard whose parts all stand is marked as done, so that an interrupted run can go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.execution.pool import WorkerPool
from heliotrope.execution.shards import (
    KILLERS,
    PARTS,
    TRACE_IDS_A_SHARD,
    is_done,
    mark_done,
    read_shard,
    write_part,
)
from heliotrope.records.shard import list_children

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ShardJob:
    """One shard to evaluate, and the run folder to write its parts to."""

    run: Path
    shard: int
    rulebook: Rulebook


def run_shards(jobs: Sequence[ShardJob], workers: int, progress: Progress) -> None:
    """Evaluate every shard; parts of tables, trace and findings stand in the run folder after.

    Shards that an earlier, interrupted call marked as done are not done again. With one job or
    one worker it runs here (not so one that is left of many: it may be the one that kills).
    Otherwise a pool of fresh processes does, one Polars thread each; when a worker dies, see
    `WorkerPool`.
    Errors: UserError for shards that end their process, after all others are done; who is in them
    stands in a file of the run folder, not in the message.
    """
    unfinished = [job for job in jobs if not is_done(job.run, job.shard)]
    done = len(jobs) - len(unfinished)

    def finished() -> None:
        nonlocal done
        done += 1
        progress("evaluate", done, len(jobs))

    progress("evaluate", done, len(jobs))
    if workers == 1 or len(jobs) == 1:
        for job in unfinished:
            evaluate_job(job)
            finished()
        return
    fatal = WorkerPool(evaluate_job, min(workers, len(jobs))).run(unfinished, finished)
    if fatal:
        _name_killers(sorted(fatal, key=lambda job: job.shard))


def evaluate_job(job: ShardJob) -> None:
    """Read one shard, evaluate it, write its parts."""
    shard = read_shard(job.run / "records", job.shard)
    evaluation = evaluate(shard, job.rulebook, first_trace_id=job.shard * TRACE_IDS_A_SHARD)
    for name, table in evaluation.coded.items():
        write_part(table, job.run / PARTS, name, job.shard)
    write_part(evaluation.findings, job.run / PARTS, "shard_finding", job.shard)
    write_part(evaluation.numbered.rows, job.run / "trace", "trace", job.shard)
    write_part(evaluation.numbered.sources, job.run / "trace", "trace_source", job.shard)
    mark_done(job.run, job.shard)


def _name_killers(fatal: Sequence[ShardJob]) -> None:
    """List the children of the shards that could not be evaluated, and stop."""
    folder = fatal[0].run
    children = pl.concat(_list_shard(job) for job in fatal)
    children.write_csv(folder / KILLERS)
    raise UserError(
        "every shard to be evaluated",
        f"shard {', '.join(str(job.shard) for job in fatal)} ended its process "
        f"(out of memory, or killed): {len(children):,} children, listed in {KILLERS}",
        "free memory and run again with --resume, which keeps the other shards; if it stays, "
        "look at the records of these children",
        ExitCode.ENVIRONMENT,
    )


def _list_shard(job: ShardJob) -> pl.DataFrame:
    tables = read_shard(job.run / "records", job.shard).tables()
    return pl.DataFrame({"shard": job.shard, "patient_id": list_children(tables).sort()})
