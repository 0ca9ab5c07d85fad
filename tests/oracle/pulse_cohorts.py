"""Invented cohorts for the pulse model: the model's own mechanism, written anew in plain numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.estimate.pulse.data import ChildChart, MeasureScale, PulseData

GLOBAL = MeasureScale("physician_global", 0.0, 10.0, important_difference=2.0)
ENZYME = MeasureScale("creatine_kinase", is_log2_ratio=True)
STRENGTH = MeasureScale("cmas", 0.0, points_per_unit=5.0, important_difference=3.0)

MEASURES = (GLOBAL, ENZYME, STRENGTH)


@dataclass(frozen=True)
class Truth:
    """What an invented cohort is drawn from."""

    pulse: float = 1.5
    persistent: float = 0.3
    onset_days: float = 5.0
    extra_decay_days: float = 9.0
    level: float = 3.5


def draw_charts(
    n: int, seed: int, truth: Truth | None = None, visits: int = 20
) -> list[ChildChart]:
    """Draw children seen before, between and after four to eight monthly courses."""
    given = truth or Truth()
    generator = np.random.default_rng(seed)
    return [_draw_child(generator, given, visits) for _ in range(n)]


def draw_cohort(n: int, seed: int, truth: Truth | None = None, visits: int = 20) -> PulseData:
    """Draw such a cohort with three measures."""
    return PulseData.of(draw_charts(n, seed, truth, visits), MEASURES)


def _draw_child(generator: np.random.Generator, truth: Truth, visits: int) -> ChildChart:
    day = np.sort(generator.choice(np.arange(-120, 420), visits, replace=False)).astype(float)
    infusions = np.arange(0, 28 * generator.integers(4, 9), 28.0)
    since = np.maximum(day[:, None] - infusions[None, :], 0.0)
    fast = np.log(2) / truth.onset_days
    slow = np.log(2) / (truth.onset_days + truth.extra_decay_days)
    grid = np.linspace(0, 200, 20001)
    highest = (np.exp(-slow * grid) - np.exp(-fast * grid)).max()
    pulses = ((np.exp(-slow * since) - np.exp(-fast * since)) / highest).sum(axis=1)
    courses = (since > 0).sum(axis=1)
    gap = np.abs(day[:, None] - day[None, :])
    root = np.linalg.cholesky(0.16 * np.exp(-gap / 45.0) + 1e-9 * np.eye(visits))
    steroid = 0.2 * generator.standard_normal(visits)
    activity = (
        truth.level
        + 0.75 * generator.standard_normal()
        + 0.2 * generator.standard_normal() * day / 180
        + root @ generator.standard_normal(visits)
        - (truth.pulse + 0.4 * generator.standard_normal()) * pulses
        - (truth.persistent + 0.3 * generator.standard_normal()) * -np.expm1(-courses / 3)
        - 0.8 * steroid
    )
    noise = generator.standard_normal((visits, 3)) * [0.5, 0.7, 0.6]
    expected = np.array([0.0, 0.3, -0.2]) + np.outer(activity, [1.0, 1.2, 0.9]) + noise
    floor, ceiling = np.array([0.0, -np.inf, 0.0]), np.array([10.0, np.inf, np.inf])
    value = np.clip(expected, floor, ceiling)
    value[generator.random(value.shape) < 0.1] = np.nan
    return ChildChart(day, value, infusions, np.ones(len(infusions)), steroid=steroid)
