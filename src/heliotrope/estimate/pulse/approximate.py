"""The posterior near its mode: where it is, how it curves, and draws corrected from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.pareto import Smoothed, smooth_weights

if TYPE_CHECKING:
    from heliotrope.estimate.pulse.posterior import Problem

# In prior sds: a step for differences of the exact gradient.
_STEP = 1e-4

# A direction in which the posterior hardly curves is not taken to be flatter than this.
_FLATTEST = 0.05

# Gradient, in units of the log density per prior sd, under which a mode counts as found.
_FLAT_ENOUGH = 1e-4
_POLISHING_STEPS = 8

# In posterior sds: a curvature found within so short a way still holds.
_FAR = 0.05

# Where, in sds from the mode, the width of the proposal is read off, and how far it may depart.
_LOOKS = (1.0, 2.0, 3.0)
_LEAST_FALL = 1e-6
_WIDEST = 3.0


@dataclass(frozen=True)
class Mode:
    """The highest point found, minus the curvature there, and the gradient left."""

    vector: Floats
    precision: Floats
    slope_left: float


@dataclass(frozen=True)
class Weighted:
    """Draws of an approximation (draws, size) with the weights that correct them."""

    vectors: Floats
    smoothed: Smoothed


def find_mode(problem: Problem, starts: Sequence[Floats]) -> Mode:
    """Climb from each start and keep the highest point.

    Quasi-Newton steps first, then Newton steps; a place where the density is no number is left. A
    large cohort is climbed with some of its children; from their mode the way to that of all is
    short, in coordinates in which the posterior is about as wide one way as another.
    """
    part_size = problem.model.fit.children_to_begin_with
    if problem.children_in_blocks <= 2 * part_size:
        return _polish(problem, _climb_from(problem, starts))
    part = problem.take_part(part_size)
    near = _climb_from(part, starts)
    share = problem.children_in_blocks / max(part.children_in_blocks, 1)
    # What all children will say, after what some say; the prior says its own only once.
    prior = np.eye(problem.layout.size)
    precision = share * (-curvature_of(part, near) - prior) + prior
    root = np.linalg.cholesky(np.linalg.inv(_make_regular(precision)))
    whole = problem.begin_at(near)

    def scaled(place: Floats) -> tuple[float, Floats]:
        value, slope = whole.value_and_slope(near + root @ place)
        return value, root.T @ slope

    found, _ = _climb(scaled, np.zeros(len(near)), problem.model.fit.optimiser_steps)
    vector = near + root @ found
    return _polish(problem.begin_at(vector), vector)


def _climb_from(problem: Problem, starts: Sequence[Floats]) -> Floats:
    """Climb from each start; return the highest place reached."""
    steps = problem.model.fit.optimiser_steps
    reached = [_climb(problem.value_and_slope, start, steps) for start in starts]
    return max(reached, key=lambda each: each[1])[0]


def _climb(
    value_and_slope: Callable[[Floats], tuple[float, Floats]], start: Floats, steps: int
) -> tuple[Floats, float]:
    """Climb by quasi-Newton steps; return the place and its height."""
    from scipy.optimize import minimize

    def downhill(vector: Floats) -> tuple[float, Floats]:
        value, slope = value_and_slope(vector)
        is_usable = np.isfinite(value) and bool(np.isfinite(slope).all())
        return (-value, -slope) if is_usable else (np.inf, np.zeros(len(vector)))

    options = {"maxiter": steps, "maxls": 40}
    found = minimize(downhill, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x), -float(found.fun)


def choose_starts(problem: Problem, generator: np.random.Generator) -> list[Floats]:
    """Return the priors' centres, and places around them."""
    settings, size = problem.model.fit, problem.layout.size
    around = settings.start_spread * generator.standard_normal((settings.starts - 1, size))
    return [np.zeros(size), *around]


def draw_weighted(problem: Problem, mode: Mode, generator: np.random.Generator) -> Weighted:
    """Draw from a split t around the mode and weight by the posterior; more while k-hat is high.

    The fewer the children, the less regular the posterior and the cheaper a draw: small cohorts
    get more of them.
    """
    settings = problem.model.fit
    proposal = _split(problem, mode)
    number = int(
        np.clip(
            settings.children_times_proposals / max(problem.data.n_children, 1),
            settings.proposals_at_least,
            settings.proposals_at_most,
        )
    )
    vectors, log_ratios = np.zeros((0, len(mode.vector))), np.zeros(0)
    for _ in range(settings.rounds):
        drawn, log_density = _draw_split(
            proposal, number, settings.proposal_degrees_of_freedom, generator
        )
        values = problem.values(drawn, settings.draws_a_batch)
        vectors = np.concatenate([vectors, drawn])
        log_ratios = np.concatenate([log_ratios, values - log_density])
        smoothed = smooth_weights(log_ratios)
        if smoothed.k_hat <= settings.k_hat_at_most:
            break
    return Weighted(vectors, smoothed)


