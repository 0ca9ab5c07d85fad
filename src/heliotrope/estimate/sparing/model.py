"""The model behind the steroid spared: how the dose is set, and how activity moves.

Dose: off a steroid, a chance of restarting; on one, a chance of stopping; while it goes on,
log(next dose / dose) = -r + b (activity - target) + c (log dose - mean) + e; what is left over (e)
is drawn from what it was in the children. Activity: the next is a straight line in the present one,
in IVIG and in the steroid given between, with a normal residual, cut at the ends of the scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from heliotrope.definitions.steroid_sparing import SparingModel
from heliotrope.estimate.sparing.solvers import (
    Array,
    BoundedFit,
    Bounds,
    fit_bounded,
    fit_linear,
    fit_logistic,
)

Indices = NDArray[np.int64]

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
        return np.asarray(np.log1p(dose / self.steroid_scale))

    def dosing_columns(self, activity: Array, dose_before: Array) -> Columns:
        """Give the columns of the dosing rule; a dose of 0 counts as the smallest one seen."""
        log_dose = np.log(np.maximum(dose_before, self.smallest_dose)) - self.mean_log_dose
        return (1.0, activity - self.target_activity, log_dose)

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
class Fitted:
    """One fit: the coefficients, and what the dose leaves over, to be drawn from.

    A residual, or a dose at a restart, stands in its pool as often as its child was drawn.
    """

    scales: Scales
    stop: Array
    restart: Array
    going_on: Array
    directly: float
    activity: BoundedFit
    restart_log_doses: Array
    going_on_pool: Array

    @property
    def effect_of_ivig(self) -> float:
        """Change of activity at the next visit when all days between were covered."""
        return float(self.activity.coefficients[ACTIVITY_TERMS.index("covered")])


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

    def fit(self, child_weights: Array, start: Fitted | None = None) -> Fitted:
        """Fit all parts of the model, each child counted as often as it was drawn."""
        rows = self.rows
        weights = child_weights[rows.child]
        counts = weights.astype(np.int64)
        is_on, is_given = rows.dose_before > 0, rows.dose > 0
        both = is_on & is_given
        restarted = ~is_on & is_given
        dosing, design = self._designs
        log_dose = np.log(np.where(is_given, rows.dose, 1.0))
        change = log_dose[both] - np.log(rows.dose_before[both])
        direct = [rows.covered[both]] if self.has_direct_path else []
        going_on = fit_linear(np.column_stack([dosing[both], *direct]), change, weights[both])
        return Fitted(
            scales=self.scales,
            stop=self._fit_chance(
                dosing[is_on],
                ~is_given[is_on],
                weights[is_on],
                None if start is None else start.stop,
            ),
            restart=self._fit_chance(
                dosing[~is_on][:, :2],
                is_given[~is_on],
                weights[~is_on],
                None if start is None else start.restart,
            ),
            going_on=going_on.coefficients[: dosing.shape[1]],
            directly=float(going_on.coefficients[-1]) if self.has_direct_path else 0.0,
            activity=fit_bounded(design, rows.next_activity, weights, self.scales.bounds),
            restart_log_doses=np.repeat(log_dose[restarted], counts[restarted]),
            going_on_pool=np.repeat(going_on.residuals, counts[both]),
        )

    @cached_property
    def _designs(self) -> tuple[Array, Array]:
        """The columns of the dosing rule and of activity, the same for every sample."""
        rows, scales = self.rows, self.scales
        given = (rows.covered, rows.other_drugs, rows.pulse)
        activity = scales.activity_columns(rows.activity, rows.dose, given, rows.days)
        dosing = scales.dosing_columns(rows.activity, rows.dose_before)
        return make_design(dosing), make_design(activity)

    def _fit_chance(
        self, design: Array, happened: NDArray[np.bool_], weights: Array, start: Array | None
    ) -> Array:
        """Fit a chance; too few events: one chance for all; none: never."""
        outcome = happened.astype(np.float64)
        events = float(weights @ outcome)
        others = float(weights.sum()) - events
        found = np.zeros(design.shape[1])
        if events <= 0:
            found[0] = NEVER
            return found
        if min(events, others) < self.numbers.fewest_events:
            found[0] = float(np.log(events / others)) if others > 0 else -NEVER
            return found
        usable = None if start is None or abs(start[0]) >= -NEVER else start
        return fit_logistic(design, outcome, weights, self.numbers.logistic_penalty, usable)
