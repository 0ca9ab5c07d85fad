"""Run the stages within a time: ``python -m calibration.pulse_model --seconds 600 --out FOLDER``.

Every part of a stage is a process of its own with one thread, as many at a time as there are
processors; each writes a file of results, which ``report`` turns into the dated report.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

from calibration.pulse_model.stage import Order

STAGES = ("start_rules", "coverage", "sbc", "methods", "sensitivity", "misfit", "sbc_nuts")
"""The longest first, so that the short ones fill what is left; what reads others' results last."""

SECONDS = 3600.0
SEED = 20261128
PAUSE = 0.2
LEAST_SECONDS = 30.0

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


def main() -> None:
    """Run one part when it is named, else all parts of the stages side by side."""
    parser = argparse.ArgumentParser(prog="python -m calibration.pulse_model", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for everything")
    parser.add_argument("--out", type=Path, default=Path("calibration/work"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--quick", action="store_true", help="a few fits of each part")
    parser.add_argument("--workers", type=int, help="parts at a time; twice the processors")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.part is not None:
        _run_part(told.stages[0], told.part, told)
        return
    parts = [(stage, part) for stage in told.stages or STAGES for part in _module(stage).PARTS]
    _run_side_by_side(parts, told)


def _module(stage: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"calibration.pulse_model.{stage}")


def _run_part(stage: str, part: str, told: argparse.Namespace) -> None:
    from heliotrope.estimate.pulse.prepare import prepare_jax

    prepare_jax()
    order = Order(told.seconds, told.out, told.seed, told.quick)
    getattr(_module(stage), f"run_{stage}")(order, part)


def _run_side_by_side(parts: list[tuple[str, str]], told: argparse.Namespace) -> None:
    """Start parts as processors become free; each gets an even share of the time that is left."""
    end = time.monotonic() + told.seconds
    workers = told.workers or 2 * (os.cpu_count() or 1)
    waiting = list(parts)
    running: dict[subprocess.Popen[bytes], tuple[str, float]] = {}
    while waiting or running:
        for process, (name, began) in list(running.items()):
            if process.poll() is not None:
                del running[process]
                took = time.monotonic() - began
                said = "done" if process.returncode == 0 else f"FAILED ({process.returncode})"
                sys.stdout.write(f"{name}: {said} after {took:.0f} s\n")
                sys.stdout.flush()
        while waiting and len(running) < workers:
            turns = -(-len(waiting) // workers)
            seconds = (end - time.monotonic()) / turns
            if seconds < LEAST_SECONDS:
                sys.stdout.write(f"no time left for {len(waiting)} parts\n")
                waiting.clear()
                break
            stage, part = waiting.pop(0)
            running[_start(stage, part, seconds, told)] = (f"{stage} {part}", time.monotonic())
        time.sleep(PAUSE)


def _start(
    stage: str, part: str, seconds: float, told: argparse.Namespace
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "calibration.pulse_model", stage, "--part", part]
    command += ["--seconds", f"{seconds:.0f}", "--out", str(told.out), "--seed", str(told.seed)]
    command += ["--quick"] if told.quick else []
    return subprocess.Popen(command, env={**os.environ, **ONE_THREAD})


if __name__ == "__main__":
    main()
