"""Whether the weights can be trusted: how many children they leave, overlap, and balance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import Booleans, Numbers, solve_each, sum_products
from heliotrope.estimate.registry.design import CARRIED, Registry
from heliotrope.estimate.registry.weights import Weights

LOWER_HALF, UPPER_HALF = "lower_half", "upper_half"

NO, YES = "no", "yes"


@dataclass(frozen=True)
class Stratum:
    """Intervals at risk of a start that have something in common.

    ``extreme``: intervals in which the modelled chance of a start was nearly none or nearly sure.
    """

    name: str
    at_risk: int
    starts: int
    extreme: int


@dataclass(frozen=True)
class Balance:
    """How far the intervals with a start differ from those without, in standard deviations."""

    name: str
    unweighted: float
    weighted: float


def count_effective(registry: Registry, weight: Numbers, *, treated: bool) -> float:
    """Say how many equally weighted children the weighted ones are worth (Kish).

    weight: one an interval. Each child counts with its mean weight over the intervals in which it
    was receiving IVIG (``treated``), or had not received it so far.
    """
    rows = registry.is_treated if treated else ~(registry.is_treated | registry.was_ever_treated)
    count = np.bincount(registry.child[rows], minlength=registry.children)
    total = np.bincount(registry.child[rows], weights=weight[rows], minlength=registry.children)
    mean = total[count > 0] / count[count > 0]
    return float(mean.sum() ** 2 / (mean**2).sum()) if len(mean) else 0.0


def list_strata(registry: Registry, weights: Weights, numbers: RegistryComparison) -> list[Stratum]:
    """Count intervals, starts and extreme chances in halves (or levels) of each covariate.

    Only intervals of children never on IVIG before. A stratum without any start cannot tell what
    IVIG would have done there.
    """
    at_risk = ~registry.was_treated & ~registry.was_ever_treated
    starts = registry.is_treated & at_risk
    chance = np.where(registry.is_treated, weights.chance[0], 1 - weights.chance[0])
    low, high = numbers.weights.extreme_probability
    is_extreme = (chance < low) | (chance > high)
    strata = [_count("all", at_risk, starts, is_extreme)]
    for place, name in enumerate(registry.lagged.names):
        column = registry.lagged.values[:, place]
        levels = np.unique(column[at_risk])
        if len(levels) < len((NO, YES)) or name.endswith(CARRIED):
            continue
        cut = levels[0] if len(levels) == len((NO, YES)) else float(np.median(column[at_risk]))
        words = (NO, YES) if len(levels) == len((NO, YES)) else (LOWER_HALF, UPPER_HALF)
        for word, side in zip(words, (column <= cut, column > cut), strict=True):
            strata.append(_count(f"{name}:{word}", at_risk & side, starts & side, is_extreme))
    return strata


def _count(name: str, at_risk: Booleans, starts: Booleans, is_extreme: Booleans) -> Stratum:
    return Stratum(name, int(at_risk.sum()), int(starts.sum()), int((at_risk & is_extreme).sum()))


def compare_balance(registry: Registry, weights: Weights) -> list[Balance]:
    """Compare covariates between intervals with and without a start, before and after weighting.

    At the same time since diagnosis and with the same baseline, as the weights' numerators are:
    the coefficient of a start in a regression of each covariate, over the covariate's standard
    deviation. Only children never on IVIG before. Nothing where nobody started.
    """
    rows = ~registry.was_treated & ~registry.was_ever_treated
    started = registry.is_treated[rows].astype(np.float64)
    if started.sum() == 0:
        return []
    design = np.column_stack([started, registry.time.values[rows], registry.baseline.values[rows]])
    covariates = registry.lagged.values[rows]
    spread = covariates.std(axis=0)
    found = []
    for weight in (np.ones(len(started)), weights.truncated[0, rows]):
        products = sum_products(design, weight[None, :])
        right = (design * weight[:, None]).T @ covariates
        each = np.broadcast_to(products[0], (right.shape[1], *products[0].shape))
        found.append(solve_each(each.copy(), right.T)[:, 0])
    return [
        Balance(name, float(before / sd), float(after / sd))
        for name, before, after, sd in zip(
            registry.lagged.names, found[0], found[1], spread, strict=True
        )
        if sd > 0
    ]
