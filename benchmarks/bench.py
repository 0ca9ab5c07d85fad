"""Measure what a person waits for: start, the seven children, 1,000 children, the report's size.

``make bench`` runs it and rewrites the figures in README.md. ``--quick`` measures once each.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from machine import describe_machine, draw_table, write_part

PROJECT = Path(__file__).parent.parent
SEVEN = PROJECT / "examples" / "seven_children"
THIRTY = PROJECT / "examples" / "modern_cohort"
CHILDREN = 1000
SEED = 20
KEEP_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

WARM = """
import json, sys, time
from pathlib import Path
from heliotrope.pipeline import RunOptions, run_study
times = []
for turn in range({turns} + 1):
    start = time.perf_counter()
    run_study(Path(sys.argv[1]), Path(sys.argv[2]) / str(turn), RunOptions(), None)
    times.append(time.perf_counter() - start)
print(json.dumps(times[1:]))
"""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    command: str
    found: str
    aim: str


def main() -> None:
    """Measure everything, print the table, write it into README.md."""
    turns = 1 if "--quick" in sys.argv else 5
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        figures = [
            *measure_start(turns),
            *measure_seven(work, turns),
            *measure_thousand(work, turns),
            *measure_reports(work),
        ]
    rows = [[item.what, f"`{item.command}`", item.found, item.aim] for item in figures]
    table = draw_table(["what", "command", "measured", "aim"], rows)
    text = f"{describe_machine()}. Medians of {turns}.\n\n{table}"
    sys.stdout.write(text + "\n")
    write_part("measured", text)


def measure_start(turns: int) -> list[Figure]:
    """Time an import and the help, each in a new process, bytecode compiled."""
    python = [sys.executable, "-c"]
    commands = {
        "an empty Python": ([*python, "pass"], "python -c pass", ""),
        "import heliotrope": (
            [*python, "import heliotrope"],
            "python -c 'import heliotrope'",
            "under 0.15 s",
        ),
        "the help": (
            [sys.executable, "-m", "heliotrope", "--help"],
            "heliotrope --help",
            "under 0.15 s",
        ),
        "import the pipeline": (
            [*python, "import heliotrope.pipeline"],
            "python -c 'import heliotrope.pipeline'",
            "under 0.6 s",
        ),
    }
    return [
        Figure(what, shown, f"{_median(partial(_call, command), 2 * turns + 1):.2f} s", aim)
        for what, (command, shown, aim) in commands.items()
    ]


def measure_seven(work: Path, turns: int) -> list[Figure]:
    """Run the seven children: in a new process each time, and again within one process."""
    count = iter(range(1000))
    cold = _median(lambda: _run(SEVEN, work / f"seven-{next(count)}"), turns)
    warm = statistics.median(
        json.loads(
            _call([sys.executable, "-c", WARM.format(turns=turns), str(SEVEN), str(work / "warm")])
        )
    )
    return [
        Figure(
            "seven children, new process",
            "heliotrope run examples/seven_children",
            f"{cold:.2f} s",
            "under 3 s",
        ),
        Figure(
            "seven children, same process", "run_study(...) again", f"{warm:.2f} s", "under 3 s"
        ),
    ]


def measure_thousand(work: Path, turns: int) -> list[Figure]:
    """Run 1,000 generated children; time and the largest memory any process took."""
    from heliotrope.simulate.cohort import simulate_cohort, write_csv

    study = work / "thousand"
    study.mkdir()
    write_csv(simulate_cohort(CHILDREN, SEED), study)
    rows = sum(len(path.read_bytes().splitlines()) - 1 for path in study.glob("*.csv"))
    count = iter(range(1000))
    wall = _median(lambda: _run(study, work / f"thousand-{next(count)}"), min(turns, 3))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    report = work / "thousand-0" / "report.html"
    command = f"heliotrope run, {rows:,} rows"
    return [
        Figure("1,000 generated children", command, f"{wall:.1f} s", "under 10 s"),
        Figure("largest memory of a process", command, f"{peak:.1f} GiB", ""),
        Figure("report of 1,000 children", command, _megabytes(report), ""),
    ]


def measure_reports(work: Path) -> list[Figure]:
    """Weigh the reports of both examples."""
    _run(THIRTY, work / "thirty")
    return [
        Figure(
            "report of 7 children", "report.html", _megabytes(work / "seven-0" / "report.html"), ""
        ),
        Figure(
            "report of 30 children",
            "report.html",
            _megabytes(work / "thirty" / "report.html"),
            "under 3 MB",
        ),
    ]


def _run(study: Path, out: Path) -> None:
    _call([sys.executable, "-m", "heliotrope", "run", str(study), "--no-model", "--out", str(out)])


def _call(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_compiled_once(os.environ)
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def _compiled_once(environment: Mapping[str, str]) -> dict[str, str]:
    """Let Python keep what it compiles, as it does for whoever sets nothing."""
    return {name: value for name, value in environment.items() if name != KEEP_NO_BYTECODE}


def _median(do: Callable[[], object], turns: int) -> float:
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        do()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


if __name__ == "__main__":
    main()
