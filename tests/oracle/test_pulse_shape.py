"""The shape of a pulse against closed forms, and against a dense grid."""

from __future__ import annotations

import numpy as np
import pytest

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.estimands import compute_igg_half_life
from heliotrope.estimate.pulse.kernel import compute_pulse_shape, peak_day, pulse_height

HALF_TIMES = [(5.0, 14.0), (2.0, 1.0), (10.0, 40.0), (1.0, 0.05), (5.0, 0.0), (3.0, 1e-9)]


@pytest.mark.parametrize(("onset", "extra"), HALF_TIMES[:4])
def test_two_exponentials(onset: float, extra: float) -> None:
    days = np.linspace(0.1, 120, 500)
    fast, slow = np.log(2) / onset, np.log(2) / (onset + extra)
    peak = np.log(fast / slow) / (fast - slow)
    highest = np.exp(-slow * peak) - np.exp(-fast * peak)
    expected = (np.exp(-slow * days) - np.exp(-fast * days)) / highest
    assert peak_day(onset, extra) == pytest.approx(peak, rel=1e-9)
    np.testing.assert_allclose(pulse_height(days, onset, extra), expected, rtol=1e-8)


@pytest.mark.parametrize("extra", [0.0, 1e-12, 1e-6])
def test_one_rate_is_the_limit(extra: float) -> None:
    days = np.linspace(0.1, 60, 200)
    rate = np.log(2) / 5.0
    expected = rate * days * np.exp(1 - rate * days)
    np.testing.assert_allclose(pulse_height(days, 5.0, extra), expected, rtol=1e-5)


def test_nothing_before_and_on_the_day() -> None:
    assert pulse_height(np.array([-3.0, 0.0]), 5.0, 14.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("onset", "extra"), HALF_TIMES)
def test_what_a_clinician_reads_off(onset: float, extra: float) -> None:
    shape = compute_pulse_shape(np.array([onset]), np.array([extra]), 28, 28)
    days = np.linspace(0, 400, 400_001)
    height = pulse_height(days, onset, extra)
    above = days[height >= 0.5]
    cycle = np.linspace(0, 28, 28_001)
    steady = sum(pulse_height(cycle + 28 * past, onset, extra) for past in range(60))
    assert shape.peak_day[0] == pytest.approx(days[height.argmax()], abs=0.002)
    assert shape.half_peak_day[0] == pytest.approx(above[0], abs=0.002)
    assert shape.days_above_half[0] == pytest.approx(above[-1] - above[0], abs=0.004)
    assert shape.share_left[0] == pytest.approx(float(pulse_height(28.0, onset, extra)))
    assert shape.share_left_monthly[0] == pytest.approx(steady[-1] / steady.max(), abs=1e-4)


def test_the_example_of_the_plan() -> None:
    """At onset 5 d and extra decay 14 d it peaks on day 13 and keeps 74 % at day 28."""
    assert float(peak_day(5.0, 14.0)) == pytest.approx(13, abs=0.1)
    assert float(pulse_height(28.0, 5.0, 14.0)) == pytest.approx(0.74, abs=0.005)


def test_immunoglobulin_in_a_child_of_20_kg() -> None:
    """The published two compartments: 20.5 days at 20 kg."""
    found = compute_igg_half_life(read_pulse_model().pharmacokinetics, 20.0)
    assert found == pytest.approx(20.5, abs=0.05)
