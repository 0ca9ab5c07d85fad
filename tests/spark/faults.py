"""What may go wrong within a task, done on purpose; workers load this module by its name.

A fault that happens once leaves a mark in the run folder, so that the next attempt knows.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from heliotrope.execution.jobs import Part, ShardJob, evaluate_shard

FAILS, LOSES_EXECUTOR, DAWDLES = 0, 1, 2
MARKS = "marks"
LONG = 600


def is_first(job: ShardJob, what: str) -> bool:
    """Say whether this is the first attempt at a shard that asks."""
    mark = job.run / MARKS / f"{job.shard}-{what}"
    mark.parent.mkdir(exist_ok=True)
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def have_each_accident_once(job: ShardJob) -> Iterator[Part]:
    """Fail one shard once, lose the executor of one half way, let one hang until it is killed."""
    parts = evaluate_shard(job)
    yield next(parts)
    if is_first(job, "accident"):
        if job.shard == FAILS:
            raise OSError(5, "Input/output error")
        if job.shard == LOSES_EXECUTOR:
            os.kill(find_executor(), signal.SIGKILL)
            time.sleep(LONG)
        if job.shard == DAWDLES:
            time.sleep(LONG)
    yield from parts


def always_end_the_process_of_one(job: ShardJob) -> Iterator[Part]:
    """Kill the process that evaluates one of the shards, every time."""
    if job.shard == FAILS:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from evaluate_shard(job)


def find_a_fault_in_one(job: ShardJob) -> Iterator[Part]:
    """Fail one shard every time with a text that names a child; note every shard begun."""
    is_first(job, str(os.getpid()))
    if job.shard == FAILS:
        raise ValueError("the child S-17 has no such thing")
    yield from evaluate_shard(job)


def note_and_evaluate(job: ShardJob) -> Iterator[Part]:
    """Evaluate, and note which shard and with how many threads."""
    import polars

    noted = job.run / MARKS / f"noted-{job.shard}"
    noted.parent.mkdir(exist_ok=True)
    noted.write_text(str(polars.thread_pool_size()))
    yield from evaluate_shard(job)


def do_nothing(job: ShardJob) -> Iterator[Part]:
    """Leave a shard alone: what its task then takes is Spark's own."""
    del job
    yield from ()


def find_executor() -> int:
    """Find the process of the executor: the Java that is above this one."""
    number = os.getpid()
    while number > 1:
        number = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        if Path(f"/proc/{number}/comm").read_text().strip() == "java":
            return number
    raise RuntimeError("no executor above this process")
