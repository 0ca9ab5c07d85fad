"""Evaluate the same shards on this machine and on a Spark cluster of two workers, side by side.

``PYTHONPATH=. python benchmarks/spark.py [CHILDREN]`` (10,000): the workload of ``scale.py``, two
local workers, then a standalone master and two workers of one core on the loopback, then two local
workers again. Both give the same parts, which is checked. Seconds of the processor are those of all
processes that took part, Java's too: they say what the cluster costs where other work shares the
cores. Rewrites its part of README.md (not for fewer children).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from machine import describe_machine, draw_table, write_part
from scale import CHILDREN, Prepared, measure_peak, prepare, stopwatch
from tests.spark.faults import do_nothing
from tests.spark.loopback import SETTINGS, start_cluster

from heliotrope.definitions.load import read_rulebook
from heliotrope.execution.jobs import Engine, ShardJob
from heliotrope.execution.local import LocalEngine
from heliotrope.execution.spark import SparkEngine
from heliotrope.execution.spark_executors import check_executors
from heliotrope.spark_session import SparkSettings, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORKERS = 2
EMPTY_SHARDS = 100


def main() -> None:
    """Prepare, evaluate both ways, compare, print, write."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    children = (numbers or [CHILDREN])[0]
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            prepared = pool.submit(prepare, folder / "study", folder / "local", children).result()
        for other in ("local again", "spark", "spark again"):
            (folder / other).mkdir()
            (folder / other / "records").symlink_to(folder / "local" / "records")
        table = measure(folder, children, prepared)
    load = os.getloadavg()[1]
    text = (
        f"{describe_machine()}, Spark {version('pyspark')}, load {load:.0f} of this and other "
        f"work.\n\n{table}"
    )
    sys.stdout.write(text + "\n")
    if children >= CHILDREN:
        write_part("spark", text)


def measure(folder: Path, children: int, prepared: Prepared) -> str:
    """Evaluate with both engines, each twice, this machine first and last; write the table."""
    local = evaluate(LocalEngine(WORKERS), folder / "local", prepared.shards)
    scratch = folder / "cluster"
    scratch.mkdir()
    with start_cluster(scratch) as master:
        start = time.perf_counter()
        with spark_session(SparkSettings(master, SETTINGS)) as session:
            opened = time.perf_counter() - start
            with stopwatch() as looked:
                check_executors(session, folder / "spark")
            first = evaluate(SparkEngine(session), folder / "spark", prepared.shards)
            again = evaluate(SparkEngine(session), folder / "spark again", prepared.shards)
            (folder / "empty").mkdir()
            empty = evaluate(SparkEngine(session, do_nothing), folder / "empty", EMPTY_SHARDS)
            with stopwatch() as checked:
                check_executors(session, folder / "spark")
            driver = f"{measure_peak():.2f} GiB, {measure_java(session):.2f} GiB"
            with stopwatch() as bare:
                numbers = session.range(0, EMPTY_SHARDS, 1, EMPTY_SHARDS)
                numbers.mapInArrow(lambda batches: batches, "id long").collect()
    local_again = evaluate(LocalEngine(WORKERS), folder / "local again", prepared.shards)
    per_shard = 1000 * (empty.seconds - checked[0]) / EMPTY_SHARDS
    same = compare(folder / "local", folder / "spark")
    rows = [
        ["shards", f"{prepared.shards}"],
        [
            "two local workers, first and last",
            f"{local.seconds:.1f} s, {local_again.seconds:.1f} s",
        ],
        ["of the processor", f"{local.processor:.1f} s, {local_again.processor:.1f} s"],
        [
            "Spark, two executors of one core, twice",
            f"{first.seconds:.1f} s, {again.seconds:.1f} s",
        ],
        ["of the processor", f"{first.processor:.1f} s, {again.processor:.1f} s"],
        ["largest memory of the driver: Python, Java", driver],
        ["session opened", f"{opened:.1f} s"],
        ["executors up and found to see the folder", f"{looked[0]:.1f} s"],
        ["that look, once they are up", f"{checked[0]:.2f} s"],
        ["a shard without work, two at a time", f"{per_shard:.0f} ms"],
        ["a task of Spark that does nothing", f"{1000 * bare[0] / EMPTY_SHARDS:.0f} ms"],
        ["parts equal to the local ones", f"{same:,}"],
    ]
    return draw_table([f"{children:,} children, a tenth on IVIG", "measured"], rows)


@dataclass(frozen=True)
class Took:
    """What a piece of work took: seconds of the clock, and of the processor in all processes."""

    seconds: float
    processor: float


def evaluate(engine: Engine, run: Path, shards: int) -> Took:
    """Evaluate so many shards; give what it took."""
    rulebook, before = read_rulebook(), measure_processor()
    with stopwatch() as seconds:
        engine.run([ShardJob(run, shard, rulebook) for shard in range(shards)], lambda *_: None)
    return Took(seconds[0], measure_processor() - before)


def measure_processor() -> float:
    """Add up the seconds of the processor of this process and all below it, ended ones too."""
    times, parents = dict[int, int](), dict[int, int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(words[1])
            times[int(stat.parent.name)] = sum(map(int, words[11:15]))
    below = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(times[process] for process in below) / os.sysconf("SC_CLK_TCK")


def measure_java(session: SparkSession) -> float:
    """Give the largest memory of the driver's virtual machine so far, in GiB."""
    process = session.sparkContext._gateway.proc.pid  # type: ignore[union-attr]
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) / 2**20


def compare(one: Path, other: Path) -> int:
    """Count the parts that are equal; stop at one that is not."""
    parts = [path for folder in ("parts", "trace") for path in (one / folder).rglob("*.parquet/*")]
    for path in parts:
        mine = pl.read_parquet(path, glob=False)
        theirs = pl.read_parquet(other / path.relative_to(one), glob=False)
        if not mine.equals(theirs):
            raise SystemExit(f"{path.name} of {path.parent.name} differs")
    return len(parts)


if __name__ == "__main__":
    main()
