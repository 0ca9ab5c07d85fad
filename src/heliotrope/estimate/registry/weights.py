"""Weights that make those who start, go on or stop IVIG resemble those who do not.

At each interval a child is weighted by one over the chance of what it received, given what was
recorded before; the chance without the later records stands above the line and keeps the weights
near 1 (stabilised: Robins, Hernan and Brumback 2000, doi 10.1097/00001648-200009000-00011). Losses
to follow-up are weighted alike. Everything is done for many resamples of the children at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import (
    Booleans,
    Numbers,
    compute_chance,
    fit_logistic,
)
from heliotrope.estimate.registry.design import Registry

START, STOP, LOSS = "start", "stop", "loss"


@dataclass(frozen=True)
class Weights:
    """Weights (resamples by intervals) and what they are made of.

    ``before_truncation`` and ``truncated``: those of the outcome of an interval. ``treatment`` and
    ``loss``: logarithms of each interval's own factor, for the sequential trials. ``chance``: the
    modelled chance of what was received (start or stop). ``has_model``: of start, stop and loss,
    whether there were enough events for a model; else its factor is 1.
    """

    before_truncation: Numbers
    truncated: Numbers
    treatment: Numbers
    loss: Numbers
    chance: Numbers
    has_model: dict[str, bool]


def estimate_weights(
    registry: Registry, numbers: RegistryComparison, multiplicity: Numbers
) -> Weights:
    """Estimate stabilised, truncated weights.

    multiplicity: resamples by children, how often each child was drawn (one row of ones: the
    children as they are). The outcome of an interval is weighted for all decisions up to and with
    this interval's, and for having remained until it began. Edge case: with fewer events than the
    definition asks for, a model is not fitted and its factor is 1.
    """
    drawn = multiplicity[:, registry.child]
    start_or_stop = registry.is_treated != registry.was_treated
    treatment, chance = np.zeros_like(drawn), np.ones_like(drawn)
    has_model = {}
    for name, at_risk in ((START, ~registry.was_treated), (STOP, registry.was_treated)):
        history = _add_history(registry, name)
        event = start_or_stop & at_risk
        has_model[name] = _has_events(event, at_risk, numbers)
        if has_model[name]:
            above, below = _fit_both(registry, numbers, (at_risk, event, history), drawn)
            treatment[:, at_risk] = np.log(above) - np.log(below)
            chance[:, at_risk] = below
    loss = np.zeros_like(drawn)
    everyone = np.ones(len(registry.child), dtype=np.bool_)
    has_model[LOSS] = _has_events(registry.is_censored, everyone, numbers)
    if has_model[LOSS]:
        history = _add_history(registry, LOSS)
        above, below = _fit_both(
            registry, numbers, (everyone, registry.is_censored, history), drawn
        )
        loss = np.where(registry.is_censored, 0.0, np.log(above) - np.log(below))
    weight = np.exp(registry.cumulate(treatment) + registry.cumulate(loss) - loss)
    truncated = truncate(weight, drawn, numbers.weights.truncation)
    return Weights(weight, truncated, treatment, loss, chance, has_model)


def _has_events(event: Booleans, at_risk: Booleans, numbers: RegistryComparison) -> bool:
    fewest = numbers.refusal.fewest_events_of_a_model
    return bool(event.sum() >= fewest and (at_risk & ~event).sum() >= fewest)


def _add_history(registry: Registry, name: str) -> Numbers:
    """Return the columns of earlier treatment that both models of a process contain."""
    earlier = registry.was_ever_treated.astype(np.float64)
    if name == START:
        return earlier[:, None]
    if name == STOP:
        return registry.years_on[:, None]
    return np.column_stack([registry.is_treated.astype(np.float64), earlier])


def _fit_both(
    registry: Registry,
    numbers: RegistryComparison,
    process: tuple[Booleans, Booleans, Numbers],
    drawn: Numbers,
) -> tuple[Numbers, Numbers]:
    """Fit the chance of what happened without and with the later records."""
    at_risk, event, history = process
    spread = history[at_risk].std(axis=0) > 0
    common = np.column_stack([registry.time.values, history[:, spread], registry.baseline.values])
    full = np.column_stack([common, registry.lagged.values])
    fixed = registry.time.values.shape[1]
    happened = event[at_risk].astype(np.float64)
    found = []
    for design in (common, full):
        penalty = np.full(design.shape[1], numbers.weights.coefficient_sd**-2)
        penalty[:fixed] = [0.0, *[numbers.weights.coefficient_sd**-2] * (fixed - 1)]
        rows = design[at_risk]
        fit = fit_logistic(rows, happened, drawn[:, at_risk], penalty)
        log_odds = fit.coefficients @ rows.T
        found.append(compute_chance(np.where(happened == 1, log_odds, -log_odds)))
    return found[0], found[1]


def truncate(weight: Numbers, drawn: Numbers, quantiles: tuple[float, float]) -> Numbers:
    """Cut weights at two quantiles of all intervals, each counted as often as it was drawn.

    >>> weight = np.array([[0.1, 1.0, 1.0, 9.0]])
    >>> truncate(weight, np.array([[1.0, 2, 2, 1]]), (0.25, 0.75)).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    order = np.argsort(weight, axis=1)
    ranked = np.take_along_axis(weight, order, axis=1)
    share = np.cumsum(np.take_along_axis(drawn, order, axis=1), axis=1)
    share /= share[:, -1:]
    last = weight.shape[1] - 1
    low, high = (
        np.minimum((share < quantile).sum(axis=1), last)[:, None] for quantile in quantiles
    )
    bounds = (np.take_along_axis(ranked, low, axis=1), np.take_along_axis(ranked, high, axis=1))
    cut: Numbers = np.clip(weight, *bounds)
    return cut
