"""Kill runs at random moments, resume them, and hold what they end with to an undisturbed run.

``python benchmarks/kill_and_resume.py [KILLS]`` (50). Every process of a run is ended with SIGKILL
at a moment drawn from the time an undisturbed run takes; what it left is resumed, killed again
or let go on to its end. Any table, trace or result that differs stops the script.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from machine import describe_machine, draw_table, write_part
from polars.testing import assert_frame_equal

CHILDREN = 60
CHILDREN_A_SHARD = 10
SEED = 20
KILLS = 50
MOST_KILLS_OF_ONE = 3

RUN = f"""
import sys
from pathlib import Path
from heliotrope.execution import shards
from heliotrope.pipeline import RunOptions, run_study
shards.PATIENTS_A_SHARD = {CHILDREN_A_SHARD}
run_study(Path(sys.argv[1]), Path(sys.argv[2]), RunOptions(workers=2, resume=True))
"""

MOMENTS = ("before the records stood", "among the shards", "after the shards")


@dataclass
class Trial:
    """A run that is killed and resumed."""

    study: Path
    out: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start or resume it, in a group of processes of its own."""
        command = [sys.executable, "-c", RUN, str(self.study), str(self.out)]
        return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    def finish(self) -> None:
        """Resume it to its end."""
        if not self.out.exists() and self.start().wait() != 0:
            raise SystemExit(f"a resumed run failed: {self.out}")

    def kill_after(self, seconds: float) -> str | None:
        """Kill it after so long; None where it had ended by then."""
        process = self.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return self._say_moment()
        return None

    def _say_moment(self) -> str:
        partial = self.out.with_name(f"{self.out.name}.partial")
        if not (partial / "made_from.json").exists():
            return MOMENTS[0]
        done = len(list((partial / "done").glob("*")))
        whole = len(list((partial / "records" / "patient.parquet").iterdir()))
        return MOMENTS[2] if done == whole else MOMENTS[1]


def main() -> None:
    """Kill, resume and compare; print the table and write it into README.md."""
    from heliotrope.simulate.cohort import write_cohort_csv

    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    draw = random.Random(SEED)
    moments: Counter[str] = Counter()
    runs = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_cohort_csv(CHILDREN, SEED, work / "study")
        began = time.perf_counter()
        undisturbed = Trial(work / "study", work / "undisturbed")
        undisturbed.finish()
        took = time.perf_counter() - began
        while moments.total() < kills:
            trial = Trial(work / "study", work / f"run-{runs}")
            for _ in range(draw.randint(1, MOST_KILLS_OF_ONE)):
                moment = trial.kill_after(draw.uniform(0.1, took))
                if moment is None:
                    break
                moments[moment] += 1
            trial.finish()
            compare(trial.out, undisturbed.out)
            runs += 1
    rows = [[name, str(moments[name])] for name in MOMENTS]
    text = (
        f"{describe_machine()}. {CHILDREN} children in {CHILDREN // CHILDREN_A_SHARD} shards, "
        f"two workers: {moments.total()} kills of {runs} runs (seed {SEED}); every run ended with "
        f"the tables, trace, results and findings of an undisturbed one.\n\n"
        f"{draw_table(['killed', 'times'], rows)}"
    )
    sys.stdout.write(text + "\n")
    write_part("kill_and_resume", text)


def compare(run: Path, other: Path) -> None:
    """Stop where any table of two runs differs."""
    for path in sorted(other.rglob("*.parquet")):
        name = path.relative_to(other)
        if path.is_file():
            assert_frame_equal(
                *(pl.read_parquet(folder / name, glob=False) for folder in (run, other))
            )
    mine, theirs = (
        {path.relative_to(folder) for path in folder.rglob("*")} for folder in (run, other)
    )
    if mine != theirs:
        raise SystemExit(f"{run.name} differs in {sorted(map(str, mine ^ theirs))}")


if __name__ == "__main__":
    main()
