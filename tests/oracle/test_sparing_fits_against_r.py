"""The fits behind the steroid spared against R's lm, glm and survreg, live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heliotrope.estimate.intervals import compute_student_quantile
from heliotrope.estimate.logistic import fit_logistic
from heliotrope.estimate.sparing.dosing_rule import estimate_associations
from heliotrope.estimate.sparing.solvers import (
    Bounds,
    fit_bounded,
    fit_bounded_each,
    fit_linear,
)

RunR = Callable[[str], str]

FITS = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
show <- function(x) cat(unlist(x), "\n")
show(coef(lm(y ~ a + b, d, weights = w)))
show(coef(glm(event ~ a + b, binomial, d, weights = w, control = list(epsilon = 1e-14))))
cut <- survreg(Surv(pmax(y, 0), y > 0, type = "left") ~ a + b, d, weights = w,
               dist = "gaussian", control = list(rel.tolerance = 1e-13, maxiter = 100))
show(c(coef(cut), cut$scale))
d$low <- ifelse(d$y <= 0, NA, pmin(d$y, 2)); d$high <- ifelse(d$y >= 2, NA, pmax(d$y, 0))
both <- survreg(Surv(low, high, type = "interval2") ~ a + b, d, weights = w,
                dist = "gaussian", control = list(rel.tolerance = 1e-13, maxiter = 100))
show(c(coef(both), both$scale))
"""

WITHIN = """
options(digits = 15)
d <- read.csv("{path}")
fit <- lm(change ~ activity + covered + log(dose_before) + I(1 / dose_before) +
          days_from_first_infusion + factor(patient_id), d)
x <- model.matrix(~ activity + covered + log(dose_before) + I(1 / dose_before) +
                  days_from_first_infusion, d)[, -1]
x <- apply(x, 2, function(v) v - ave(v, d$patient_id))
u <- rowsum(x * resid(fit), d$patient_id); g <- nrow(u); n <- nrow(x)
bread <- solve(crossprod(x))
v <- bread %*% crossprod(u) %*% bread * g / (g - 1) * (n - 1) / (n - ncol(x))
b <- coef(fit)[2:3]; half <- qt(0.975, g - 1) * sqrt(diag(v))[1:2]
cat(c(b[1], b[1] - half[1], b[1] + half[1], b[2], b[2] - half[2], b[2] + half[2]))
"""


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Sixty rows of a clinic that is none, some weighed twice and some not at all."""
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=60), generator.integers(0, 2, 60).astype(float)
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "y": 1.0 + a - 0.8 * b + generator.normal(0, 1.2, 60),
            "event": (generator.random(60) < 1 / (1 + np.exp(0.5 - a))).astype(float),
            "w": generator.integers(0, 3, 60).astype(float),
        }
    )


def numbers(printed: str) -> list[list[float]]:
    return [[float(word) for word in line.split()] for line in printed.splitlines()]


def test_the_fits_are_those_of_r(run_r: RunR, tmp_path: Path, table: pl.DataFrame) -> None:
    path = tmp_path / "table.csv"
    table.filter(pl.col("w") > 0).write_csv(path)
    linear, logistic, left, both = numbers(run_r(FITS.format(path=path)))
    design = np.column_stack([np.ones(60), table["a"], table["b"]])
    y, event, w = (table[name].to_numpy() for name in ("y", "event", "w"))
    assert list(fit_linear(design, y, w).coefficients) == pytest.approx(linear, abs=1e-9)
    found = fit_logistic(design, event, w[None]).coefficients[0]
    assert list(found) == pytest.approx(logistic, abs=1e-6)
    for bounds, expected in ((Bounds(0, np.inf), left), (Bounds(0, 2), both)):
        fit = fit_bounded(design, np.clip(y, bounds.low, bounds.high), w, bounds)
        assert [*fit.coefficients, fit.spread] == pytest.approx(expected, abs=1e-5)


def test_the_association_within_children_is_that_of_r(run_r: RunR, tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    rows = 120
    decisions = pl.DataFrame(
        {
            "patient_id": [f"c{number}" for number in generator.integers(0, 14, rows)],
            "activity": generator.uniform(0, 8, rows),
            "covered": generator.uniform(0, 1, rows).round(1),
            "dose_before": generator.uniform(0.05, 2, rows),
            "days_from_first_infusion": generator.integers(-200, 500, rows),
            "change": generator.normal(-0.1, 0.2, rows),
        }
    )
    path = tmp_path / "decisions.csv"
    decisions.write_csv(path)
    activity, beyond = estimate_associations(decisions, 0.95)
    assert activity is not None
    assert beyond is not None
    found = [
        number
        for one in (activity, beyond)
        for number in (one.slope, one.interval.low, one.interval.high)
    ]
    assert found == pytest.approx(numbers(run_r(WITHIN.format(path=path)))[0], abs=1e-9)
    assert compute_student_quantile(0.975, 13) == pytest.approx(2.160369, abs=1e-6)


def test_what_separates_perfectly_keeps_finite_odds() -> None:
    design = np.column_stack([np.ones(6), [0.0, 1, 2, 3, 4, 5]])
    happened = np.array([0.0, 0, 0, 1, 1, 1])
    penalised = fit_logistic(design, happened, np.ones((1, 6)), np.array([0.0, 0.1]))
    assert 0 < penalised.coefficients[0, 1] < 10
    assert np.isfinite(fit_logistic(design, happened, np.ones((1, 6))).coefficients).all()


def test_a_column_that_repeats_another_shares_its_slope() -> None:
    x = np.arange(8.0)
    fit = fit_linear(np.column_stack([np.ones(8), x, x]), 2 + 3 * x, np.ones(8))
    assert list(fit.coefficients) == pytest.approx([2, 1.5, 1.5])


def test_without_a_value_at_an_end_the_bounded_fit_is_least_squares() -> None:
    generator = np.random.default_rng(1)
    design = np.column_stack([np.ones(40), generator.normal(size=40)])
    y = design @ [5.0, 1.0] + generator.normal(size=40)
    plain = fit_linear(design, y, np.ones(40))
    fit = fit_bounded(design, y, np.ones(40), Bounds(-100, 100))
    assert list(fit.coefficients) == pytest.approx(list(plain.coefficients), abs=1e-8)
    assert fit.spread == pytest.approx(np.sqrt(np.mean(plain.residuals**2)), abs=1e-8)


def test_many_samples_are_fitted_as_each_alone() -> None:
    """One of them has no value between the ends, one no value at an end."""
    generator = np.random.default_rng(7)
    design = np.column_stack([np.ones(50), generator.normal(size=50), np.zeros(50)])
    y = np.clip(design @ [0.5, 1.0, 0.0] + generator.normal(size=50), 0, 2)
    weights = generator.integers(0, 3, (12, 50)).astype(float)
    weights[1] = (y == 0).astype(float)
    weights[2] = ((y > 0) & (y < 2)).astype(float)
    together = fit_bounded_each(design, y, weights, Bounds(0, 2))
    for one, weight in zip(together, weights, strict=True):
        rows = np.repeat(np.arange(50), weight.astype(int))
        copied = fit_bounded(design[rows], y[rows], np.ones(len(rows)), Bounds(0, 2))
        assert [*one.coefficients, one.spread] == pytest.approx(
            [*copied.coefficients, copied.spread], abs=1e-6
        )
    assert together[1].spread == 0
    assert together[0].coefficients[2] == 0
