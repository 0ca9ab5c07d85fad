"""The parametric g-formula: simulate each child under "start IVIG by then" and under "never".

A second estimator, wrong for other reasons than the weights: it models how activity and treatment
run, step by step, and then lives through the steps under a rule for IVIG. Activity is moved first
in each step and the other records after it, given it: strength, enzymes and steroid follow from
activity, and where they stand at an end of their scale a model that takes activity from them loses
part of the effect. Source: Robins 1986;
Young et al., Stat Biosci 2011, doi 10.1007/s12561-011-9040-7 (recalled).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import (
    Booleans,
    Integers,
    Numbers,
    compute_chance,
    fit_least_squares,
    fit_logistic,
)

CHILD = "patient_id"

NEVER = -1

PORTION = 25


@dataclass(frozen=True)
class Steps:
    """The follow-up of all children in steps, one entry a step.

    ``before``: covariates at the beginning of a step (columns as named, activity first), missing
    ones at their mean. ``after``: the same at its end, NaN where not measured in it. ``history``:
    mean activity so far, and the share of the earlier steps with IVIG: together they tell a child's
    own level, which no single visit does. ``fixed``: what does not change (intercept, activity and
    age at diagnosis).
    """

    child: Integers
    number: Integers
    is_treated: Booleans
    was_treated: Booleans
    before: Numbers
    after: Numbers
    history: Numbers
    fixed: Numbers
    names: tuple[str, ...]

    @property
    def first(self) -> Booleans:
        """Mark each child's first step."""
        is_first: Booleans = self.number == 0
        return is_first


@dataclass(frozen=True)
class _Model:
    """How one covariate moves: coefficients a resample, residuals to draw from, its range."""

    coefficients: Numbers
    residuals: Numbers
    low: float
    high: float
    is_binary: bool


def make_steps(frame: pl.DataFrame, numbers: RegistryComparison) -> Steps:
    """Turn a table of intervals, cut at the g-formula's length, into steps.

    A covariate counts as measured in a step if the next step's value is younger than a step; the
    activity at the end is the outcome of the interval. Covariates nobody has are left out.
    """
    rows = frame.sort(CHILD, "interval")
    *others, activity = (covariate.id for covariate in numbers.covariates)
    names = [activity, *(name for name in others if rows[name].drop_nulls().n_unique() > 1)]
    after = [
        pl.when(pl.col(f"{name}_age_days").shift(-1).over(CHILD) < numbers.g_formula.days)
        .then(pl.col(name).shift(-1).over(CHILD))
        .fill_null(np.nan)
        .alias(name)
        for name in names[1:]
    ]
    outcome = pl.col("outcome_activity").fill_null(np.nan).alias(activity)
    filled = [pl.col(name).fill_null(pl.col(name).mean()) for name in names]
    known = [
        pl.col(name).fill_null(pl.col(name).mean()).fill_null(0.0)
        for name in ("baseline_activity", "age_years")
    ]
    fixed = rows.select(pl.lit(1.0).alias("intercept"), *known)
    passed = pl.col("interval").cum_count().over(CHILD).cast(pl.Float64)
    treated = pl.col("is_treated").cast(pl.Float64)
    history = rows.with_columns(filled[0]).select(
        mean_so_far=pl.col(activity).cum_sum().over(CHILD) / passed,
        share_treated=(treated.cum_sum().over(CHILD) - treated) / (passed - 1).clip(1),
    )
    return Steps(
        child=rows[CHILD].rank("dense").to_numpy().astype(np.int64) - 1,
        number=rows["interval"].to_numpy().astype(np.int64),
        is_treated=rows["is_treated"].to_numpy(),
        was_treated=rows["was_treated"].to_numpy(),
        before=rows.select(filled).to_numpy(),
        after=rows.select(outcome, *after).to_numpy(),
        history=history.to_numpy(),
        fixed=np.broadcast_to(fixed.to_numpy(), (rows.height, fixed.width)).copy(),
        names=tuple(names),
    )


def simulate_differences(
    steps: Steps, numbers: RegistryComparison, multiplicity: Numbers
) -> dict[int, Numbers]:
    """Simulate mean activity under starting IVIG and under never, and take the difference.

    multiplicity: resamples by children. For each start (days after diagnosis, from the definition)
    a matrix of resamples by days to be read and, last, the mean over all steps from the start on.
    The same random numbers serve every rule, so that chance hardly enters a difference. Resamples
    are taken in portions, so that memory stays bounded.
    """
    parts = [
        _simulate_portion(steps, numbers, multiplicity[first : first + PORTION])
        for first in range(0, len(multiplicity), PORTION)
    ]
    return {day: np.concatenate([part[day] for part in parts]) for day in parts[0]}


