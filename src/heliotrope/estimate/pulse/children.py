"""Each child's own effect, drawn towards the others as far as its visits leave room for doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.fit import PulseFit

# What a child has of its own, in the order of ``likelihood``.
OWN = ("activity", "drift", "pulse", "persistent")

PULSE = OWN.index("pulse")


@dataclass(frozen=True)
class ChildEffects:
    """Level, drift, pulse and persistent effect of each child, (draws, n, 4), in anchor units.

    ``shrinkage`` (n): of the pulse: 0 when the child's own visits decide it, 1 when it is the
    cohort's. ``draws_used``: which of the fit's draws these belong to.
    """

    own: Floats
    shrinkage: Floats
    draws_used: Any

    @property
    def pulse(self) -> Floats:
        """Return the pulse of each child (draws, n)."""
        return np.asarray(self.own[:, :, PULSE])


def draw_child_effects(fit: PulseFit) -> ChildEffects:
    """Draw the children's effects for some of the fit's draws, evenly chosen.

    Given the population's parameters a child's deviations are normal with the mean and covariance
    of the Laplace step.
    """
    settings = fit.problem.model.fit
    number = min(settings.child_draws, len(fit.vectors))
    used = np.linspace(0, len(fit.vectors) - 1, number).astype(int)
    mean, covariance = fit.problem.children(fit.vectors[used])
    generator = np.random.default_rng(settings.seed)
    standard = generator.standard_normal(mean.shape)
    deviations = mean + np.einsum("dnij,dnj->dni", np.linalg.cholesky(covariance), standard)
    center = np.concatenate([fit.draws[f"{name}_mean"][used] for name in OWN], axis=1)
    spread = np.concatenate([fit.draws[f"{name}_sd"][used] for name in OWN], axis=1)
    own = center[:, None, :] + spread[:, None, :] * deviations
    return ChildEffects(own, covariance[:, :, PULSE, PULSE].mean(axis=0), used)
