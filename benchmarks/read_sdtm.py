"""Measure the reader of SAS transport files against pandas and ReadStat on files of 10 to 100 MB.

``python benchmarks/read_sdtm.py`` prints a table and rewrites its part of README.md; ``--quick``
measures small files and leaves README.md alone. Each figure is that of a process of its own.
pandas is no dependency of this program: where it is not installed, its line says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from machine import describe_machine, draw_table, write_part

from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

PART = "read_sdtm"
CHILDREN = (3_000, 28_000)
QUICK = (50,)
HEADER = ["file", "reader", "rows", "seconds", "rows a second", "peak memory, MiB"]


def read_with_heliotrope(path: Path) -> int:
    """Read every cell as text, all columns at once, and keep it."""
    from heliotrope.ingest.archive import open_files
    from heliotrope.ingest.mapping import Format
    from heliotrope.ingest.sdtm.contents import open_contents

    files = open_files(path.parent, path.name)
    (content,) = open_contents(files, path.name, Format())
    return pl.concat(list(content.read("utf-8"))).height


def hold_with_heliotrope(path: Path) -> int:
    """Read as a run does: the rows of tests that are measures are kept, the file is hashed."""
    from heliotrope.definitions.codes import make_code_book
    from heliotrope.definitions.load import read_rulebook
    from heliotrope.definitions.sdtm import sdtm_terms_of
    from heliotrope.ingest.archive import open_files
    from heliotrope.ingest.context import make_context
    from heliotrope.ingest.mapping import Format
    from heliotrope.ingest.sdtm.contents import open_contents
    from heliotrope.ingest.sdtm.held import hold_dataset
    from heliotrope.ingest.sdtm.laid import Known
    from heliotrope.ingest.sdtm.measurements import choose_tests
    from heliotrope.ingest.sdtm.subjects import find_reference

    rulebook = read_rulebook()
    terms = sdtm_terms_of(rulebook)
    known = Known(terms, make_context(rulebook), make_code_book(rulebook), find_reference([]))
    files = open_files(path.parent, path.name)
    (content,) = open_contents(files, path.name, Format())
    domain = terms.find_domain(content.name[:2])
    if domain is None:
        raise SystemExit(f"{content.name} is no domain that is read")
    held = hold_dataset(files, content, domain.id, choose_tests(domain, known))
    return held.raw.rows_in


def read_with_pandas(path: Path) -> int:
    """Read with pandas.read_sas."""
    import pandas

    return len(pandas.read_sas(path, format="xport", encoding="utf-8"))


def read_with_readstat(path: Path) -> int:
    """Read with pyreadstat into Polars."""
    import pyreadstat

    rows, _ = pyreadstat.read_xport(path, output_format="polars")
    return int(rows.height)


READERS: dict[str, Callable[[Path], int]] = {
    "heliotrope, every cell": read_with_heliotrope,
    "heliotrope, as a run holds it": hold_with_heliotrope,
    "pandas.read_sas": read_with_pandas,
    "pyreadstat": read_with_readstat,
}


def main() -> None:
    """Measure every reader on every file."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--one", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(_measure_here(READERS[given.one[0]], Path(given.one[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            line
            for children in (QUICK if given.quick else CHILDREN)
            for line in measure_files(children, Path(folder) / str(children))
        ]
    said = f"{describe_machine()}. Medians of 3 processes, each its second reading."
    text = f"{said}\n\n{draw_table(HEADER, lines)}"
    sys.stdout.write(f"{text}\n")
    if not given.quick:
        write_part(PART, text)


def measure_files(children: int, folder: Path) -> list[list[str]]:
    """Write a cohort and measure each reader on its laboratory values."""
    write_simulated_study(SimulationOrder(children, 1, "sdtm"), folder)
    path = folder / "sdtm" / "lb.xpt"
    size = f"lb.xpt, {path.stat().st_size / 1e6:.0f} MB"
    return [[size, reader, *_measure(reader, path)] for reader in READERS]


def _measure(reader: str, path: Path) -> list[str]:
    taken = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, __file__, "--one", reader, str(path)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            return [done.stderr.strip().splitlines()[-1], "", "", ""]
        taken.append(json.loads(done.stdout))
    rows, seconds, memory = sorted(taken, key=lambda item: item[1])[1]
    return [f"{rows:,}", f"{seconds:.2f}", f"{rows / seconds:,.0f}", f"{memory:,.0f}"]


def _measure_here(read: Callable[[Path], int], path: Path) -> tuple[int, float, float]:
    """Read twice: the first time imports what is needed. The memory is the peak of the process."""
    read(path)
    start = time.perf_counter()
    rows = read(path)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return rows, seconds, int(peak) / 1024


if __name__ == "__main__":
    main()
