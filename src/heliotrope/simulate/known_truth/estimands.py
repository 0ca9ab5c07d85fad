"""The true answers to the questions an analysis asks of a cohort of known truth."""

from __future__ import annotations

import numpy as np

from heliotrope.simulate.activity import compute_pulse
from heliotrope.simulate.draws import Numbers
from heliotrope.simulate.known_truth.cohort import KnownCohort
from heliotrope.simulate.known_truth.effect import compute_persistent_share
from heliotrope.simulate.known_truth.parameters import KnownTruth
from heliotrope.simulate.known_truth.population import Population


def compute_true_estimands(cohort: KnownCohort) -> dict[str, float]:
    """Return the true answers, by name, for a cohort of one population.

    ``pulse_peak``: mean fall at the peak of one full dose (cm). ``persistent_mean``: mean lasting
    fall when fully built up (cm), as if it never decayed. ``persistent_180_days_after``: mean
    lasting fall half a year after six monthly full doses (cm); it differs from the model's where
    the lasting part decays. ``onset_half_time``: days to half of the peak. ``peak_day``,
    ``days_above_half_peak``, ``share_left_day_28`` (one course), all of the common shape. The
    ``..._of_these_children``: means of the children that were drawn.

    >>> from heliotrope.simulate.known_truth.cohort import simulate_known_truth
    >>> truth = compute_true_estimands(simulate_known_truth(10, seed=1))
    >>> round(truth["peak_day"], 1), round(truth["share_left_day_28"], 2)
    (10.8, 0.57)
    """
    population, truth = cohort.population, cohort.truth
    grid = truth.answers
    after = grid.later_days + grid.course_days * np.arange(grid.courses, dtype=np.float64)
    share = compute_persistent_share(truth, cohort.mechanism.effect, after, np.ones(grid.courses))
    return {
        "pulse_peak": float(population.pulse_mean),
        "pulse_sd": float(population.pulse_sd),
        "persistent_mean": float(population.persistent_mean),
        "persistent_180_days_after": float(population.persistent_mean * share),
        "steroid_effect": float(population.steroid_effect),
        "pulse_peak_of_these_children": float(cohort.effects.pulse.mean()),
        "persistent_mean_of_these_children": float(cohort.effects.persistent.mean()),
        **compute_shape(truth, population),
    }


def compute_shape(truth: KnownTruth, population: Population) -> dict[str, float]:
    """Read the common shape of a pulse off a fine grid of days.

    The grid, not a formula, so that the model's own code can be held against it. One population.
    """
    grid = truth.answers
    day = np.arange(grid.last_day * grid.steps_a_day + 1) / grid.steps_a_day
    onset = np.atleast_1d(population.onset_half_time_days)
    decay = np.atleast_1d(population.extra_decay_days)
    height: Numbers = compute_pulse(day, onset, decay)
    is_high = height >= height.max() / 2
    return {
        "peak_day": float(day[height.argmax()]),
        "onset_half_time": float(day[is_high.argmax()]),
        "days_above_half_peak": float(is_high.sum() / grid.steps_a_day),
        "share_left_day_28": float(height[grid.course_days * grid.steps_a_day]),
    }