def _simulate_portion(
    steps: Steps, numbers: RegistryComparison, multiplicity: Numbers
) -> dict[int, Numbers]:
    penalty = numbers.g_formula.penalty
    models = [_fit(steps, column, multiplicity, penalty) for column in range(len(steps.names))]
    rule = numbers.g_formula
    length = int(numbers.intervals.last_day // rule.days)
    never = _simulate(steps, models, numbers, multiplicity, NEVER)
    found = {}
    for day in rule.start_after_days:
        start = day // rule.days
        difference = _simulate(steps, models, numbers, multiplicity, start) - never
        read = [
            difference[:, min(length, max(1, round(at / rule.days))) - 1]
            for at in rule.read_at_days
        ]
        found[day] = np.column_stack([*read, difference[:, min(start, length - 1) :].mean(axis=1)])
    return found


def _fit(steps: Steps, column: int, multiplicity: Numbers, penalty: float) -> _Model:
    """Model one covariate at the end of a step, given all before and those already moved."""
    outcome = steps.after[:, column]
    rows = np.isfinite(steps.after[:, : column + 1]).all(axis=1)
    now = [steps.after[rows, earlier] for earlier in range(column)]
    moving = [
        steps.is_treated[rows].astype(np.float64),
        steps.was_treated[rows].astype(np.float64),
        np.sqrt(steps.number[rows].astype(np.float64)),
        *steps.history[rows].T,
    ]
    design = np.column_stack([steps.fixed[rows], steps.before[rows], *moving, *now])
    drawn, measured = multiplicity[:, steps.child[rows]], outcome[rows]
    is_binary = bool(len(measured)) and set(np.unique(measured)) <= {0.0, 1.0}
    if is_binary:
        prior = np.full(design.shape[1], penalty)
        return _Model(
            fit_logistic(design, measured, drawn, prior).coefficients,
            np.zeros(0),
            0.0,
            1.0,
            is_binary=True,
        )
    coefficients = fit_least_squares(design, measured, drawn)
    residuals = measured - design @ coefficients[0] if len(measured) else np.zeros(1)
    low, high = (measured.min(), measured.max()) if len(measured) else (0.0, 0.0)
    return _Model(coefficients, residuals, float(low), float(high), is_binary=False)


def _simulate(
    steps: Steps,
    models: Sequence[_Model],
    numbers: RegistryComparison,
    multiplicity: Numbers,
    start: int,
) -> Numbers:
    """Live through all steps under one rule; returns mean activity, resamples by steps.

    Every child is simulated in copies, from its first step's records on, and counts as often as it
    was drawn. Residuals are drawn from those of the model.
    """
    rule = numbers.g_formula
    each = max(1, round(rule.courses / int(steps.first.sum())))
    copies = np.repeat(np.flatnonzero(steps.first), each)
    share = multiplicity[:, steps.child[copies]]
    share = share / share.sum(axis=1, keepdims=True)
    generator = np.random.default_rng(rule.seed)
    length = int(numbers.intervals.last_day // rule.days)
    lasting = _gather(models, steps, copies)
    known = np.empty((len(share), len(models) + 1, len(copies)))
    known[:, :-1] = steps.before[copies].T
    total = known[:, 0].copy()
    was, on, means = 0.0, 0.0, []
    for step in range(length):
        treated = float(NEVER < start <= step)
        known[:, -1] = total / (step + 1)
        given = np.array([treated, was, np.sqrt(step), on / max(step, 1)])
        expected = lasting.by_state @ known
        expected += lasting.from_fixed + (lasting.by_given @ given)[:, :, None]
        for place, model in enumerate(models):
            now = model.coefficients[:, None, lasting.width :] @ known[:, :place]
            moved = expected[:, place] + now[:, 0]
            known[:, place] = _draw(model, moved, generator.random(len(copies)))
        was, on = treated, on + treated
        total += known[:, 0]
        means.append((share * known[:, 0]).sum(axis=1))
    return np.column_stack(means)


@dataclass(frozen=True)
class _Lasting:
    """Coefficients of all models side by side (resamples by models), by what they multiply.

    ``from_fixed``: what does not change, already added up for each copy; ``by_state``: the records
    at the beginning of a step and the mean activity so far; ``by_given``: IVIG now and before, the
    root of the step's number, the share of the steps with IVIG. ``width``: columns of a design
    before those of the same step.
    """

    from_fixed: Numbers
    by_state: Numbers
    by_given: Numbers
    width: int


def _gather(models: Sequence[_Model], steps: Steps, copies: Integers) -> _Lasting:
    """Put the coefficients of all models together, so that a step is one product of matrices."""
    fixed, state = steps.fixed.shape[1], len(models)
    width = fixed + state + 5
    all_of_them = np.stack([model.coefficients[:, :width] for model in models], axis=1)
    treated, was, root, mean_so_far, share = range(fixed + state, width)
    return _Lasting(
        from_fixed=all_of_them[:, :, :fixed] @ steps.fixed[copies].T,
        by_state=all_of_them[:, :, [*range(fixed, fixed + state), mean_so_far]],
        by_given=all_of_them[:, :, [treated, was, root, share]],
        width=width,
    )


def _draw(model: _Model, expected: Numbers, uniform: Numbers) -> Numbers:
    if model.is_binary:
        return (uniform < compute_chance(expected)).astype(np.float64)
    place = np.minimum((uniform * len(model.residuals)).astype(np.int64), len(model.residuals) - 1)
    drawn: Numbers = np.clip(expected + model.residuals[place], model.low, model.high)
    return drawn
