"""Logistic regression, and least squares, for many resamples of the children at once.

A cluster bootstrap fits the same model to the same rows with other weights. So every fit here takes
one row of weights a resample and returns one row of coefficients a resample: the rows of the
design are read once, and the sums over them are matrix products.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

MOST_STEPS = 25
LONGEST_STEP = 5.0
TOLERANCE = 1e-7
RESIDENT_ROWS = 16384
PORTION_ROWS = 1 << 18
FEW_RESAMPLES = 8


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (resamples by columns), and for each resample whether the search ended.

    It does not end where a column separates events from the rest and no penalty holds it.
    """

    coefficients: Numbers
    has_converged: Booleans


def fit_logistic(
    design: Numbers,
    outcome: Numbers,
    weights: Numbers,
    penalty: Numbers | None = None,
) -> LogisticFit:
    """Fit the chance of an event by Newton's method, once for each row of weights.

    design: rows by columns, its intercept among them. outcome: 0 or 1 a row. weights: resamples by
    rows, each 0 or more (how often a child was drawn, or its weight in the comparison). penalty:
    one number a column, the inverse variance of a normal prior around 0; none: plain maximum
    likelihood. Edge case: a resample without an event, without a penalty, does not converge.

    >>> design = np.column_stack([np.ones(4), [0.0, 0, 1, 1]])
    >>> fit = fit_logistic(design, np.array([0.0, 1, 1, 1]), np.array([[3.0, 1, 2, 1]]),
    ...     penalty=np.array([0.0, 1.0]))
    >>> fit.coefficients.round(3).tolist(), fit.has_converged.tolist()
    ([[-0.087, 0.913]], [True])
    """
    columns = design.shape[1]
    prior = np.zeros(columns) if penalty is None else penalty
    nothing = np.zeros((1, columns))
    if len(weights) > 1:
        rows = (design, outcome, weights.mean(axis=0, keepdims=True))
        nothing = _climb(rows, prior, nothing).coefficients
    return _climb((design, outcome, weights), prior, np.repeat(nothing, len(weights), axis=0))


def _climb(
    rows: tuple[Numbers, Numbers, Numbers], prior: Numbers, coefficients: Numbers
) -> LogisticFit:
    """Take Newton's steps from where others ended: resamples lie near the mean of all.

    The search ends with a step so small that the next one would be lost in rounding.
    """
    design, outcome, weights = rows
    has_converged = np.zeros(weights.shape[0], dtype=np.bool_)
    for _ in range(MOST_STEPS):
        chance = compute_chance(coefficients @ design.T)
        score = (weights * (outcome - chance)) @ design - prior * coefficients
        information = sum_products(design, weights * chance * (1 - chance)) + np.diag(prior)
        step = solve_each(information, score)
        longest = np.abs(step).max(axis=1, initial=0.0)
        step *= (LONGEST_STEP / np.maximum(longest, LONGEST_STEP))[:, None]
        coefficients = coefficients + step
        has_converged = longest < TOLERANCE * (1 + np.abs(coefficients).max(axis=1, initial=0.0))
        if has_converged.all():
            break
    return LogisticFit(coefficients, has_converged)


def fit_least_squares(design: Numbers, outcome: Numbers, weights: Numbers) -> Numbers:
    """Fit a mean by weighted least squares, once for each row of weights.

    Returns coefficients, resamples by columns. A column without spread gets the smallest solution.

    >>> design = np.column_stack([np.ones(3), [0.0, 1, 2]])
    >>> fit_least_squares(design, np.array([1.0, 3, 5]), np.ones((1, 3))).round(6).tolist()
    [[1.0, 2.0]]
    """
    return solve_each(sum_products(design, weights), (weights * outcome) @ design)


def compute_chance(log_odds: Numbers) -> Numbers:
    """Turn log odds into chances.

    >>> compute_chance(np.array([0.0, 1000.0, -1000.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    from scipy.special import expit

    chance: Numbers = expit(log_odds)
    return chance


def sum_products(design: Numbers, weights: Numbers) -> Numbers:
    """Add up the products of all pairs of columns over the rows: resamples by columns by columns.

    A few resamples are added up one by one. For many, the products are made once and added up for
    all. Rows are taken in portions, so that memory stays bounded however many there are.
    """
    rows, columns = design.shape
    if len(weights) < FEW_RESAMPLES:
        few = np.zeros((len(weights), columns, columns))
        for first in range(0, rows, PORTION_ROWS):
            part = design[first : first + PORTION_ROWS]
            for place, weight in enumerate(weights):
                few[place] += part.T @ (part * weight[first : first + PORTION_ROWS, None])
        return few
    above = np.triu_indices(columns)
    total = np.zeros((weights.shape[0], len(above[0])))
    for first in range(0, rows, RESIDENT_ROWS):
        portion = slice(first, first + RESIDENT_ROWS)
        part = design[portion]
        total += weights[:, portion] @ (part[:, above[0]] * part[:, above[1]])
    products = np.zeros((weights.shape[0], columns, columns))
    products[:, above[0], above[1]] = total
    products[:, above[1], above[0]] = total
    return products


def solve_each(matrices: Numbers, right: Numbers) -> Numbers:
    """Solve one small symmetric system a resample; a singular one by its smallest solution."""
    solved: Numbers = np.full(right.shape, np.inf)
    with contextlib.suppress(np.linalg.LinAlgError):
        solved[:] = np.linalg.solve(matrices, right[..., None])[..., 0]
    is_wrong = ~np.isfinite(solved).all(axis=1)
    if is_wrong.any():
        pseudo = np.linalg.pinv(matrices[is_wrong], hermitian=True)
        solved[is_wrong] = np.einsum("bij,bj->bi", pseudo, right[is_wrong])
    return solved
