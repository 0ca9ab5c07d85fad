"""Each child's own effect, drawn towards the others as far as its visits leave room for doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.fit import PulseFit

# Place of the pulse among a child's deviations, as in ``likelihood``.
_PULSE = 2


@dataclass(frozen=True)
class ChildEffects:
    """The pulse of each child, (draws, n), in units of the anchor; and its shrinkage (n).

    ``shrinkage``: 0 when the child's own visits decide its effect, 1 when it is the cohort's.
    """

    pulse: Floats
    shrinkage: Floats
    draws_used: np.ndarray


def draw_child_effects(fit: PulseFit) -> ChildEffects:
    """Draw the children's effects for some of the fit's draws, evenly chosen.

    Given the population's parameters a child's deviations are normal with the mean and covariance
    of the Laplace step.
    """
    settings = fit.problem.model.fit
    number = min(settings.child_draws, len(fit.vectors))
    used = np.linspace(0, len(fit.vectors) - 1, number).astype(int)
    mean, covariance = fit.problem.children(fit.vectors[used])
    variance = covariance[:, :, _PULSE, _PULSE]
    generator = np.random.default_rng(settings.seed)
    deviation = mean[:, :, _PULSE] + np.sqrt(variance) * generator.standard_normal(variance.shape)
    center, spread = (fit.draws[name][used] for name in ("pulse_mean", "pulse_sd"))
    return ChildEffects(center + spread * deviation, variance.mean(axis=0), used)
