"""What runs on the executors of a Spark cluster: one shard a task, evaluated as anywhere else.

Loads nothing heavy by itself: Polars counts its threads when it is loaded, so the number of cores
of a task has to be said before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from heliotrope.definitions.load import Rulebook
    from heliotrope.execution.attempts import AttemptName, Manifest
    from heliotrope.execution.jobs import Part, ShardJob

# One row a shard that was evaluated; what it wrote comes with it, through an accumulator.
MANIFEST = "shard bigint, attempt bigint, task bigint, rows bigint"

# One row an executor's answer: its host, whether it sees the run folder, versions of programs.
SEEN = "host string, sees boolean, heliotrope string, polars string"


@dataclass(frozen=True)
class Work:
    """What every task needs; broadcast once, so that an executor reads it once.

    shards: the number of the shard at each place of the job. attempts: the folder of this job's
    attempts. most_failures: how often Spark tries a task.
    """

    run: Path
    attempts: Path
    shards: tuple[int, ...]
    rulebook: Rulebook
    evaluate: Callable[[ShardJob], Iterator[Part]]
    most_failures: int


def make_task(broadcast: Any, reports: Any) -> Callable[[Iterator[RecordBatch]], Any]:
    """Make the function that evaluates the shards of a partition (there is one in each).

    broadcast: holds ``Work``. reports: an accumulator of manifests; Spark counts what a task adds
    once, and only if the task succeeds.
    """

    def evaluate_partition(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        import pyarrow
        from pyspark import TaskContext

        from heliotrope.execution.pool import WORKER_ENVIRONMENT

        context = cast(TaskContext, TaskContext.get())
        os.environ |= {**WORKER_ENVIRONMENT, "POLARS_MAX_THREADS": str(context.cpus())}
        for batch in batches:
            for place in batch.column("id").to_pylist():
                attempt = (place, context.attemptNumber(), context.taskAttemptId())
                manifest = evaluate_place(broadcast.value, *attempt)
                reports.add([manifest])
                row = (manifest.attempt.shard, *attempt[1:], manifest.rows)
                names = ("shard", "attempt", "task", "rows")
                yield pyarrow.RecordBatch.from_pydict(
                    {name: [value] for name, value in zip(names, row, strict=True)}
                )

    return evaluate_partition


def evaluate_place(work: Work, place: int, attempt: int, task: int) -> Manifest:
    """Evaluate the shard at a place of a job.

    A fault is raised, so that Spark tries the shard elsewhere; the last try reports it instead.
    Neither says more than its kind and place: a text of it could name a child in the logs.
    """
    from heliotrope.errors import UserError
    from heliotrope.execution.attempts import AttemptName, Manifest, write_attempt
    from heliotrope.execution.jobs import ShardJob
    from heliotrope.execution.pool import end_if_untrusted

    name = AttemptName(work.shards[place], attempt, task)
    job = ShardJob(work.run, name.shard, work.rulebook)
    try:
        return write_attempt(job, work.attempts, name, work.evaluate)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a compiled library is no Exception
        end_if_untrusted(error)
        fault = error if isinstance(error, UserError) else _describe(error, name)
        if attempt + 1 < work.most_failures:
            raise RuntimeError(f"shard {name.shard}: {type(error).__name__}") from None
        return Manifest(name, fault=fault)


def _describe(error: BaseException, name: AttemptName) -> BaseException:
    from heliotrope.errors import ExitCode, Found, UserError, locate_fault

    found = f"{type(error).__name__} in {locate_fault(error)}"
    if isinstance(error, OSError):
        found = f"{error.strerror or type(error).__name__} on an executor"
    return UserError(
        "every shard to be evaluated",
        Found(f"shard {name.shard}: {found}"),
        "check space, rights and the shared path on the executors; if they are well, report it "
        "with this message, which names no child, and run again with --resume after",
        ExitCode.ENVIRONMENT,
    )


def make_probe(folder: str, file: str, token: str) -> Callable[[Iterator[RecordBatch]], Any]:
    """Make the function that says what an executor sees, without anything of ours loaded before.

    The file must hold the token, and the executor must be able to write beside it and to rename
    what it wrote, as it does with its parts.
    """

    def look(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        import socket
        from contextlib import suppress
        from importlib import import_module
        from importlib.metadata import PackageNotFoundError, version
        from pathlib import Path

        import pyarrow

        def find_version(package: str) -> str | None:
            try:
                return version(package)
            except PackageNotFoundError:
                return None

        place = Path(folder)
        try:
            sees = (place / file).read_text(encoding="utf-8") == token
        except OSError:
            sees = False
        if sees:
            own = place / f"{file}.{socket.gethostname()}.{os.getpid()}"
            try:
                own.write_text(token, encoding="utf-8")
                own.replace(place / f"{own.name}.renamed").unlink()
            except OSError:
                sees = False
        ours = None
        with suppress(ImportError):
            ours = import_module("heliotrope").__version__
        answer = (socket.gethostname(), sees, ours, find_version("polars"))
        names = ("host", "sees", "heliotrope", "polars")
        types = (pyarrow.string(), pyarrow.bool_(), pyarrow.string(), pyarrow.string())
        for _ in batches:
            arrays = [pyarrow.array([value], of) for value, of in zip(answer, types, strict=True)]
            yield pyarrow.RecordBatch.from_arrays(arrays, list(names))

    return look
