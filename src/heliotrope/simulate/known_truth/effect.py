"""What the infusions so far do to the activity on a day, under the model or a departure from it."""

from __future__ import annotations

import numpy as np

from heliotrope.simulate.activity import compute_pulse
from heliotrope.simulate.draws import Numbers
from heliotrope.simulate.known_truth.parameters import Effect, KnownTruth


def compute_pulse_sum(
    truth: KnownTruth,
    effect: Effect,
    since_infusion: Numbers,
    dose: Numbers,
    shape_days: tuple[Numbers, Numbers],
) -> Numbers:
    """Add up the pulses of the infusions so far, each with a peak of 1 for a full dose.

    ``since_infusion``: days since each infusion, infusions in the last place (NaN: none; nothing
    counts on its own day). ``dose``: in full doses. ``shape_days``: half-time of the onset and
    extra decay, which broadcast with one place less. Saturating pulses add up less and less, and
    one full dose still peaks at 1.
    """
    onset, decay = (days[..., None] for days in shape_days)
    added = (np.nan_to_num(dose) * compute_pulse(since_infusion, onset, decay)).sum(axis=-1)
    if effect == "saturating_pulse":
        cap = truth.departures.saturation_cap
        added = np.expm1(-added / cap) / np.expm1(-1 / cap)
    total: Numbers = added
    return total


def compute_persistent_share(
    truth: KnownTruth, effect: Effect, since_infusion: Numbers, dose: Numbers
) -> Numbers:
    """How far the lasting part is built up: 0 before the first infusion, towards 1 with many.

    Arguments as in ``compute_pulse_sum``. When it decays, an infusion counts half after the
    half-life of the departure.
    """
    is_past = np.nan_to_num(since_infusion, nan=-1) > 0
    counted = np.where(is_past, np.nan_to_num(dose), 0)
    if effect == "decaying_persistent_effect":
        since = np.where(is_past, since_infusion, 0)
        counted = counted * 2.0 ** (-since / truth.departures.persistent_half_life_days)
    share: Numbers = -np.expm1(-counted.sum(axis=-1) / truth.conventions.infusions_to_build_up)
    return share


def compute_steroid_scale(truth: KnownTruth, felt_mg_kg: Numbers) -> Numbers:
    """Put a felt steroid dose on the scale of the model: 0 at the centre, a unit at 1 mg/kg/day
    above none."""
    unit = truth.conventions.steroid_unit_mg_kg
    scaled: Numbers = np.log1p(felt_mg_kg / unit) / np.log1p(1 / unit)
    return scaled - truth.conventions.steroid_centre
