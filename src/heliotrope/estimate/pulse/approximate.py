"""The mode of the posterior: where it is and how the posterior curves there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heliotrope.estimate.pulse.data import Floats

if TYPE_CHECKING:
    from heliotrope.definitions.pulse_model import FitSettings
    from heliotrope.estimate.pulse.parameters import Layout
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


@dataclass(frozen=True)
class Mode:
    """The highest point found, minus the curvature there, and the gradient left."""

    vector: Floats
    precision: Floats
    slope_left: float


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


def choose_starts(layout: Layout, settings: FitSettings) -> list[Floats]:
    """Return the priors' centres, but for a pulse that helps, and for one that harms.

    From no pulse at all the way may lead to an effect of months in the wrong direction.
    """
    starts = []
    for side in (1.0, -1.0)[: settings.starts]:
        start = np.zeros(layout.size)
        start[layout.place("pulse_mean")] = side * settings.start_spread
        starts.append(start)
    return starts


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
