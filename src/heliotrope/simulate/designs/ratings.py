"""What the children of simulated trials would be rated, given who is infused when."""

from __future__ import annotations

import numpy as np

from heliotrope.simulate.activity import compute_pulse
from heliotrope.simulate.designs.parameters import Designs, TrialEffect
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers
from heliotrope.simulate.known_truth.parameters import read_known_truth
from heliotrope.simulate.known_truth.plan import draw_fluctuation


def draw_ratings(
    draws: Draws, designs: Designs, effect: TrialEffect, given: Booleans, visit_day: Integers
) -> Numbers:
    """Draw the physician's global rating of every child at every visit of many trials.

    ``given`` (trials, children, slots): infused or not, a slot every cycle from day 0.
    ``visit_day`` (visits), ascending. A visit on an infusion day comes before the infusion.
    Returns (trials, children, visits), cm, clipped to the scale.
    """
    trials, children, slots = given.shape
    illness = designs.illness
    since = visit_day[:, None] - designs.cycle_days * np.arange(slots)
    shape = (trials, children, 1)
    pulse = draws.normal(effect.pulse_mean, effect.pulse_sd, shape)
    persistent = draws.normal(effect.persistent_mean, effect.persistent_sd, shape)
    level = draws.normal(illness.activity_mean, illness.activity_sd, shape)
    days = np.broadcast_to(visit_day.astype(np.float64), (trials * children, len(visit_day)))
    spread = np.full(len(days), illness.fluctuation_sd)
    memory = np.full(len(days), illness.fluctuation_days)
    fluctuation = draw_fluctuation(draws, days, spread, memory).reshape(trials, children, -1)
    activity = (
        level
        + fluctuation
        - pulse * compute_pulse_at_visits(effect, given, since)
        - persistent * _build_up(given, since)
    )
    noise = draws.normal(0, illness.rating_sd, activity.shape)
    rated: Numbers = np.clip(activity + noise, illness.rating_min, illness.rating_max)
    return rated


def compute_pulse_at_visits(effect: TrialEffect, given: Booleans, since: Integers) -> Numbers:
    """Add up the pulses of the infusions given: (..., visits) from (..., slots).

    ``since`` (visits, slots): days from slot to visit; nothing counts on its own day.
    """
    shape = np.asarray(effect.onset_half_time_days), np.asarray(effect.extra_decay_days)
    height = compute_pulse(since.astype(np.float64), *shape)
    total: Numbers = given.astype(np.float64) @ height.T
    return total


def _build_up(given: Booleans, since: Integers) -> Numbers:
    count = given.astype(np.float64) @ (since > 0).T.astype(np.float64)
    share: Numbers = -np.expm1(-count / read_known_truth().conventions.infusions_to_build_up)
    return share
