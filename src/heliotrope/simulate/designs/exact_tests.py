"""Tests that assume nothing but the lot that was drawn: Fisher's, and permutation tests."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from heliotrope.simulate.draws import Booleans, Integers, Numbers

ROUNDING = 1e-9
"""Statistics closer than this count as tied: they differ by the order of a sum, no more."""


def compute_fisher_p(events: Integers, other_events: Integers, sizes: tuple[int, int]) -> Numbers:
    """The two-sided p of Fisher's exact test for many trials with arms of the same sizes.

    Rule: the sum of the chances of all tables that are no likelier than the one seen.

    >>> compute_fisher_p(np.array([1, 3]), np.array([6, 3]), (8, 8)).round(4).tolist()
    [0.0406, 1.0]
    """
    return _fisher_table(*sizes)[events, other_events]


@lru_cache(maxsize=32)
def _fisher_table(size: int, other_size: int) -> Numbers:
    """All p-values of two arms: events of the one down, of the other across."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + other_size + 1)))])

    def ways(of: int, chosen: Integers) -> Numbers:
        found: Numbers = log_factorial[of] - log_factorial[chosen] - log_factorial[of - chosen]
        return found

    table = np.ones((size + 1, other_size + 1))
    for events in range(size + other_size + 1):
        ours = np.arange(max(0, events - other_size), min(size, events) + 1)
        chance = ways(size, ours) + ways(other_size, events - ours)
        chance = np.exp(chance - ways(size + other_size, np.asarray(events)))
        is_no_likelier = chance[None, :] <= chance[:, None] * (1 + ROUNDING)
        table[ours, events - ours] = np.minimum((is_no_likelier * chance).sum(axis=1), 1)
    return table


def compute_fisher_power(
    chances: tuple[float, float], sizes: tuple[int, int], level: float
) -> float:
    """How often Fisher's test rejects when each arm's chance of the event is known: exact.

    >>> round(compute_fisher_power((0.1, 0.6), (12, 12), 0.05), 3)
    0.639
    """
    size, other_size = sizes
    ours, others = (_binomial(count, chance) for count, chance in zip(sizes, chances, strict=True))
    rejects = _fisher_table(size, other_size) <= level + ROUNDING
    return float(ours @ rejects @ others)


def _binomial(count: int, chance: float) -> Numbers:
    """The chances of 0 to ``count`` events."""
    chances = np.ones(1)
    for _ in range(count):
        chances = np.convolve(chances, [1 - chance, chance])
    return chances


def compute_permutation_p(outcomes: Numbers, drawn: Numbers, again: Numbers) -> Numbers:
    """The two-sided p of permutation tests of many trials, for a sum of weighted outcomes.

    ``outcomes`` and ``drawn`` (trials, entries): what was seen, and the weights that the lot gave.
    ``again`` (lots, entries): weights under lots drawn again, equally likely; the one drawn counts
    with them, so that the level is kept exactly. Ties count as at least as extreme.
    """
    seen = np.abs((outcomes * drawn).sum(axis=1))
    others = np.abs(outcomes @ again.T)
    is_as_extreme: Booleans = others >= seen[:, None] - ROUNDING
    p: Numbers = (1 + is_as_extreme.sum(axis=1)) / (1 + len(again))
    return p
