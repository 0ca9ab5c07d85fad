"""Score every definition for 100,000 children of 12 visits, with the whole trace, shard by shard.

``python benchmarks/scoring.py`` takes 20 of the 200 shards and says what all would take;
``--whole`` takes all, ``--quick`` two. Rewrites its part of README.md.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from draw_shard import VISITS, draw_shard
from machine import describe_machine, draw_table, write_part

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import read_rulebook
from heliotrope.execution.shards import (
    PATIENTS_A_SHARD,
    TRACE_IDS_A_SHARD,
    part_path,
)
from heliotrope.execution.shards import (
    write_part as write_table,
)

CHILDREN = 100_000
SHARDS = CHILDREN // PATIENTS_A_SHARD
TAKEN = 20
QUICK = 2


@dataclass
class Sums:
    """What was counted and timed over the shards."""

    records: int = 0
    rows: int = 0
    sources: int = 0
    bytes_trace: int = 0
    bytes_sources: int = 0
    evaluating: float = 0.0
    writing: float = 0.0


def main() -> None:
    """Measure, print, write."""
    taken = SHARDS if "--whole" in sys.argv else QUICK if "--quick" in sys.argv else TAKEN
    sums = measure_shards(taken)
    text = f"{describe_machine()}. {describe(sums, taken)}"
    sys.stdout.write(text + "\n")
    write_part("scoring", text)


def measure_shards(taken: int) -> Sums:
    """Draw, evaluate and write shards one after the other; only one is ever in memory."""
    rulebook = read_rulebook()
    evaluate(draw_shard(rulebook, SHARDS, PATIENTS_A_SHARD), rulebook)
    sums = Sums()
    for number in range(taken):
        shard = draw_shard(rulebook, number, PATIENTS_A_SHARD)
        sums.records += sum(table.height for table in shard.tables().values())
        start = time.perf_counter()
        found = evaluate(shard, rulebook, number * TRACE_IDS_A_SHARD)
        found.numbered.whole  # noqa: B018  made when it is asked for, and kept
        evaluated = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_table(found.trace, folder, "trace", number)
            write_table(found.trace_source, folder, "trace_source", number)
            sums.writing += time.perf_counter() - evaluated
            sums.bytes_trace += part_path(folder, "trace", number).stat().st_size
            sums.bytes_sources += part_path(folder, "trace_source", number).stat().st_size
        sums.evaluating += evaluated - start
        sums.rows += found.trace.height
        sums.sources += found.trace_source.height
    return sums


def describe(sums: Sums, taken: int) -> str:
    """Write the table, and what the whole would take."""
    seconds = sums.evaluating + sums.writing
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    whole = SHARDS / taken
    children = taken * PATIENTS_A_SHARD
    rows = [
        ["records read", f"{sums.records:,}", ""],
        ["trace rows written", f"{sums.rows:,}", ""],
        ["cells named by them", f"{sums.sources:,}", ""],
        ["trace rows a second, evaluated and written", f"{sums.rows / seconds:,.0f}", ""],
        ["visits a second, every definition", f"{children * VISITS / seconds:,.0f}", ""],
        ["of the time, writing", f"{sums.writing / seconds:.0%}", ""],
        ["bytes a trace row (`trace`)", f"{sums.bytes_trace / sums.rows:.1f}", "under 25"],
        [
            "bytes a trace row, with its cells (`trace_source`)",
            f"{(sums.bytes_trace + sums.bytes_sources) / sums.rows:.1f}",
            "under 25",
        ],
        ["largest memory", f"{peak:.1f} GiB", ""],
    ]
    how = "all" if taken == SHARDS else f"{taken} of {SHARDS}"
    said = f"{how} shards of {PATIENTS_A_SHARD} children with {VISITS} visits, one process"
    guess = (
        f"100,000 children took {seconds / 60:.0f} minutes"
        if taken == SHARDS
        else f"At that rate 100,000 children take {seconds * whole / 60:.0f} minutes and "
        f"{(sums.bytes_trace + sums.bytes_sources) * whole / 1e9:.1f} GB in one process "
        "(extrapolated)"
    )
    return f"{said}. {guess}.\n\n{draw_table(['what', 'measured', 'aim'], rows)}"


if __name__ == "__main__":
    main()
