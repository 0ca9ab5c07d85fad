"""How much the prior decides: power scaling of prior and likelihood.

Prior (or likelihood) raised to a power slightly under and over 1; what is printed is by how many
posterior sds the mean moves for a doubling of the power (Kallioinen, Paananen, Buerkner and Vehtari
2023, doi 10.1007/s11222-023-10366-5), beside the contraction from prior to posterior.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import find_analysis
from calibration.pulse_model.batches import make_batch
from calibration.pulse_model.coverage import CASE_SERIES, ENOUGH_PER_STARTER, SIZES
from calibration.pulse_model.fits import draw_each, find_modes
from calibration.pulse_model.quantities import compute_moments, compute_quantities, scale_power
from calibration.pulse_model.stage import Order, Results
from heliotrope.simulate.known_truth.cohort import simulate_known_truth

STAGE = "sensitivity"
DATASETS = {7: 40, 30: 20, 200: 6}
AT_ONCE = 2
POWERS = (0.8, 1.25)
PRIOR_DRAWS = 4000


PARTS = tuple(str(children) for children in SIZES)


def run_sensitivity(order: Order, part: str) -> None:
    """Scale prior and likelihood of case series of one size, until enough are done."""
    results = Results(order, STAGE, part)
    children = int(part)
    took = 0.0
    for first in range(0, 1 if order.is_quick else DATASETS[children], AT_ONCE):
        if not order.goes_on(took):
            return
        began = time.monotonic()
        for row in scale_series(children, AT_ONCE, order.seed + first):
            results.write({"children": children, **row})
        took = time.monotonic() - began


def scale_series(children: int, datasets: int, seed: int) -> list[dict[str, Any]]:
    """Fit case series of the pulse model and say how far each quantity moves."""
    everyone = datasets * int(np.ceil(ENOUGH_PER_STARTER * children))
    cohort = simulate_known_truth(everyone, seed)
    batch = make_batch(cohort, datasets, find_analysis(CASE_SERIES), children)
    modes = find_modes(batch)
    prior = compute_quantities(batch.layout, _draw_prior_vectors(batch.layout, seed))
    doublings = np.log2(POWERS[1]) - np.log2(POWERS[0])
    rows: list[dict[str, Any]] = []
    for drawn in draw_each(batch, modes, seed):
        found = compute_quantities(batch.layout, drawn.vectors)
        told: dict[str, Any] = {"k_hat": drawn.k_hat, "contraction": {}}
        moments = {name: compute_moments(drawn.weights, found[name]) for name in found}
        for what in ("prior", "likelihood"):
            low, high = (scale_power(batch.layout, drawn, power, what) for power in POWERS)
            told[what] = {
                name: (high - low) @ found[name] / moments[name][1] / doublings for name in found
            }
        for name in found:
            told["contraction"][name] = 1 - moments[name][1] ** 2 / prior[name].var()
        rows.append(told)
    return rows


def _draw_prior_vectors(layout: Any, seed: int) -> Any:
    return layout.pack(layout.draw_prior(PRIOR_DRAWS, seed))
