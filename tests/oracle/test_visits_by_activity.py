"""Visits that go with activity: against every exchange of the gaps, and on charts with a truth."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.data import ChildChart, MeasureScale, PulseData
from heliotrope.estimate.pulse.visits_by_activity import compute_visits_by_activity

PHASES = read_pulse_model().reference.phases
MEASURES = (MeasureScale("physician_global", 0.0, 10.0),)


def cohort(*charts: tuple[list[float], list[float], list[float]]) -> PulseData:
    return PulseData.of(
        [
            ChildChart(
                np.asarray(days),
                np.asarray(values)[:, None],
                np.asarray(given),
                np.ones(len(given)),
            )
            for days, values, given in charts
        ],
        MEASURES,
    )


def test_against_every_exchange_of_the_gaps() -> None:
    """Two children before IVIG, ties among the values: mean and variance over all exchanges."""
    one = ([-200.0, -160.0, -130.0, -90.0, -80.0], [2.0, 3.0, 3.0, 5.0, 1.0])
    other = ([-100.0, -70.0, -65.0, -20.0], [4.0, 6.0, 1.0, 2.0])
    found = compute_visits_by_activity(cohort((*one, [0.0]), (*other, [0.0])), PHASES)
    groups = []
    for days, values in (one, other):
        value = stats.rankdata(values[:-1])
        gap = stats.rankdata(np.diff(days))
        groups.append((value - value.mean(), gap - gap.mean()))
    together = sum(float(value @ gap) for value, gap in groups)
    exchanged = [
        sum(float(value @ gap) for (value, _), gap in zip(groups, gaps, strict=True))
        for gaps in product(*(list(map(np.asarray, permutations(gap))) for _, gap in groups))
    ]
    assert np.mean(exchanged) == pytest.approx(0.0, abs=1e-12)
    expected = 2 * stats.norm.sf(abs(together) / np.std(exchanged))
    assert (found.pairs, found.children) == (7, 2)
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_a_gap_is_compared_within_a_child_and_phase_only() -> None:
    """Sicker children seen more often throughout, or sicker phases: nothing to be said of it."""
    sick = ([-40.0, -30.0, -20.0, -10.0], [8.0, 8.0, 8.0, 8.0], [0.0])
    well = ([-200.0, -140.0, -80.0, -20.0], [1.0, 1.0, 1.0, 1.0], [0.0])
    found = compute_visits_by_activity(cohort(sick, well), PHASES)
    assert found.pairs == 6
    assert found.p_value is None
    assert found.correlation is None


def test_the_gap_in_which_ivig_started_is_left_out() -> None:
    chart = ([-60.0, -30.0, 0.0, 7.0], [2.0, 3.0, 9.0, 2.0], [0.0])
    assert compute_visits_by_activity(cohort(chart), PHASES).pairs == 2


def test_a_dense_schedule_just_after_infusions_is_nobody_seen_sooner_for_being_worse() -> None:
    """Seen four times in the week after every course, falling all the while: a schedule."""
    generator = np.random.default_rng(2)
    charts = []
    for _ in range(20):
        given = [28.0 * course for course in range(6)]
        week = np.arange(1.0, 8.0)
        seen = [[*np.sort(generator.choice(week, 4, replace=False)), 26.0] for _ in given]
        days = [start + day for start, each in zip(given, seen, strict=True) for day in each]
        value = [8 - 0.8 * (day % 28) % 7 + generator.normal(0, 0.2) for day in days]
        charts.append((days, value, given))
    found = compute_visits_by_activity(cohort(*charts), PHASES)
    assert found.p_value is not None
    assert found.p_value > 0.05


def test_nobody_seen_twice() -> None:
    found = compute_visits_by_activity(cohort(([3.0], [2.0], [0.0]), ([], [], [])), PHASES)
    assert (found.pairs, found.p_value) == (0, None)


@pytest.mark.parametrize(("slope", "is_flagged"), [(0.0, False), (-4.0, True)])
def test_it_is_seen_where_it_is_so(slope: float, is_flagged: bool) -> None:
    generator = np.random.default_rng(11)
    charts = []
    for _ in range(30):
        value = generator.uniform(0, 8, 12)
        gap = np.maximum(generator.normal(40 + slope * (value - 4), 8), 3)
        days = np.cumsum(gap) - gap - gap.sum()
        charts.append((list(days), list(value), [0.0]))
    found = compute_visits_by_activity(cohort(*charts), PHASES)
    assert found.p_value is not None
    assert (found.p_value < 0.001) is is_flagged
    assert found.correlation is not None
    assert not is_flagged or found.correlation < -0.3
