"""Draws around the mode, corrected towards the posterior.

Drawn in straight coordinates of the pulse's shape: around the bent ridge of its two half-times an
approximation leaves out places that the posterior reaches, and k-hat does not notice. The first
half comes from a split t around the mode; every later half from a t that has the mean and the
spread which the draws so far give the posterior, and all are weighted as draws of the mixture
(adaptive multiple importance sampling, Cornuet et al. 2012, 10.1111/j.1467-9469.2011.00756.x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heliotrope.estimate.pulse.approximate import Mode
from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.pareto import Smoothed, smooth_weights
from heliotrope.estimate.pulse.straight import Straight

if TYPE_CHECKING:
    from heliotrope.estimate.pulse.posterior import Problem

# Where, in sds from the mode, the width of the proposal is read off, and how far it may depart.
_LOOKS = (1.0, 2.0, 3.0)
_LEAST_FALL = 1e-6
_WIDEST = 3.0

# A spread is learnt from weighted draws that are worth so many a coordinate; before, none is.
_EFFECTIVE_A_COORDINATE = 2.0

# Of its variances, which few draws leave near 0 by chance in some direction.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Proposal:
    """A t around a point whose halves have scales of their own (Geweke 1989, 10.2307/1913710).

    In straight coordinates. ``root``: lower triangular, one column a direction; ``scales`` (2,
    size): how much wider than the root says behind and ahead of the point.
    """

    center: Floats
    root: Floats
    scales: Floats
    freedom: float

    def draw(self, draws: int, generator: np.random.Generator) -> Floats:
        """Draw places (draws, size)."""
        size = len(self.center)
        behind, ahead = self.scales
        length = np.abs(generator.standard_normal((draws, size)))
        is_behind = generator.random((draws, size)) < behind / (behind + ahead)
        length *= np.sqrt(self.freedom / generator.chisquare(self.freedom, draws))[:, None]
        step = np.where(is_behind, -behind, ahead) * length
        return np.asarray(self.center + step @ self.root.T)

    def log_density(self, places: Floats) -> Floats:
        """Return the log density of places, up to a constant that all proposals share."""
        size, (behind, ahead) = len(self.center), self.scales
        step = np.linalg.solve(self.root, (places - self.center).T).T
        length = step / np.where(step < 0, behind, ahead)
        volume = np.log(np.diag(self.root)).sum() + np.log(behind + ahead).sum()
        power = -0.5 * (self.freedom + size)
        return np.asarray(power * np.log1p((length**2).sum(axis=1) / self.freedom) - volume)


@dataclass(frozen=True)
class Weighted:
    """Draws of an approximation (draws, size) with the weights that correct them.

    ``proposal``: the approximation as it was last, in straight coordinates.
    """

    vectors: Floats
    smoothed: Smoothed
    proposal: Proposal


def draw_weighted(problem: Problem, mode: Mode, generator: np.random.Generator) -> Weighted:
    """Draw around the mode and weight by the posterior; more, round by round, while k-hat is high.

    The fewer the children, the less regular the posterior and the cheaper a draw: small cohorts
    get more of them.
    """
    settings = problem.model.fit
    straight = Straight.of(problem.layout)
    half = _count_proposals(problem) // 2
    proposals = [_split(problem, mode, straight)]
    places = np.zeros((0, problem.layout.size))
    heights = np.zeros(0)
    for turn in range(2 * settings.rounds):
        drawn = proposals[-1].draw(half, generator)
        places = np.concatenate([places, drawn])
        values = problem.values(straight.bend(drawn), settings.draws_a_batch)
        heights = np.concatenate([heights, values])
        smoothed = smooth_weights(heights - _log_mixture(proposals, places))
        if turn % 2 and smoothed.k_hat <= settings.k_hat_at_most:
            break
        proposals.append(_follow(proposals[0], places, smoothed))
    return Weighted(straight.bend(places), smoothed, proposals[-1])


def _count_proposals(problem: Problem) -> int:
    """How many draws one round has."""
    settings = problem.model.fit
    wanted = settings.children_times_proposals / max(problem.data.n_children, 1)
    return int(np.clip(wanted, settings.proposals_at_least, settings.proposals_at_most))


def _log_mixture(proposals: list[Proposal], places: Floats) -> Floats:
    """Return the log density of the mixture of which places, equally many of each, were drawn."""
    densities = np.stack([each.log_density(places) for each in proposals])
    return np.asarray(np.logaddexp.reduce(densities, axis=0))


def _follow(first: Proposal, places: Floats, smoothed: Smoothed) -> Proposal:
    """Return a t with the mean and spread of weighted places; the first while too few count."""
    size = places.shape[1]
    if smoothed.effective_draws < _EFFECTIVE_A_COORDINATE * size:
        return first
    weights = smoothed.weights
    center = weights @ places
    apart = places - center
    spread = (apart * weights[:, None]).T @ apart
    spread += _LEAST_SHARE * np.diag(np.diag(spread))
    return Proposal(center, _root_of(spread), np.ones((2, size)), first.freedom)


def _split(problem: Problem, mode: Mode, straight: Straight) -> Proposal:
    """Widen or narrow each half of each direction after the density one, two and three sds away."""
    settings = problem.model.fit
    slopes = straight.slopes(mode.vector)
    root = _root_of(slopes @ np.linalg.inv(mode.precision) @ slopes.T)
    size, center = len(mode.vector), straight.straighten(mode.vector)
    places = [
        center + side * distance * root[:, direction]
        for side in (-1.0, 1.0)
        for distance in _LOOKS
        for direction in range(size)
    ]
    looked_at = straight.bend(np.asarray([center, *places]))
    values = problem.values(looked_at, settings.draws_a_batch)
    fall = np.nan_to_num(values[0] - values[1:], nan=np.inf).reshape(2, len(_LOOKS), size)
    distance = np.asarray(_LOOKS)[None, :, None]
    scales = (distance / np.sqrt(2.0 * np.maximum(fall, _LEAST_FALL))).max(axis=1)
    scales = np.clip(scales, 1.0 / _WIDEST, _WIDEST)
    return Proposal(center, root, scales, settings.proposal_degrees_of_freedom)


def _root_of(spread: Floats) -> Floats:
    return np.asarray(np.linalg.cholesky(spread))
