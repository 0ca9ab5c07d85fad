"""Pooled shares against R's metafor: numbers recorded with their command, and live.

Recorded with R 4.2.2, metafor 3.8-1, for each set of counts x of n::

    e <- escalc(measure = "PLO", xi = x, ni = n, add = 1/2, to = "only0")
    r <- rma(yi, vi, data = e, method = "DL", test = "adhoc")
    plogis(c(coef(r), r$ci.lb, r$ci.ub)); r$tau2; r$I2
    plogis(coef(r) + c(-1, 1) * qt(.975, length(x) - 2) * sqrt(r$se^2 + r$tau2))

``test = "adhoc"`` is Hartung and Knapp's interval that is never narrower than without their factor.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from heliotrope.definitions.evidence import Evidence
from heliotrope.definitions.literature import BESIDE_THE_LITERATURE, Literature
from heliotrope.definitions.load import read_rulebook
from heliotrope.estimate.literature import choose_for_pooling, list_series
from heliotrope.estimate.pooling import (
    PooledShare,
    estimate_pooled_share,
    estimate_random_effects,
)

Counts = list[tuple[int, int]]

CHILDREN = [(6, 7), (9, 9), (2, 2), (7, 10), (12, 18)]
ADULTS = [(11, 12), (37, 47), (8, 19), (23, 27)]
THREE = [(6, 7), (12, 18), (7, 10)]
SPREAD = [(3, 60), (40, 70), (1, 50), (55, 60)]

# Share, its interval, the prediction interval, tau squared, I squared.
RECORDED: list[tuple[Counts, list[float]]] = [
    (CHILDREN, [0.7387062609, 0.5120537259, 0.8839404269, 0.4758451214, 0.8980007168, 0, 0]),
    (
        ADULTS,
        [
            0.756909454,
            0.3430484687,
            0.9488921861,
            0.02888323745,
            0.9969416131,
            0.853684224,
            0.7600384685,
        ],
    ),
    (THREE, [0.7057912378, 0.3194672335, 0.924580975, 0.0190354473, 0.9966394796, 0, 0]),
    (
        SPREAD,
        [
            0.2858877971,
            0.004052877717,
            0.9752383454,
            4.440373966e-06,
            0.9999722954,
            4.952364191,
            0.9550791187,
        ],
    ),
]


def numbers(pooled: PooledShare) -> list[float]:
    return [
        pooled.value,
        pooled.interval.low,
        pooled.interval.high,
        pooled.prediction.low,
        pooled.prediction.high,
        pooled.between_variance,
        pooled.heterogeneity,
    ]


@pytest.mark.parametrize(("counts", "expected"), RECORDED)
def test_pooled_shares_against_recorded_numbers(counts: Counts, expected: list[float]) -> None:
    found = numbers(estimate_pooled_share(counts, 0.95, 0.5))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_pooled_shares_against_metafor_live(run_r: Callable[[str], str]) -> None:
    if run_r('cat(requireNamespace("metafor", quietly = TRUE))').strip() != "TRUE":
        message = "the R package metafor is missing: install r-cran-metafor"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    for counts, _ in RECORDED:
        events, totals = zip(*counts, strict=True)
        printed = run_r(
            f"""suppressMessages(library(metafor)); options(digits = 15)
            e <- escalc(measure = "PLO", xi = c{events}, ni = c{totals}, add = 1/2, to = "only0")
            r <- rma(yi, vi, data = e, method = "DL", test = "adhoc")
            p <- coef(r) + c(-1, 1) * qt(.975, {len(counts)} - 2) * sqrt(r$se^2 + r$tau2)
            cat(plogis(c(coef(r), r$ci.lb, r$ci.ub, p)), r$tau2, r$I2 / 100)"""
        )
        expected = [float(word) for word in printed.split()]
        found = numbers(estimate_pooled_share(counts, 0.95, 0.5))
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-10)


def test_the_shipped_children_are_the_ones_recorded_here() -> None:
    rulebook = read_rulebook()
    literature = rulebook.get(BESIDE_THE_LITERATURE, Literature)
    outcome = next(item for item in literature.outcomes if item.id == "responded")
    for population, counts in (("children", CHILDREN), ("adults", ADULTS)):
        own = [item for item in rulebook.of_kind(Evidence) if item.population == population]
        chosen = choose_for_pooling(list_series(own, outcome))
        assert sorted((item.count.events, item.count.of) for item in chosen) == sorted(counts)


def test_fewer_than_three_series_have_no_spread() -> None:
    with pytest.raises(ValueError, match="three series"):
        estimate_pooled_share(THREE[:2], 0.95, 0.5)


ESTIMATES = [
    [(0.2, 0.04), (0.6, 0.05), (0.1, 0.02)],
    [(-1.2, 0.3), (0.4, 0.1), (-0.1, 0.08), (0.9, 0.5), (0.3, 0.02)],
    [(0.1, 0.04), (0.9, 0.03)],
]


@pytest.mark.parametrize("estimates", ESTIMATES)
def test_random_effects_and_without_each_site_against_metafor_live(
    run_r: Callable[[str], str], estimates: list[tuple[float, float]]
) -> None:
    if run_r('cat(requireNamespace("metafor", quietly = TRUE))').strip() != "TRUE":
        message = "the R package metafor is missing: install r-cran-metafor"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    values, variances = zip(*estimates, strict=True)
    printed = run_r(
        f"""suppressMessages(library(metafor)); options(digits = 15)
        r <- rma(c{values}, c{variances}, method = "DL", test = "adhoc")
        cat(coef(r), r$ci.lb, r$ci.ub, r$tau2, r$I2 / 100, "")
        if (r$k > 2) {{
          cat(coef(r) + c(-1, 1) * qt(.975, r$k - 2) * sqrt(r$se^2 + r$tau2), "")
          l <- leave1out(r); cat(rbind(l$estimate, l$ci.lb, l$ci.ub))
        }}"""
    )
    expected = [float(word) for word in printed.split()]
    found = describe(estimates)
    if len(estimates) > 2:
        pooled = estimate_random_effects(estimates, 0.95)
        assert pooled.prediction is not None
        found += [pooled.prediction.low, pooled.prediction.high]
        for place in range(len(estimates)):
            rest = [item for number, item in enumerate(estimates) if number != place]
            found += describe(rest)[:3]
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-10)


def describe(estimates: list[tuple[float, float]]) -> list[float]:
    pooled = estimate_random_effects(estimates, 0.95)
    ends = pooled.interval
    return [pooled.value, ends.low, ends.high, pooled.between_variance, pooled.heterogeneity]


def test_one_site_has_no_mean() -> None:
    with pytest.raises(ValueError, match="at least two"):
        estimate_random_effects([(0.1, 0.2)], 0.95)
