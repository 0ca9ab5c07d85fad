"""Three small fits with weights: least squares, logistic regression, and a line on a bounded scale.

Each takes a weight a row, so that a bootstrap sample of children is a vector of weights, not a
table. A column without variation, or one that repeats others, gets the coefficient of smallest
size: a bootstrap sample that lost a rare stop does not crash the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = 25

TOLERANCE = 1e-9


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of a least squares fit, and what the rows are off by."""

    coefficients: Array
    residuals: Array


def fit_linear(design: Array, outcome: Array, weights: Array) -> LinearFit:
    """Fit by weighted least squares: rows by columns, one outcome and one weight a row.

    >>> days = np.array([[1.0, 0.0], [1.0, 28.0], [1.0, 56.0]])
    >>> fit = fit_linear(days, np.array([1.0, 0.8, 0.6]), np.ones(3))
    >>> [round(float(number), 4) for number in fit.coefficients]
    [1.0, -0.0071]
    """
    weighted = design * weights[:, None]
    solved = _solve(design.T @ weighted, weighted.T @ outcome)
    return LinearFit(solved, outcome - design @ solved)


def fit_logistic(
    design: Array, outcome: Array, weights: Array, penalty: float = 0.0, start: Array | None = None
) -> Array:
    """Fit the log odds of an outcome (1 or 0) by maximum likelihood, a row and a weight each.

    ``penalty``: half of it times the squared slopes (not the first coefficient, the constant) is
    taken off the log likelihood, so that a rare outcome that one measure separates perfectly
    keeps finite odds. Newton's steps, halved while the likelihood falls.
    """
    shrinkage = np.full(design.shape[1], penalty)
    shrinkage[0] = 0.0
    found = np.zeros(design.shape[1]) if start is None else start
    height = _log_likelihood(found, design, outcome, weights, shrinkage)
    for _ in range(STEPS):
        chances = compute_chance(design @ found)
        spread = weights * chances * (1 - chances)
        slope = design.T @ (weights * (outcome - chances)) - shrinkage * found
        step = _solve((design.T * spread) @ design + np.diag(shrinkage), slope)
        for _ in range(STEPS):
            proposed = _log_likelihood(found + step, design, outcome, weights, shrinkage)
            if proposed >= height - TOLERANCE:
                break
            step = step / 2
        found, gain, height = found + step, proposed - height, proposed
        if abs(gain) < TOLERANCE * (abs(height) + 1):
            break
    return found


@dataclass(frozen=True)
class Bounds:
    """The ends of a scale: what lies beyond them is recorded as the end itself."""

    low: float
    high: float


@dataclass(frozen=True)
class BoundedFit:
    """Coefficients of the line before the ends of the scale cut it, and its residual spread."""

    coefficients: Array
    spread: float


def fit_bounded(design: Array, outcome: Array, weights: Array, bounds: Bounds) -> BoundedFit:
    """Fit a line to an outcome cut at the ends of its scale, by maximum likelihood (Tobit).

    A physician global of 0 says "0 or better": without this a treatment that brings children to
    the floor looks weaker than it is. Residuals are taken as normal. With no value at an end this
    is least squares, the spread without the correction for the number of columns. Newton's steps
    in Olsen's parameters (coefficients over spread, one over spread), in which the likelihood has
    one summit. All outcomes equal: the line is flat and its spread 0.

    Source: Olsen RJ, Econometrica 1978;46:1211-1215, doi 10.2307/1911445.
    """
    kept = weights > 0
    design, outcome, weights = design[kept], outcome[kept], weights[kept]
    plain = fit_linear(design, outcome, weights)
    spread = float(np.sqrt(weights @ plain.residuals**2 / weights.sum()))
    if spread < TOLERANCE or not np.any((outcome > bounds.low) & (outcome < bounds.high)):
        return BoundedFit(plain.coefficients, spread)
    rows = _BoundedRows.of(design, outcome, weights, bounds)
    found = np.append(plain.coefficients, 1.0) / spread
    height = rows.log_likelihood(found)
    for _ in range(STEPS):
        step = rows.find_step(found)
        for _ in range(STEPS):
            proposed = rows.log_likelihood(found + step)
            if proposed >= height - TOLERANCE:
                break
            step = step / 2
        found, gain, height = found + step, proposed - height, proposed
        if abs(gain) < TOLERANCE * (abs(height) + 1):
            break
    return BoundedFit(found[:-1] / found[-1], float(1 / found[-1]))


@dataclass(frozen=True)
class _BoundedRows:
    """Rows of a bounded fit: columns (minus the design, the outcome), and at which end they are."""

    columns: Array
    weights: Array
    inside: NDArray[np.bool_]
    sign: Array

    @classmethod
    def of(cls, design: Array, outcome: Array, weights: Array, bounds: Bounds) -> _BoundedRows:
        at_high = outcome >= bounds.high
        return cls(
            columns=np.column_stack([-design, outcome]),
            weights=weights,
            inside=(outcome > bounds.low) & ~at_high,
            sign=np.where(at_high, -1.0, 1.0),
        )

    def log_likelihood(self, found: Array) -> float:
        from scipy.special import log_ndtr

        if found[-1] <= 0:
            return -np.inf
        distance = self.columns @ found
        ends = ~self.inside
        each = np.where(self.inside, np.log(found[-1]) - 0.5 * distance**2, 0.0)
        each[ends] = log_ndtr(self.sign[ends] * distance[ends])
        return float(self.weights @ each)

    def find_step(self, found: Array) -> Array:
        from scipy.special import log_ndtr

        distance = self.columns @ found
        slope, bend = -distance, np.ones_like(distance)
        ends = ~self.inside
        away = self.sign[ends] * distance[ends]
        pull = np.exp(-0.5 * away**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(away))
        slope[ends] = self.sign[ends] * pull
        bend[ends] = pull * (pull + away)
        gradient = self.columns.T @ (self.weights * slope)
        curvature = (self.columns.T * (self.weights * bend)) @ self.columns
        number_inside = float(self.weights @ self.inside)
        gradient[-1] += number_inside / found[-1]
        curvature[-1, -1] += number_inside / found[-1] ** 2
        return _solve(curvature, gradient)


def compute_chance(log_odds: Array) -> Array:
    """Turn log odds into a probability; odds beyond any record do not overflow."""
    bounded = np.clip(log_odds, -30.0, 30.0)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)))


def _log_likelihood(
    coefficients: Array, design: Array, outcome: Array, weights: Array, shrinkage: Array
) -> float:
    log_odds = design @ coefficients
    each = outcome * log_odds - np.logaddexp(0.0, log_odds)
    return float(weights @ each - 0.5 * (shrinkage @ (coefficients * coefficients)))


def _solve(matrix: Array, right: Array) -> Array:
    """Solve a symmetric system; where columns repeat each other, the smallest solution."""
    scale = np.sqrt(np.diag(matrix))
    scale = np.where(scale > 0, scale, 1.0)
    solved = np.linalg.lstsq(matrix / np.outer(scale, scale), right / scale, rcond=1e-10)[0]
    return np.asarray(solved / scale)
