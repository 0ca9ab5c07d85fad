"""Each child simulated forward from its first infusion, under the IVIG it had and under none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from heliotrope.estimate.sparing.model import Fitted, Indices, combine
from heliotrope.estimate.sparing.solvers import Array, compute_chance

CHILD = "patient_id"

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Schedules:
    """What is held as it was for each child: visits and treatments; children by visits.

    ``days`` is 0 past a child's last pair. ``start_activity`` and ``start_dose`` are those of the
    visit at which IVIG began. ``observed``: the dose added up that the child really had.
    """

    child: Indices
    start_activity: Array
    start_dose: Array
    days: Array
    covered: Array
    other_drugs: Array
    pulse: Array
    observed: Array

    @property
    def total_days(self) -> Array:
        """Days that each child is followed."""
        return np.asarray(self.days.sum(axis=1))


@dataclass(frozen=True)
class Noise:
    """Chances of both arms: a path meets the same ones with and without IVIG.

    ``hurdle`` and ``size`` are uniform, ``activity`` is standard normal; visits by paths.
    """

    hurdle: Array
    size: Array
    activity: Array

    @classmethod
    def draw(cls, generator: np.random.Generator, visits: int, paths: int) -> Noise:
        """Draw the chances of every visit of every path."""
        hurdle, size = generator.random((2, visits, paths))
        return cls(hurdle, size, generator.standard_normal((visits, paths)))


def make_schedules(
    pairs: pl.DataFrame, numbers: dict[str, int], baseline_days: int, horizon_days: int
) -> Schedules:
    """Follow each child from its last visit before IVIG (or on its first day) to the horizon.

    ``pairs``: the visit pairs; ``numbers``: the number of each child. A child without a visit in
    the days before its first infusion is left out; a pair that is missing ends its schedule.
    """
    day = pl.col("days_from_first_infusion")
    is_start = (day <= 0) & (day >= -baseline_days)
    starts = pairs.filter(is_start).group_by(CHILD).agg(start=day.max())
    followed = (
        pairs.join(starts, on=CHILD)
        .filter((day >= pl.col("start")) & (day < horizon_days))
        .sort(CHILD, "date")
        .with_columns(
            is_broken=(pl.col("is_linked").not_() & (day > pl.col("start"))).cum_sum().over(CHILD)
        )
        .filter(pl.col("is_broken") == 0)
        .with_columns(step=pl.int_range(pl.len()).over(CHILD))
    )
    first = followed.filter(pl.col("step") == 0).sort(CHILD)
    places = {name: number for number, name in enumerate(first[CHILD])}
    row = followed[CHILD].replace_strict(places, return_dtype=pl.Int64).to_numpy()
    step = followed["step"].to_numpy()
    shape = (first.height, int(step.max(initial=-1)) + 1)

    def spread(name: str) -> Array:
        table = np.zeros(shape)
        table[row, step] = followed[name].to_numpy()
        return table

    dose, days = spread("dose"), spread("days")
    return Schedules(
        child=np.array([numbers[name] for name in first[CHILD]], dtype=np.int64),
        start_activity=first["activity"].to_numpy().astype(np.float64),
        start_dose=first["dose_before"].to_numpy().astype(np.float64),
        days=days,
        covered=spread("covered"),
        other_drugs=spread("other_drugs"),
        pulse=spread("pulse"),
        observed=(dose * days).sum(axis=1),
    )


def simulate_doses(fitted: Fitted, schedules: Schedules, noise: Noise, has_ivig: bool) -> Array:
    """Add up the dose (mg/kg) of every path; returns draws by children.

    At each visit the dose is set by the activity seen there, then the next activity follows from
    what is given in between. Activity stays in the range of its measure, a dose in that of the
    doses of the records.
    """
    shape = (noise.hurdle.shape[1] // len(schedules.child), len(schedules.child))
    activity = np.broadcast_to(schedules.start_activity, shape)
    dose = np.broadcast_to(schedules.start_dose, shape)
    total = np.zeros(shape)
    covered_when = schedules.covered if has_ivig else np.zeros_like(schedules.covered)
    scales, effect = fitted.scales, fitted.activity
    for visit in range(schedules.days.shape[1]):
        days, covered = schedules.days[:, visit], covered_when[:, visit]
        chances = (noise.hurdle[visit].reshape(shape), noise.size[visit].reshape(shape))
        dose = _set_dose(fitted, activity, dose, covered, chances)
        total += dose * days
        given = (covered, schedules.other_drugs[:, visit], schedules.pulse[:, visit])
        columns = scales.activity_columns(activity, dose, given, days)
        left_over = effect.spread * noise.activity[visit].reshape(shape)
        expected = combine(columns, effect.coefficients) + left_over
        activity = np.clip(expected, scales.bounds.low, scales.bounds.high)
    return total


def _set_dose(
    fitted: Fitted, activity: Array, before: Array, covered: Array, chances: tuple[Array, Array]
) -> Array:
    """Set the dose of one visit: stop, restart, or go on at another dose."""
    scales = fitted.scales
    hurdle, size = chances
    columns = scales.dosing_columns(activity, before)
    is_on: Flags = before > 0
    on, off = combine(columns, fitted.stop), combine(columns[:2], fitted.restart)
    log_odds = np.where(is_on, on, off)
    happens = hurdle < compute_chance(log_odds)
    left_over = _draw(fitted.going_on_pool, size)
    going_on = np.log(np.where(is_on, before, 1.0)) + (
        combine(columns, fitted.going_on) + fitted.directly * covered + left_over
    )
    restarted = _draw(fitted.restart_log_doses, size)
    smallest, largest = np.log(scales.smallest_dose), np.log(scales.largest_dose)
    dose = np.exp(np.clip(np.where(is_on, going_on, restarted), smallest, largest))
    return np.where(happens == is_on, 0.0, dose)


def _draw(pool: Array, chances: Array) -> Array:
    """Draw from a pool, each value in it equally likely; an empty pool adds nothing."""
    if len(pool) == 0:
        return np.zeros_like(chances)
    return np.asarray(pool[(chances * len(pool)).astype(np.int64)])
