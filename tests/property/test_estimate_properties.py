"""What must hold for every interval and every curve, whatever the numbers."""

from __future__ import annotations

from math import comb

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.estimate.intervals import (
    estimate_proportion_exact,
    estimate_proportion_wilson,
    estimate_rate_exact,
)
from heliotrope.estimate.kaplan_meier import estimate_curve

Times = list[tuple[int, int, bool]]

without_deadline = settings(deadline=None, max_examples=60)

some_times = st.lists(
    st.tuples(st.integers(0, 80), st.integers(1, 200), st.booleans()), min_size=1, max_size=40
)


def frame(times: Times) -> pl.DataFrame:
    return pl.DataFrame(
        times,
        schema={"entry": pl.Int64, "exit": pl.Int64, "is_event": pl.Boolean},
        orient="row",
    )


@without_deadline
@given(total=st.integers(1, 12), share=st.floats(0.001, 0.999), level=st.sampled_from([0.8, 0.95]))
def test_the_exact_interval_covers_at_least_at_its_level(
    total: int, share: float, level: float
) -> None:
    covered = 0.0
    for count in range(total + 1):
        interval = estimate_proportion_exact(count, total, level)
        if interval.low <= share <= interval.high:
            covered += comb(total, count) * share**count * (1 - share) ** (total - count)
    assert covered >= level - 1e-9


@without_deadline
@given(total=st.integers(1, 5000), data=st.data())
def test_intervals_hold_their_proportion_and_mirror(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    for estimate in (estimate_proportion_exact, estimate_proportion_wilson):
        interval, mirror = (estimate(k, total, 0.95) for k in (count, total - count))
        assert 0 <= interval.low <= count / total <= interval.high <= 1
        assert interval.low == pytest.approx(1 - mirror.high, abs=1e-9)


@without_deadline
@given(count=st.integers(0, 500), exposure=st.floats(0.5, 1e5))
def test_a_rate_scales_with_its_exposure(count: int, exposure: float) -> None:
    one, two = (estimate_rate_exact(count, amount, 0.95) for amount in (exposure, 2 * exposure))
    assert one.low <= count / exposure <= one.high
    assert (one.low, one.high) == pytest.approx((2 * two.low, 2 * two.high))


@without_deadline
@given(exits=st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_without_censoring_the_curve_is_the_share_still_free(exits: list[int]) -> None:
    curve = estimate_curve(frame([(0, day, True) for day in exits]), 0.95)
    for day, survival in curve.steps.select("day", "survival").rows():
        assert survival == pytest.approx(sum(e > day for e in exits) / len(exits), abs=1e-12)


@without_deadline
@given(times=some_times)
def test_a_curve_equals_the_plain_definition(times: Times) -> None:
    curve = estimate_curve(frame(times), 0.95)
    survival = 1.0
    seen = [(entry, leave, event) for entry, leave, event in times if leave > entry]
    expected = []
    for day in sorted({leave for _, leave, event in seen if event}):
        at_risk = sum(entry < day <= leave for entry, leave, _ in seen)
        events = sum(leave == day and event for _, leave, event in seen)
        survival *= 1 - events / at_risk
        expected.append((day, events, at_risk, survival))
    found = curve.steps.select("day", "events", "at_risk", "survival").rows()
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert [row[3] for row in found] == pytest.approx([row[3] for row in expected], abs=1e-12)


@without_deadline
@given(times=some_times, seed=st.integers(0, 100))
def test_the_order_of_the_children_does_not_matter(times: Times, seed: int) -> None:
    rows = frame(times)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=seed)
    assert estimate_curve(rows, 0.95).steps.equals(estimate_curve(shuffled, 0.95).steps)


@without_deadline
@given(times=some_times)
def test_intervals_of_a_curve_hold_it(times: Times) -> None:
    for row in estimate_curve(frame(times), 0.95).steps.rows(named=True):
        if row["survival"] <= 1e-9:
            assert row["loglog_low"] is None
            continue
        assert 0 <= row["loglog_low"] <= row["survival"] <= row["loglog_high"] <= 1
        assert 0 <= row["greenwood_low"] <= row["survival"] <= row["greenwood_high"] <= 1
