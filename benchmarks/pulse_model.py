"""Measure the pulse model: fitting cohorts of several sizes, cold (compiling) and warm.

``python benchmarks/pulse_model.py`` fits 7, 200 and 1,000 children and rewrites its part of
README.md; ``--whole`` adds 10,000, fitted once; ``--quick`` takes 7 alone and writes nothing. The
cache of compiled code is switched off and emptied before each size: its first fit is a cold one.
"""

from __future__ import annotations

import os
import resource
import sys
import time

import numpy as np
from machine import describe_machine, draw_table, write_part

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.data import ChildChart, MeasureScale, PulseData
from heliotrope.estimate.pulse.fit import FitOptions, PulseFit, fit_pulse_model
from heliotrope.estimate.pulse.kernel import pulse_height
from heliotrope.estimate.pulse.prepare import CACHE_VARIABLE

SIZES = (7, 200, 1_000)
WHOLE = 10_000
QUICK = (7,)
VISITS = 20
SEED = 1

MEASURES = (
    MeasureScale("physician_global", 0.0, 10.0),
    MeasureScale("creatine_kinase", is_log2_ratio=True),
    MeasureScale("cmas", 0.0, points_per_unit=5.0),
)


def main() -> None:
    """Measure, print and write."""
    os.environ[CACHE_VARIABLE] = "off"
    is_quick = "--quick" in sys.argv
    sizes = QUICK if is_quick else SIZES + ((WHOLE,) if "--whole" in sys.argv else ())
    header = ["children", "cold, s", "of processor", "warm, s", "of processor", "k-hat"]
    header += ["effective draws", "peak memory, GiB"]
    text = f"{describe_machine()}.\n\n{draw_table(header, [measure(size) for size in sizes])}"
    sys.stdout.write(text + "\n")
    if not is_quick:
        write_part("pulse_model", text)


def measure(children: int) -> list[str]:
    """Fit a cohort twice and describe both fits."""
    import jax

    jax.clear_caches()
    data = draw_cohort(children)
    cold, fit = fit_timed(data)
    warm: tuple[float, ...] = ()
    if children < WHOLE:
        warm, fit = fit_timed(data)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        f"{children:,}",
        *(f"{seconds:.1f}" for seconds in (*cold, *warm)),
        *(["–"] * (2 - len(warm))),
        f"{fit.k_hat:.2f}",
        f"{fit.effective_draws:.0f}",
        f"{memory:.1f}",
    ]


def fit_timed(data: PulseData) -> tuple[tuple[float, float], PulseFit]:
    """Fit without NUTS and say how many seconds it took, of the clock and of the processors."""
    clock, processor = time.perf_counter(), time.process_time()
    fit = fit_pulse_model(data, read_pulse_model(), FitOptions(with_nuts=False))
    return (time.perf_counter() - clock, time.process_time() - processor), fit


def draw_cohort(children: int) -> PulseData:
    """Draw children with monthly courses, a pulse of 1.2 cm and a floor at 0."""
    generator = np.random.default_rng(SEED)
    return PulseData.of([_draw_chart(generator) for _ in range(children)], MEASURES)


def _draw_chart(generator: np.random.Generator) -> ChildChart:
    day = np.sort(generator.choice(np.arange(-120, 420), VISITS, replace=False)).astype(float)
    given = np.arange(0, 28 * generator.integers(4, 9), 28.0)
    pulses = np.asarray(pulse_height(day[:, None] - given, 5.0, 9.0)).sum(axis=1)
    activity = generator.normal(3.0, 0.75) - generator.normal(1.2, 0.4) * pulses
    activity += 0.4 * generator.standard_normal(VISITS)
    noise = generator.standard_normal((VISITS, 3)) * [0.5, 0.7, 0.6]
    value = np.outer(activity, [1.0, 1.2, 0.9]) + noise
    value = np.clip(value, [0.0, -np.inf, 0.0], [10.0, np.inf, np.inf])
    steroid = 0.2 * generator.standard_normal(VISITS)
    return ChildChart(day, value, given, np.ones(len(given)), steroid=steroid)


if __name__ == "__main__":
    main()
