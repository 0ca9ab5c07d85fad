"""Read files larger than the memory that is wanted for them: rows a second and peak memory.

``python benchmarks/read_large.py [--megabytes N] [--memory-gib G] [--quick]`` writes a simulated
cohort in each form, makes its largest file N MB (100) large with the records of strangers, and
reads it as a run does, each in a process of its own. Files that hold everyone (SDTM, FHIR, OMOP)
grow by records that the study does not use, as those of a hospital do; of a REDCap export and of
plain tables every row is used and held, and they are made a tenth as large. ``--memory-gib``: no
process may take more. The CDISC pilot beside the repository is run whole, where it is there.
Rewrites its part of README.md, but for ``--quick``, which takes 3 MB.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from machine import describe_machine, draw_table, write_part

from heliotrope.ingest.sdtm.transport import count_rows
from heliotrope.ingest.sdtm.transport_header import RECORD, read_transport_header
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

CHILDREN, SEED = 200, 5
QUICK_MEGABYTES = 3
ALL_HELD = 10
PILOT = Path(__file__).parents[2] / "shared/data/sdtm_cdiscpilot/cdiscpilot_update2.zip"
HEADER = ["file", "MB", "rows in", "rows made", "seconds", "rows a second", "peak memory, MiB"]

READ = """
import json, resource, sys, time
from pathlib import Path
limit = float(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 2**30),) * 2)
from heliotrope.ingest import read_records
from heliotrope.study import read_study
study = read_study(Path(sys.argv[1]))
rulebook = study.read_rulebook()
start = time.perf_counter()
read = read_records(study, rulebook)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
made = sum(table.height for table in read.tables.values())
print(json.dumps([int(read.accounting["rows_in"].sum()), made, seconds, peak]))
"""

RUN = """
import json, resource, subprocess, sys, tempfile, time
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "heliotrope", "run", sys.argv[1], "--out",
                    folder + "/run", "--no-model"], check=True, capture_output=True)
    seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([seconds, peak]))
"""


def grow_sdtm(folder: Path, size: int) -> Path:
    """Add laboratory rows of a test that is no measure here, as a hospital's other tests."""
    path = folder / "sdtm" / "lb.xpt"
    with path.open("rb") as stream:
        header = read_transport_header(stream, path.name)
    content = path.read_bytes()
    rows = count_rows(header, len(content), path.name)
    own = content[header.start : header.start + rows * header.width]
    table = np.frombuffer(own, dtype=np.uint8).reshape(rows, header.width).copy()
    for item in header.variables:
        if item.name in ("LBTESTCD", "LBTEST", "LBLOINC"):
            table[:, item.start : item.start + item.width] = ord(" ")
            table[:, item.start : item.start + 5] = np.frombuffer(b"OTHER", dtype=np.uint8)
    other = table.tobytes()
    with path.open("wb") as stream:
        stream.write(content[: header.start] + own)
        while stream.tell() < size:
            stream.write(other)
        stream.write(b" " * (-stream.tell() % RECORD))
    return path


def grow_fhir(folder: Path, size: int) -> Path:
    """Add observations of one stranger."""
    path = folder / "Observation.ndjson"
    own = path.read_bytes()
    other = re.sub(rb'"Patient/[^"]*"', b'"Patient/stranger"', own)
    with (folder / "Patient.ndjson").open("ab") as stream:
        stream.write(b'{"resourceType": "Patient", "id": "stranger"}\n')
    with path.open("ab") as stream:
        while stream.tell() < size:
            stream.write(other)
    return path


def grow_omop(folder: Path, size: int) -> Path:
    """Add measurements of persons who are not in the cohort."""
    study = folder / "study.toml"
    study.write_text(study.read_text(encoding="utf-8").replace('"everyone"', '"jdm"'))
    path = next(folder.rglob("MEASUREMENT.csv"))
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    place = head.split(",").index("person_id")
    others = []
    for line in lines:
        cells = line.split(",")
        cells[place] = str(int(cells[place]) + 10**9)
        others.append(",".join(cells))
    other = "\n".join(others) + "\n"
    with path.open("a", encoding="utf-8") as stream:
        while stream.tell() < size:
            stream.write(other)
    return path


def grow_lines(path: Path, size: int) -> Path:
    """Add the rows of a text file again and again, each time as those of other children."""
    head, rest = path.read_text(encoding="utf-8").split("\n", 1)
    assert head.split(",")[0] == "patient_id", "the identifier stands first"
    times = 0
    with path.open("a", encoding="utf-8") as stream:
        while stream.tell() < size:
            times += 1
            stream.write(re.sub(r"(?m)^P", f"P{times}-", rest))
    return path


FORMS: dict[str, tuple[str, Callable[[Path, int], Path], int]] = {
    "SDTM, lb.xpt": ("sdtm", grow_sdtm, 1),
    "FHIR, Observation.ndjson": ("fhir", grow_fhir, 1),
    "OMOP, MEASUREMENT.csv": ("omop", grow_omop, 1),
    "REDCap, data.csv": ("redcap", lambda f, size: grow_lines(f / "data.csv", size), ALL_HELD),
    "plain table, assessment.csv": (
        "csv",
        lambda f, size: grow_lines(f / "assessment.csv", size),
        ALL_HELD,
    ),
}


def main() -> None:
    """Write, grow and read a file of each form; print and write the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--megabytes", type=int, default=100)
    asked.add_argument("--memory-gib", type=float, default=0.0)
    asked.add_argument("--quick", action="store_true")
    given = asked.parse_args()
    megabytes = QUICK_MEGABYTES if given.quick else given.megabytes
    lines = []
    for title, (form, grow, part) in FORMS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "study"
            write_simulated_study(SimulationOrder(CHILDREN, SEED, form), folder)
            path = grow(folder, megabytes * 10**6 // part)
            lines.append([title, f"{path.stat().st_size / 1e6:,.0f}", *measure(folder, given)])
            sys.stdout.write(" | ".join(lines[-1]) + "\n")
    if not given.quick:
        lines += measure_pilot()
    limit = f", at most {given.memory_gib:g} GiB a process" if given.memory_gib else ""
    text = f"{describe_machine()}{limit}.\n\n{draw_table(HEADER, lines)}"
    sys.stdout.write(text + "\n")
    if not given.quick:
        write_part("read_large", text)


def measure(folder: Path, given: argparse.Namespace) -> list[str]:
    """Read a study in a process of its own; a process that fails says why."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder), str(given.memory_gib)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return [f"failed: {said[-1][:80]}", "", "", "", ""]
    rows, made, seconds, peak = json.loads(done.stdout)
    return [f"{rows:,}", f"{made:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{peak:,.0f}"]


def measure_pilot() -> Iterator[list[str]]:
    """Run the whole CDISC pilot, where it lies beside the repository."""
    if not PILOT.is_file():
        return
    done = subprocess.run(
        [sys.executable, "-c", READ, str(PILOT), "0"], capture_output=True, text=True, check=True
    )
    rows, made, seconds, peak = json.loads(done.stdout)
    size = f"{PILOT.stat().st_size / 1e6:,.0f}"
    yield ["CDISC pilot (zip), read", size, f"{rows:,}", f"{made:,}", f"{seconds:.1f}",
           f"{rows / seconds:,.0f}", f"{peak:,.0f}"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PILOT)], capture_output=True, text=True, check=True
    )
    seconds, peak = json.loads(done.stdout)
    yield ["CDISC pilot, `heliotrope run --no-model`", size, f"{rows:,}", f"{made:,}",
           f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{peak:,.0f}"]  # fmt: skip


if __name__ == "__main__":
    main()
