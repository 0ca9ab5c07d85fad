"""Draw the visits: before the first infusion, on schedule, and in the days after a course."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.simulate.children import Children
from heliotrope.simulate.courses import Courses
from heliotrope.simulate.draws import Booleans, Draws, Numbers
from heliotrope.simulate.parameters import Simulation


@dataclass(frozen=True)
class Visits:
    """Children down, visits across in time; NaN where there is none."""

    day: Numbers
    is_full: Booleans

    @property
    def exists(self) -> Booleans:
        """True where there is a visit."""
        return np.isfinite(self.day)


def draw_visits(
    draws: Draws, simulation: Simulation, children: Children, courses: Courses
) -> Visits:
    """Draw the days on which each child is seen, and which visits take the whole core set."""
    plan = simulation.visits
    count = (children.count,)
    before = -draws.days(plan.before_days_min, plan.before_days_max, count).astype(np.float64)
    baseline = -draws.days(0, plan.baseline_days_max, count).astype(np.float64)
    before[children.lacks_baseline] -= plan.before_days_max
    before = np.maximum(before, children.diagnosis_day)
    baseline[children.lacks_baseline] = np.nan
    is_watched = draws.is_true(plan.share_closely_watched, (children.count, 1))
    scheduled = _draw_schedule(draws, simulation, is_watched, children.has_ivig[:, None])
    early = _draw_early(draws, simulation, courses, is_watched)
    days = np.concatenate([before[:, None], baseline[:, None], scheduled, early], axis=1)
    is_full = draws.is_true(plan.full_share, days.shape)
    is_full[:, :2] = True
    days[days > courses.followup_end[:, None]] = np.nan
    order = np.argsort(days, axis=1, kind="stable")
    days = np.take_along_axis(days, order, axis=1)
    is_full = np.take_along_axis(is_full, order, axis=1)
    is_repeated = np.zeros(days.shape, dtype=np.bool_)
    is_repeated[:, 1:] = days[:, 1:] == days[:, :-1]
    days[is_repeated] = np.nan
    return Visits(day=days, is_full=is_full)


def _draw_schedule(
    draws: Draws, simulation: Simulation, is_watched: Booleans, has_ivig: Booleans
) -> Numbers:
    """Draw visits at intervals; closely watched children are seen on the days of a plan too."""
    plan = simulation.visits
    shape = (len(is_watched), plan.scheduled_max)
    usual = np.asarray(plan.interval_days)[draws.index(plan.interval_shares, is_watched.shape)]
    is_later = np.arange(plan.scheduled_max) >= plan.later_after_visits
    planned = np.cumsum(usual * np.where(is_later, plan.later_stretch, 1), axis=1)
    at_intervals = np.round(planned + draws.days(-plan.jitter_days, plan.jitter_days, shape))
    watched = np.where(is_watched, np.asarray(plan.watched_days, dtype=np.float64), np.nan)
    last_watched = np.where(is_watched, plan.watched_days[-1], 0)
    at_intervals[at_intervals <= last_watched] = np.nan
    days = np.concatenate([at_intervals, watched], axis=1)
    missed = np.where(has_ivig, plan.missed_share, plan.missed_share_without_ivig)
    days[draws.is_true(missed, days.shape)] = np.nan
    return days


def _draw_early(
    draws: Draws, simulation: Simulation, courses: Courses, is_watched: Booleans
) -> Numbers:
    plan = simulation.visits
    start = courses.start[:, : plan.early_courses]
    share = np.where(is_watched, plan.early_share_watched, plan.early_share_others)
    days: Numbers = start + draws.days(plan.early_day_min, plan.early_day_max, start.shape)
    days[~draws.is_true(share, start.shape)] = np.nan
    return days
