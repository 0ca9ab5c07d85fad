"""Draw the courses of immunoglobulin: when, how many, how much, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.simulate.children import Children
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers
from heliotrope.simulate.parameters import Simulation


@dataclass(frozen=True)
class Courses:
    """Days from the first infusion; children down, courses across, NaN where there is none."""

    start: Numbers
    is_restart: Booleans
    infusion_days: Integers
    dose_g_per_kg: Numbers
    is_ongoing: Booleans
    is_relapsing: Booleans
    is_switched: Booleans
    first_end: Numbers
    last_start: Numbers
    followup_end: Integers


def draw_courses(draws: Draws, simulation: Simulation, children: Children) -> Courses:
    """Draw every child's courses, a restart for some who relapse, and the end of follow-up."""
    exposure = simulation.exposure
    shape = (children.count,)
    relapse_share = children.trait([kind.relapse_share for kind in simulation.archetypes])
    is_relapsing = draws.is_true(relapse_share, shape)
    is_ongoing = draws.is_true(exposure.share_ongoing, shape)
    is_switched = draws.is_true(exposure.share_switched_to_sc, shape) & ~is_ongoing
    first = _draw_first_regimen(draws, simulation, children)
    first_end = np.nanmax(first, axis=1)
    restarts = (
        draws.is_true(exposure.share_restart_after_relapse, shape)
        & is_relapsing
        & ~is_ongoing
        & ~is_switched
    )
    second = _draw_restart(draws, simulation, first_end)
    second[~restarts] = np.nan
    start = np.concatenate([first, second], axis=1)
    start[~children.has_ivig] = np.nan
    last_start = np.where(restarts, np.nanmax(np.c_[second, first_end], axis=1), first_end)
    after = np.where(
        is_ongoing,
        draws.days(0, exposure.ongoing_days_max, shape),
        draws.days(exposure.followup_days_min, exposure.followup_days_max, shape),
    )
    is_restart = np.zeros(start.shape, dtype=np.bool_)
    is_restart[:, first.shape[1] :] = True
    return Courses(
        start=start,
        is_restart=is_restart,
        infusion_days=np.asarray(exposure.infusion_days)[
            draws.index(exposure.infusion_days_shares, shape)
        ],
        dose_g_per_kg=np.asarray(exposure.dose_g_per_kg)[draws.index(exposure.dose_shares, shape)],
        is_ongoing=is_ongoing,
        is_relapsing=is_relapsing,
        is_switched=is_switched,
        first_end=first_end,
        last_start=last_start,
        followup_end=(last_start + after).astype(np.int64) + max(exposure.infusion_days),
    )


def _draw_first_regimen(draws: Draws, simulation: Simulation, children: Children) -> Numbers:
    exposure = simulation.exposure
    most = max(kind.courses_max for kind in simulation.archetypes)
    shape = (children.count, most)
    usual = np.asarray(exposure.interval_days)[
        draws.index(exposure.interval_shares, (children.count, 1))
    ]
    jitter = draws.days(-exposure.interval_jitter_days, exposure.interval_jitter_days, shape)
    is_late = draws.is_true(exposure.share_delayed_course, shape)
    late = draws.days(0, exposure.delay_days_max, shape) * is_late
    steps = usual + jitter + late
    steps[:, 0] = 0
    low = children.trait([kind.courses_min for kind in simulation.archetypes])
    high = children.trait([kind.courses_max for kind in simulation.archetypes])
    drawn = np.floor(low + draws.generator.random(children.count) * (high - low + 1))
    is_short = draws.is_true(exposure.share_short, (children.count,))
    count = np.where(is_short, draws.days(1, 2, (children.count,)), drawn)
    start = np.cumsum(steps, axis=1).astype(np.float64)
    start[np.arange(most) >= count[:, None]] = np.nan
    return start


def _draw_restart(draws: Draws, simulation: Simulation, first_end: Numbers) -> Numbers:
    exposure = simulation.exposure
    shape = (len(first_end), exposure.restart_courses_max)
    jitter = draws.days(-exposure.interval_jitter_days, exposure.interval_jitter_days, shape)
    steps = int(np.median(exposure.interval_days)) + jitter
    steps[:, 0] = draws.days(
        exposure.restart_after_days_min, exposure.restart_after_days_max, (shape[0],)
    )
    start = first_end[:, None] + np.cumsum(steps, axis=1).astype(np.float64)
    count = draws.days(exposure.restart_courses_min, exposure.restart_courses_max, (shape[0], 1))
    start[np.arange(shape[1]) >= count] = np.nan
    return start
