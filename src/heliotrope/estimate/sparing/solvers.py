"""Two small fits with weights: least squares, and a line on a bounded scale.

A bootstrap sample of children is a row of weights, not a table; many samples are fitted at once. A
column without variation, or one that repeats others, gets the coefficient of smallest
size: a bootstrap sample that lost a rare stop does not crash the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliotrope.estimate.logistic import sum_products

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
    solved = fit_linear_each(design, outcome, weights[None])[0]
    return LinearFit(solved, outcome - design @ solved)


def fit_linear_each(design: Array, outcome: Array, weights: Array) -> Array:
    """Fit by weighted least squares, once for each row of weights: samples by columns."""
    return _solve_each(sum_products(design, weights), (weights * outcome) @ design)


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
    """Fit a line to an outcome cut at the ends of its scale, one weight a row."""
    return fit_bounded_each(design, outcome, weights[None], bounds)[0]


def fit_bounded_each(
    design: Array, outcome: Array, weights: Array, bounds: Bounds
) -> list[BoundedFit]:
    """Fit a line to an outcome cut at the ends of its scale, by maximum likelihood (Tobit).

    ``weights``: samples by rows; a fit a sample. A physician global of 0 says "0 or better":
    without this a treatment that brings children to the floor looks weaker than it is. Residuals
    are taken as normal. With no value at an end this is least squares, the spread without the
    correction for the number of columns. Newton's steps in Olsen's parameters (coefficients over
    spread, one over spread), in which the likelihood has one summit. All outcomes equal: the line
    is flat and its spread 0.

    Source: Olsen RJ, Econometrica 1978;46:1211-1215, doi 10.2307/1911445.
    """
    plain = fit_linear_each(design, outcome, weights)
    squares = (outcome - plain @ design.T) ** 2
    spread = np.sqrt((weights * squares).sum(axis=1) / weights.sum(axis=1))
    is_inside = (outcome > bounds.low) & (outcome < bounds.high)
    is_open = (spread >= TOLERANCE) & (weights[:, is_inside].sum(axis=1) > 0)
    coefficients, found_spread = plain.copy(), spread.copy()
    if is_open.any():
        rows = _BoundedRows.of(design, outcome, weights[is_open], bounds)
        start = np.column_stack([plain[is_open], np.ones(int(is_open.sum()))])
        found = _climb(rows, start / spread[is_open][:, None])
        coefficients[is_open] = found[:, :-1] / found[:, -1:]
        found_spread[is_open] = 1 / found[:, -1]
    return [BoundedFit(*pair) for pair in zip(coefficients, found_spread.tolist(), strict=True)]


def _climb(rows: _BoundedRows, found: Array) -> Array:
    """Take Newton's steps, each halved while its sample's likelihood falls."""
    height = rows.log_likelihood(found)
    for _ in range(STEPS):
        step = rows.find_step(found)
        for _ in range(STEPS):
            proposed = rows.log_likelihood(found + step)
            is_lower = ~(proposed >= height - TOLERANCE)
            if not is_lower.any():
                break
            step[is_lower] /= 2
        found, gain, height = found + step, proposed - height, proposed
        if (np.abs(gain) < TOLERANCE * (np.abs(height) + 1)).all():
            break
    return found


@dataclass(frozen=True)
class _BoundedRows:
    """Rows of a bounded fit: columns (minus the design, the outcome), and at which end they are.

    Rows between the ends enter as their sums of products alone, made once a sample: only the rows
    at an end (``columns``, ``sign`` and ``weights``) are gone through at each step.
    """

    products: Array
    number_inside: Array
    columns: Array
    sign: Array
    weights: Array

    @classmethod
    def of(cls, design: Array, outcome: Array, weights: Array, bounds: Bounds) -> _BoundedRows:
        columns = np.column_stack([-design, outcome])
        at_high = outcome >= bounds.high
        is_end = at_high | (outcome <= bounds.low)
        return cls(
            products=sum_products(columns[~is_end], weights[:, ~is_end]),
            number_inside=weights[:, ~is_end].sum(axis=1),
            columns=columns[is_end],
            sign=np.where(at_high, -1.0, 1.0)[is_end],
            weights=weights[:, is_end],
        )

    def log_likelihood(self, found: Array) -> Array:
        from scipy.special import log_ndtr

        is_possible = found[:, -1] > 0
        last = np.where(is_possible, found[:, -1], 1.0)
        squares = np.einsum("si,sij,sj->s", found, self.products, found)
        ends = (self.weights * log_ndtr(self.sign * (found @ self.columns.T))).sum(axis=1)
        height = self.number_inside * np.log(last) - 0.5 * squares + ends
        return np.asarray(np.where(is_possible, height, -np.inf))

    def find_step(self, found: Array) -> Array:
        from scipy.special import log_ndtr

        away = self.sign * (found @ self.columns.T)
        pull = np.exp(-0.5 * away**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(away))
        gradient = (self.weights * self.sign * pull) @ self.columns
        gradient -= np.einsum("sij,sj->si", self.products, found)
        bend = self.weights * pull * (pull + away)
        curvature = self.products + sum_products(self.columns, bend)
        gradient[:, -1] += self.number_inside / found[:, -1]
        curvature[:, -1, -1] += self.number_inside / found[:, -1] ** 2
        return _solve_each(curvature, gradient)


def _solve_each(matrices: Array, right: Array) -> Array:
    """Solve a symmetric system a sample; where columns repeat each other, the smallest solution."""
    scale = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = matrices / (scale[:, :, None] * scale[:, None, :])
    inverse = np.linalg.pinv(scaled, rcond=1e-10, hermitian=True)
    return np.asarray(np.einsum("sij,sj->si", inverse, right / scale) / scale)
