"""Which treatment of the start rule removes the bias of the persistent effect?

Cohorts of 200 children whose true mean persistent effect is 0.30 cm, started at high observed
activity, at high latent activity, or at random; each analysed in every way that is a candidate, and
once more from the records that a study would hold, through the whole program.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import ANALYSES, find_analysis
from calibration.pulse_model.batches import Batch, make_batch
from calibration.pulse_model.fits import Modes, find_modes
from calibration.pulse_model.stage import Order, Results
from calibration.pulse_model.through_records import (
    THROUGH_RECORDS,
    fit_through_records,
    take_children,
)
from heliotrope.simulate.known_truth.cohort import CohortPlan, KnownCohort, simulate_known_truth

STAGE = "start_rules"
CHILDREN = 200
DATASETS = 4
ROUND_STEP = 1000
LEVEL = 0.9
ASKED = ("persistent_mean", "pulse_mean", "activity_mean", "drift_mean", "steroid")

MECHANISMS = (
    "pulse_model",
    "start_at_high_latent_activity",
    "start_at_random",
    "no_effect",
)


PARTS = (THROUGH_RECORDS, *(analysis.name for analysis in ANALYSES))


def run_start_rules(order: Order, part: str) -> None:
    """Fit one candidate to cohorts of every mechanism, round by round, until time is up.

    All candidates are given the same cohorts.
    """
    results = Results(order, STAGE, part)
    took, number = 0.0, 0
    while not (order.is_quick and number):
        for mechanism in MECHANISMS[:1] if order.is_quick else MECHANISMS:
            if not order.goes_on(took):
                return
            began = time.monotonic()
            seed = order.seed + ROUND_STEP * number
            cohort = simulate_known_truth(DATASETS * CHILDREN, seed, CohortPlan(mechanism))
            truth = {
                "persistent_mean": float(cohort.population.persistent_mean),
                "pulse_mean": float(cohort.population.pulse_mean),
            }
            for row in _fit(part, cohort):
                named = {"mechanism": mechanism, "analysis": part}
                results.write({**named, "round": number, "truth": truth, **row})
            took = time.monotonic() - began
        number += 1


def _fit(part: str, cohort: KnownCohort) -> Iterator[dict[str, Any]]:
    if part == THROUGH_RECORDS:
        for first in range(0, DATASETS * CHILDREN, CHILDREN):
            one = take_children(cohort, slice(first, first + CHILDREN))
            yield fit_through_records(one, ASKED, LEVEL)
        return
    batch = make_batch(cohort, DATASETS, find_analysis(part))
    yield from summarise(batch, find_modes(batch))


def summarise(batch: Batch, modes: Modes) -> list[dict[str, Any]]:
    """Say of each data set the mode and the normal interval of what is asked, in its own units."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    sd = np.sqrt(np.einsum("dii->di", modes.covariance))
    ends = {
        name: batch.layout.unpack(vector)
        for name, vector in (
            ("middle", modes.vector),
            ("low", modes.vector - z * sd),
            ("high", modes.vector + z * sd),
        )
    }
    names = [name for name in ASKED if name in batch.layout.names]
    return [
        {
            "is_found": modes.is_found[row],
            **{name: [ends[end][name][row, 0] for end in ends] for name in names},
        }
        for row in range(batch.datasets)
    ]
