"""Do the mode, the reweighted draws and NUTS say the same of the same cohorts?

The program's own fit, one cohort after another: median and spread by each of the three, in units of
the spread that NUTS finds.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import find_analysis
from calibration.pulse_model.batches import read_scales
from calibration.pulse_model.coverage import CASE_SERIES, ENOUGH_PER_STARTER
from calibration.pulse_model.quantities import compute_quantities
from calibration.pulse_model.stage import Order, Results
from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.data import ChildChart, PulseData
from heliotrope.estimate.pulse.fit import FitOptions, PulseFit, fit_pulse_model
from heliotrope.simulate.known_truth.charts import SeenChart, View, read_charts
from heliotrope.simulate.known_truth.cohort import KnownCohort, simulate_known_truth

STAGE = "methods"
SIZES = (7, 30)


PARTS = tuple(str(children) for children in SIZES)


def run_methods(order: Order, part: str) -> None:
    """Fit one cohort after another by every method, until time is up."""
    results = Results(order, STAGE, part)
    took, number = 0.0, 0
    while order.goes_on(took) and not (order.is_quick and number):
        began = time.monotonic()
        row = compare_methods(int(part), order.seed + number)
        results.write({"children": int(part), "seed": order.seed + number, **row})
        took, number = time.monotonic() - began, number + 1


def compare_methods(children: int, seed: int) -> dict[str, Any]:
    """Fit one case series by reweighting and by NUTS; the mode comes with either."""
    cohort = simulate_known_truth(int(np.ceil(ENOUGH_PER_STARTER * children)), seed)
    analysis = find_analysis(CASE_SERIES)
    data = make_pulse_data(cohort, analysis.view).take(range(children))
    model = read_pulse_model()
    fits: dict[str, PulseFit] = {}
    told: dict[str, Any] = {}
    for name, with_nuts in (("reweighted", False), ("nuts", True)):
        began = time.monotonic()
        options = FitOptions(start_rule=analysis.start_rule, with_nuts=with_nuts)
        fits[name] = fit_pulse_model(data, model, options)
        told[f"{name}_seconds"] = time.monotonic() - began
    layout = fits["nuts"].problem.layout
    quantities = {name: compute_quantities(layout, fit.vectors[None]) for name, fit in fits.items()}
    quantities["mode"] = compute_quantities(layout, fits["nuts"].mode.vector[None, None])
    told["k_hat"], told["r_hat"] = fits["reweighted"].k_hat, fits["nuts"].r_hat
    for name, values in quantities["nuts"].items():
        sd = values.std()
        told[name] = {
            "mode": (np.median(quantities["mode"][name]) - np.median(values)) / sd,
            "reweighted": (np.median(quantities["reweighted"][name]) - np.median(values)) / sd,
            "reweighted_sd": quantities["reweighted"][name].std() / sd,
        }
    return told


def make_pulse_data(cohort: KnownCohort, view: View) -> PulseData:
    """Hand a simulated cohort to the program as the arrays that its bridge would make."""
    charts = list(read_charts(cohort, view))
    names = tuple(str(chart.number) for chart in charts)
    return PulseData.of(
        [_as_chart(chart) for chart in charts], read_scales(cohort.truth), children=names
    )


def _as_chart(chart: SeenChart) -> ChildChart:
    return ChildChart(
        visit_day=chart.visit_day,
        value=chart.value,
        infusion_day=chart.infusion_day,
        dose=chart.dose,
        steroid=chart.steroid,
        is_at_risk_of_start=chart.is_at_risk_of_start,
        is_start=chart.is_start,
    )
