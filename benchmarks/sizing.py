"""Run whole studies of growing size, and note what an engineer has to plan for.

``python benchmarks/sizing.py [CHILDREN...]`` (1,000, 10,000 and 100,000; ``--whole`` adds a
million): a simulated hospital, a tenth of the children on IVIG, as Parquet; then ``heliotrope run``
without the pulse model: reading, evaluating under every definition with the whole trace, merging,
estimating, report. Rewrites its part of README.md, which the manual's page for engineers shows.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from machine import describe_machine, draw_table, write_part

SIZES = (1_000, 10_000, 100_000)
WHOLE = 1_000_000
SHARE_WITH_IVIG = 0.1
SEED = 20
WORKERS = 2
SECONDS_AN_HOUR = 3600
MB = 1e6

# The steps of a run under the names that a person plans with; what else is told is reading.
STEPS = {"evaluate": "evaluate", "merge": "finish", "estimate": "finish", "report": "finish"}


def main() -> None:
    """Measure every size in processes of their own, print, write."""
    if "--one" in sys.argv:
        sys.stdout.write(json.dumps(measure(Path(sys.argv[-2]), Path(sys.argv[-1]))))
        return
    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()] or list(SIZES)
    rows = []
    for children in [*sizes, *([WHOLE] if "--whole" in sys.argv else [])]:
        with tempfile.TemporaryDirectory() as name:
            study, run = Path(name) / "study", Path(name) / "run"
            simulate(children, study)
            command = [sys.executable, __file__, "--one", str(study), str(run)]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            rows.append([f"{children:,}", *describe(told, children, study, run)])
        sys.stdout.write(" | ".join(rows[-1]) + "\n")
        sys.stdout.flush()
        write_rows(rows)


def write_rows(rows: list[list[str]]) -> None:
    """Write what has been measured so far: the largest takes long."""
    header = ["children", "records", "input, MB", "seconds", "reading", "evaluating", "rest"]
    header += ["core-hours a million children", "driver, GiB", "a worker, GiB"]
    header += ["records, MB", "trace, MB", "run folder, MB"]
    load = os.getloadavg()[1]
    text = (
        f"{describe_machine()}, load {load:.0f} of this and other work; {WORKERS} workers of one "
        f"thread.\n\n{draw_table(header, rows)}"
    )
    write_part("sizing", text)


def simulate(children: int, study: Path) -> None:
    """Write the study by the command line."""
    command = [sys.executable, "-m", "heliotrope", "simulate", "--patients", str(children)]
    command += ["--seed", str(SEED), "--share-with-ivig", str(SHARE_WITH_IVIG)]
    command += ["--as", "parquet", "--out", str(study)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure(study: Path, run: Path) -> dict[str, Any]:
    """Run the study here and note seconds by step, of the processor, and the largest memory."""
    from heliotrope.pipeline import RunOptions, run_study

    seconds = {"read": 0.0, "evaluate": 0.0, "finish": 0.0}
    now = ["read", time.perf_counter()]

    def tell(step: str, done: int, total: int) -> None:
        del done, total
        moment = time.perf_counter()
        seconds[str(now[0])] += moment - float(now[1])
        now[:] = [STEPS.get(step, "read"), moment]

    run_study(study, run, RunOptions(workers=WORKERS), tell)
    tell("report", 0, 1)
    here, workers = (
        resource.getrusage(whom) for whom in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "seconds": seconds,
        "processor": here.ru_utime + here.ru_stime + workers.ru_utime + workers.ru_stime,
        "driver": here.ru_maxrss / 2**20,
        "worker": workers.ru_maxrss / 2**20,
    }


def describe(told: dict[str, Any], children: int, study: Path, run: Path) -> list[str]:
    """Write what one run took and left."""
    seconds = told["seconds"]
    records = sum(
        pl.scan_parquet(table).select(pl.len()).collect().item()
        for table in study.glob("*.parquet")
    )
    core_hours = told["processor"] * WHOLE / children / SECONDS_AN_HOUR
    return [
        f"{records:,}",
        f"{size_of(study):,.1f}",
        f"{sum(seconds.values()):.0f}",
        *(f"{seconds[step]:.0f}" for step in ("read", "evaluate", "finish")),
        f"{core_hours:.2f}",
        f"{told['driver']:.1f}",
        f"{told['worker']:.1f}",
        *(f"{size_of(run / name):,.1f}" for name in ("records", "trace", "")),
    ]


def size_of(folder: Path) -> float:
    """Give the size of everything in a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MB


if __name__ == "__main__":
    main()
