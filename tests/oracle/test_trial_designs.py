"""Trial designs against R, closed forms, and the level that an exact test must keep."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from heliotrope.simulate.designs.characteristics import (
    DESIGN_COLUMNS,
    DesignOrder,
    compute_wilson,
    find_children_needed,
    simulate_designs,
)
from heliotrope.simulate.designs.exact_tests import (
    compute_fisher_p,
    compute_fisher_power,
    compute_permutation_p,
)
from heliotrope.simulate.designs.parameters import Designs, read_designs
from heliotrope.simulate.designs.ratings import compute_pulse_at_visits, draw_ratings
from heliotrope.simulate.designs.trials import SIMULATE, find_worsened
from heliotrope.simulate.draws import Draws

R_FISHER = """
for (size in c(5, 12)) for (a in 0:size) for (b in 0:(size + 1))
  cat(size, a, b, format(fisher.test(matrix(c(a, size - a, b, size + 1 - b), 2))$p.value,
      digits = 15), "\\n")
"""


def _draws(seed: int = 1) -> Draws:
    return Draws(np.random.Generator(np.random.PCG64(seed)))


def test_fisher_is_that_of_r_in_every_table(run_r) -> None:
    rows = [line.split() for line in run_r(R_FISHER).splitlines()]
    assert len(rows) == 6 * 7 + 13 * 14
    for size, a, b, p in rows:
        sizes = (int(size), int(size) + 1)
        ours = compute_fisher_p(np.array([int(a)]), np.array([int(b)]), sizes)[0]
        assert ours == pytest.approx(float(p), rel=1e-10), (sizes, a, b)


def test_power_of_fisher_is_the_share_of_simulated_rejections() -> None:
    generator = np.random.default_rng(3)
    with_ivig, without = generator.binomial(15, 0.15, 40_000), generator.binomial(14, 0.6, 40_000)
    simulated = (compute_fisher_p(with_ivig, without, (15, 14)) <= 0.05).mean()
    exact = compute_fisher_power((0.15, 0.6), (15, 14), 0.05)
    assert abs(simulated - exact) < 4 * np.sqrt(exact * (1 - exact) / 40_000)


def test_power_of_fisher_is_the_enumeration_of_r(run_r) -> None:
    power = run_r(
        "n <- 12; total <- 0; for (a in 0:n) for (b in 0:n) "
        "if (fisher.test(matrix(c(a, n - a, b, n - b), 2))$p.value <= 0.05) "
        "total <- total + dbinom(a, n, 0.1) * dbinom(b, n, 0.6); cat(format(total, digits = 12))"
    )
    ours = compute_fisher_power((0.1, 0.6), (12, 12), 0.05)
    assert ours == pytest.approx(float(power), rel=1e-9)


def test_power_of_fisher_at_its_ends() -> None:
    """Certain events on one side only are always found; equal chances keep the level."""
    assert compute_fisher_power((0.0, 1.0), (6, 6), 0.05) == pytest.approx(1)
    for chance in np.linspace(0.05, 0.95, 10):
        assert compute_fisher_power((chance, chance), (10, 10), 0.05) <= 0.05


def test_a_permutation_test_counts_every_lot_as_by_hand() -> None:
    """Four children, two an arm: of the six lots two are as extreme as the one drawn."""
    outcomes = np.array([[1.0, 2.0, 8.0, 9.0]])
    drawn = np.array([[-0.5, -0.5, 0.5, 0.5]])
    lots = np.array(
        [[-1, 1, -1, 1], [-1, 1, 1, -1], [1, -1, -1, 1], [1, -1, 1, -1], [1, 1, -1, -1]]
    )
    p = compute_permutation_p(outcomes, drawn, lots / 2)
    assert p[0] == pytest.approx(2 / 6)


@pytest.mark.parametrize("design", list(SIMULATE))
@pytest.mark.parametrize("children", [12, 15])
def test_false_claims_keep_the_level(design, children: int) -> None:
    designs = read_designs()
    trials = SIMULATE[design](_draws(5), designs, designs.effect.scaled(0), children, 3000)
    share = trials.p_share(designs.level)
    assert share < designs.level + 4 * np.sqrt(designs.level * (1 - designs.level) / 3000)
    if design != "randomised_withdrawal":  # Fisher's test is conservative; the others are not
        assert share > designs.level - 5 * np.sqrt(designs.level * (1 - designs.level) / 3000)


def test_n_of_1_power_is_that_of_the_normal_form() -> None:
    """No carry-over, no clipping: a period's mean differs by the pulse."""
    usual = read_designs()
    designs = usual.model_copy(
        update={
            "effect": usual.effect.model_copy(
                update={
                    "pulse_mean": 0.5,
                    "pulse_sd": 0.0,
                    "persistent_mean": 0.0,
                    "persistent_sd": 0.0,
                    "onset_half_time_days": 1.0,
                    "extra_decay_days": 0.001,
                }
            ),
            "illness": usual.illness.model_copy(
                update={"activity_mean": 5.0, "fluctuation_sd": 0.0, "rating_sd": 1.0}
            ),
            "n_of_1": usual.n_of_1.model_copy(
                update={"blocks": 12, "cycles_a_period": 1, "visit_days": (2,)}
            ),
        }
    )
    trials = SIMULATE["n_of_1"](_draws(2), designs, designs.effect, 4, 6000)
    height = compute_pulse_at_visits(designs.effect, np.array([True]), np.array([[2]]))[0]
    assert trials.difference == pytest.approx(0.5 * height, abs=0.02)
    normal = NormalDist()
    expected = normal.cdf(0.5 * height / np.sqrt(2 / 48) - normal.inv_cdf(0.975))
    assert abs(trials.p_share(0.05) - expected) < 0.03


