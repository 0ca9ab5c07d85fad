"""The three designs: draw the lots and ratings of many trials, and test each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from heliotrope.simulate.designs.exact_tests import compute_fisher_p, compute_permutation_p
from heliotrope.simulate.designs.parameters import DesignName, Designs, TrialEffect
from heliotrope.simulate.designs.ratings import draw_ratings
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers

EVEN = 0.5
"""The chance of a fair lot."""


@dataclass(frozen=True)
class Trials:
    """The outcome of many simulated trials of one design and size.

    ``p``: of each trial. ``difference``: mean of what the test compares (cm, off less on
    immunoglobulin; shares worsened in a withdrawal). ``worsened``: mean number of children a trial
    who worsen, None where the design does not count them.
    """

    p: Numbers
    difference: float
    worsened: float | None = None

    def p_share(self, level: float) -> float:
        """The share of the trials with p at most the level."""
        return float((self.p <= level).mean())


def simulate_withdrawal(
    draws: Draws, designs: Designs, effect: TrialEffect, children: int, replicates: int
) -> Trials:
    """Children who improved on monthly courses go on, or get placebo: who worsens?

    Half of the children (rounded down) go on. Ratings before each slot. Fisher's exact test of
    the numbers that worsened.
    """
    design = designs.randomised_withdrawal
    rating, sizes = _draw_withdrawal(draws, designs, effect, children, replicates)
    has_worsened = find_worsened(rating, design.rise_cm, design.visits_in_a_row)
    with_ivig = has_worsened[:, : sizes[0]].sum(axis=1)
    without = has_worsened[:, sizes[0] :].sum(axis=1)
    return Trials(
        p=compute_fisher_p(with_ivig, without, sizes),
        difference=float(without.mean() / sizes[1] - with_ivig.mean() / sizes[0]),
        worsened=float(has_worsened.sum(axis=1).mean()),
    )


def simulate_withdrawal_ratings(
    draws: Draws, designs: Designs, effect: TrialEffect, children: int, replicates: int
) -> Trials:
    """The same trial, tested on the ratings themselves: their mean afterwards less the one before.

    Permutation test: the arms are drawn again.
    """
    rating, sizes = _draw_withdrawal(draws, designs, effect, children, replicates)
    change = rating[..., 1:].mean(axis=2) - rating[..., 0]
    arm = np.repeat([-1 / sizes[0], 1 / sizes[1]], sizes)
    again = np.stack([draws.generator.permutation(arm) for _ in range(designs.permutations)])
    drawn = np.broadcast_to(arm, change.shape)
    return Trials(
        p=compute_permutation_p(change, drawn, again), difference=float((change @ arm).mean())
    )


def _draw_withdrawal(
    draws: Draws, designs: Designs, effect: TrialEffect, children: int, replicates: int
) -> tuple[Numbers, tuple[int, int]]:
    """Ratings from the last slot of all on: those who go on first, then those on placebo."""
    design = designs.randomised_withdrawal
    going_on = children // 2
    slots = design.courses_before + design.cycles
    given = np.ones((replicates, children, slots), dtype=np.bool_)
    given[:, going_on:, design.courses_before :] = False
    visit_day = designs.cycle_days * np.arange(design.courses_before, slots + 1)
    rating = draw_ratings(draws, designs, effect, given, visit_day)
    return rating, (going_on, children - going_on)


def find_worsened(rating: Numbers, rise_cm: float, in_a_row: int) -> Booleans:
    """Who worsened: so far above the first rating, at so many later visits in a row.

    >>> find_worsened(np.array([[1.0, 3.0, 2.0, 3.0, 3.1]]), 1.5, 2).tolist()
    [True]
    """
    is_high = rating[..., 1:] >= rating[..., :1] + rise_cm
    run = is_high.copy()
    for back in range(1, in_a_row):
        run[..., back:] &= is_high[..., :-back]
        run[..., :back] = False
    return np.asarray(run.any(axis=-1))


def simulate_stepped_start(
    draws: Draws, designs: Designs, effect: TrialEffect, children: int, replicates: int
) -> Trials:
    """Every child starts, in a month drawn by lot: at each visit, is who started better?

    The steps are as even as the number of children allows. At each visit the mean of those not yet
    started less that of those started, weighted by how many stand on each side.
    """
    design = designs.stepped_start
    first_slot = 1 + np.arange(children) % design.steps
    visit_day = designs.cycle_days * np.arange(design.cycles) + design.visit_day
    lots = np.stack([draws.generator.permutation(first_slot) for _ in range(replicates)])
    given = np.arange(design.cycles) >= lots[:, :, None]
    rating = draw_ratings(draws, designs, effect, given, visit_day)
    again = np.stack([draws.generator.permutation(first_slot) for _ in range(designs.permutations)])
    weights = _contrast(lots, design.cycles)
    outcomes = rating.reshape(replicates, -1)
    return Trials(
        p=compute_permutation_p(
            outcomes,
            weights.reshape(replicates, -1),
            _contrast(again, design.cycles).reshape(len(again), -1),
        ),
        difference=float((outcomes * weights.reshape(replicates, -1)).sum(axis=1).mean()),
    )


def _contrast(first_slot: Integers, cycles: int) -> Numbers:
    """Weights of (trials, children, visits): off less on, visits weighed by both sides' numbers."""
    is_on = np.arange(cycles) >= first_slot[:, :, None]
    on = is_on.sum(axis=1, keepdims=True)
    off = is_on.shape[1] - on
    weight = on * off / is_on.shape[1]
    each = np.where(is_on, -1 / np.maximum(on, 1), 1 / np.maximum(off, 1))
    contrast: Numbers = each * weight / weight.sum(axis=2, keepdims=True)
    return contrast


