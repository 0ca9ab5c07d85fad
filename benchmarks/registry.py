"""Measure the comparison with untreated children: expanding trials, and comparing at all.

``python benchmarks/registry.py`` prints a table and rewrites its part of README.md; ``--quick``
takes fewer children and writes nothing.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from machine import describe_machine, draw_table, write_part

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.registry.comparison import compare_registry
from heliotrope.estimate.registry.design import Registry, make_registry
from heliotrope.estimate.registry.trials import expand_trials
from heliotrope.simulate.registry import read_registry_settings, simulate_registry
from heliotrope.simulate.registry_tables import make_intervals

SEED = 20113
SIZES = (1_000, 10_000, 100_000)
COMPARED = (78, 1_000, 5_000)
QUICK = (1_000,)
STEPS = 4
TURNS = 3


def main() -> None:
    """Measure, print and write."""
    is_quick = "--quick" in sys.argv
    rows = [measure_expansion(size) for size in (QUICK if is_quick else SIZES)]
    rows += [measure_comparison(size) for size in (QUICK if is_quick else COMPARED)]
    table = draw_table(["what", "children", "rows", "seconds", "rows a second"], rows)
    text = f"{describe_machine()}, one BLAS thread where OMP_NUM_THREADS=1. Medians of {TURNS}.\n\n"
    sys.stdout.write(text + table + "\n")
    if not is_quick:
        write_part("registry", text + table)


def measure_expansion(children: int) -> list[str]:
    """Expand the sequential trials of a registry; rows are those of all trials together."""
    registry = invent(children)
    rows = len(expand_trials(registry, STEPS).row)
    seconds = _median(lambda: expand_trials(registry, STEPS))
    return [
        "expanding sequential trials, a year each",
        f"{children:,}",
        f"{rows:,}",
        f"{seconds:.3f}",
        f"{rows / seconds:,.0f}",
    ]


def measure_comparison(children: int) -> list[str]:
    """Compare a registry in every way: weights, trials, g-formula, resamples where they are made.

    Here the rows are the intervals compared.
    """
    numbers = find_numbers()
    settings = read_registry_settings(children=children)
    frame = make_intervals(settings, simulate_registry(settings, SEED))
    found = compare_registry(frame, frame, numbers)
    if found.refused:
        raise SystemExit(f"nothing to measure: {found.refused}")
    weighted, simulated = found.activity["weighted"], next(iter(found.g_formula.values()))
    drawn = len(weighted.resampled) if weighted else 0
    seconds = _median(lambda: compare_registry(frame, frame, numbers))
    return [
        f"whole comparison: resamples {drawn}, of the g-formula {len(simulated) - 1}",
        f"{children:,}",
        f"{frame.height:,}",
        f"{seconds:.2f}",
        f"{frame.height / seconds:,.0f}",
    ]


def invent(children: int) -> Registry:
    """Invent a registry cut at its quarterly visits."""
    settings = read_registry_settings(children=children)
    return make_registry(
        make_intervals(settings, simulate_registry(settings, SEED)), find_numbers()
    )


def find_numbers() -> RegistryComparison:
    """Take the shipped numbers, with intervals as long as the simulated visits are apart."""
    numbers = read_rulebook().get(REGISTRY_COMPARISON, RegistryComparison)
    cut = numbers.intervals.model_copy(update={"days": read_registry_settings().interval_days})
    return numbers.model_copy(update={"intervals": cut})


def _median(do: Callable[[], object]) -> float:
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        do()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