def curvature_of(problem: Problem, vector: Floats) -> Floats:
    """Return the second derivatives: differences of the exact gradient.

    Compiling exact ones takes longer than most cohorts' whole fit.
    """
    rows = []
    for unit in np.eye(len(vector)):
        ahead = problem.value_and_slope(vector + _STEP * unit)[1]
        behind = problem.value_and_slope(vector - _STEP * unit)[1]
        rows.append((ahead - behind) / (2.0 * _STEP))
    found = np.asarray(rows)
    return 0.5 * (found + found.T)


def _polish(problem: Problem, vector: Floats) -> Mode:
    """Take Newton steps, halved where they lead down, until the gradient is gone.

    The curvature is found anew once the steps have led away from where it was found.
    """
    value, slope = problem.value_and_slope(vector)
    precision = _make_regular(-curvature_of(problem, vector))
    gone = 0.0
    for _ in range(_POLISHING_STEPS):
        if np.abs(slope).max() < _FLAT_ENOUGH:
            break
        step = np.linalg.solve(precision, slope)
        for share in (1.0, 0.5, 0.25, 0.1):
            tried, its_slope = problem.value_and_slope(vector + share * step)
            if np.isfinite(tried) and tried >= value:
                vector, value, slope = vector + share * step, tried, its_slope
                gone += share * float(np.sqrt(step @ precision @ step))
                break
        else:
            break
        if gone > _FAR:
            precision, gone = _make_regular(-curvature_of(problem, vector)), 0.0
    return Mode(vector, precision, float(np.abs(slope).max()))


def _make_regular(precision: Floats) -> Floats:
    """Raise eigenvalues that are too small, or no numbers, so that a covariance exists."""
    clean = np.where(np.isfinite(precision), precision, 0.0)
    values, vectors = np.linalg.eigh(0.5 * (clean + clean.T))
    return np.asarray((vectors * np.maximum(values, _FLATTEST)) @ vectors.T)


@dataclass(frozen=True)
class _Proposal:
    """A t around a mode whose halves have scales of their own (Geweke 1989, 10.2307/1913710).

    ``root``: of the inverse curvature, one column a direction; ``scales`` (2, size): how much
    wider than the curvature says the posterior is behind and ahead of the mode.
    """

    center: Floats
    root: Floats
    scales: Floats


def _split(problem: Problem, mode: Mode) -> _Proposal:
    """Widen or narrow each half of each direction after the density one, two and three sds away."""
    root = np.linalg.cholesky(np.linalg.inv(mode.precision))
    size = len(mode.vector)
    places = [
        mode.vector + side * distance * root[:, direction]
        for side in (-1.0, 1.0)
        for distance in _LOOKS
        for direction in range(size)
    ]
    batch = problem.model.fit.draws_a_batch
    values = problem.values(np.asarray([mode.vector, *places]), batch)
    fall = np.nan_to_num(values[0] - values[1:], nan=np.inf).reshape(2, len(_LOOKS), size)
    distance = np.asarray(_LOOKS)[None, :, None]
    scales = (distance / np.sqrt(2.0 * np.maximum(fall, _LEAST_FALL))).max(axis=1)
    return _Proposal(mode.vector, root, np.clip(scales, 1.0 / _WIDEST, _WIDEST))


def _draw_split(
    proposal: _Proposal, draws: int, freedom: float, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw from the split t; its log density up to a constant."""
    size = len(proposal.center)
    behind, ahead = proposal.scales
    length = np.abs(generator.standard_normal((draws, size)))
    is_behind = generator.random((draws, size)) < behind / (behind + ahead)
    length *= np.sqrt(freedom / generator.chisquare(freedom, draws))[:, None]
    step = np.where(is_behind, -behind, ahead) * length
    log_density = -0.5 * (freedom + size) * np.log1p((length**2).sum(axis=1) / freedom)
    return proposal.center + step @ proposal.root.T, log_density
