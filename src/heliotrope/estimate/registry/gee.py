"""Weighted generalised estimating equations: means of repeated visits with honest errors.

Visits of one child resemble each other, so the errors are computed from sums a child (the robust
or sandwich errors of Liang and Zeger, Biometrika 1986, doi 10.1093/biomet/73.1.13), whatever
working correlation is assumed. Weighted by inverse probabilities the working correlation must be
independence, or the weights lose their meaning; exchangeable is there for unweighted use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from heliotrope.estimate.logistic import (
    Integers,
    Numbers,
    compute_chance,
    fit_least_squares,
    fit_logistic,
)

Family = Literal["gaussian", "binomial"]

Working = Literal["independence", "exchangeable"]

# Rows of a regression of which products are held at once.
PORTION = 1 << 18

MOST_ROUNDS = 100
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Visits:
    """Rows of a regression: design (rows by columns), outcome, weight, and whose row it is.

    ``child`` numbers the children from 0; rows of a child may stand anywhere.
    """

    design: Numbers
    outcome: Numbers
    weight: Numbers
    child: Integers

    @property
    def children(self) -> int:
        """How many children, as they are numbered."""
        return int(self.child.max()) + 1 if len(self.child) else 0

    def add_by_child(self, values: Numbers) -> Numbers:
        """Add up rows (first axis) child by child."""
        total = np.zeros((self.children, *values.shape[1:]))
        np.add.at(total, self.child, values)
        return total


@dataclass(frozen=True)
class GeeFit:
    """Coefficients with their robust covariance; ``correlation`` is 0 under independence."""

    coefficients: Numbers
    covariance: Numbers
    correlation: float
    scale: float

    def error(self, column: int) -> float:
        """Return the robust standard error of one coefficient."""
        return float(np.sqrt(self.covariance[column, column]))


def fit_gee(visits: Visits, family: Family, working: Working = "independence") -> GeeFit:
    """Fit a marginal mean (gaussian: identity link; binomial: logit) with robust errors.

    Weights multiply a row's contribution, as those of R's geepack do. Exchangeable: one correlation
    for all pairs of visits of a child, estimated from Pearson residuals, round by round. Errors: no
    row at all is a ValueError; a column that the others determine gets a share of their effect.
    """
    if len(visits.outcome) == 0:
        raise ValueError("a regression needs at least one row")
    coefficients = _fit_independent(visits, family)
    correlation = scale = 0.0
    if working == "independence":
        scale = _estimate_scale(visits, family, coefficients)
    else:
        for _ in range(MOST_ROUNDS):
            scale = _estimate_scale(visits, family, coefficients)
            correlation = _estimate_correlation(visits, family, coefficients, scale)
            score, bread = _sum_up(visits, family, coefficients, correlation)
            step = np.linalg.pinv(bread, hermitian=True) @ score.sum(axis=0)
            coefficients = coefficients + step
            if np.abs(step).max() < TOLERANCE * (1 + np.abs(coefficients).max()):
                break
    score, bread = _sum_up(visits, family, coefficients, correlation)
    inverse = np.linalg.pinv(bread, hermitian=True)
    covariance = inverse @ (score.T @ score) @ inverse
    return GeeFit(coefficients, covariance, correlation, scale)


def _fit_independent(visits: Visits, family: Family) -> Numbers:
    weights = visits.weight[None, :]
    if family == "gaussian":
        coefficients = fit_least_squares(visits.design, visits.outcome, weights)
    else:
        coefficients = fit_logistic(visits.design, visits.outcome, weights).coefficients
    first: Numbers = coefficients[0]
    return first


def _find_mean(visits: Visits, family: Family, coefficients: Numbers) -> tuple[Numbers, Numbers]:
    """Return the mean of each row and its variance but for the scale."""
    linear = visits.design @ coefficients
    if family == "gaussian":
        return linear, np.ones(len(linear))
    chance = compute_chance(linear)
    return chance, chance * (1 - chance)


def _estimate_scale(visits: Visits, family: Family, coefficients: Numbers) -> float:
    """Weighted mean of the squared Pearson residuals, as in geepack."""
    mean, variance = _find_mean(visits, family, coefficients)
    squared = (visits.outcome - mean) ** 2 / variance
    return float(np.average(squared, weights=visits.weight))


def _estimate_correlation(
    visits: Visits, family: Family, coefficients: Numbers, scale: float
) -> float:
    """Mean product of Pearson residuals over all pairs of rows of a child.

    A pair counts with the product of its weights, as in geepack. Nobody with two rows: 0.
    """
    mean, variance = _find_mean(visits, family, coefficients)
    weight = visits.weight
    residual = weight * (visits.outcome - mean) / np.sqrt(variance * scale)
    total = visits.add_by_child(np.stack([residual, residual**2, weight, weight**2], axis=1))
    products = float((total[:, 0] ** 2 - total[:, 1]).sum())
    pairs = float((total[:, 2] ** 2 - total[:, 3]).sum())
    return products / pairs if pairs > 0 else 0.0


def _sum_up(
    visits: Visits, family: Family, coefficients: Numbers, correlation: float
) -> tuple[Numbers, Numbers]:
    """Add up the score of each child, and the information of all.

    The inverse of an exchangeable correlation is known in closed form: rows scaled by their own
    spread, less a share of the child's sum.
    """
    mean, variance = _find_mean(visits, family, coefficients)
    spread = np.sqrt(visits.weight / variance)
    residual = spread * (visits.outcome - mean)
    scaled = spread * variance
    columns = visits.design.shape[1]
    slopes, score = np.zeros((2, visits.children, columns))
    bread = np.zeros((columns, columns))
    for first in range(0, len(residual), PORTION):
        portion = slice(first, first + PORTION)
        slope = visits.design[portion] * scaled[portion, None]
        np.add.at(slopes, visits.child[portion], slope)
        bread += slope.T @ slope
        slope *= residual[portion, None]
        np.add.at(score, visits.child[portion], slope)
    sums = visits.add_by_child(np.column_stack([residual, np.ones(len(residual))]))
    residuals, size = sums.T
    shared = correlation / (1 + (size - 1) * correlation)
    own = 1 / (1 - correlation)
    score -= slopes * (shared * residuals)[:, None]
    bread -= slopes.T @ (slopes * shared[:, None])
    return score * own, bread * own
