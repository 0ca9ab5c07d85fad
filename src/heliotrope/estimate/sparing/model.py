"""The model behind the steroid spared: how the dose is set, and how activity moves.

Dose: off a steroid, a chance of restarting; on one, a chance of stopping; while it goes on,
log(next dose / dose) = -r + b (activity - target) + c (log dose - mean) + e; what is left over (e)
is drawn from what it was in the children. Activity: the next is a straight line in the present one,
in IVIG and in the steroid given between, with a normal residual, cut at the ends of the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from heliotrope.definitions.steroid_sparing import SparingModel
from heliotrope.estimate.logistic import fit_logistic
from heliotrope.estimate.sparing.solvers import (
    Array,
    BoundedFit,
    Bounds,
    fit_bounded_each,
    fit_linear_each,
)

Indices = NDArray[np.int64]

Flags = NDArray[np.bool_]

# Columns of a model: arrays that broadcast, and 1 for the constant.
Columns = tuple[Array | float, ...]

ACTIVITY_TERMS = (
    "constant",
    "activity",
    "covered",
    "steroid",
    "other_drugs",
    "pulse",
    "longer",
    "activity_longer",
)

NEVER = -30.0  # log odds of what was never seen

PORTION = 2**18  # weights that are held at once


def make_design(columns: Columns) -> Array:
    """Put the columns of a model side by side, the constant at full length."""
    return np.column_stack(np.broadcast_arrays(*columns))


def combine(columns: Columns, coefficients: Array) -> Array:
    """Add up the columns times their coefficients, whatever their common shape."""
    pairs = zip(coefficients, columns, strict=True)
    return np.asarray(sum(coefficient * column for coefficient, column in pairs))


@dataclass(frozen=True)
class Scales:
    """What the columns of the model are measured against."""

    target_activity: float
    mean_log_dose: float
    reference_days: float
    steroid_scale: float
    bounds: Bounds
    smallest_dose: float
    largest_dose: float

    def steroid(self, dose: Array) -> Array:
        """Turn a dose into the action on activity that the model gives it."""
        return np.asarray(np.log(1.0 + dose / self.steroid_scale))

    def dosing_columns(self, activity: Array, dose_before: Array) -> Columns:
        """Give the columns of the dosing rule; a dose of 0 counts as the smallest one seen."""
        return self.rule_columns(activity, np.log(np.maximum(dose_before, self.smallest_dose)))

    def rule_columns(self, activity: Array, log_dose: Array) -> Columns:
        """Give the columns of the dosing rule from the logarithm of the dose before."""
        return (1.0, activity - self.target_activity, log_dose - self.mean_log_dose)

    def activity_columns(
        self, activity: Array, dose: Array, given: tuple[Array, Array, Array], days: Array
    ) -> Columns:
        """Give the columns of the activity model; given: covered, other drugs, pulse."""
        longer = days / self.reference_days - 1
        steroid = self.steroid(dose)
        return (1.0, activity, given[0], steroid, *given[1:], longer, activity * longer)


@dataclass(frozen=True)
class Rows:
    """The visit pairs as arrays; ``child`` numbers the child of each row from 0."""

    child: Indices
    activity: Array
    next_activity: Array
    dose_before: Array
    dose: Array
    covered: Array
    other_drugs: Array
    pulse: Array
    days: Array

    @classmethod
    def of(cls, pairs: pl.DataFrame, child: Indices) -> Rows:
        """Take the columns of the visit pairs."""
        names = [name for name in cls.__dataclass_fields__ if name != "child"]
        columns = {name: pairs[name].to_numpy().astype(np.float64) for name in names}
        return cls(child=child, **columns)


@dataclass(frozen=True)
class Rule:
    """How a dose that goes on changes: its coefficients, IVIG's own, and what is left over."""

    coefficients: Array
    directly: float
    pool: Array


@dataclass(frozen=True)
class Fitted:
    """One fit: the coefficients, and what the dose leaves over, to be drawn from.

    A residual, or a dose at a restart, stands in its pool as often as its child was drawn.
    """

    scales: Scales
    stop: Array
    restart: Array
    going_on: Rule
    activity: BoundedFit
    restart_log_doses: Array

    @property
    def effect_of_ivig(self) -> float:
        """Change of activity at the next visit when all days between were covered."""
        return float(self.activity.coefficients[ACTIVITY_TERMS.index("covered")])


@dataclass(frozen=True)
class _Masks:
    """Pairs of visits that begin on a steroid, that have one given, both, and those restarted."""

    is_on: Flags
    is_given: Flags
    both: Flags
    restarted: Flags


