"""Bias, coverage and false claims, at 7, 30 and 200 treated children, under every mechanism.

From 100 children on the normal at the mode stands for the posterior; below, reweighted draws.
Two analyses: the case series (all records of children who got immunoglobulin, the start left out
of the model, as the program does) and the registry (everyone's whole history, hazard of starting
on both).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import find_analysis
from calibration.pulse_model.batches import make_batch
from calibration.pulse_model.fits import draw_each, draw_normal_each, find_modes
from calibration.pulse_model.quantities import compute_interval, compute_quantities
from calibration.pulse_model.stage import Order, Results
from heliotrope.simulate.known_truth.cohort import CohortPlan, simulate_known_truth
from heliotrope.simulate.known_truth.estimands import compute_true_estimands
from heliotrope.simulate.known_truth.parameters import read_known_truth

STAGE = "coverage"
LEVEL = 0.9
SIZES = (7, 30, 200)
DATASETS = {7: 40, 30: 12, 200: 4}
HALVES = 2
LARGE = 100
ROUND_STEP = 1000
ENOUGH_PER_STARTER = 2.5
CASE_SERIES = "starters' history, none"
REGISTRY = "everyone's history, hazard of both"
ANALYSED = {"series": CASE_SERIES, "registry": REGISTRY}
ASKED = {
    "pulse_mean": "pulse_peak",
    "persistent_mean": "persistent_mean",
    "half_peak_day": "onset_half_time",
    "days_above_half": "days_above_half_peak",
    "share_left": "share_left_day_28",
    "steroid": "steroid_effect",
}


PARTS = tuple(
    f"{children} {name} {half}" for children in SIZES for name in ANALYSED for half in range(HALVES)
)


def run_coverage(order: Order, part: str) -> None:
    """Fit data sets of every mechanism, for one size and analysis, until time is up."""
    results = Results(order, STAGE, part)
    children, name = int(part.split()[0]), part.split()[1]
    half = int(part.split()[2])
    mechanisms = [mechanism.id for mechanism in read_known_truth().mechanisms][half::HALVES]
    took, number = 0.0, 0
    while not (order.is_quick and number):
        for mechanism in mechanisms[:1] if order.is_quick else mechanisms:
            if not order.goes_on(took):
                return
            began = time.monotonic()
            cell = {"mechanism": mechanism, "children": children, "analysis": ANALYSED[name]}
            datasets = 2 if order.is_quick else DATASETS[children]
            for row in fit_cell(cell, datasets, order.seed + ROUND_STEP * number):
                results.write({**cell, "round": number, **row})
            took = time.monotonic() - began
        number += 1


def fit_cell(cell: dict[str, Any], datasets: int, seed: int) -> list[dict[str, Any]]:
    """Fit data sets of one mechanism, size and analysis: median and interval of what is asked.

    A case series has exactly so many treated children; a registry so many children in all.
    """
    children = int(cell["children"])
    is_series = cell["analysis"] == CASE_SERIES
    drawn_children = int(np.ceil(ENOUGH_PER_STARTER * children)) if is_series else children
    plan = CohortPlan(str(cell["mechanism"]))
    cohort = simulate_known_truth(datasets * drawn_children, seed, plan)
    analysis = find_analysis(str(cell["analysis"]))
    batch = make_batch(cohort, datasets, analysis, children if is_series else None)
    modes = find_modes(batch)
    truth = compute_true_estimands(cohort)
    rows: list[dict[str, Any]] = []
    is_large = children >= LARGE
    every = draw_normal_each(modes, seed) if is_large else draw_each(batch, modes, seed)
    for row, drawn in enumerate(every):
        found = compute_quantities(batch.layout, drawn.vectors)
        told: dict[str, Any] = {"is_found": modes.is_found[row], "k_hat": drawn.k_hat}
        told["is_reweighted"] = not is_large
        for name, true_name in ASKED.items():
            told[name] = compute_interval(drawn, found[name], LEVEL)
            told[f"{name}_truth"] = truth[true_name]
            told[f"{name}_above_zero"] = drawn.weights[found[name] > 0].sum()
        rows.append(told)
    return rows
