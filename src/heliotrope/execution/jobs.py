"""The work of one shard, and what everything that spreads shards over processes has to offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import polars as pl
from polars.io.plugins import register_io_source

from heliotrope.classify.evaluate import evaluate
from heliotrope.classify.trace_rows import NumberedTrace
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.execution.shards import (
    KILLERS,
    PARTS,
    TRACE,
    TRACE_IDS_A_SHARD,
    Rows,
    part_path,
    read_shard,
)
from heliotrope.records.shard import list_children

Progress = Callable[[str, int, int], None]

# The step that is told to who watches a run.
EVALUATE = "evaluate"


@dataclass(frozen=True)
class ShardJob:
    """One shard to evaluate, and the run folder to write its parts to."""

    run: Path
    shard: int
    rulebook: Rulebook

    def __str__(self) -> str:
        """Name it, without what it holds."""
        return f"shard {self.shard}"


class Part(NamedTuple):
    """What a shard gives to one table, and the folder of the run that holds that table."""

    folder: str
    table: str
    rows: Rows

    def find_path(self, shard: int) -> Path:
        """Give the path of its file within the run folder."""
        return part_path(Path(self.folder), self.table, shard)


class Engine(Protocol):
    """A place where shards are evaluated: this machine, a cluster, another scheduler.

    A new one is a module with such a class and a line in ``engines.py``; it calls
    ``evaluate_shard`` and decides nothing about a child.
    """

    def run(self, jobs: Sequence[ShardJob], progress: Progress) -> None:
        """Evaluate every shard that is not marked as done; all its parts stand in the run after.

        ``progress`` is told the step, how many shards are done and how many there are.
        Errors: UserError for shards that end their process even alone, after all others are done.
        """


def evaluate_shard(job: ShardJob) -> Iterator[Part]:
    """Read one shard, evaluate it, and give what a run keeps of it, part by part.

    Each part is to be written before the next is asked for: rows of the trace are made, definition
    by definition, while they are written, and leave their cells for the part after.
    """
    shard = read_shard(job.run / "records", job.shard)
    evaluation = evaluate(shard, job.rulebook, first_trace_id=job.shard * TRACE_IDS_A_SHARD)
    for name, table in evaluation.coded.items():
        yield Part(PARTS, name, table)
    yield Part(PARTS, "shard_finding", evaluation.findings)
    trace, cells = evaluation.numbered, list[pl.DataFrame]()
    yield Part(TRACE, "trace", _make_while_written(trace, cells))
    yield Part(TRACE, "trace_source", pl.concat([trace.empty.sources, *cells]))


def _make_while_written(trace: NumberedTrace, cells: list[pl.DataFrame]) -> pl.LazyFrame:
    """Give rows that are made when they are written; then their cells stand in ``cells``."""

    def make(*_: object) -> Iterator[pl.DataFrame]:
        for chapter in trace.make_chapters():
            cells.append(chapter.sources)
            yield chapter.rows

    return register_io_source(make, schema=trace.empty.rows.schema)


def name_killers(fatal: Sequence[ShardJob]) -> UserError:
    """List the children of the shards that could not be evaluated; give the error that says so.

    Who they are stands in a file of the run folder, not in the message.
    """
    folder = fatal[0].run
    ordered = sorted(fatal, key=lambda job: job.shard)
    children = pl.concat(_list_shard(job) for job in ordered)
    children.write_csv(folder / KILLERS)
    return UserError(
        "every shard to be evaluated",
        f"shard {', '.join(str(job.shard) for job in ordered)} ended its process "
        f"(out of memory, or killed): {len(children):,} children, listed in {KILLERS}",
        "free memory and run again with --resume, which keeps the other shards; if it stays, "
        "look at the records of these children",
        ExitCode.ENVIRONMENT,
    )


def _list_shard(job: ShardJob) -> pl.DataFrame:
    tables = read_shard(job.run / "records", job.shard).tables()
    return pl.DataFrame({"shard": job.shard, "patient_id": list_children(tables).sort()})
