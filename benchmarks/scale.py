"""Evaluate a hospital network: a tenth of the children on IVIG, every definition, the whole trace.

``python benchmarks/scale.py [CHILDREN]`` (10,000; ``--whole``: 1,000,000) writes the study as
Parquet, cuts it into shards, evaluates them with two workers of one thread as a run does, and holds
what comes out to the truth that the cohort was made from. Rewrites its part of README.md.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import polars as pl
from cut_shards import cut_shards
from machine import describe_machine, draw_table, write_part

from heliotrope.definitions.load import read_rulebook
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import evaluate_job
from heliotrope.execution.pool import WorkerPool
from heliotrope.execution.shards import PARTS, count_shards, read_parts
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

CHILDREN = 10_000
WHOLE = 1_000_000
SHARE_WITH_IVIG = 0.1
# Children without IVIG come less often than the simulation has it: 80 records a child on average.
MISSED_WITHOUT_IVIG = 0.34
SEED = 20
WORKERS = 2
COMPARED_SHARDS = 4
MEASURED = "measured"

# What a kind of simulated child is called by the definition, where its records can tell.
PATTERNS = {
    "rapid": ["rapid"],
    "intermediate": ["intermediate"],
    "slow": ["slow", "slow_maintained"],
    "late": ["late"],
    "transient": ["transient"],
    "none": ["none"],
}


@dataclass(frozen=True)
class Prepared:
    """The workload on disk, and what making it took."""

    rows: int
    shards: int
    writing: float
    cutting: float
    peak_gib: float


def main() -> None:
    """Prepare, evaluate, compare, print, write."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    children = WHOLE if "--whole" in sys.argv else (numbers or [CHILDREN])[0]
    with tempfile.TemporaryDirectory() as name:
        study, run = Path(name) / "study", Path(name) / "run"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            prepared = pool.submit(prepare, study, run, children).result()
        table = measure(study, run, children, prepared)
    load = os.getloadavg()[1]
    text = f"{describe_machine()}, load {load:.0f} of this and other work.\n\n{table}"
    sys.stdout.write(text + "\n")
    write_part("scale", text)


def prepare(study: Path, run: Path, children: int) -> Prepared:
    """Write the study and cut it into shards, in a process of its own."""
    order = SimulationOrder(
        children,
        SEED,
        "parquet",
        has_truth=True,
        share_with_ivig=SHARE_WITH_IVIG,
        missed_without_ivig=MISSED_WITHOUT_IVIG,
    )
    start = time.perf_counter()
    write_simulated_study(order, study)
    written = time.perf_counter()
    treated = pl.scan_parquet(study / "infusion.parquet").select(pl.col("patient_id").n_unique())
    shards = count_shards(children, treated.collect().item())
    rows = cut_shards(study, run / "records", shards)
    cut = time.perf_counter() - written
    return Prepared(rows, shards, written - start, cut, measure_peak())


def measure(study: Path, run: Path, children: int, prepared: Prepared) -> str:
    """Evaluate all shards, then some of them with one worker and with two; write the table."""
    (run / MEASURED).mkdir()
    rulebook = read_rulebook()
    jobs = [ShardJob(run, shard, rulebook) for shard in range(prepared.shards)]
    with stopwatch() as whole:
        do(jobs, WORKERS)
    measured = [json.loads(path.read_text()) for path in (run / MEASURED).iterdir()]
    processor = sum(job["processor"] for job in measured)
    traced = {
        name: size_of(run / "trace" / f"{name}.parquet") for name in ("trace", "trace_source")
    }
    trace_rows = pl.scan_parquet(run / "trace" / "trace.parquet").select(pl.len()).collect().item()
    agreement = compare_with_truth(study, run)
    turns = []
    for workers in (1, WORKERS):
        with stopwatch() as turn:
            do(jobs[:COMPARED_SHARDS], workers)
        turns.append(turn[0])
    rows = [
        ["records", f"{prepared.rows:,}"],
        ["study written as Parquet, with the truth", f"{prepared.writing:.0f} s"],
        [f"cut into {prepared.shards} shards", f"{prepared.cutting:.1f} s"],
        ["largest memory of writing and cutting", f"{prepared.peak_gib:.1f} GiB"],
        ["evaluated and written, two workers", f"{whole[0]:.0f} s"],
        ["of the processor, all workers together", f"{processor:.0f} s"],
        ["records a second", f"{prepared.rows / whole[0]:,.0f}"],
        ["records a second of the processor", f"{prepared.rows / processor:,.0f}"],
        ["a child, of the processor", f"{1000 * processor / children:.2f} ms"],
        ["largest memory of the driver", f"{measure_peak():.1f} GiB"],
        ["largest memory of a worker", f"{max(job['peak_gib'] for job in measured):.1f} GiB"],
        ["trace rows", f"{trace_rows:,}"],
        ["trace on disk, with its cells", f"{sum(traced.values()) / 1e9:.2f} GB"],
        [
            f"two workers over one, on {len(jobs[:COMPARED_SHARDS])} shards",
            f"{turns[0] / turns[1]:.2f}",
        ],
        *agreement,
    ]
    return draw_table([f"{children:,} children, a tenth on IVIG", "measured"], rows)


def do(jobs: Sequence[ShardJob], workers: int) -> None:
    """Do the jobs in a pool; a shard that ends its process ends the benchmark."""
    if WorkerPool(measure_job, workers).run(jobs, lambda: None):
        raise SystemExit("a shard ended its process")


def measure_job(job: ShardJob) -> None:
    """Evaluate a shard as a run does, and note what it took."""
    start = time.process_time()
    evaluate_job(job)
    found = {"processor": time.process_time() - start, "peak_gib": measure_peak()}
    (job.run / MEASURED / f"{job.shard}.json").write_text(json.dumps(found))


def compare_with_truth(study: Path, run: Path) -> list[list[str]]:
    """Say how often the evaluation gives what the children were made to be, where records tell.

    Whether a child had IVIG can always be told. Its kind can where the definition names a pattern
    in the first regimen; noise of the ratings and steroids mislead it as they mislead a clinic.
    """
    truth = pl.read_parquet(study / "truth" / "truth_child.parquet")
    response = read_parts(run / PARTS, "response").filter(pl.col("regimen") == 1)
    found = truth.join(response, on="patient_id", how="left")
    told = found["has_ivig"] == found["pattern"].is_not_null()
    named = found.filter(~pl.col("pattern").is_in(["ambiguous", "not_evaluable"]))
    kinds = [
        (
            f"made {kind}, of those with a pattern",
            of_kind.filter(pl.col("pattern").is_in(PATTERNS[str(kind)])).height,
            of_kind.height,
        )
        for (kind,), of_kind in sorted(named.partition_by("archetype", as_dict=True).items())
    ]
    return [
        [f"true: {what}", f"{count:,} of {total:,} ({count / max(total, 1):.1%})"]
        for what, count, total in [("IVIG or none", int(told.sum()), told.len()), *kinds]
    ]


def size_of(folder: Path) -> int:
    """Give the bytes of a table's parts."""
    return sum(path.stat().st_size for path in folder.iterdir())


def measure_peak() -> float:
    """Give the largest memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Time what is done within; the seconds stand in the list after."""
    seconds, start = list[float](), time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - start)


if __name__ == "__main__":
    main()
