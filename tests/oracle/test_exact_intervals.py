"""Intervals against published tables, closed forms and R's binom.test and poisson.test, live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliotrope.estimate.intervals import (
    estimate_difference_newcombe,
    estimate_difference_wald,
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


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_newcombe_against_the_table_of_his_paper(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    interval = estimate_difference_newcombe(first, second, 0.95)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wald_of_the_controlled_trial_in_adults_as_published() -> None:
    interval = estimate_difference_wald((37, 47), (21, 48), 0.95)
    assert round(100 * (37 / 47 - 21 / 48), 2) == 34.97
    assert (round(100 * interval.low, 2), round(100 * interval.high, 2)) == (16.70, 53.24)


def test_differences_against_r_live(run_r: Callable[[str], str]) -> None:
    pairs = [((37, 47), (21, 48)), ((4, 7), (1, 5)), ((25, 38), (2, 2)), ((0, 9), (0, 4))]
    script = "options(digits = 15);" + "".join(
        f"a <- c({a}, {b}); n <- c({m}, {n});"
        "l <- sapply(1:2, function(i) prop.test(a[i], n[i], correct = FALSE)$conf.int);"
        "p <- a / n; d <- p[1] - p[2];"
        "cat(suppressWarnings(prop.test(a, n, correct = FALSE)$conf.int),"
        "d - sqrt((p[1] - l[1, 1])^2 + (l[2, 2] - p[2])^2),"
        'd + sqrt((l[2, 1] - p[1])^2 + (p[2] - l[1, 2])^2), "\\n");'
        for (a, m), (b, n) in pairs
    )
    for pair, line in zip(pairs, run_r(script).strip().splitlines(), strict=True):
        wald, newcombe = (
            estimate(*pair, 0.95)
            for estimate in (estimate_difference_wald, estimate_difference_newcombe)
        )
        found = [wald.low, wald.high, newcombe.low, newcombe.high]
        assert found == pytest.approx([float(word) for word in line.split()], abs=1e-9)


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
