"""How often each design would find an effect, by number of children: the operating
characteristics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import polars as pl

from heliotrope.simulate.designs.parameters import (
    DesignName,
    Designs,
    TrialEffect,
    read_designs,
)
from heliotrope.simulate.designs.trials import SIMULATE, Trials
from heliotrope.simulate.draws import Draws

DESIGN_COLUMNS: dict[str, pl.DataType] = {
    "design": pl.String(),
    "test": pl.String(),
    "children": pl.Int64(),
    "pulse_mean": pl.Float64(),
    "persistent_mean": pl.Float64(),
    "replicates": pl.Int64(),
    "rejected_share": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "mean_difference": pl.Float64(),
    "expected_worsened": pl.Float64(),
}

TESTS: dict[DesignName, str] = {
    "randomised_withdrawal": "Fisher's exact test of children who worsened",
    "randomised_withdrawal_ratings": "permutation of the arms, mean rating",
    "stepped_start": "permutation of the months of start",
    "n_of_1": "permutation of the order within blocks",
}


@dataclass(frozen=True)
class DesignOrder:
    """Which designs to try, on how many children, for which effect.

    ``effect_shares``: the effect of the file times each; 0 gives the rate of false claims.
    """

    designs: tuple[DesignName, ...] = tuple(SIMULATE)
    children: tuple[int, ...] = ()
    effect_shares: tuple[float, ...] = (0.0, 1.0)
    seed: int = 1
    numbers: Designs = field(default_factory=read_designs)


def simulate_designs(order: DesignOrder | None = None) -> pl.DataFrame:
    """Say how often each trial would find the effect, for each number of children.

    ``rejected_share``: the share of simulated trials with p at most the level: the power, or the
    rate of false claims where the effect is nil; ``low`` and ``high`` its Wilson interval.
    ``mean_difference``: what the test compares, on average (cm; in a withdrawal a difference of
    shares). ``expected_worsened``: children a trial who worsen (withdrawal only). Children are
    those with an outcome: add those who will be lost.

    Errors: ValueError for fewer than two children.

    >>> order = DesignOrder(("n_of_1",), children=(6,), effect_shares=(1.0,))
    >>> simulate_designs(order).select("design", "children", "rejected_share").rows()
    [('n_of_1', 6, 0.999)]
    """
    order = order or DesignOrder()
    rows = [
        _describe(order, design, count, order.numbers.effect.scaled(share))
        for design in order.designs
        for share in order.effect_shares
        for count in order.children or order.numbers.children
    ]
    return pl.DataFrame(rows, schema=DESIGN_COLUMNS, orient="row")


def find_children_needed(
    design: DesignName, order: DesignOrder | None = None, power: float | None = None
) -> int | None:
    """The smallest number of children of the order with that power and above; None: none of them.

    >>> find_children_needed("n_of_1", DesignOrder(children=(2, 4, 6)))
    4
    """
    order = order or DesignOrder()
    wanted = order.numbers.power if power is None else power
    counts = sorted(order.children or order.numbers.children)
    found = None
    for count in reversed(counts):
        if _run(order, design, count, order.numbers.effect).p_share(order.numbers.level) < wanted:
            break
        found = count
    return found


def _run(order: DesignOrder, design: DesignName, children: int, effect: TrialEffect) -> Trials:
    if children < 2:
        raise ValueError(f"a trial compares at least two children, not {children}")
    key = (list(SIMULATE).index(design), children)
    sequence = np.random.SeedSequence(entropy=order.seed, spawn_key=key)
    draws = Draws(np.random.Generator(np.random.PCG64(sequence)))
    return SIMULATE[design](draws, order.numbers, effect, children, order.numbers.replicates)


def _describe(
    order: DesignOrder, design: DesignName, children: int, effect: TrialEffect
) -> Sequence[object]:
    trials = _run(order, design, children, effect)
    count = len(trials.p)
    share = trials.p_share(order.numbers.level)
    low, high = compute_wilson(share, count, order.numbers.interval)
    return (
        design,
        TESTS[design],
        children,
        effect.pulse_mean,
        effect.persistent_mean,
        count,
        share,
        low,
        high,
        trials.difference,
        trials.worsened,
    )


def compute_wilson(share: float, count: int, level: float) -> tuple[float, float]:
    """The Wilson interval of a simulated share.

    >>> tuple(round(end, 3) for end in compute_wilson(0.05, 2000, 0.95))
    (0.041, 0.06)
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + (z / (2 * count)) ** 2) ** 0.5
    return middle - half, middle + half
