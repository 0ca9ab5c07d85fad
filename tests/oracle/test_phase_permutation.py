"""The shuffling test of infusion phase: against sign flips, brute force and R's exact rank sums."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import numpy as np
import pytest

from heliotrope.estimate.timing.permutation import Block, Draws, estimate_shuffled

RunR = Callable[[str], str]

LIST = Draws(most_listed=20_000, drawn=999, seed=1)


def brute_force(blocks: list[Block]) -> float:
    """Permute the values of every block in every order and recompute the statistic anew."""

    def statistic(arranged: tuple[tuple[float, ...], ...]) -> float:
        of_child: dict[object, list[float]] = {}
        for block, values in zip(blocks, arranged, strict=True):
            k = len(block.early)
            contrast = np.mean(values[k:]) - np.mean(values[:k])
            of_child.setdefault(block.child, []).append(float(contrast))
        return float(np.mean([np.mean(contrasts) for contrasts in of_child.values()]))

    found = abs(statistic(tuple((*block.early, *block.trough) for block in blocks)))
    orders = product(*(permutations((*block.early, *block.trough)) for block in blocks))
    as_far = [abs(statistic(order)) >= found - 1e-9 for order in orders]
    return sum(as_far) / len(as_far)


@pytest.mark.parametrize(
    "blocks",
    [
        [Block("a", (2.0,), (5.0,)), Block("a", (1.5,), (4.0,)), Block("b", (3.0,), (3.5,))],
        [
            Block("a", (2.0, 2.5), (5.0,)),
            Block("b", (1.0,), (0.5, 4.0)),
            Block("b", (3.0,), (3.0,)),
        ],
        [Block("a", (1.0, 2.0), (1.0, 3.0)), Block("c", (4.0,), (1.0,))],
    ],
)
def test_the_listed_arrangements_are_all_of_them(blocks: list[Block]) -> None:
    found = estimate_shuffled(blocks, LIST)
    assert found is not None
    assert found.is_exact
    assert found.p_value == pytest.approx(brute_force(blocks))


def test_pairs_against_the_exact_signed_rank_test_of_r(run_r: RunR) -> None:
    """Ranks with signs as contrasts: flipping signs is then R's exact signed-rank test."""
    signed = [1.0, -2.0, 3.0, 4.0, -5.0, 6.0, 7.0, 8.0, 9.0]
    values = ", ".join(map(str, signed))
    expected = float(run_r(f"cat(wilcox.test(c({values}), exact = TRUE)$p.value)"))
    blocks = [Block(child, (0.0,), (value,)) for child, value in enumerate(signed)]
    found = estimate_shuffled(blocks, LIST)
    assert found is not None
    assert found.p_value == pytest.approx(expected, abs=1e-6)


def test_pairs_are_sign_flips() -> None:
    pairs = [Block(child, (0.0,), (1.0 + child,)) for child in range(8)]
    found = estimate_shuffled(pairs, LIST)
    assert found is not None
    assert found.p_value == found.least == pytest.approx(2 / 2**8)


def test_drawn_arrangements_agree_with_listed_ones_within_their_error() -> None:
    generator = np.random.default_rng(5)
    blocks = [
        Block(number // 2, tuple(generator.normal(0, 1, 2)), tuple(generator.normal(0.4, 1, 1)))
        for number in range(8)
    ]
    exact = estimate_shuffled(blocks, LIST)
    drawn = estimate_shuffled(blocks, Draws(most_listed=10, drawn=20_000, seed=2))
    assert exact is not None
    assert drawn is not None
    assert not drawn.is_exact
    assert abs(drawn.p_value - exact.p_value) < 5 * drawn.error
    assert drawn == estimate_shuffled(blocks, Draws(most_listed=10, drawn=20_000, seed=2))


def test_it_holds_its_level_where_nothing_differs() -> None:
    generator = np.random.default_rng(6)
    found = []
    for _ in range(400):
        blocks = [
            Block(c, (float(generator.normal()),), tuple(generator.normal(size=2)))
            for c in range(4)
        ]
        shuffled = estimate_shuffled(blocks, LIST)
        assert shuffled is not None
        found.append(shuffled.p_value)
    # 81 arrangements: the share at or under 0.05 is at most 0.05; 400 draws, three errors.
    assert np.mean(np.array(found) <= 0.05) < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_one_phase_only_gives_nothing() -> None:
    assert estimate_shuffled([Block("a", (), (1.0, 2.0)), Block("b", (3.0,), ())], LIST) is None


def test_a_cycle_with_hundreds_of_visits_is_drawn_from() -> None:
    generator = np.random.default_rng(7)
    block = Block("a", tuple(generator.normal(0, 1, 200)), tuple(generator.normal(1, 1, 200)))
    found = estimate_shuffled([block], LIST)
    assert found is not None
    assert not found.is_exact
    assert found.p_value == pytest.approx(0.001)
