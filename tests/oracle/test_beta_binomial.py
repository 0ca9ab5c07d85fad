"""Reactions clustered in children: the beta-binomial likelihood against R's optimisers, live."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heliotrope.estimate.events.beta_binomial import (
    ALWAYS,
    NO_REACTION,
    NOTHING_SHARED,
    estimate_clustered_share,
)
from heliotrope.estimate.intervals import estimate_proportion_exact

RunR = Callable[[str], str]

# Written with lbeta and R's own optimiser: another formula and another search than ours.
FIT = """
options(digits = 12)
x <- c({hits}); n <- c({trials})
ll <- function(p, rho) {{
  if (rho < 1e-7) return(sum(dbinom(x, n, p, log = TRUE) - lchoose(n, x)))
  s <- (1 - rho) / rho
  sum(lbeta(x + p * s, n - x + (1 - p) * s) - lbeta(p * s, (1 - p) * s))
}}
o <- function(f, up = 0.9999) optimize(f, c(0, up), maximum = TRUE, tol = 1e-12)
at_p <- function(p) max(o(function(r) ll(p, r))$objective, ll(p, 0))
at_r <- function(r) o(function(p) ll(p, r))$objective
b <- optimize(at_p, c(0.001, 0.999), maximum = TRUE, tol = 1e-10)
r <- o(function(r) ll(b$maximum, r))
rho <- if (r$objective > ll(b$maximum, 0)) r$maximum else 0
floor <- b$objective - qchisq(0.95, 1) / 2
root <- function(f, from, to) uniroot(f, c(from, to), tol = 1e-12)$root
cat(b$maximum, rho, root(function(p) at_p(p) - floor, 1e-6, b$maximum),
    root(function(p) at_p(p) - floor, b$maximum, 1 - 1e-6),
    if (at_r(0) >= floor) 0 else root(function(r) at_r(r) - floor, 1e-6, rho),
    root(function(r) at_r(r) - floor, max(rho, 1e-6), 0.9999))
"""


@pytest.mark.parametrize(
    ("hits", "trials"),
    [
        ([0, 0, 4, 0, 1], [6, 6, 6, 6, 6]),
        ([1, 0, 2, 5, 0, 0, 1, 3], [10, 8, 12, 9, 6, 7, 11, 12]),
        ([2, 2, 2, 1, 2], [6, 6, 6, 6, 6]),
        ([0, 1, 0, 0, 3, 7, 0, 0, 0, 2], [1, 4, 2, 30, 12, 12, 1, 6, 6, 24]),
    ],
)
def test_share_correlation_and_intervals_against_r(
    run_r: RunR, hits: list[int], trials: list[int]
) -> None:
    script = FIT.format(hits=", ".join(map(str, hits)), trials=", ".join(map(str, trials)))
    expected = [float(word) for word in run_r(script).split()]
    found = estimate_clustered_share(np.array(hits), np.array(trials), 0.95)
    assert found.correlation is not None
    assert found.correlation_interval is not None
    ours = [
        found.share,
        found.correlation,
        found.interval.low,
        found.interval.high,
        found.correlation_interval.low,
        found.correlation_interval.high,
    ]
    assert ours == pytest.approx(expected, abs=1e-5)


def test_children_alike_give_the_binomial_share_and_no_correlation() -> None:
    found = estimate_clustered_share(np.array([1] * 8), np.array([5] * 8), 0.95)
    assert (found.share, found.correlation) == pytest.approx((0.2, 0.0))
    assert found.gain == pytest.approx(0.0)


def test_a_child_that_always_reacts_makes_the_interval_wide() -> None:
    always = estimate_clustered_share(np.array([0, 0, 0, 6]), np.full(4, 6), 0.95)
    spread = estimate_clustered_share(np.array([2, 2, 1, 1]), np.full(4, 6), 0.95)
    assert always.correlation == pytest.approx(1.0, abs=1e-6)
    assert always.interval.high - always.interval.low > spread.interval.high - spread.interval.low


def test_without_a_reaction_the_bound_counts_children_not_infusions() -> None:
    found = estimate_clustered_share(np.zeros(7, np.int64), np.full(7, 12), 0.95)
    assert found.refused == NO_REACTION
    assert found.interval.low == 0
    # Seven children of whom none is a reactor: (1 - bound) ** 7 = 0.05.
    assert (1 - found.interval.high) ** 7 == pytest.approx(0.05)
    all_of_them = estimate_clustered_share(np.full(3, 2), np.full(3, 2), 0.95)
    assert all_of_them.refused == ALWAYS
    assert all_of_them.interval.low == pytest.approx(0.05 ** (1 / 3))


def test_one_infusion_a_child_is_a_plain_proportion() -> None:
    found = estimate_clustered_share(np.array([1, 0, 0, 1]), np.ones(4, np.int64), 0.95)
    assert found.refused == NOTHING_SHARED
    assert found.interval == estimate_proportion_exact(2, 4, 0.95)


@pytest.mark.parametrize(("hits", "trials"), [([], []), ([3], [2]), ([0], [0])])
def test_impossible_counts_are_errors(hits: list[int], trials: list[int]) -> None:
    with pytest.raises(ValueError, match="reactions <= infusions"):
        estimate_clustered_share(
            np.array(hits, dtype=np.int64), np.array(trials, dtype=np.int64), 0.95
        )
