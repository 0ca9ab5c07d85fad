"""Time the reading of FHIR: resources a second and peak memory, beside plain fhir.resources.

``python benchmarks/read_fhir.py [--children N] [--other PYTHON]``: PYTHON is an interpreter that
has the package fhir.resources, which this one need not have. The other reader only builds its
objects; ours also lays out, parses, checks and accounts for every cell.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, draw_table, write_part

OURS = """
import sys, time, json, resource
from pathlib import Path
from heliotrope.definitions.load import read_rulebook
from heliotrope.study import read_study
from heliotrope.ingest import read_records
from heliotrope.ingest.context import make_context
from heliotrope.ingest.fhir import deliver
study = read_study(Path(sys.argv[1]))
source = study.sources[0].model_copy(update={"cohort": "everyone"})
study = study.model_copy(update={"sources": (source,)})
rulebook = read_rulebook()
begun = time.process_time()
if sys.argv[2] == "deliver":
    given = deliver(study.folder, source, make_context(rulebook), lambda _: None)
    rows = sum(raw.rows_in for raw in given.raws)
else:
    rows = int(read_records(study, rulebook).accounting["rows_in"].sum())
spent = time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([rows, spent, peak]))
"""

OBJECTS = """
import sys, time, json, resource
from pathlib import Path
from heliotrope.ingest.fhir.collect import _DECODERS
begun, rows = time.process_time(), 0
for path in sorted(Path(sys.argv[1]).glob("*.ndjson")):
    decode = _DECODERS[path.stem].decode
    with path.open("rb") as file:
        for line in file:
            decode(line)
            rows += 1
spent = time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([rows, spent, peak]))
"""

THEIRS = """
import sys, time, json, resource
from importlib import import_module
from pathlib import Path
paths = sorted(Path(sys.argv[1]).glob("*.ndjson"))
types = {p.stem: getattr(import_module("fhir.resources.R4B." + p.stem.lower()), p.stem)
         for p in paths}
begun, rows = time.process_time(), 0
held = []
for path in paths:
    kind = types[path.stem]
    with path.open(encoding="utf-8") as file:
        for line in file:
            item = kind.model_validate_json(line)
            rows += 1
            if sys.argv[2] == "hold":
                held.append(item)
spent = time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([rows, spent, peak]))
"""


def measure(python: str, script: str, folder: Path, how: str) -> tuple[int, float, float] | None:
    """Run one reader in a process of its own: rows, seconds of the processor, MiB at most.

    None: it is not installed; its line is left out, and that is said.
    """
    done = subprocess.run([python, "-c", script, str(folder), how], capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(f"left out: {done.stderr.strip().splitlines()[-1]}\n")
        return None
    rows, seconds, peak = json.loads(done.stdout.strip().splitlines()[-1])
    return rows, seconds, peak


def main() -> None:
    """Write a cohort as FHIR, read it each way, and put the figures into README.md."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--children", type=int, default=900)
    asked.add_argument("--other", default=sys.executable)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [sys.executable, "-m", "heliotrope", "simulate", "--patients", str(options.children),
             "--seed", "1", "--as", "fhir", "--out", str(folder / "export")],
            check=True, capture_output=True,
        )  # fmt: skip
        export = folder / "export"
        size = sum(path.stat().st_size for path in export.iterdir()) / 1e6
        readers = [
            ("heliotrope: objects, none held", sys.executable, OBJECTS, "drop"),
            ("heliotrope: typed, laid out", sys.executable, OURS, "deliver"),
            ("heliotrope: to canonical records, all checks", sys.executable, OURS, "records"),
            ("fhir.resources (R4B): objects, none held", options.other, THEIRS, "drop"),
            ("fhir.resources (R4B): objects, all held", options.other, THEIRS, "hold"),
        ]
        rows = []
        for title, python, script, how in readers:
            found = measure(python, script, export, how)
            if found is None:
                continue
            count, seconds, peak = found
            rows.append([title, f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}",
                         f"{peak:,.0f}"])  # fmt: skip
    header = ["reader", "resources", "CPU seconds", "resources a CPU second", "peak MiB"]
    text = f"{size:.0f} MB of NDJSON, {describe_machine()}\n\n{draw_table(header, rows)}"
    sys.stdout.write(text + "\n")
    if len(rows) == len(readers):
        write_part("fhir", text)
    else:
        sys.stderr.write("README.md stays as it is: not every reader is installed\n")


if __name__ == "__main__":
    main()