def simulate_n_of_1(
    draws: Draws, designs: Designs, effect: TrialEffect, children: int, replicates: int
) -> Trials:
    """Each child gets immunoglobulin and placebo in turn, in blocks: is it better on the first?

    The mean over all blocks of all children of placebo less immunoglobulin. What is carried over
    from period to period makes the difference smaller: the design says so by its ``difference``.
    """
    design = designs.n_of_1
    cycles, days = design.cycles_a_period, np.asarray(design.visit_days)
    has_ivig_first = draws.is_true(EVEN, (replicates, children, design.blocks))
    period = np.stack([has_ivig_first, ~has_ivig_first], axis=3).reshape(replicates, children, -1)
    given = np.repeat(period, cycles, axis=2)
    last_slot = cycles * np.arange(1, period.shape[2] + 1) - 1
    visit_day = (designs.cycle_days * last_slot[:, None] + days).ravel()
    rating = draw_ratings(draws, designs, effect, given, visit_day)
    mean = rating.reshape(replicates, children, design.blocks, 2, len(days)).mean(axis=4)
    second_less_first = (mean[..., 1] - mean[..., 0]).reshape(replicates, -1)
    sign = np.where(has_ivig_first, 1.0, -1.0).reshape(replicates, -1) / second_less_first.shape[1]
    again = _draw_signs(draws, designs.permutations, second_less_first.shape[1])
    return Trials(
        p=compute_permutation_p(second_less_first, sign, again / second_less_first.shape[1]),
        difference=float((second_less_first * sign).sum(axis=1).mean()),
    )


def _draw_signs(draws: Draws, lots: int, entries: int) -> Numbers:
    return np.where(draws.is_true(EVEN, (lots, entries)), 1.0, -1.0)


SIMULATE: dict[DesignName, Callable[[Draws, Designs, TrialEffect, int, int], Trials]] = {
    "randomised_withdrawal": simulate_withdrawal,
    "randomised_withdrawal_ratings": simulate_withdrawal_ratings,
    "stepped_start": simulate_stepped_start,
    "n_of_1": simulate_n_of_1,
}
