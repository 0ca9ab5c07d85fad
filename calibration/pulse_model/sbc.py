"""Simulation-based calibration: truths drawn from the prior must rank evenly among the draws.

Truth from the prior, a cohort from the truth, the posterior from the cohort: then the weight of the
draws under the truth is uniform, for every parameter and every estimand (Talts et al. 2018,
arXiv 1804.06788). Done without a start rule (starts at random) and with the hazard of starting
(starts by rating and latent activity, with slopes from the prior as well). Where
k-hat says that reweighted draws cannot be trusted, ``sbc_nuts`` ranks anew, as the program would.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.pulse_model.analyses import find_analysis
from calibration.pulse_model.batches import OBSERVED_SLOPE, Batch, make_batch, make_layout
from calibration.pulse_model.fits import Drawn, compute_height, draw_each, find_modes
from calibration.pulse_model.quantities import compute_quantities, compute_rank
from calibration.pulse_model.stage import Order, Results
from heliotrope.definitions.pulse_model import StartRule
from heliotrope.estimate.pulse.parameters import Layout
from heliotrope.simulate.known_truth.cohort import CohortPlan, simulate_known_truth
from heliotrope.simulate.known_truth.parameters import KnownTruth, read_known_truth
from heliotrope.simulate.known_truth.population import Population, describe_population

STAGE = "sbc"
CHILDREN = 7
FITS = 1000
PIECES = 8
AT_ONCE = 10
MECHANISM: dict[StartRule, str] = {
    "none": "start_at_random",
    "hazard": "start_at_high_latent_activity",
}
ANALYSED: dict[StartRule, str] = {
    "none": "everyone's history, none",
    "hazard": "everyone's history, hazard of both",
}


PARTS = tuple(f"{rule} {piece}" for rule in MECHANISM for piece in range(PIECES))


def run_sbc(order: Order, part: str) -> None:
    """Rank truths of the prior among the draws, some data sets at a time, until all are done."""
    results = Results(order, STAGE, part)
    rule = find_rule(part)
    fits = FITS // PIECES
    begin = int(part.split()[1]) * fits
    at_once = 2 if order.is_quick else AT_ONCE
    took = 0.0
    for first in range(begin, begin + (at_once if order.is_quick else fits), at_once):
        if not order.goes_on(took):
            return
        began = time.monotonic()
        count = min(at_once, begin + fits - first)
        for row in rank_prior_truths(draw_prior_truths(rule, count, order.seed + first)):
            results.write({"start_rule": rule, "children": CHILDREN, **row})
        took = time.monotonic() - began


def find_rule(part: str) -> StartRule:
    """Return the start rule of a part."""
    return next(rule for rule in MECHANISM if rule == part.split()[0])


@dataclass(frozen=True)
class PriorTruths:
    """Data sets whose truths were drawn from the prior: vectors (data sets, size), and their seed.

    Data sets of one seed are the same only if as many are drawn.
    """

    batch: Batch
    vector: Any
    seed: int


def draw_prior_truths(rule: StartRule, datasets: int, seed: int) -> PriorTruths:
    """Draw truths from the prior and a cohort from each."""
    truth = _without_unknown_ends(read_known_truth())
    layout = find_layout(rule)
    drawn_truth = layout.draw_prior(datasets, seed)
    population = make_populations(truth, MECHANISM[rule], drawn_truth, CHILDREN)
    plan = CohortPlan(MECHANISM[rule], population=population, truth=truth)
    cohort = simulate_known_truth(datasets * CHILDREN, seed, plan)
    batch = make_batch(cohort, datasets, find_analysis(ANALYSED[rule]))
    return PriorTruths(batch, layout.pack(drawn_truth), seed)


def rank_prior_truths(truths: PriorTruths) -> list[dict[str, Any]]:
    """Rank the truth of each data set among reweighted draws of its posterior."""
    modes = find_modes(truths.batch)
    rows = []
    for row, drawn in enumerate(draw_each(truths.batch, modes, truths.seed)):
        found = {"is_found": modes.is_found[row], "k_hat": drawn.k_hat}
        found |= {"seed": truths.seed, "datasets": truths.batch.datasets, "row": row}
        rows.append({**found, "ranks": rank_truth(truths, row, drawn)})
    return rows


def rank_truth(truths: PriorTruths, row: int, drawn: Drawn) -> dict[str, float]:
    """Return the rank of every quantity's truth among the draws of one data set."""
    layout, vector = truths.batch.layout, truths.vector[row]
    found, true = (
        compute_quantities(layout, drawn.vectors),
        compute_quantities(layout, vector[None]),
    )
    ranks = {name: compute_rank(drawn, found[name], true[name][0]) for name in found}
    height = compute_height(truths.batch, row, vector)
    ranks["log_density"] = compute_rank(drawn, drawn.heights, height)
    return ranks


def _without_unknown_ends(truth: KnownTruth) -> KnownTruth:
    """The model knows where a deficit begins, not where it ends: nor may the truth."""
    measures = tuple(
        measure.model_copy(update={"ceiling": None}) if measure.id == "cmas" else measure
        for measure in truth.measures
    )
    return truth.model_copy(update={"measures": measures})


def make_populations(
    truth: KnownTruth, mechanism: str, drawn: dict[str, Any], children: int
) -> Population:
    """Give the children of each data set the truth that was drawn for it."""
    usual = describe_population(truth, mechanism)

    def each(name: str) -> Any:
        return np.repeat(drawn[name][:, 0], children)

    def measures(name: str, first: float) -> Any:
        others = drawn[name]
        whole = np.concatenate([np.full((len(others), 1), first), others], axis=1)
        return np.repeat(whole, children, axis=0)

    everyone = len(drawn["activity_mean"]) * children

    def each_or_usual(name: str, value: Any) -> Any:
        return each(name) if name in drawn else np.full(everyone, float(value))

    return Population(
        activity_mean=each("activity_mean"),
        activity_sd=each("activity_sd"),
        drift_mean=each("drift_mean"),
        drift_sd=each("drift_sd"),
        pulse_mean=each("pulse_mean"),
        pulse_sd=each("pulse_sd"),
        persistent_mean=each("persistent_mean"),
        persistent_sd=each("persistent_sd"),
        steroid_effect=each("steroid"),
        fluctuation_sd=each("fluctuation_sd"),
        fluctuation_days=each("fluctuation_days"),
        onset_half_time_days=each("onset_days"),
        extra_decay_days=each("extra_decay_days"),
        start_intercept=each_or_usual("start_intercept", usual.start_intercept),
        start_observed_slope=each_or_usual(OBSERVED_SLOPE, usual.start_observed_slope),
        start_latent_slope=each_or_usual("start_slope", usual.start_latent_slope),
        offset=measures("offset", 0.0),
        loading=measures("loading", 1.0),
        noise_sd=np.repeat(drawn["noise"], children, axis=0),
    )


def find_layout(rule: StartRule) -> Layout:
    """Return the parameters that are ranked under a start rule."""
    reads_observed = find_analysis(ANALYSED[rule]).reads_observed
    return make_layout(_without_unknown_ends(read_known_truth()), rule, reads_observed)