@dataclass(frozen=True)
class SparingFit:
    """Everything a fit needs, made once, so that each bootstrap sample only brings weights.

    ``has_direct_path``: IVIG stands in the dosing rule too, beside the activity it changes.
    """

    rows: Rows
    scales: Scales
    numbers: SparingModel
    has_direct_path: bool = False

    @classmethod
    def of(cls, rows: Rows, numbers: SparingModel, bounds: Bounds) -> SparingFit:
        """Take the ends of the doses, and what the slopes are centred on, from the records."""
        positive = np.concatenate([rows.dose, rows.dose_before])
        positive = positive[positive > 0]
        scales = Scales(
            target_activity=numbers.target_activity,
            mean_log_dose=float(np.log(positive).mean()),
            reference_days=float(numbers.reference_days),
            steroid_scale=numbers.steroid_scale_mg_kg_day,
            bounds=bounds,
            smallest_dose=float(positive.min()),
            largest_dose=max(float(positive.max()), numbers.highest_dose_mg_kg_day),
        )
        return cls(rows, scales, numbers)

    def fit(self, child_weights: Array) -> Fitted:
        """Fit all parts of the model, each child counted as often as it was drawn."""
        return self.fit_each(child_weights[None])[0]

    def fit_each(self, child_weights: Array) -> list[Fitted]:
        """Fit all parts of the model, once for each row of weights (samples by children).

        Samples are taken in portions, so that memory stays bounded.
        """
        size = max(PORTION // max(len(self.rows.child), 1), 1)
        portions = range(0, len(child_weights), size)
        return [
            fitted
            for first in portions
            for fitted in self._fit_portion(child_weights[first : first + size])
        ]

    def _fit_portion(self, child_weights: Array) -> list[Fitted]:
        rows, masks = self.rows, self._masks
        weights = child_weights[:, rows.child]
        is_on, is_given = masks.is_on, masks.is_given
        dosing, design = self._designs
        stop = self._fit_chance(dosing[is_on], ~is_given[is_on], weights[:, is_on])
        restart = self._fit_chance(dosing[~is_on][:, :2], is_given[~is_on], weights[:, ~is_on])
        activity = fit_bounded_each(design, rows.next_activity, weights, self.scales.bounds)
        restarted = np.log(rows.dose[masks.restarted])
        counts = weights[:, masks.restarted].astype(np.int64)
        found = zip(stop, restart, self._fit_rules(child_weights), activity, counts, strict=True)
        return [
            Fitted(self.scales, stopping, restarting, rule, course, np.repeat(restarted, count))
            for stopping, restarting, rule, course, count in found
        ]

    def refit_rules(self, fitted: Sequence[Fitted], child_weights: Array) -> list[Fitted]:
        """Fit the rule of a dose that goes on anew, and keep the rest as it was fitted."""
        return [
            replace(one, going_on=rule)
            for one, rule in zip(fitted, self._fit_rules(child_weights), strict=True)
        ]

    def _fit_rules(self, child_weights: Array) -> list[Rule]:
        """Fit by how much a dose that goes on changes, with IVIG in the rule where asked for."""
        rows, both = self.rows, self._masks.both
        weights = child_weights[:, rows.child[both]]
        dosing = self._designs[0][both]
        width = dosing.shape[1]
        if self.has_direct_path:
            dosing = np.column_stack([dosing, rows.covered[both]])
        change = np.log(rows.dose[both]) - np.log(rows.dose_before[both])
        coefficients = fit_linear_each(dosing, change, weights)
        residuals = change - coefficients @ dosing.T
        return [
            Rule(
                coefficients=found[:width],
                directly=float(found[-1]) if self.has_direct_path else 0.0,
                pool=np.repeat(left_over, count),
            )
            for found, left_over, count in zip(
                coefficients, residuals, weights.astype(np.int64), strict=True
            )
        ]

    @cached_property
    def _masks(self) -> _Masks:
        is_on, is_given = self.rows.dose_before > 0, self.rows.dose > 0
        return _Masks(is_on, is_given, is_on & is_given, ~is_on & is_given)

    @cached_property
    def _designs(self) -> tuple[Array, Array]:
        """The columns of the dosing rule and of activity, the same for every sample."""
        rows, scales = self.rows, self.scales
        given = (rows.covered, rows.other_drugs, rows.pulse)
        activity = scales.activity_columns(rows.activity, rows.dose, given, rows.days)
        dosing = scales.dosing_columns(rows.activity, rows.dose_before)
        return make_design(dosing), make_design(activity)

    def _fit_chance(self, design: Array, happened: Flags, weights: Array) -> Array:
        """Fit a chance, a row a sample; too few events: one chance for all; none: never."""
        outcome = happened.astype(np.float64)
        events = weights @ outcome
        others = weights.sum(axis=1) - events
        found = np.zeros((len(weights), design.shape[1]))
        found[:, 0] = NEVER
        is_some = (events > 0) & (others > 0)
        found[is_some, 0] = np.log(events[is_some] / others[is_some])
        found[(events > 0) & ~is_some, 0] = -NEVER
        is_enough = np.minimum(events, others) >= self.numbers.fewest_events
        if is_enough.any():
            penalty = np.full(design.shape[1], self.numbers.logistic_penalty)
            penalty[0] = 0.0
            fit = fit_logistic(design, outcome, weights[is_enough], penalty)
            found[is_enough] = fit.coefficients
        return found
