"""The steroid spared: simulated with and without IVIG, with an interval that counts children."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Samples:
    """The children as they are and drawn anew: how often each was drawn, and the fit to them.

    ``counts``: samples by children; the first row is the children as they are.
    """

    counts: Array
    fitted: tuple[Fitted, ...]


def draw_samples(fit: SparingFit, replicates: int | None = None) -> Samples:
    """Draw children with replacement, many times over, and fit every part of the model each time.

    ``replicates``: else those of the definition, fewer in a large registry.
    """
    numbers, rows = fit.numbers, fit.rows
    children = int(rows.child.max()) + 1
    count = count_replicates(numbers, len(rows.child)) if replicates is None else replicates
    generator = np.random.default_rng(numbers.seed)
    drawn = generator.multinomial(children, np.full(children, 1 / children), size=count)
    counts = np.vstack([np.ones(children), drawn])
    return Samples(counts, tuple(fit.fit_each(counts)))


def change_rules(fit: SparingFit, samples: Samples) -> Samples:
    """Fit the rule of a dose that goes on anew for the same samples; all else stays."""
    return replace(samples, fitted=tuple(fit.refit_rules(samples.fitted, samples.counts)))


def estimate_spared(
    numbers: SparingModel, samples: Samples, schedules: Schedules, level: float
) -> Spared:
    """Simulate with and without IVIG; the interval comes from resampled children.

    Every sample is simulated anew under its own fit; the standard deviation of what the samples
    give makes the interval (Student's quantile). Paths with and without IVIG, and those of all
    samples, share their chances, so that no difference is drowned by them.
    """
    generator = np.random.default_rng(numbers.seed)
    fitted, *others = samples.fitted
    arms = simulate_doses(
        fitted, schedules, draw_noise(generator, schedules, numbers.simulated_paths)
    )
    figures = make_figures(fitted, schedules, arms, samples.counts[0])
    days = float(schedules.total_days.mean())
    by_draw = (arms[1] - arms[0]).mean(axis=1) / days
    error = float(by_draw.std(ddof=1) / np.sqrt(len(by_draw)))
    noise = draw_noise(generator, schedules, numbers.bootstrap_paths)
    again = np.empty((len(others), len(FIGURES)))
    for number, (other, counts) in enumerate(zip(others, samples.counts[1:], strict=True)):
        drawn = np.flatnonzero(counts[schedules.child])
        some = schedules.of(drawn)
        again[number] = make_figures(
            other, some, simulate_doses(other, some, noise.of(drawn)), counts
        )
    errors = np.array([_compute_error(column) for column in again.T])
    half = compute_student_quantile((1 + level) / 2, samples.counts.shape[1] - 1) * errors
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
        replicates=len(others),
    )


def _compute_error(sample: Array) -> float:
    """Standard error of a figure: that of the samples in which it is defined."""
    defined = sample[np.isfinite(sample)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else math.nan


def count_replicates(numbers: SparingModel, rows: int) -> int:
    """Count the bootstrap samples: fewer where each is large, so that a registry's run ends."""
    affordable = max(numbers.bootstrap_rows // max(rows, 1), numbers.fewest_replicates)
    return min(affordable, numbers.bootstrap_replicates)


def draw_noise(generator: np.random.Generator, schedules: Schedules, paths: int) -> Noise:
    """Draw the chances of about so many paths, two of each child at least."""
    children, visits = schedules.days.shape
    return Noise.draw(generator, visits, max(math.ceil(paths / children), 2), children)


def make_figures(fitted: Fitted, schedules: Schedules, arms: Array, weights: Array) -> Array:
    """Make the figures of one fit; each child counts as often as it was drawn.

    ``arms``: dose with IVIG and without (mg/kg), of draws by children.
    """
    mine = weights[schedules.child]
    total = float(mine.sum())
    if total == 0:
        return np.full(len(FIGURES), np.nan)
    days = float(mine @ schedules.total_days) / total
    treated, untreated = (float(mine @ arm.mean(axis=0)) / total for arm in arms)
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
