"""Sequential trials: at every interval, those who start IVIG beside those who do not yet.

Each interval begins a small trial among children who never had IVIG. Both arms are followed until
a child leaves its arm (starts, or stops), and those who stay are weighted for having stayed. A
child can be in many trials; errors are counted by child. Source: Hernan et al. 2008,
doi 10.1097/EDE.0b013e3181875e61.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import (
    Booleans,
    Integers,
    Numbers,
    fit_least_squares,
)
from heliotrope.estimate.registry.design import Registry
from heliotrope.estimate.registry.gee import PORTION, Visits, fit_gee
from heliotrope.estimate.registry.marginal import Contrast
from heliotrope.estimate.registry.weights import Weights, truncate


@dataclass(frozen=True)
class Trials:
    """All trials stacked: one entry an interval of a child in a trial.

    ``entry`` and ``row`` are rows of the registry: where the trial begins for the child, and the
    interval itself. ``is_arm``: the child started at entry. ``number``: of trials with both arms.
    """

    entry: Integers
    row: Integers
    is_arm: Booleans
    number: int


def expand_trials(registry: Registry, most_intervals: int) -> Trials:
    """Stack the trials that begin with each interval.

    Eligible: never on IVIG before. Followed for at most ``most_intervals``, to the end of the
    child's rows, and before the interval in which it leaves its arm. Trials in which nobody starts
    (or everybody does) compare nothing and are left out.

    Lengths are found from the end of each run of equal treatment, so that the stack is made in one
    step, without a loop over trials or children.
    """
    rows = np.arange(len(registry.child))
    ends_run = np.ones(len(rows), dtype=np.bool_)
    ends_run[:-1] = (registry.is_treated[1:] != registry.is_treated[:-1]) | (
        registry.child[1:] != registry.child[:-1]
    )
    ends = np.flatnonzero(ends_run)
    last_row = ends[np.searchsorted(ends, rows)]
    eligible = pl.DataFrame(
        {
            "entry": rows,
            "interval": registry.interval,
            "last": np.minimum(last_row, rows + most_intervals - 1),
            "is_arm": registry.is_treated,
        }
    ).filter(pl.Series(~registry.was_ever_treated))
    compared = eligible.filter(
        pl.col("is_arm").any().over("interval") & pl.col("is_arm").all().not_().over("interval")
    )
    stacked = compared.select(
        "entry", "is_arm", row=pl.int_ranges("entry", pl.col("last") + 1)
    ).explode("row")
    return Trials(
        entry=stacked["entry"].to_numpy(),
        row=stacked["row"].to_numpy(),
        is_arm=stacked["is_arm"].to_numpy(),
        number=compared["interval"].n_unique(),
    )


def contrast_trials(
    registry: Registry, numbers: RegistryComparison, weights: Weights, draws: Numbers
) -> Contrast | None:
    """Compare mean activity of starters with children who did not start yet, over all trials.

    The regression holds what was known at the entry of each trial; the weights are those of staying
    in the arm and of not being lost after entry (``weights``: the first row is the estimate's own,
    the others those of ``draws``). None with too few visits, or without both arms.
    """
    steps = max(1, numbers.trials.follow_up_days // numbers.intervals.days)
    trials = expand_trials(registry, steps)
    is_seen = np.isfinite(registry.activity[trials.row])
    entry, row = trials.entry[is_seen], trials.row[is_seen]
    is_arm = trials.is_arm[is_seen]
    if len(row) < numbers.trials.fewest_rows or is_arm.min() == is_arm.max():
        return None
    child, outcome = registry.child[row], registry.activity[row]
    everyone = np.vstack([np.ones(registry.children), draws])[:, child]
    weight = truncate(_weigh(registry, weights, entry, row), everyone, numbers.weights.truncation)
    design = _make_design(registry, entry, row, is_arm)
    fit = fit_gee(Visits(design, outcome, weight[0], child), "gaussian")
    again = fit_least_squares(design, outcome, weight[1:] * everyone[1:])
    return Contrast(
        value=float(fit.coefficients[1]),
        error=fit.error(1),
        resampled=again[:, 1],
        children=len(np.unique(child)),
        rows=len(row),
    )


def _weigh(registry: Registry, weights: Weights, entry: Integers, row: Integers) -> Numbers:
    """Multiply the factors after entry: decisions up to this interval, losses before it."""
    decisions = registry.cumulate(weights.treatment)
    losses = registry.cumulate(weights.loss) - weights.loss
    after_entry = decisions[:, row] - decisions[:, entry]
    kept: Numbers = np.exp(after_entry + losses[:, row] - losses[:, entry])
    return kept


def _make_design(registry: Registry, entry: Integers, row: Integers, is_arm: Booleans) -> Numbers:
    """Put the columns together; the second is the arm, then time in the trial and the entry's."""
    time, baseline, lagged = (
        columns.values for columns in (registry.time, registry.baseline, registry.lagged)
    )
    known = np.column_stack([time[:, 1:], baseline, lagged])
    design = np.empty((len(row), 3 + known.shape[1]))
    design[:, 0] = 1.0
    design[:, 1] = is_arm
    design[:, 2] = time[row, 1] - time[entry, 1]
    for first in range(0, len(row), PORTION):
        portion = slice(first, first + PORTION)
        design[portion, 3:] = known[entry[portion]]
    return design