def test_withdrawal_power_is_that_of_the_shares_it_simulated() -> None:
    designs = read_designs()
    size, children = 12, 24
    trials = SIMULATE["randomised_withdrawal"](_draws(4), designs, designs.effect, children, 4000)
    without = (trials.worsened / size + trials.difference) / 2
    exact = compute_fisher_power((without - trials.difference, without), (size, size), 0.05)
    assert abs(trials.p_share(0.05) - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000)


def test_mean_ratings_are_those_of_the_model() -> None:
    """No clipping: level, less pulses so far and the part built up; none on the day."""
    usual = read_designs()
    designs = usual.model_copy(
        update={"illness": usual.illness.model_copy(update={"activity_mean": 6.0})}
    )
    given = np.broadcast_to(np.array([True, False, True]), (500, 20, 3))
    day = np.array([0, 10, 56, 66])
    rating = draw_ratings(_draws(9), designs, designs.effect, given, day)
    fast, slow = np.log(2) / 5, np.log(2) / 12
    peak_day = np.log(fast / slow) / (fast - slow)

    def pulse(days: float) -> float:
        return (np.exp(-slow * days) - np.exp(-fast * days)) / (
            np.exp(-slow * peak_day) - np.exp(-fast * peak_day)
        )

    expected = [
        6,
        6 - pulse(10) - 0.3 * (1 - np.exp(-1 / 3)),
        6 - pulse(56) - 0.3 * (1 - np.exp(-1 / 3)),
        6 - pulse(66) - pulse(10) - 0.3 * (1 - np.exp(-2 / 3)),
    ]
    np.testing.assert_allclose(rating.mean(axis=(0, 1)), expected, atol=0.05)


def test_worsening_must_last() -> None:
    rating = np.array([[1, 3, 1, 3], [1, 1, 3, 3], [3, 1, 1, 1], [1, 2.5, 2.5, 1]], dtype=float)
    assert find_worsened(rating, 1.5, 2).tolist() == [False, True, False, True]
    assert find_worsened(rating, 1.5, 1).tolist() == [True, True, False, True]


def test_the_table_is_typed_seeded_and_in_order() -> None:
    quick: Designs = read_designs().model_copy(update={"replicates": 200, "permutations": 199})
    order = DesignOrder(children=(6, 12), numbers=quick, seed=7)
    table = simulate_designs(order)
    assert dict(table.schema) == DESIGN_COLUMNS
    assert table.height == 4 * 2 * 2
    assert table.equals(simulate_designs(order))
    assert (table["low"] <= table["rejected_share"]).all()
    assert (table["rejected_share"] <= table["high"]).all()
    other = simulate_designs(DesignOrder(children=(6, 12), numbers=quick, seed=8))
    assert not table.equals(other)


def test_how_many_children_are_needed() -> None:
    order = DesignOrder(children=(2, 4, 6, 8))
    needed = find_children_needed("n_of_1", order)
    assert needed is not None
    table = simulate_designs(DesignOrder(("n_of_1",), (needed,), (1.0,)))
    assert table["rejected_share"][0] >= order.numbers.power
    assert find_children_needed("randomised_withdrawal", order) is None


def test_one_child_is_no_trial() -> None:
    with pytest.raises(ValueError, match="at least two children, not 1"):
        simulate_designs(DesignOrder(children=(1,)))


def test_wilson_is_that_of_r(run_r) -> None:
    low, high = map(float, run_r("cat(prop.test(103, 2000, correct = FALSE)$conf.int)").split())
    assert compute_wilson(103 / 2000, 2000, 0.95) == pytest.approx((low, high), rel=1e-6)
