"""From draws of the model's parameters to what a clinician asks: how quick, how large, how long.

Each function takes parameters by name, (draws, size), and returns one number a draw; the same
functions are applied to draws from the prior, so that every figure can stand beside what was
believed before the records were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.pulse_model import Conventions, Pharmacokinetics, PulseModel
from heliotrope.estimate.pulse.data import Floats, PulseData
from heliotrope.estimate.pulse.kernel import compute_pulse_shape, pulse_height, steady_height

Draws = Mapping[str, Floats]


@dataclass(frozen=True)
class Estimand:
    """One figure: its variable in the results, its draws, those of the prior, and its unit."""

    variable: str
    values: Floats
    prior: Floats
    unit: str


def contraction_of(posterior: Floats, prior: Floats, on_log_scale: bool = False) -> float:
    """Return how much of the prior's variance the records removed: 0 none, 1 all.

    Of days and ratios on the logarithmic scale. Below 0: the records left more doubt than the
    prior had.

    >>> contraction_of(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0]))
    0.75
    """
    after, before = (np.log(each) if on_log_scale else each for each in (posterior, prior))
    spread = float(np.var(before))
    return 0.0 if spread == 0 else 1.0 - float(np.var(after)) / spread


def compute_shape_estimands(draws: Draws, prior: Draws, model: PulseModel) -> list[Estimand]:
    """Onset, peak, duration and what is left of a pulse, of the posterior beside the prior."""
    reference = model.reference
    both = [
        compute_pulse_shape(
            each["onset_days"][:, 0],
            each["extra_decay_days"][:, 0],
            reference.share_left_day,
            reference.cycle_days,
        )
        for each in (draws, prior)
    ]
    day = reference.share_left_day
    named = [
        ("onset_half_time_days", "half_peak_day", "days"),
        ("time_to_peak_days", "peak_day", "days"),
        ("days_above_half_peak", "days_above_half", "days"),
        (f"share_left_day_{day}", "share_left", "share"),
        (f"share_left_day_{day}_monthly", "share_left_monthly", "share"),
    ]
    return [
        Estimand(variable, getattr(both[0], name), getattr(both[1], name), unit)
        for variable, name, unit in named
    ]


def compute_peak_in_points(draws: Draws, data: PulseData, place: int) -> Floats:
    """Return the mean improvement at the peak of one full course, in points of one measure.

    Of a logarithmic measure: the ratio to the value without it (0.5: halved).
    """
    measure = data.measures[place]
    moved = draws["pulse_mean"][:, 0] * loading_of(draws, place)
    if measure.is_log2_ratio:
        return np.asarray(2.0 ** (-moved * measure.points_per_unit))
    return np.asarray(moved * measure.points_per_unit)


def compute_pulse_share(draws: Draws, model: PulseModel) -> Floats:
    """Return which share of the mean improvement over the first courses is the pulses'.

    The courses are full ones, one a cycle. A part that makes worse counts as 0; where neither part
    improves the share is not defined (NaN).
    """
    reference = model.reference
    days = np.arange(1, reference.courses * reference.cycle_days + 1, dtype=float)
    given = reference.cycle_days * np.arange(reference.courses, dtype=float)
    onset, extra = draws["onset_days"], draws["extra_decay_days"]
    heights = sum(pulse_height(days[None, :] - day, onset, extra) for day in given)
    pulses = np.asarray(heights).mean(axis=1)
    courses = (days[:, None] > given[None, :]).sum(axis=1)
    lasting = float(-np.expm1(-courses / model.conventions.saturation_courses).mean())
    by_pulse = np.maximum(draws["pulse_mean"][:, 0] * pulses, 0.0)
    by_lasting = np.maximum(draws["persistent_mean"][:, 0] * lasting, 0.0)
    total = by_pulse + by_lasting
    shares = np.divide(by_pulse, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.asarray(shares)


def compute_half_life_ratio(
    draws: Draws, pharmacokinetics: Pharmacokinetics, weight_kg: float
) -> Floats:
    """Return the half-life of the effect over that of immunoglobulin in a child of this weight."""
    effect = draws["onset_days"][:, 0] + draws["extra_decay_days"][:, 0]
    return np.asarray(effect / compute_igg_half_life(pharmacokinetics, weight_kg))


def compute_igg_half_life(pharmacokinetics: Pharmacokinetics, weight_kg: float) -> float:
    """Return the terminal half-life of infused immunoglobulin, in days, of two compartments.

    Clearances grow with a power of weight, volumes with another.

    >>> from heliotrope.definitions.pulse_model import read_pulse_model
    >>> round(compute_igg_half_life(read_pulse_model().pharmacokinetics, 20.0), 1)
    20.5
    """
    ratio = weight_kg / pharmacokinetics.weight_kg
    flow = ratio**pharmacokinetics.clearance_exponent
    room = ratio**pharmacokinetics.volume_exponent
    central = pharmacokinetics.central_volume_l * room
    out = pharmacokinetics.clearance_l_per_day * flow / central
    there = pharmacokinetics.exchange_l_per_day * flow / central
    back = pharmacokinetics.exchange_l_per_day * flow
    back /= pharmacokinetics.peripheral_volume_l * room
    total = out + there + back
    slow = 0.5 * (total - np.sqrt(total**2 - 4.0 * out * back))
    return float(np.log(2.0) / slow)


def compute_lasting_in_points(draws: Draws, data: PulseData) -> Floats:
    """Return the mean persistent improvement of saturating treatment, in points of the anchor."""
    return np.asarray(draws["persistent_mean"][:, 0] * data.measures[0].points_per_unit)


def compute_tipping_drift(draws: Draws, data: PulseData, conventions: Conventions) -> Floats:
    """Return the drift that alone would explain the persistent effect, in points a half-year.

    If activity had fallen by so much every ``drift_days`` from the first infusion to the last
    visit, for a reason other than IVIG, then no lasting effect would be left of what the model
    found. Averaged over the treated children by their last visit and courses.
    """
    treated = data.take(np.flatnonzero(data.is_treated))
    courses = (treated.dose**conventions.dose_exponent * (treated.dose > 0)).sum(axis=1)
    gained = -np.expm1(-courses / conventions.saturation_courses)
    last = np.where(treated.is_visit, treated.visit_day, -np.inf).max(axis=1)
    days = np.maximum(last, treated.last_infusion_day) - treated.first_infusion_day
    followed = np.maximum(days, 1.0) / conventions.drift_days
    effect = draws["persistent_mean"][:, 0] * float(gained.mean() / followed.mean())
    return np.asarray(effect * data.measures[0].points_per_unit)


def compute_activity_after_stopping(draws: Draws, model: PulseModel) -> Floats:
    """Return the expected change of activity so long after the last of the reference courses.

    In units of the anchor against never treated: what is left of the pulses and the persistent
    part, negative where activity is lower. The drift is left out: it is not the treatment's.
    """
    reference, fixed = model.reference, model.conventions
    days = reference.cycle_days * np.arange(reference.courses, dtype=float)
    since = days[-1] + reference.after_stopping_days - days
    left = pulse_height(since[None, :], draws["onset_days"], draws["extra_decay_days"])
    remaining = 2.0 ** (-since / fixed.persistent_half_life_days)
    lasting = -np.expm1(-remaining.sum() / fixed.saturation_courses)
    pulses = np.asarray(left).sum(axis=1)
    return np.asarray(
        -draws["pulse_mean"][:, 0] * pulses - draws["persistent_mean"][:, 0] * float(lasting)
    )


def compute_curve(draws: Draws, model: PulseModel) -> Floats:
    """Return the mean improvement after one full course on the drawn days, (draws, days)."""
    days = np.asarray(model.reference.curve_days, dtype=float)[None, :]
    height = pulse_height(days, draws["onset_days"], draws["extra_decay_days"])
    return np.asarray(draws["pulse_mean"] * height)


def compute_monthly_curve(draws: Draws, model: PulseModel) -> Floats:
    """Return the mean improvement through a cycle once courses are many, (draws, days)."""
    cycle = model.reference.cycle_days
    days = np.asarray([day for day in model.reference.curve_days if day <= cycle], dtype=float)
    height = steady_height(days[None, :], draws["onset_days"], draws["extra_decay_days"], cycle)
    return np.asarray(draws["pulse_mean"] * height)


def loading_of(draws: Draws, place: int) -> Floats:
    """Return how many units a measure moves when the anchor moves one; 1 for the anchor."""
    if place == 0:
        return np.ones(len(draws["pulse_mean"]))
    return np.asarray(draws["loading"][:, place - 1])
