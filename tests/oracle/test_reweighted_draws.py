"""Reweighted draws against posteriors known by a grid: the bent ridge of a pulse's shape."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.approximate import Mode, choose_starts
from heliotrope.estimate.pulse.parameters import Layout, Parameter
from heliotrope.estimate.pulse.reweight import Proposal, draw_weighted
from heliotrope.estimate.pulse.straight import Straight

MODEL = read_pulse_model()
PRIORS = MODEL.priors
LAYOUT = Layout(
    (
        Parameter.of("pulse_mean", PRIORS.pulse_mean),
        Parameter.of("onset_days", PRIORS.onset_days),
        Parameter.of("extra_decay_days", PRIORS.extra_decay_days),
    ),
    measures=1,
    start_rule="none",
)
STRAIGHT = Straight.of(LAYOUT)
PLACES = st.tuples(*[st.floats(-3, 3)] * 3).map(np.array)

# What the records say of a pulse: how long it lasts as a whole, within a few per cent.
WHOLE_DAYS, WHOLE_SD = 18.0, 0.05


def log_posterior(vectors: Any) -> Any:
    """Priors, and a record of the whole of the pulse alone."""
    values = LAYOUT.unpack(vectors)
    whole = 2 * values["onset_days"][..., 0] + values["extra_decay_days"][..., 0]
    told = -0.5 * (np.log(whole / WHOLE_DAYS) / WHOLE_SD) ** 2
    return told - 0.5 * (vectors**2).sum(axis=-1)


def find_mode() -> Mode:
    """Climb by Newton steps; the curvature by differences."""
    vector = np.array([0.0, 0.3, 0.3])
    for _ in range(50):
        slope, curvature = differences(vector)
        step = np.linalg.solve(-curvature + 0.5 * np.eye(3), slope)
        vector = vector + step
    return Mode(vector, -differences(vector)[1], 0.0)


def differences(vector: Any, step: float = 1e-3) -> tuple[Any, Any]:
    units = step * np.eye(3)
    slope = np.array([log_posterior(vector + u) - log_posterior(vector - u) for u in units])
    curvature = [
        [
            log_posterior(vector + u + v)
            - log_posterior(vector + u - v)
            - log_posterior(vector - u + v)
            + log_posterior(vector - u - v)
            for u in units
        ]
        for v in units
    ]
    return slope / (2 * step), np.array(curvature) / (4 * step**2)


def test_the_ridge_of_slow_onsets_and_quick_decays_is_covered_to_its_ends() -> None:
    """Chances of onset and decay below some days, by weighted draws and by a fine grid."""
    problem = SimpleNamespace(
        layout=LAYOUT,
        model=MODEL,
        data=SimpleNamespace(n_children=7),
        values=lambda vectors, _: log_posterior(vectors),
    )
    weighted = draw_weighted(problem, find_mode(), np.random.default_rng(1))  # type: ignore[arg-type]
    assert weighted.smoothed.k_hat < MODEL.fit.k_hat_at_most
    drawn = LAYOUT.unpack(weighted.vectors)

    axis = np.linspace(-6, 6, 1601)
    onset, decay = np.meshgrid(axis, axis, indexing="ij")
    grid = np.stack([np.zeros_like(onset), onset, decay], axis=-1)
    mass = np.exp(log_posterior(grid))
    mass /= mass.sum()
    on_grid = LAYOUT.unpack(grid)
    for name, days in (
        ("onset_days", (2.0, 4.0, 7.0, 8.5)),
        ("extra_decay_days", (1.0, 3.0, 8.0, 14.0)),
    ):
        for day in days:
            expected = mass[on_grid[name][..., 0] < day].sum()
            found = weighted.smoothed.weights[drawn[name][:, 0] < day].sum()
            assert found == pytest.approx(expected, rel=0.3, abs=0.004), (name, day, expected)


@settings(deadline=None)
@given(PLACES)
def test_straight_coordinates_lead_back(vector: Any) -> None:
    straight = STRAIGHT.straighten(vector)
    np.testing.assert_allclose(STRAIGHT.bend(straight), vector, atol=1e-9)
    np.testing.assert_allclose(STRAIGHT.bend(jnp.asarray(straight), jnp), vector, atol=1e-4)


@settings(deadline=None)
@given(PLACES)
def test_volumes_differ_by_one_factor_everywhere(vector: Any) -> None:
    """Slopes are those of differences, and their determinant is the product of the scales."""
    found = STRAIGHT.slopes(vector)
    step = 1e-5
    units = step * np.eye(3)
    ahead, behind = (STRAIGHT.straighten(vector + side * units) for side in (1, -1))
    np.testing.assert_allclose(found, ((ahead - behind) / (2 * step)).T, atol=1e-6)
    expected = -PRIORS.onset_days.scale * PRIORS.extra_decay_days.scale
    assert np.linalg.det(found) == pytest.approx(expected, rel=1e-9)


def test_proposals_of_any_width_hold_the_same_mass() -> None:
    line = np.linspace(-60, 60, 20_001)[:, None]
    masses = []
    for center, root, behind, ahead in ((0.0, 1.0, 1.0, 1.0), (2.0, 0.5, 0.4, 3.0)):
        proposal = Proposal(
            np.array([center]), np.array([[root]]), np.array([[behind], [ahead]]), 10.0
        )
        masses.append(np.exp(proposal.log_density(line)).sum())
    assert masses[1] == pytest.approx(masses[0], rel=1e-4)


def test_draws_of_a_proposal_have_its_density() -> None:
    proposal = Proposal(np.array([1.0]), np.array([[2.0]]), np.array([[0.5], [1.5]]), 10.0)
    drawn = proposal.draw(40_000, np.random.default_rng(3))[:, 0]
    line = np.linspace(-80, 120, 40_001)
    density = np.exp(proposal.log_density(line[:, None]))
    for chance in (0.05, 0.25, 0.5, 0.9):
        place = line[np.searchsorted(np.cumsum(density) / density.sum(), chance)]
        assert (drawn < place).mean() == pytest.approx(chance, abs=0.012)


def test_the_search_begins_on_both_sides_of_no_effect() -> None:
    starts = choose_starts(LAYOUT, MODEL.fit)
    assert [start[0] for start in starts] == [1.0, -1.0]
    assert all((start[1:] == 0).all() for start in starts)
