"""Does a study's own report say that the model does not fit, where it does not, and only there?

Case series of every mechanism: the test of visits against activity, and the evidence for each of
the conventions that an effect may depart from (fading, dose), as the program computes them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import find_analysis
from calibration.pulse_model.batches import Batch, make_batch
from calibration.pulse_model.coverage import CASE_SERIES, ENOUGH_PER_STARTER
from calibration.pulse_model.fits import Modes, find_modes
from calibration.pulse_model.methods import make_pulse_data
from calibration.pulse_model.stage import Order, Results
from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.visits_by_activity import compute_visits_by_activity
from heliotrope.simulate.known_truth.cohort import CohortPlan, KnownCohort, simulate_known_truth

STAGE = "misfit"
SIZES = (7, 30, 100)
DATASETS = {7: 40, 30: 16, 100: 6}
MECHANISMS = (
    "pulse_model",
    "saturating_pulse",
    "decaying_persistent_effect",
    "informative_visits",
)
# Conventions of the effect itself; the others change what is read, or only when it is reached.
TRIED = ("dose_square_root", "pulse_saturates", "persistent_half_life_180_days")
ROUND_STEP = 1000


PARTS = tuple(str(children) for children in SIZES)


def run_misfit(order: Order, part: str) -> None:
    """Fit case series of one size by every mechanism, until time is up."""
    results = Results(order, STAGE, part)
    children, took, number = int(part), 0.0, 0
    while not (order.is_quick and number):
        for mechanism in MECHANISMS:
            if not order.goes_on(took):
                return
            began = time.monotonic()
            datasets = 2 if order.is_quick else DATASETS[children]
            for row in check_series(mechanism, children, datasets, order.seed + number):
                results.write({"mechanism": mechanism, "children": children, **row})
            took = time.monotonic() - began
        number += ROUND_STEP


def check_series(mechanism: str, children: int, datasets: int, seed: int) -> list[dict[str, Any]]:
    """Check case series of one mechanism: p of the visits, and the gain of each convention."""
    model, analysis = read_pulse_model(), find_analysis(CASE_SERIES)
    everyone = int(np.ceil(ENOUGH_PER_STARTER * children))
    cohort = simulate_known_truth(datasets * everyone, seed, CohortPlan(mechanism))
    batch = make_batch(cohort, datasets, analysis, children)
    own = find_modes(batch)
    others = {}
    for alternative in model.sensitivity:
        if alternative.name in TRIED:
            conventions = alternative.apply_to(model.conventions)
            others[alternative.name] = find_modes(replace(batch, conventions=conventions))
    chances = _test_visits(cohort, batch, everyone)
    every = [own, *others.values()]
    return [
        {
            "is_found": bool(all(modes.is_found[row] for modes in every)),
            "p_visits": chances[row],
            "gains": {
                name: _evidence(modes)[row] - _evidence(own)[row] for name, modes in others.items()
            },
        }
        for row in range(datasets)
    ]


def _evidence(modes: Modes) -> Any:
    """The log evidence of every data set by Laplace, up to a constant that all share."""
    return modes.height + 0.5 * np.linalg.slogdet(modes.covariance)[1]


def _test_visits(cohort: KnownCohort, batch: Batch, everyone: int) -> list[float | None]:
    """Test the visits of the first starters of every data set."""
    phases = read_pulse_model().reference.phases
    data = make_pulse_data(cohort, find_analysis(CASE_SERIES).view)
    series = (np.asarray(data.children, dtype=int) - 1) // everyone
    chances = []
    for row in range(batch.datasets):
        chosen = np.flatnonzero(series == row)[: batch.children]
        chances.append(compute_visits_by_activity(data.take(chosen), phases).p_value)
    return chances
