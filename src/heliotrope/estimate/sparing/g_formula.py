"""The steroid spared: simulated with and without IVIG, with an interval that counts children."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.steroid_sparing import SparingModel, SteroidSparing
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.intervals import Interval, compute_student_quantile
from heliotrope.estimate.sparing.forward import (
    Noise,
    Schedules,
    make_schedules,
    simulate_doses,
)
from heliotrope.estimate.sparing.model import Fitted, Rows, SparingFit
from heliotrope.estimate.sparing.solvers import Array, Bounds

CHILD = "patient_id"

FIGURES = (
    "spared_mg_kg_day",
    "spared_mg_kg",
    "spared_share",
    "simulated_with_ivig_mg_kg_day",
    "simulated_without_ivig_mg_kg_day",
    "effect_on_activity",
)


@dataclass(frozen=True)
class Spared:
    """The figures of the estimate, their intervals, and what they rest on.

    ``figures`` and ``intervals`` in the order of ``FIGURES``; ``observed_mg_kg_day``: the dose that
    the same children really had; ``monte_carlo_error`` of ``spared_mg_kg_day``.
    """

    children: int
    figures: Array
    intervals: tuple[Interval, ...]
    observed_mg_kg_day: float
    mean_days: float
    monte_carlo_error: float
    replicates: int


def prepare(
    inputs: Inputs, pairs: pl.DataFrame, definition: SteroidSparing
) -> tuple[SparingFit, Schedules]:
    """Make the arrays that all fits share, and the schedules that the children are simulated on."""
    measure = measures_of(inputs.rulebook)[definition.dosing_rule.activity_measure]
    low = -math.inf if measure.minimum is None else float(measure.minimum)
    high = math.inf if measure.maximum is None else float(measure.maximum)
    names = pairs[CHILD].unique().sort().to_list()
    numbers = {name: number for number, name in enumerate(names)}
    child = pairs[CHILD].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
    fit = SparingFit.of(Rows.of(pairs, child), definition.model, Bounds(low, high))
    schedules = make_schedules(
        pairs, numbers, inputs.response.baseline.days_before, definition.model.horizon_days
    )
    return fit, schedules


def estimate_spared(
    fit: SparingFit, schedules: Schedules, level: float, replicates: int | None = None
) -> Spared:
    """Simulate with and without IVIG; the interval comes from resampled children.

    Each bootstrap sample draws children with replacement, fits every part of the model anew and
    simulates anew; the standard deviation of what the samples give makes the interval (Student's
    quantile). Paths with and without IVIG share their chances, so that the difference is not
    drowned by them.
    ``replicates``: else those of the definition, fewer in a large registry.
    """
    numbers = fit.numbers
    generator = np.random.default_rng(numbers.seed)
    children = int(fit.rows.child.max()) + 1
    once = np.ones(children)
    fitted = fit.fit(once)
    paths = numbers.simulated_paths
    with_ivig, without = simulate_both(fitted, schedules, generator, paths)
    figures = make_figures(fitted, schedules, with_ivig, without, once)
    days = float(schedules.total_days.mean())
    by_draw = (without - with_ivig).mean(axis=1) / days
    error = float(by_draw.std(ddof=1) / np.sqrt(len(by_draw))) if len(by_draw) > 1 else 0.0
    count = count_replicates(numbers, len(fit.rows.child)) if replicates is None else replicates
    samples = np.empty((count, len(FIGURES)))
    for number in range(count):
        drawn = generator.integers(children, size=children)
        weights = np.bincount(drawn, minlength=children).astype(np.float64)
        again = fit.fit(weights, start=fitted)
        arms = simulate_both(again, schedules, generator, numbers.bootstrap_paths)
        samples[number] = make_figures(again, schedules, *arms, weights)
    errors = np.array([_compute_error(column) for column in samples.T])
    half = compute_student_quantile((1 + level) / 2, children - 1) * errors
    return Spared(
        children=len(schedules.child),
        figures=figures,
        intervals=tuple(
            Interval(float(low), float(high))
            for low, high in zip(figures - half, figures + half, strict=True)
        ),
        observed_mg_kg_day=float(schedules.observed.mean() / days),
        mean_days=days,
        monte_carlo_error=error,
        replicates=count,
    )


def _compute_error(sample: Array) -> float:
    """Standard error of a figure: that of the samples in which it is defined."""
    defined = sample[np.isfinite(sample)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else math.nan


def count_replicates(numbers: SparingModel, rows: int) -> int:
    """Count the bootstrap samples: fewer where each is large, so that a registry's run ends."""
    affordable = max(numbers.bootstrap_rows // max(rows, 1), numbers.fewest_replicates)
    return min(affordable, numbers.bootstrap_replicates)


def simulate_both(
    fitted: Fitted, schedules: Schedules, generator: np.random.Generator, paths: int
) -> tuple[Array, Array]:
    """Simulate the same paths with the IVIG that was given and without any."""
    children, visits = schedules.days.shape
    draws = max(math.ceil(paths / children), 2)
    noise = Noise.draw(generator, visits, children * draws)
    return (
        simulate_doses(fitted, schedules, noise, has_ivig=True),
        simulate_doses(fitted, schedules, noise, has_ivig=False),
    )


def make_figures(
    fitted: Fitted, schedules: Schedules, with_ivig: Array, without: Array, weights: Array
) -> Array:
    """Make the figures of one fit; each child counts as often as it was drawn."""
    mine = weights[schedules.child]
    total = float(mine.sum())
    if total == 0:
        return np.full(len(FIGURES), np.nan)
    days = float(mine @ schedules.total_days) / total
    treated = float(mine @ with_ivig.mean(axis=0)) / total
    untreated = float(mine @ without.mean(axis=0)) / total
    return np.array(
        [
            (untreated - treated) / days,
            untreated - treated,
            (untreated - treated) / untreated if untreated > 0 else np.nan,
            treated / days,
            untreated / days,
            fitted.effect_of_ivig,
        ]
    )
