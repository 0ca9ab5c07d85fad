"""Kill runs at random moments, resume them, and hold what they end with to an undisturbed run.

``python benchmarks/kill_and_resume.py [KILLS]`` (50). Every process of a run is ended with SIGKILL:
every other time at a moment drawn from the time that an undisturbed run takes, else at one drawn
from the steps that it tells, so that short ones are hit as well. What is left is resumed, killed
again or let go on to its end. Any table, trace or result that differs stops the script.
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

from broken_run import DESCRIBED, SAME, SEED, SHARDS, Trial, compare, write_study
from machine import describe_machine, draw_table, write_part

from heliotrope.execution.shards import DONE
from heliotrope.run.folder import MADE_FROM
from heliotrope.run.intake import INTAKE

KILLS = 50
MOST_KILLS_OF_ONE = 4

MOMENTS = (
    "while the files were looked through",
    "while they were cut",
    "while children were read",
    "while shards were evaluated",
    "after the shards",
)


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing broke: how long it took, which steps it told."""

    trial: Trial
    seconds: float
    steps: list[str]

    def draw_step(self, draw: random.Random) -> int:
        """Draw a kind of step, then one of this kind; give its place, from 1."""
        kind = draw.choice(sorted({step.split()[0] for step in self.steps}))
        places = range(1, len(self.steps) + 1)
        return draw.choice([place for place in places if self.steps[place - 1].startswith(kind)])


def main() -> None:
    """Kill, resume and compare; print the table and write it into README.md."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    draw = random.Random(SEED)
    moments: Counter[str] = Counter()
    runs = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        study = write_study(work / "study")
        undisturbed = run_undisturbed(Trial(study, work / "undisturbed"))
        while moments.total() < kills:
            trial = Trial(study, work / f"run-{runs}")
            for _ in range(draw.randint(1, MOST_KILLS_OF_ONE)):
                moment = kill(trial, undisturbed, draw, by_step=moments.total() % 2 == 1)
                if moment is None:
                    break
                moments[moment] += 1
            trial.finish()
            compare(trial.out, undisturbed.trial.out)
            runs += 1
    rows = [[name, str(moments[name])] for name in MOMENTS]
    text = (
        f"{describe_machine()}. {DESCRIBED}: {moments.total()} kills of {runs} runs (seed {SEED}); "
        f"every run {SAME}.\n\n{draw_table(['killed', 'times'], rows)}"
    )
    sys.stdout.write(text + "\n")
    if kills >= KILLS:
        write_part("kill_and_resume", text)


def run_undisturbed(trial: Trial) -> Undisturbed:
    """Run to the end, and note the time and the steps."""
    began = time.perf_counter()
    steps = trial.finish()
    return Undisturbed(trial, time.perf_counter() - began, steps)


def kill(
    trial: Trial, undisturbed: Undisturbed, draw: random.Random, *, by_step: bool
) -> str | None:
    """Start or resume a run and kill it; say at what it was, None where it had ended by then."""
    process = trial.start()
    if by_step:
        _wait_for_steps(process, undisturbed.draw_step(draw))
    else:
        _wait_for_seconds(process, draw.uniform(0.1, undisturbed.seconds))
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    _, fault = process.communicate()
    if process.returncode not in {0, -signal.SIGKILL}:
        raise SystemExit(f"a run failed: {trial.out}\n{fault}")
    # Killed between the last rename and its end, it had ended, too.
    return None if trial.out.exists() else say_moment(trial.partial)


def _wait_for_seconds(process: subprocess.Popen[str], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while process.poll() is None and time.perf_counter() < end:
        time.sleep(0.01)


def _wait_for_steps(process: subprocess.Popen[str], steps: int) -> None:
    assert process.stdout is not None
    for _ in range(steps):
        if not process.stdout.readline():
            return


def say_moment(partial: Path) -> str:
    """Say what a run was at, by what it left."""
    if not (partial / MADE_FROM).exists():
        return MOMENTS[1] if (partial / INTAKE).exists() else MOMENTS[0]
    read, done = (len(list((partial / place / DONE).glob("[0-9]*"))) for place in (INTAKE, "."))
    if read < SHARDS:
        return MOMENTS[2]
    return MOMENTS[3] if done < SHARDS else MOMENTS[4]


if __name__ == "__main__":
    main()
