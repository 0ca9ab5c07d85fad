"""Read a whole cohort, every row of which is used: at once, and cut by children.

``python benchmarks/read_cohort.py [CHILDREN] [--memory-gib G] [--as FORM...]`` (10,000) writes the
cohort of scale.py as text and as Parquet, or in other forms, and reads it each way in a process of
its own, with every check, finding and the way back to the cell, into the canonical parts of a run.
``--memory-gib``: no process, no worker either, may take more. Rewrites its part of README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, draw_table, write_part
from scale import SEED, SHARE_WITH_IVIG

from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

CHILDREN = 10_000
TABLES = ["csv", "parquet"]
# An export of resources holds everyone; all of them are read here.
EVERYONE = '[[source]]\nform = "fhir"\nfile = "."\ncohort = "everyone"\n'
HEADER = [
    "written as", "MB", "read", "rows", "seconds", "rows a second", "of the processor, s",
    "peak memory, MiB", "of a worker, MiB",
]  # fmt: skip

LIMIT = """
import json, os, resource, sys, tempfile, time
from pathlib import Path
limit = float(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 2**30),) * 2)
from heliotrope.study import read_study
study = read_study(Path(sys.argv[1]))
rulebook = study.read_rulebook()
start = time.perf_counter()
"""

AT_ONCE = """
from heliotrope.ingest import read_records
rows = int(read_records(study, rulebook).accounting["rows_in"].sum())
"""

CUT = """
from heliotrope.execution.shards import count_shards
from heliotrope.ingest.cut import count_buckets
from heliotrope.ingest.survey import survey_study
from heliotrope.run.intake import Intake
def hear(step, done=0, total=1):
    pass
with tempfile.TemporaryDirectory() as folder:
    survey = survey_study(study, rulebook, hear, 1)
    shards = count_shards(survey.count_children(), survey.count_children("infusion"))
    intake = Intake(survey, Path(folder), rulebook, shards, count_buckets(survey, shards))
    intake.cut(hear)
    reading = intake.read(int(sys.argv[3]), hear)
    rows = int(reading.accounting["rows_in"].sum())
"""

TOLD = """
seconds = time.perf_counter() - start
own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
processor = sum(used.ru_utime + used.ru_stime for used in (own, workers))
print(json.dumps([rows, seconds, processor, own.ru_maxrss / 1024, workers.ru_maxrss / 1024]))
"""

WAYS = {
    "at once": (AT_ONCE, 1),
    "cut, one process": (CUT, 1),
    "cut, two workers": (CUT, 2),
}


def main() -> None:
    """Write the cohort, read it each way, print and write the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("children", type=int, nargs="?", default=CHILDREN)
    asked.add_argument("--memory-gib", type=float, default=0.0)
    asked.add_argument("--as", dest="forms", nargs="+", default=TABLES, metavar="FORM")
    given = asked.parse_args()
    lines = []
    for form in given.forms:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "study"
            order = SimulationOrder(given.children, SEED, form, share_with_ivig=SHARE_WITH_IVIG)
            write_simulated_study(order, folder)
            if form == "fhir":
                (folder / "study.toml").write_text(EVERYONE)
            files = [path for path in folder.rglob("*") if path.is_file()]
            size = f"{sum(path.stat().st_size for path in files) / 1e6:,.0f}"
            for way, (script, workers) in WAYS.items():
                lines.append([form, size, way, *measure(folder, given.memory_gib, script, workers)])
                sys.stdout.write(" | ".join(lines[-1]) + "\n")
                sys.stdout.flush()
    limit = f", at most {given.memory_gib:g} GiB a process" if given.memory_gib else ""
    load = f"load {os.getloadavg()[1]:.0f} of this and other work"
    what = f"{given.children:,} children, a tenth on IVIG"
    text = f"{describe_machine()}, {load}; {what}{limit}.\n\n{draw_table(HEADER, lines)}"
    sys.stdout.write(text + "\n")
    write_part("read_cohort" if given.forms == TABLES else "read_cohort_as", text)


def measure(folder: Path, memory_gib: float, script: str, workers: int) -> list[str]:
    """Read the cohort in a process of its own; one that fails says why."""
    done = subprocess.run(
        [sys.executable, "-c", LIMIT + script + TOLD, folder, str(memory_gib), str(workers)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return [f"failed: {said[-1][:80]}", "", "", "", "", ""]
    rows, seconds, processor, peak, of_worker = json.loads(done.stdout)
    worker = f"{of_worker:,.0f}" if workers > 1 else "–"
    return [f"{rows:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{processor:.1f}",
            f"{peak:,.0f}", worker]  # fmt: skip


if __name__ == "__main__":
    main()
