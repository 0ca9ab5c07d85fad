"""Is a measure worse at the trough than after an infusion? A test that shuffles days within cycles.

A *block* is one infusion cycle of one child, with at least one visit early in the cycle and one at
its trough. If the infusion makes no difference, which of the block's visits came early is
exchangeable: the same values could have fallen on the other days. The contrast of a block is the
mean at the trough less the mean early; a child's contrast the mean of its blocks; the statistic the
mean of the children. Blocks are cycles, not children, so that slow improvement over months does
not count; what changes within one cycle for another reason still does.

The p-value is two-sided: the share of all arrangements whose statistic lies at least as far from
zero. All are listed where they are few enough, else some are drawn (the arrangement found is then
counted as one of them, so that p is never 0), and the Monte Carlo error is given.

Source: Phipson and Smyth, Stat Appl Genet Mol Biol 2010;9:39, doi 10.2202/1544-6115.1585 (counting
the arrangement found).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

AS_FAR = 1e-9

CHUNK = 256


@dataclass(frozen=True)
class Block:
    """The values of one infusion cycle of one child: early in the cycle, and at its trough."""

    child: Hashable
    early: tuple[float, ...]
    trough: tuple[float, ...]


@dataclass(frozen=True)
class Draws:
    """How arrangements are gone through: all where at most so many, else so many drawn."""

    most_listed: int
    drawn: int
    seed: int


@dataclass(frozen=True)
class Shuffled:
    """The statistic found and how often an arrangement lies as far from zero.

    ``arrangements``: how many there are (a float: it may be huge). ``is_exact``: all were listed;
    else ``error`` is the Monte Carlo standard error of ``p_value``. ``least``: the smallest p-value
    the blocks could give.
    """

    statistic: float
    p_value: float
    arrangements: float
    is_exact: bool
    error: float
    least: float
    children: int
    blocks: int


def estimate_shuffled(blocks: Sequence[Block], draws: Draws) -> Shuffled | None:
    """Test whether values at the trough and early in the cycle could change places.

    Edge cases: no block with both phases: None. One block of two visits has two arrangements that
    lie equally far from zero: p is 1, which says that nothing can be shown.

    >>> blocks = [Block("a", (2.0,), (5.0,)), Block("a", (1.5,), (4.0,))]
    >>> blocks.append(Block("b", (3.0,), (3.5,)))
    >>> found = estimate_shuffled(blocks, Draws(1000, 999, 1))
    >>> found.statistic, found.p_value, found.least
    (1.625, 0.25, 0.25)
    """
    kept = [block for block in blocks if block.early and block.trough]
    if not kept:
        return None
    of_child: dict[Hashable, int] = {}
    for block in kept:
        of_child[block.child] = of_child.get(block.child, 0) + 1
    found = sum(_contrast(b) / of_child[b.child] for b in kept) / len(of_child)
    arranged = [_arrange(b, draws) / (of_child[b.child] * len(of_child)) for b in kept]
    size = math.prod(float(_count_ways(block)) for block in kept)
    is_exact = size <= draws.most_listed
    reached = abs(found) - AS_FAR * max(1.0, abs(found))
    if is_exact:
        statistics = _list_all(arranged)
        p_value, error = float((np.abs(statistics) >= reached).mean()), 0.0
        least = float((np.abs(statistics) >= np.abs(statistics).max() - AS_FAR).mean())
    else:
        as_far = _count_drawn(arranged, reached, draws)
        p_value = (as_far + 1) / (draws.drawn + 1)
        error = math.sqrt(p_value * (1 - p_value) / (draws.drawn + 1))
        least = 1 / (draws.drawn + 1)
    return Shuffled(found, p_value, size, is_exact, error, least, len(of_child), len(kept))


def _contrast(block: Block) -> float:
    return float(np.mean(block.trough) - np.mean(block.early))


def _count_ways(block: Block) -> int:
    return math.comb(len(block.early) + len(block.trough), len(block.early))


def _arrange(block: Block, draws: Draws) -> Numbers:
    """List the contrast of every way to say which of the visits were early.

    A cycle with very many visits has more ways than can be listed: then some are drawn.
    """
    values = np.array([*block.early, *block.trough])
    n, k = values.size, len(block.early)
    if _count_ways(block) <= draws.most_listed:
        chosen = np.array(list(combinations(range(n), k)))
    else:
        shuffled = np.random.default_rng(draws.seed).random((draws.drawn, n))
        chosen = np.argsort(shuffled, axis=1)[:, :k]
    early = values[chosen].sum(axis=1)
    contrasts: Numbers = (values.sum() - early) / (n - k) - early / k
    return contrasts


def _list_all(arranged: Sequence[Numbers]) -> Numbers:
    """Add every contrast of every block to every one of the others."""
    sums = np.zeros(1)
    for contrasts in arranged:
        sums = (sums[:, None] + contrasts[None, :]).ravel()
    return sums


def _count_drawn(arranged: Sequence[Numbers], reached: float, draws: Draws) -> int:
    """Draw arrangements, block by block, and count those as far from zero as the one found."""
    generator = np.random.default_rng(draws.seed)
    sizes = np.array([contrasts.size for contrasts in arranged])
    sums = np.zeros(draws.drawn)
    for size in np.unique(sizes):
        of_size = np.stack([arranged[int(place)] for place in np.flatnonzero(sizes == size)])
        for first in range(0, len(of_size), CHUNK):
            part = of_size[first : first + CHUNK]
            sums += _draw_sums(part, draws.drawn, generator)
    return int((np.abs(sums) >= reached).sum())


def _draw_sums(part: Numbers, drawn: int, generator: np.random.Generator) -> Numbers:
    """Choose one contrast of each block at random, so many times, and add them up."""
    if part.shape[1] == 2:
        second = np.unpackbits(
            generator.integers(0, 256, (drawn, -(-len(part) // 8)), np.uint8), axis=1
        )[:, : len(part)]
        difference = part[:, 1] - part[:, 0]
        two: Numbers = part[:, 0].sum() + second.astype(np.float64) @ difference
        return two
    choice = generator.integers(0, part.shape[1], (drawn, len(part)))
    chosen: Numbers = part[np.arange(len(part)), choice].sum(axis=1)
    return chosen
