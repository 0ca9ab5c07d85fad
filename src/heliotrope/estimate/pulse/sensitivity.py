"""How much hangs on the conventions: the model fitted anew under each alternative.

An alternative's fit is the posterior's mode and curvature, not draws: enough to see which way and
how far a figure moves. It begins at the mode of the fit it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heliotrope.definitions.pulse_model import Alternative, PulseModel
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.approximate import Mode, find_mode
from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.fit import PulseFit
from heliotrope.estimate.pulse.records import read_cohort

if TYPE_CHECKING:
    from heliotrope.estimate.pulse.posterior import Problem

# What is shown of each alternative.
SHOWN = ("pulse_mean", "persistent_mean", "onset_days", "extra_decay_days")


@dataclass(frozen=True)
class Refitted:
    """An alternative's draws by name, from the normal approximation at its mode.

    ``fades``: under it what the courses gained is lost again.
    ``log_evidence``: of the records under it, by the same approximation.
    """

    name: str
    draws: dict[str, Floats]
    log_evidence: float
    fades: bool = False


def refit_alternatives(inputs: Inputs, model: PulseModel, fit: PulseFit) -> Iterator[Refitted]:
    """Fit every alternative; the steroid filter asks for the records anew."""
    for alternative in model.sensitivity:
        yield refit_alternative(inputs, model, fit, alternative)


def refit_alternative(
    inputs: Inputs, model: PulseModel, fit: PulseFit, alternative: Alternative
) -> Refitted:
    """Fit the model under one alternative to its conventions."""
    from heliotrope.estimate.pulse.posterior import prepare_problem

    conventions = alternative.apply_to(model.conventions)
    data = fit.problem.data
    if alternative.steroid_half_life_days is not None:
        data = read_cohort(inputs, model, conventions).data
    problem = prepare_problem(data, model, fit.problem.layout.start_rule, conventions)
    has_same_shape = problem.layout.size == fit.problem.layout.size
    start = fit.mode.vector if has_same_shape else np.zeros(problem.layout.size)
    mode = find_mode(problem, [start])
    generator = np.random.default_rng(model.fit.seed)
    root = np.linalg.cholesky(np.linalg.inv(mode.precision))
    standard = generator.standard_normal((model.fit.draws, problem.layout.size))
    return Refitted(
        alternative.name,
        problem.layout.unpack(mode.vector + standard @ root.T),
        compute_log_evidence(problem, mode),
        fades=np.isfinite(conventions.persistent_half_life_days),
    )


def compute_log_evidence(problem: Problem, mode: Mode) -> float:
    """Return the log density of the records, the parameters integrated out (Laplace).

    To be compared between fits of the same records with the same priors only.
    """
    height, _ = problem.value_and_slope(mode.vector)
    size = len(mode.vector)
    return float(
        height + 0.5 * size * np.log(2.0 * np.pi) - 0.5 * np.linalg.slogdet(mode.precision)[1]
    )
