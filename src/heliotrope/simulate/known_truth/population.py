"""What is true of a population, and the effects drawn for each child of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from heliotrope.simulate.draws import Draws, Numbers
from heliotrope.simulate.known_truth.parameters import Effect, KnownTruth


@dataclass(frozen=True)
class Population:
    """What is true of all children: numbers, or one a child, so that cohorts of many truths are
    drawn at once.

    Effects in cm of activity; ``drift`` a half year. ``offset``, ``loading`` and ``noise_sd`` have
    one entry a measure in the last place.
    """

    activity_mean: Numbers
    activity_sd: Numbers
    drift_mean: Numbers
    drift_sd: Numbers
    pulse_mean: Numbers
    pulse_sd: Numbers
    persistent_mean: Numbers
    persistent_sd: Numbers
    steroid_effect: Numbers
    fluctuation_sd: Numbers
    fluctuation_days: Numbers
    onset_half_time_days: Numbers
    extra_decay_days: Numbers
    start_intercept: Numbers
    start_observed_slope: Numbers
    start_latent_slope: Numbers
    offset: Numbers
    loading: Numbers
    noise_sd: Numbers

    def of_children(self, rows: slice, count: int) -> Population:
        """Give every child of a block its own entry; ``rows``: the block's place in the cohort."""
        spread = {}
        for field in fields(self):
            value = np.asarray(getattr(self, field.name), dtype=np.float64)
            per_measure = field.name in ("offset", "loading", "noise_sd")
            own = value[rows] if value.ndim == 1 + per_measure else value
            missing = count - len(own) if own.ndim == 1 + per_measure else 0
            if missing:  # the last block is drawn whole and cut afterwards
                own = np.concatenate([own, np.repeat(own[-1:], missing, axis=0)])
            shape = (count, value.shape[-1]) if per_measure else (count,)
            spread[field.name] = np.broadcast_to(own, shape)
        return Population(**spread)


def describe_population(truth: KnownTruth, mechanism_id: str) -> Population:
    """Return what is true of all children under a mechanism, as the file says.

    >>> from heliotrope.simulate.known_truth.parameters import read_known_truth
    >>> float(describe_population(read_known_truth(), "no_effect").pulse_mean)
    0.0
    """
    mechanism = truth.mechanism(mechanism_id)
    numbers = truth.population.model_dump()
    if mechanism.effect == "none":
        for name in ("pulse_mean", "pulse_sd", "persistent_mean", "persistent_sd"):
            numbers[name] = 0.0
    rule = truth.start_rule(mechanism.start_rule)
    return Population(
        **{name: np.asarray(value, dtype=np.float64) for name, value in numbers.items()},
        start_intercept=np.asarray(rule.intercept),
        start_observed_slope=np.asarray(rule.observed_slope),
        start_latent_slope=np.asarray(rule.latent_slope),
        offset=np.asarray([measure.offset for measure in truth.measures]),
        loading=np.asarray([measure.loading for measure in truth.measures]),
        noise_sd=np.asarray([measure.noise_sd for measure in truth.measures]),
    )


@dataclass(frozen=True)
class ChildEffects:
    """What is true of each child: one entry a child, as in ``Population``."""

    activity: Numbers
    drift: Numbers
    pulse: Numbers
    persistent: Numbers


def draw_effects(draws: Draws, population: Population, effect: Effect) -> ChildEffects:
    """Draw each child's own activity, drift and effects; nil effects where there is none."""
    count = population.activity_mean.shape
    activity, drift, pulse, persistent = (draws.normal(0, 1, count) for _ in range(4))
    has_effect = effect != "none"
    return ChildEffects(
        activity=population.activity_mean + population.activity_sd * activity,
        drift=population.drift_mean + population.drift_sd * drift,
        pulse=has_effect * (population.pulse_mean + population.pulse_sd * pulse),
        persistent=has_effect
        * (population.persistent_mean + population.persistent_sd * persistent),
    )
