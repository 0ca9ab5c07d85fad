"""The shape of one pulse: how an effect sets in after an infusion and fades.

``h(s) = (exp(-k2 s) - exp(-k1 s)) / its maximum`` for s days after the infusion, 0 before, with
``k1 = ln 2 / onset_days`` and ``k2 = ln 2 / (onset_days + extra_decay_days)``: peak 1. As the extra
decay goes to 0 both rates become one and ``h(s) = k s exp(1 - k s)``; all functions here pass
through that limit without loss, since they use ``(1 - exp(-x)) / x`` and ``log(1 + x) / x``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from heliotrope.estimate.pulse.data import Floats

# Under so small an argument the two quotients are taken from their series.
_SMALL = 1e-4

# Halvings of a bracket; a bracket of a thousand days is then known to under a nanosecond.
_HALVINGS = 60

_HALF = 0.5


def pulse_height(days: Any, onset_days: Any, extra_decay_days: Any, xp: Any = np) -> Any:
    """Return the height of a pulse so many days after the infusion, as a share of its peak.

    All arguments broadcast; 0 on the infusion day and before. ``xp`` is numpy or jax.numpy.

    >>> round(float(pulse_height(28.0, 5.0, 14.0)), 2), float(pulse_height(0.0, 5.0, 14.0))
    (0.74, 0.0)
    """
    after = xp.maximum(days, 0.0)
    slow, gap = _rates(onset_days, extra_decay_days)
    peak = peak_day(onset_days, extra_decay_days, xp)
    shape = _rise(gap * after, xp) / _rise(gap * peak, xp)
    return after / peak * xp.exp(-slow * (after - peak)) * shape


def peak_day(onset_days: Any, extra_decay_days: Any, xp: Any = np) -> Any:
    """Return the day of the peak after one infusion.

    >>> round(float(peak_day(5.0, 14.0)), 1)
    13.1
    """
    slow, _ = _rates(onset_days, extra_decay_days)
    return _log_quotient(extra_decay_days / onset_days, xp) / slow


@dataclass(frozen=True)
class PulseShape:
    """What a clinician reads off a pulse, one value a draw.

    ``half_peak_day``: half of the peak is reached; ``peak_day``; ``days_above_half``: from there
    until it has fallen to half; ``share_left``: on the given day after one course;
    ``share_left_monthly``: of the highest point of a cycle, just before the next of many courses.
    """

    half_peak_day: Floats
    peak_day: Floats
    days_above_half: Floats
    share_left: Floats
    share_left_monthly: Floats


def compute_pulse_shape(
    onset_days: Floats, extra_decay_days: Floats, day: float, cycle_days: float
) -> PulseShape:
    """Read the shape off each draw of the two half-times; arrays of one length.

    >>> shape = compute_pulse_shape(np.array([5.0]), np.array([14.0]), 28, 28)
    >>> round(float(shape.half_peak_day[0]), 1), round(float(shape.share_left_monthly[0]), 2)
    (2.9, 0.65)
    """
    peak = peak_day(onset_days, extra_decay_days)
    rising = _find_half(np.zeros_like(peak), peak, onset_days, extra_decay_days)
    end = peak + _longest(onset_days, extra_decay_days)
    falling = _find_half(end, peak, onset_days, extra_decay_days)
    return PulseShape(
        half_peak_day=rising,
        peak_day=peak,
        days_above_half=falling - rising,
        share_left=np.asarray(pulse_height(day, onset_days, extra_decay_days)),
        share_left_monthly=_share_left_in_steady_state(onset_days, extra_decay_days, cycle_days),
    )


def steady_height(
    days: Any, onset_days: Floats, extra_decay_days: Floats, cycle_days: float
) -> Floats:
    """Return the summed height of many equal courses, so many days into a cycle (0 to its end).

    As a share of the peak of one course; ``days`` broadcasts with the half-times.
    """
    slow, gap = _rates(onset_days, extra_decay_days)
    # The two rates are kept apart by a hair: the sum over past courses has no simple limit.
    gap = np.maximum(gap, _SMALL * slow)
    fast = slow + gap
    left = np.exp(-slow * days) / -np.expm1(-slow * cycle_days)
    gone = np.exp(-fast * days) / -np.expm1(-fast * cycle_days)
    peak = np.log(fast / slow) / gap
    return np.asarray((left - gone) / (np.exp(-slow * peak) - np.exp(-fast * peak)))


def _share_left_in_steady_state(
    onset_days: Floats, extra_decay_days: Floats, cycle_days: float
) -> Floats:
    slow, gap = _rates(onset_days, extra_decay_days)
    gap = np.maximum(gap, _SMALL * slow)
    fast = slow + gap
    at_slow = slow / -np.expm1(-slow * cycle_days)
    at_fast = fast / -np.expm1(-fast * cycle_days)
    top = np.clip(np.log(at_fast / at_slow) / gap, 0.0, cycle_days)
    lowest = steady_height(cycle_days, onset_days, extra_decay_days, cycle_days)
    return np.asarray(lowest / steady_height(top, onset_days, extra_decay_days, cycle_days))


def _rates(onset_days: Any, extra_decay_days: Any) -> tuple[Any, Any]:
    """Return the slow rate k2 and the gap k1 - k2, per day."""
    whole = onset_days + extra_decay_days
    return np.log(2.0) / whole, np.log(2.0) * extra_decay_days / (onset_days * whole)


def _rise(x: Any, xp: Any) -> Any:
    """(1 - exp(-x)) / x, also at 0."""
    is_small = x < _SMALL
    safe = xp.where(is_small, 1.0, x)
    return xp.where(is_small, 1.0 - x / 2 + x * x / 6, -xp.expm1(-safe) / safe)


def _log_quotient(x: Any, xp: Any) -> Any:
    """log(1 + x) / x, also at 0."""
    is_small = x < _SMALL
    safe = xp.where(is_small, 1.0, x)
    return xp.where(is_small, 1.0 - x / 2 + x * x / 3, xp.log1p(safe) / safe)


def _longest(onset_days: Floats, extra_decay_days: Floats) -> Floats:
    """Days after the peak by which the height has surely halved: six slow half-times."""
    return 6.0 * (onset_days + extra_decay_days)


def _find_half(low: Floats, high: Floats, onset_days: Floats, extra_decay_days: Floats) -> Floats:
    """Find the day between ``low`` (under half) and ``high`` (over half) with half of the peak."""
    under, over = low.astype(float), high.astype(float)
    for _ in range(_HALVINGS):
        middle = _HALF * (under + over)
        is_over = pulse_height(middle, onset_days, extra_decay_days) > _HALF
        over = np.where(is_over, middle, over)
        under = np.where(is_over, under, middle)
    return np.asarray(_HALF * (under + over))
