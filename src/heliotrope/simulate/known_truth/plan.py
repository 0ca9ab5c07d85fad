"""The days on which children may be seen, and the natural fluctuation of the illness on them."""

from __future__ import annotations

import numpy as np

from heliotrope.simulate.draws import Draws, Numbers
from heliotrope.simulate.known_truth.parameters import KnownTruth


def draw_possible_days(draws: Draws, truth: KnownTruth, count: int) -> Numbers:
    """Draw the visit of every cycle and, after each, a day between it and the next.

    Returns days since the first visit: children down, 2 columns a cycle, in order of time.
    """
    habits = truth.visits
    shape = (count, habits.cycles)
    planned = habits.cycle_days * np.arange(habits.cycles)
    visit = planned + draws.days(-habits.jitter_days, habits.jitter_days, shape)
    visit = np.maximum(visit - visit[:, :1], 0)
    between = visit + draws.days(habits.between_first_day, habits.between_last_day, shape)
    between[:, :-1] = np.minimum(between[:, :-1], visit[:, 1:] - 1)
    return np.stack([visit, between], axis=2).reshape(count, -1).astype(np.float64)


def draw_fluctuation(
    draws: Draws, days: Numbers, fluctuation_sd: Numbers, fluctuation_days: Numbers
) -> Numbers:
    """Draw the natural fluctuation of each child on given days: an Ornstein-Uhlenbeck process.

    Stationary from the first day on: mean 0, the given spread, and a correlation that falls to
    1/e in ``fluctuation_days``. Exact whatever the gaps.
    """
    noise = draws.normal(0, 1, days.shape)
    path = np.empty(days.shape)
    path[:, 0] = noise[:, 0]
    for column in range(1, days.shape[1]):
        kept = np.exp(-(days[:, column] - days[:, column - 1]) / fluctuation_days)
        path[:, column] = kept * path[:, column - 1] + np.sqrt(1 - kept**2) * noise[:, column]
    return fluctuation_sd[:, None] * path
