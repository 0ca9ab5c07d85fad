"""How far the ranks of calibrated draws may stray: simultaneous bands of their distribution.

Säilynoja, Bürkner and Vehtari 2022 (doi 10.1007/s11222-022-10090-6), by their simulation: the
pointwise level is lowered until so many of simulated uniform samples stay wholly inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc

POINTS = 100
SAMPLES = 10_000
SEED = 1


@dataclass(frozen=True)
class Judged:
    """Whether a sample of ranks stays inside, and the largest distance from the diagonal."""

    is_inside: bool
    largest_distance: float
    p: float


def judge_ranks(ranks: Any, level: float = 0.95) -> Judged:
    """Hold ranks between 0 and 1 against the bands; ``p``: share of uniform samples as extreme."""
    tails = _simulate_tails(len(ranks))
    reached = np.searchsorted(np.sort(ranks), _points(), side="right")
    own = float(_tails_of(reached, len(ranks)).min())
    return Judged(
        is_inside=own >= float(np.quantile(tails, 1 - level)),
        largest_distance=float(np.abs(reached / len(ranks) - _points()).max()),
        p=float((tails <= own).mean()),
    )


def _points() -> Any:
    return np.arange(1, POINTS) / POINTS


@lru_cache(maxsize=8)
def _simulate_tails(count: int) -> Any:
    """The smallest tail chance along each of many samples that are truly uniform."""
    generator = np.random.default_rng(SEED)
    cells = generator.multinomial(count, np.full(POINTS, 1 / POINTS), SAMPLES)
    return _tails_of(np.cumsum(cells, axis=1)[:, :-1], count).min(axis=1)


def _tails_of(reached: Any, count: int) -> Any:
    """Twice the smaller binomial tail of how many ranks lie under each point (the last place)."""
    place = np.arange(POINTS - 1)
    return _tail_table(count)[place, reached]


@lru_cache(maxsize=8)
def _tail_table(count: int) -> Any:
    numbers, points = np.arange(count + 1), _points()[:, None]
    below = bdtr(numbers, count, points)
    above = np.concatenate([np.ones((len(points), 1)), bdtrc(numbers[:-1], count, points)], axis=1)
    return np.minimum(1.0, 2 * np.minimum(below, above))
