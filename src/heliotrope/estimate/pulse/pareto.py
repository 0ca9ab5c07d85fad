"""Correct draws from an approximation for where it and the posterior differ, and say if one may.

Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024, Journal of
Machine Learning Research 25(72)): the largest importance ratios are replaced by the expected order
statistics of a generalised Pareto distribution fitted to them (Zhang and Stephens 2009,
doi 10.1198/tech.2009.08017). Its shape, k-hat, tells whether the correction can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.estimate.pulse.data import Floats

# The algorithm's own constants, as in its authors' R package loo.
_TAIL_SHARE = 0.2
_TAIL_ROOT = 3.0
_LEAST_TAIL = 5
_PRIOR_COUNT = 10.0
_PRIOR_SHAPE = 0.5
_PRIOR_SCALE = 3.0


@dataclass(frozen=True)
class Smoothed:
    """Weights that sum to 1, and k-hat (infinite when there is no tail to judge by)."""

    weights: Floats
    k_hat: float

    @property
    def effective_draws(self) -> float:
        """Return how many equal draws the weighted ones are worth (Kish)."""
        return float(1.0 / np.sum(self.weights**2))


def smooth_weights(log_ratios: Floats) -> Smoothed:
    """Smooth the largest of the importance ratios (posterior over approximation, in logs).

    Ratios that are not numbers count as nothing. All ratios equal: equal weights, k-hat 0.

    >>> smooth_weights(np.zeros(200)).k_hat
    0.0
    """
    ratios = np.where(np.isnan(log_ratios), -np.inf, log_ratios)
    ratios = ratios - ratios.max()
    draws = len(ratios)
    if np.ptp(ratios) == 0:
        return Smoothed(np.full(draws, 1.0 / draws), 0.0)
    order = np.argsort(ratios, kind="stable")
    length = int(np.ceil(min(_TAIL_SHARE * draws, _TAIL_ROOT * np.sqrt(draws))))
    tail = order[-length:]
    cutoff = ratios[order[-length - 1]]
    k_hat = np.inf
    if length >= _LEAST_TAIL and np.isfinite(cutoff) and np.ptp(ratios[tail]) > 0:
        over = np.exp(ratios[tail]) - np.exp(cutoff)
        k_hat, scale = fit_pareto(over)
        if np.isfinite(k_hat):
            chances = (np.arange(length) + 0.5) / length
            smooth = np.log(_pareto_quantile(chances, k_hat, scale) + np.exp(cutoff))
            ratios = ratios.copy()
            ratios[tail] = np.minimum(smooth, 0.0)
    weights = np.exp(ratios - ratios.max())
    return Smoothed(weights / weights.sum(), float(k_hat))


def fit_pareto(over: Floats) -> tuple[float, float]:
    """Fit a generalised Pareto distribution to ascending exceedances; return shape and scale."""
    n = len(over)
    grid = 30 + int(np.sqrt(n))
    quartile = over[int(n / 4 + 0.5) - 1]
    theta = 1.0 / over[-1] + (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (
        _PRIOR_SCALE * quartile
    )
    shape = np.log1p(-theta[:, None] * over).mean(axis=1)
    profile = n * (np.log(-theta / shape) - shape - 1.0)
    weight = np.exp(profile - profile.max())
    best = float(np.sum(theta * weight) / weight.sum())
    fitted = float(np.log1p(-best * over).mean())
    scale = -fitted / best
    return (fitted * n + _PRIOR_SHAPE * _PRIOR_COUNT) / (n + _PRIOR_COUNT), scale


def resample(weights: Floats, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Choose draws in proportion to their weights, evenly spread (systematic resampling)."""
    places = (generator.random() + np.arange(draws)) / draws
    chosen = np.searchsorted(np.cumsum(weights), places)
    return np.minimum(chosen, len(weights) - 1)


def _pareto_quantile(chances: Floats, shape: float, scale: float) -> Floats:
    if shape == 0:
        return np.asarray(-scale * np.log1p(-chances))
    return np.asarray(scale * np.expm1(-shape * np.log1p(-chances)) / shape)
