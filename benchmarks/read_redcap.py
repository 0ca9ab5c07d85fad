"""Read simulated REDCap exports of 10 to 40 MB into checked records, and the same with pandas.

``python benchmarks/read_redcap.py``; ``--quick`` takes the smallest. Every reading has a process
of its own. pandas is no dependency: the interpreter that has it is named by BENCH_PANDAS (default:
this one); without it its lines are left out. Rewrites its part of README.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, draw_table, write_part

from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

CHILDREN = (1200, 4600)

OURS = """
import resource, sys, time
from pathlib import Path
from heliotrope.ingest import read_records
from heliotrope.study import read_study
study = read_study(Path(sys.argv[1]))
rulebook = study.read_rulebook()
start = time.perf_counter()
read = read_records(study, rulebook)
took = time.perf_counter() - start
rows = sum(table.height for table in read.tables.values())
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, rows)
"""

# What an analyst writes: read, part by form, dates and numbers, visits from wide to long. No
# check, no finding, no way back to the cell.
PANDAS = """
import resource, sys, time
import pandas as pd
start = time.perf_counter()
data = pd.read_csv(sys.argv[1] + "/data.csv", dtype=str, na_values=["NASK", "-99"])
form = data.pop("redcap_repeat_instrument").fillna(data.pop("redcap_event_name"))
rows = 0
for name, part in data.groupby(form):
    part = part.dropna(axis=1, how="all")
    for column in part.columns:
        if column.endswith(("_date", "_start", "_end")):
            part[column] = pd.to_datetime(part[column], errors="coerce")
        elif column.endswith(("_dose", "_lower", "_upper")):
            part[column] = pd.to_numeric(part[column], errors="coerce")
    if name == "visit_arm_1":
        date = [column for column in part.columns if column.endswith("_date")]
        keys = ["patient_id", *date]
        measures = [c for c in part.columns if c not in keys and not c.endswith(("_lower",
            "_upper", "_complete", "_timestamp", "_group", "_instance", "_assessor", "judgement"))]
        part = part.melt(keys, measures).dropna(subset="value")
        part["value"] = pd.to_numeric(part["value"], errors="coerce")
    rows += len(part)
took = time.perf_counter() - start
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, rows)
"""


def main() -> None:
    """Write exports, read each both ways, print, write."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for children in CHILDREN[:1] if "--quick" in sys.argv else CHILDREN:
            folder = Path(name) / str(children)
            write_simulated_study(SimulationOrder(children, 3, "redcap"), folder)
            lines += measure(folder)
    header = [
        "export",
        "read by",
        "rows in",
        "rows out",
        "seconds",
        "rows in a second",
        "peak, GiB",
    ]
    text = f"{describe_machine()}.\n\n{draw_table(header, lines)}"
    sys.stdout.write(text + "\n")
    if any(line[1].startswith("pandas") for line in lines):
        write_part("redcap", text)
    else:
        sys.stderr.write("README.md stays as it is: pandas is not installed\n")


def measure(folder: Path) -> list[list[str]]:
    """Read one export with each reader, in a new process each."""
    path = folder / "data.csv"
    size = path.stat().st_size / 1e6
    with path.open(encoding="utf-8") as file:
        rows_in = sum(1 for _ in file) - 1
    readers = (
        ("heliotrope, checked", sys.executable, OURS),
        ("pandas, unchecked", os.environ.get("BENCH_PANDAS", sys.executable), PANDAS),
    )
    lines = []
    for said, python, code in readers:
        done = subprocess.run(
            [python, "-c", code, str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.stderr.write(f"{said}: {done.stderr.strip().splitlines()[-1]}\n")
            continue
        seconds, peak, rows_out = (float(part) for part in done.stdout.split())
        lines.append(
            [
                f"{size:.0f} MB",
                said,
                f"{rows_in:,}",
                f"{rows_out:,.0f}",
                f"{seconds:.1f}",
                f"{rows_in / seconds:,.0f}",
                f"{peak:.2f}",
            ]
        )
    return lines


if __name__ == "__main__":
    main()
