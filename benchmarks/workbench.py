"""How long a person waits in the workbench: for its start, and for each page at 5,000 children.

``python benchmarks/workbench.py`` invents 5,000 children, runs them once (minutes) and keeps the
run in ``benchmarks/work``; then it starts ``heliotrope serve`` and asks for every page. Rewrites
its part of README.md. ``--quick`` takes 400 children and writes nothing.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from machine import describe_machine, draw_table, write_part

from heliotrope.pipeline import RunOptions, run_study
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

WORK = Path(__file__).parent / "work" / "workbench"
CHILDREN, FEW = 5_000, 400
SEED = 11
TURNS = 5
OWN = {"sec-fetch-site": "same-origin"}
DEFINITIONS = "first=jdm_ivig_response&second=tis_jdm_imacs"


def main() -> None:
    """Measure, print, write."""
    is_quick = "--quick" in sys.argv
    children = FEW if is_quick else CHILDREN
    folder = WORK / str(children)
    prepare(folder, children)
    rows = [["start, until the first page is there", *measure_start(folder), "1 s"]]
    with serving(folder) as (client, address, _started):
        client.get(address)
        rows += [[name, *measure_page(client, path), ""] for name, path in list_pages(client)]
    table = draw_table(["page", "first time", "again (median)", "aim"], rows)
    text = f"{describe_machine()}. {children:,} children in one run.\n\n{table}"
    sys.stdout.write(text + "\n")
    if not is_quick:
        write_part("workbench", text)


def prepare(folder: Path, children: int) -> None:
    """Invent the children and run them, unless the run is there."""
    run = folder / "runs" / "many"
    if (run / "manifest.json").is_file():
        return
    study = folder.with_name(f"{children}-study")
    if not study.exists():
        write_simulated_study(SimulationOrder(children, SEED, "csv", None, False), study)
    run.parent.mkdir(parents=True, exist_ok=True)
    run_study(study, run, RunOptions(replace=True, workers=2))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[httpx.Client, str, float]]:
    """Start a workbench; give a client, the address, and when it was started."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "heliotrope", "serve", "--no-open", "--workspace", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        address = process.stdout.readline().strip()
        base = address.partition("/?")[0]
        with httpx.Client(headers=OWN, follow_redirects=True, timeout=300, base_url=base) as client:
            yield client, address, started
    finally:
        process.terminate()
        process.wait()


def measure_start(folder: Path) -> tuple[str, str]:
    """Time from the command to the first page; the first start compiles, the others do not."""
    times = []
    for _ in range(TURNS):
        with serving(folder) as (client, address, started):
            client.get(address).raise_for_status()
            times.append(time.perf_counter() - started)
    return f"{times[0]:.2f} s", f"{statistics.median(times[1:]):.2f} s"


def list_pages(client: httpx.Client) -> list[tuple[str, str]]:
    """List the pages of the run; the child is the last one of the first page."""
    text = client.get("/runs/many/children").text
    child = re.findall(r"child\?id=([^\"]+)", text)[-1]
    run = "/runs/many"
    return [
        ("studies and runs", "/"),
        ("overview of the run", run),
        ("children", f"{run}/children?page=1"),
        ("children, sorted by a column", f"{run}/children?sort=-onset_by_day"),
        ("children, filtered, last page", f"{run}/children?pattern=rapid&page=9999"),
        ("a child: timeline and answers", f"{run}/child?id={child}"),
        ("a child: the whole trace", f"{run}/child/trace?id={child}"),
        ("a child under another definition", f"{run}/child/other?id={child}&{DEFINITIONS}"),
        ("findings", f"{run}/findings"),
        ("findings, filtered", f"{run}/findings?severity=warning&page=2"),
        ("two definitions over all children", f"{run}/definitions?{DEFINITIONS}"),
        (
            "the run compared with itself",
            "/compare?first=many&second=many&definition=jdm_ivig_response",
        ),
        ("what can be taken away", f"{run}/take-away"),
        ("what a deletion would delete", f"{run}/delete"),
        ("definitions", "/definitions"),
        ("the report", f"{run}/report"),
    ]


def measure_page(client: httpx.Client, path: str) -> tuple[str, str]:
    """Time a page the first time and again."""
    times = []
    for _ in range(TURNS):
        started = time.perf_counter()
        client.get(path).raise_for_status()
        times.append(time.perf_counter() - started)
    return f"{times[0]:.2f} s", f"{statistics.median(times[1:]):.2f} s"


if __name__ == "__main__":
    main()
