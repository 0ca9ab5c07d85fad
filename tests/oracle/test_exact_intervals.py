"""Intervals against published tables, closed forms and R's binom.test and poisson.test, live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliotrope.estimate.intervals import (
    estimate_proportion_exact,
    estimate_proportion_wilson,
    estimate_rate_exact,
    estimate_upper_bound_of_none,
)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(4, 7, 0.1840516, 0.9010117), (8, 19, 0.203, 0.665), (0, 7, 0.0, 0.4096164)],
)
def test_clopper_pearson_against_published_numbers(
    count: int, total: int, low: float, high: float
) -> None:
    interval = estimate_proportion_exact(count, total, 0.95)
    digits = 3 if total == 19 else 7
    assert round(interval.low, digits) == low
    assert round(interval.high, digits) == high


def test_a_published_table_of_8_in_19_is_not_the_exact_interval() -> None:
    interval = estimate_proportion_exact(8, 19, 0.95)
    assert (round(interval.low, 3), round(interval.high, 3)) != (0.196, 0.646)


def test_initial_responders_of_the_1997_series() -> None:
    interval = estimate_proportion_exact(4, 6, 0.95)
    assert (round(100 * interval.low), round(100 * interval.high)) == (22, 96)


def test_wilson_of_4_in_7() -> None:
    interval = estimate_proportion_wilson(4, 7, 0.95)
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.250, 0.842)


def test_poisson_of_3_in_60() -> None:
    interval = estimate_rate_exact(3, 60, 0.95)
    assert (round(interval.low, 7), round(interval.high, 7)) == (0.0103112, 0.1461212)


def test_none_in_60_is_the_exact_rule_of_three() -> None:
    assert round(estimate_upper_bound_of_none(60, 0.95) * 60, 6) == 2.995732


def test_all_intervals_against_r_live(run_r: Callable[[str], str]) -> None:
    counts = [(0, 1), (1, 1), (0, 7), (1, 7), (4, 7), (7, 7), (8, 19), (92, 1056), (25, 38)]
    binomial = "".join(
        f"cat(binom.test({k},{n})$conf.int, prop.test({k},{n},correct=FALSE)$conf.int, "
        f'poisson.test({k},{n})$conf.int, "\\n");'
        for k, n in counts
    )
    printed = run_r(f"options(digits=15, warn=-1); {binomial}")
    expected = [float(word) for word in printed.split()]
    found: list[float] = []
    for count, total in counts:
        for interval in (
            estimate_proportion_exact(count, total, 0.95),
            estimate_proportion_wilson(count, total, 0.95),
            estimate_rate_exact(count, total, 0.95),
        ):
            found += [interval.low, interval.high]
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("count", "total"), [(1, 0), (-1, 7), (8, 7)])
def test_impossible_counts_are_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="proportion"):
        estimate_proportion_exact(count, total, 0.95)
