"""How well a fit foretells each child that it did not see, without fitting anew.

Leave-one-out by Pareto-smoothed importance sampling (Vehtari, Gelman and Gabry 2017,
doi 10.1007/s11222-016-9696-4): the draws of the whole fit are weighted as if a child had not been
there. A child's k-hat over 0.7 says that it decides so much that its own figure cannot be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.fit import PulseFit
from heliotrope.estimate.pulse.pareto import smooth_weights


@dataclass(frozen=True)
class LeftOut:
    """Of each child (n): log density foretold, parameters' worth of fitting to it, and k-hat."""

    elpd: Floats
    p: Floats
    k_hat: Floats

    @property
    def elpd_sum(self) -> float:
        """Return the log density foretold of all children together."""
        return float(self.elpd.sum())

    @property
    def elpd_error(self) -> float:
        """Return the standard error of the sum, the children being drawn at random."""
        return float(np.sqrt(len(self.elpd)) * self.elpd.std(ddof=1))

    @property
    def p_sum(self) -> float:
        """Return how many parameters the fit is worth."""
        return float(self.p.sum())


def leave_each_out(fit: PulseFit) -> LeftOut:
    """Leave each child out in turn, the population's parameters alone being drawn.

    The children's own activity is integrated out, so that a child left out is one never seen.
    """
    drawn, places = np.unique(fit.vectors, axis=0, return_inverse=True)
    found = fit.problem.log_likelihoods(drawn, fit.problem.model.fit.draws_a_batch)
    return compute_left_out(found[places.ravel()])


def compute_left_out(log_likelihoods: Floats) -> LeftOut:
    """Compute it from the log likelihood of each draw and child, (draws, n).

    A child of whom nothing is recorded has log likelihood 0 in every draw, and adds 0.

    >>> same = compute_left_out(np.full((200, 3), -2.0))
    >>> [round(each, 6) + 0.0 for each in (same.elpd_sum, same.elpd_error, same.p_sum)]
    [-6.0, 0.0, 0.0]
    """
    draws, children = log_likelihoods.shape
    elpd, k_hat = np.zeros(children), np.zeros(children)
    for child, told in enumerate(log_likelihoods.T):
        smoothed = smooth_weights(-told)
        k_hat[child] = smoothed.k_hat
        with np.errstate(divide="ignore"):
            elpd[child] = _log_sum(told + np.log(smoothed.weights))
    seen = np.array([_log_sum(told) for told in log_likelihoods.T]) - np.log(draws)
    return LeftOut(elpd, seen - elpd, k_hat)


def _log_sum(logs: Floats) -> float:
    highest = logs.max()
    return float(highest + np.log(np.exp(logs - highest).sum()))
