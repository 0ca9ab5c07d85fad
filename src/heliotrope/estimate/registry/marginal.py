"""Activity and inactive disease while receiving IVIG, beside never having received it.

The weighted regressions are marginal structural models: mean activity, and the odds of being found
inactive at an interval's end for the first time, by whether IVIG is being received, was received
earlier, or neither, and by time since diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import (
    Booleans,
    Numbers,
    fit_least_squares,
    fit_logistic,
)
from heliotrope.estimate.registry.design import Registry
from heliotrope.estimate.registry.gee import Visits, fit_gee


@dataclass(frozen=True)
class Contrast:
    """A difference of means, or a log odds ratio, with its robust standard error.

    ``resampled``: the same in each resample; empty where none was drawn. ``children``: whose
    visits are in it; ``events``: how many became inactive (0 for means).
    """

    value: float
    error: float
    resampled: Numbers
    children: int
    rows: int
    events: int = 0


@dataclass(frozen=True)
class Weighting:
    """The weights of the estimate itself, and those of the resamples (times the drawing)."""

    weight: Numbers
    resampled: Numbers


def contrast_activity(
    registry: Registry, weighting: Weighting | None, draws: Numbers
) -> Contrast | None:
    """Compare mean activity while receiving IVIG with never having received it.

    weighting: None compares as recorded, by time alone; else activity and age at diagnosis stand
    in the model too, as the weights' numerators ask. draws: how often each child was drawn
    (resamples by children; no rows: no resampling). None where nobody, or everybody, was receiving.
    """
    rows = np.isfinite(registry.activity)
    design = _make_design(registry, rows, with_baseline=weighting is not None)
    if design is None:
        return None
    outcome, child = registry.activity[rows], registry.child[rows]
    weight, resampled = _choose_weights(registry, weighting, draws, rows)
    fit = fit_gee(Visits(design, outcome, weight, child), "gaussian")
    again = fit_least_squares(design, outcome, resampled)
    return Contrast(
        value=float(fit.coefficients[1]),
        error=fit.error(1),
        resampled=again[:, 1],
        children=len(np.unique(child)),
        rows=int(rows.sum()),
    )


def contrast_inactive(
    registry: Registry,
    weighting: Weighting | None,
    draws: Numbers,
    numbers: RegistryComparison,
) -> Contrast | None:
    """Compare the odds of first being found inactive, interval by interval (a discrete hazard).

    A child leaves after the first interval found inactive; intervals that nobody judged say
    nothing. The value is a log odds ratio, over 0 where inactive disease was found more often while
    receiving IVIG. None with too few events, or where either side of the comparison has none. A
    resample without events on one side has no estimate (NaN).
    """
    found = np.nan_to_num(registry.inactive)
    rows = np.isfinite(registry.inactive) & (registry.cumulate(found) - found == 0)
    design = _make_design(registry, rows, with_baseline=weighting is not None)
    outcome, child = registry.inactive[rows], registry.child[rows]
    if design is None or outcome.sum() < numbers.refusal.fewest_events_of_a_model:
        return None
    is_on = registry.is_treated[rows]
    is_never = ~is_on & ~registry.was_ever_treated[rows]
    if outcome[is_on].sum() == 0 or outcome[is_never].sum() == 0:
        return None
    weight, resampled = _choose_weights(registry, weighting, draws, rows)
    fit = fit_gee(Visits(design, outcome, weight, child), "binomial")
    penalty = np.full(design.shape[1], numbers.weights.coefficient_sd**-2)
    penalty[:2] = 0.0
    again = fit_logistic(design, outcome, resampled, penalty)
    return Contrast(
        value=float(fit.coefficients[1]),
        error=fit.error(1),
        resampled=np.where(again.has_converged, again.coefficients[:, 1], np.nan),
        children=len(np.unique(child)),
        rows=int(rows.sum()),
        events=int(outcome.sum()),
    )


def _make_design(registry: Registry, rows: Booleans, *, with_baseline: bool) -> Numbers | None:
    """Put the columns together: the second is receiving IVIG, then having received it before."""
    is_on = registry.is_treated[rows].astype(np.float64)
    if len(is_on) == 0 or is_on.min() == is_on.max():
        return None
    is_after = (registry.was_ever_treated & ~registry.is_treated)[rows].astype(np.float64)
    columns = [np.ones(len(is_on)), is_on, registry.time.values[rows][:, 1:]]
    columns += [is_after] if is_after.any() else []
    columns += [registry.baseline.values[rows]] if with_baseline else []
    return np.column_stack(columns)


def _choose_weights(
    registry: Registry, weighting: Weighting | None, draws: Numbers, rows: Booleans
) -> tuple[Numbers, Numbers]:
    drawn = draws[:, registry.child[rows]]
    if weighting is None:
        return np.ones(int(rows.sum())), drawn
    return weighting.weight[rows], weighting.resampled[:, rows] * drawn
