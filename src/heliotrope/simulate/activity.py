"""The latent activity at each visit, and the steroid dose that physicians answer it with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.simulate.children import REASONS, Children
from heliotrope.simulate.courses import Courses
from heliotrope.simulate.draws import Booleans, Draws, Numbers, round_to
from heliotrope.simulate.parameters import Simulation, Steroids
from heliotrope.simulate.visits import Visits

HALF_YEAR_DAYS = 180


@dataclass(frozen=True)
class Treatment:
    """What happened at the visits: children down, visits across.

    ``activity`` includes the steroid; ``dose_mg`` holds from the visit on; ``is_rise`` where the
    physician raised the steroid for activity.
    """

    activity: Numbers
    dose_mg: Numbers
    is_rise: Booleans


def compute_pulse(since_start: Numbers, onset_half_time: Numbers, extra_decay: Numbers) -> Numbers:
    """The shape of one course's effect over time: 0 before, a peak of 1, then decay (days).

    >>> days = np.array([-1.0, 0.0, 5.0, 60.0])
    >>> compute_pulse(days, np.array([2.0]), np.array([10.0])).round(2).tolist()
    [0.0, 0.0, 0.98, 0.05]
    """
    rise = np.log(2) / onset_half_time
    fall = np.log(2) / (onset_half_time + extra_decay)
    peak_day = np.log(rise / fall) / (rise - fall)
    peak = np.exp(-fall * peak_day) - np.exp(-rise * peak_day)
    since = np.maximum(np.nan_to_num(since_start, nan=-1), 0)
    course: Numbers = (np.exp(-fall * since) - np.exp(-rise * since)) / peak
    return course


def compute_activity_without_steroid(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    courses: Courses,
    visits: Visits,
) -> Numbers:
    """Activity at each visit from illness, immunoglobulin and relapse, before any steroid change.

    Rule: start (lower before an exacerbation) + drift + excess at the start + fluctuation - pulse
    - persistent part + relapse (see the pulse model in the manual). NaN where there is no visit.
    """
    model = simulation.activity
    day = visits.day
    after = np.maximum(day, 0)
    illness = (
        children.activity[:, None]
        + children.drift[:, None] * day / HALF_YEAR_DAYS
        + model.excess_at_start * np.exp(-np.abs(day) / model.excess_days)
        + draws.normal(0, model.fluctuation_sd, day.shape)
    )
    has_flared = (children.reason == REASONS.index("exacerbation"))[:, None]
    illness -= model.exacerbation_rise * (has_flared & (day < -model.exacerbation_days))
    pulse, persistent = _add_up_courses(simulation, children, courses, day)
    kinds = simulation.archetypes
    relapse = children.trait([kind.relapse for kind in kinds]) * courses.is_relapsing
    gone = np.maximum(after - courses.first_end[:, None] - model.relapse_lag_days, 0)
    has_stopped = (~courses.is_ongoing & children.has_ivig)[:, None]
    returned = relapse[:, None] * (1 - np.exp(-gone / model.relapse_days)) * has_stopped
    activity: Numbers = illness - children.spread[:, None] * (pulse + persistent) + returned
    return activity


def _add_up_courses(
    simulation: Simulation, children: Children, courses: Courses, day: Numbers
) -> tuple[Numbers, Numbers]:
    """Add up the pulses of all courses, and count courses for the part that stays."""
    kinds = simulation.archetypes
    onset = children.trait([kind.onset_half_time_days for kind in kinds])[:, None]
    decay = children.trait([kind.extra_decay_days for kind in kinds])[:, None]
    fade = children.trait([kind.fade for kind in kinds])[:, None]
    lag = children.trait([kind.persistent_lag_days for kind in kinds])[:, None]
    full_dose = simulation.exposure.dose_g_per_kg[0]
    strength = np.minimum(courses.dose_g_per_kg / full_dose, 1)[:, None]
    pulse = np.zeros(day.shape)
    doses = np.zeros(day.shape)
    for course in range(courses.start.shape[1]):
        since = day - courses.start[:, course, None]
        pulse = np.maximum(pulse, fade**course * compute_pulse(since, onset, decay))
        doses += strength * (np.nan_to_num(since, nan=-1) > 0)
    is_past_lag = day > lag
    share = 1 - np.exp(-doses / simulation.activity.courses_to_build_up)
    pulse_size = children.trait([kind.pulse for kind in kinds])[:, None]
    persistent_size = children.trait([kind.persistent for kind in kinds])[:, None]
    return pulse_size * strength * pulse, persistent_size * share * is_past_lag


@dataclass
class _State:
    """What a physician knows and does between visits: one entry a child, changed as time goes."""

    day: Numbers
    dose_mg: Numbers
    felt_mg_kg: Numbers
    first_rating: Numbers
    best_rating: Numbers


def compute_treatment(
    draws: Draws,
    simulation: Simulation,
    visits: Visits,
    without_steroid: Numbers,
    weight_kg: Numbers,
    baseline_mg: Numbers,
) -> Treatment:
    """Let physicians taper and raise the steroid visit by visit, and the activity answer.

    Rule: from the first infusion on, raise when the rating is well over the best seen; taper when
    it has fallen, or by the calendar for some; else keep. Visits before an exacerbation are no
    yardstick. One pass over the visits, all children at once.
    """
    count, width = visits.day.shape
    by_calendar = draws.is_true(simulation.steroids.share_calendar, (count,))
    noise = draws.normal(0, simulation.activity.rating_sd, (count, width))
    felt = baseline_mg / weight_kg[:, 0]
    without = without_steroid + _steroid_effect(simulation, felt)[:, None]
    state = _State(
        day=np.nan_to_num(visits.day[:, 0]),
        dose_mg=baseline_mg,
        felt_mg_kg=felt,
        first_rating=np.full(count, np.nan),
        best_rating=np.full(count, np.inf),
    )
    activity, doses = np.full((count, width), np.nan), np.zeros((count, width))
    is_rise = np.zeros((count, width), dtype=np.bool_)
    for visit in range(width):
        day, weight = visits.day[:, visit], weight_kg[:, visit]
        _wait(simulation, state, day, weight)
        now = np.maximum(without[:, visit] - _steroid_effect(simulation, state.felt_mg_kg), 0)
        rating = np.maximum(now + noise[:, visit], 0)
        rating[day < -simulation.activity.exacerbation_days] = np.nan
        is_rise[:, visit] = _decide(simulation.steroids, state, (day, rating, weight), by_calendar)
        activity[:, visit], doses[:, visit] = now, state.dose_mg
        state.day = np.where(np.isnan(day), state.day, day)
    return Treatment(activity=activity, dose_mg=doses, is_rise=is_rise)


def _wait(simulation: Simulation, state: _State, day: Numbers, weight: Numbers) -> None:
    """Let the felt dose follow the given one until the visit."""
    passed = np.nan_to_num(day - state.day)
    keeps = 2.0 ** (-passed / simulation.activity.steroid_half_life_days)
    state.felt_mg_kg = state.felt_mg_kg * keeps + state.dose_mg / weight * (1 - keeps)


def _decide(
    habits: Steroids,
    state: _State,
    visit: tuple[Numbers, Numbers, Numbers],
    by_calendar: Booleans,
) -> Booleans:
    """Change the dose at a visit (its day, rating, weight); say where it was raised.

    A child without a visit now, or without a steroid at the start, stays as it is.
    """
    day, rating, weight = visit
    state.first_rating = np.where(np.isnan(state.first_rating), rating, state.first_rating)
    is_treated = (day > 0) & (state.felt_mg_kg > 0)
    rises = is_treated & _calls_for_rise(habits, rating, state.best_rating)
    may_taper = is_treated & ~rises & (day - state.day >= habits.taper_min_days)
    is_better = rating <= state.first_rating - habits.taper_if_fallen_by
    tapers = may_taper & (is_better | (rating < habits.taper_if_under))
    calendar = may_taper & ~tapers & by_calendar
    dose = np.select(
        [rises, tapers, calendar],
        [
            np.maximum(state.dose_mg * habits.rise_factor, habits.rise_min_mg_kg * weight),
            state.dose_mg * habits.taper_factor,
            state.dose_mg * habits.calendar_factor,
        ],
    )
    changes = rises | tapers | calendar
    state.dose_mg = np.where(changes, round_dose(habits, dose, weight), state.dose_mg)
    state.best_rating = np.where(rises, rating, np.fmin(state.best_rating, rating))
    return rises


def _calls_for_rise(habits: Steroids, rating: Numbers, best: Numbers) -> Booleans:
    return (rating >= best + habits.rise_if_over_best_by) & (rating > habits.rise_if_over)


def _steroid_effect(simulation: Simulation, mg_kg: Numbers) -> Numbers:
    model = simulation.activity
    unit = model.steroid_unit_mg_kg
    effect: Numbers = model.steroid_effect * np.log1p(mg_kg / unit) / np.log1p(1 / unit)
    return effect


def round_dose(habits: Steroids, dose_mg: Numbers, weight_kg: Numbers) -> Numbers:
    """Round a daily dose to tablets; a very small one is stopped."""
    step = np.where(dose_mg < habits.small_under_mg, habits.small_step_mg, habits.step_mg)
    rounded = round_to(np.minimum(dose_mg, habits.max_mg), step)
    return np.where(dose_mg < habits.stop_under_mg_kg * weight_kg, 0, rounded)
