"""A fitted cohort, and whether its draws may be used: what every row is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.pulse_model import PulseModel
from heliotrope.estimate.pulse.estimands import Draws
from heliotrope.estimate.pulse.fit import PulseFit
from heliotrope.estimate.pulse.records import Cohort
from heliotrope.estimate.pulse.refusals import Coverage, compute_coverage
from heliotrope.estimate.pulse.rows import Figures
from heliotrope.estimate.rows import Topic
from heliotrope.estimate.wording import worded

CHAINS_DISAGREE = worded("the chains disagree (R-hat {r_hat:.2f}, at most {most})")

NOT_TRUSTED = worded(
    "the draws cannot be trusted (k-hat {k_hat:.2f}, at most {most}); ask for NUTS"
)


@dataclass(frozen=True)
class Answer:
    """A fitted cohort: what all rows are made from. ``distrust``: why no figure is printed."""

    cohort: Cohort
    fit: PulseFit
    prior: Draws
    coverage: Coverage
    model: PulseModel
    figures: Figures
    distrust: str | None


def make_answer(cohort: Cohort, fit: PulseFit, topic: Topic) -> Answer:
    """Put together what the rows are made from."""
    model = fit.problem.model
    prior = fit.problem.layout.draw_prior(model.fit.prior_draws, model.fit.seed)
    half_life = np.median(fit.draws["onset_days"] + fit.draws["extra_decay_days"])
    return Answer(
        cohort=cohort,
        fit=fit,
        prior=prior,
        coverage=compute_coverage(cohort, model, float(half_life)),
        model=model,
        figures=Figures(topic, model.level, cohort.data.n_treated, fit),
        distrust=_distrust(fit),
    )


def _distrust(fit: PulseFit) -> str | None:
    if fit.is_trusted:
        return None
    settings = fit.problem.model.fit
    if fit.method == "nuts":
        return CHAINS_DISAGREE.format(r_hat=fit.r_hat, most=settings.r_hat_at_most)
    return NOT_TRUSTED.format(k_hat=fit.k_hat, most=settings.k_hat_at_most)
