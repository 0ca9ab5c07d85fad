"""Each child simulated forward from its first infusion, under the IVIG it had and under none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl

from heliotrope.estimate.sparing.model import (
    ACTIVITY_TERMS,
    Fitted,
    Flags,
    Indices,
    Scales,
    combine,
)
from heliotrope.estimate.sparing.solvers import Array

CHILD = "patient_id"


@dataclass(frozen=True)
class Schedules:
    """What is held as it was for each child: visits and treatments; children by visits.

    Children with many visits come first, so that those no longer followed lie at the end.
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

    @property
    def followed(self) -> Sequence[int]:
        """How many children, the first ones, need to be simulated for each visit."""
        lasting = (self.days[:, ::-1].cumsum(axis=1) > 0)[:, ::-1]
        return [int(np.flatnonzero(column).max(initial=-1)) + 1 for column in lasting.T]

    def of(self, places: Indices) -> Schedules:
        """Keep some of the children."""
        return Schedules(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass(frozen=True)
class Noise:
    """Chances of both arms: a path meets the same ones with and without IVIG.

    ``hurdle`` is standard logistic (something happens where it is under the log odds), ``size``
    uniform, ``activity`` standard normal; visits by draws by children.
    """

    hurdle: Array
    size: Array
    activity: Array

    @classmethod
    def draw(cls, generator: np.random.Generator, visits: int, draws: int, children: int) -> Noise:
        """Draw the chances of every visit of every path."""
        shape = (visits, draws, children)
        return cls(
            generator.logistic(size=shape), generator.random(shape), generator.normal(size=shape)
        )

    def of(self, children: Indices) -> Noise:
        """Keep the chances of some children."""
        return Noise(
            *(part.take(children, axis=2) for part in (self.hurdle, self.size, self.activity))
        )


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
    first = (
        followed.with_columns(steps=pl.len().over(CHILD))
        .filter(pl.col("step") == 0)
        .sort("steps", CHILD, descending=[True, False])
    )
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


def simulate_doses(fitted: Fitted, schedules: Schedules, noise: Noise) -> Array:
    """Add up the dose (mg/kg) of every path: with and without IVIG, by draws, by children.

    At each visit the dose is set by the activity seen there, then the next activity follows from
    what is given in between. Activity stays in the range of its measure, a dose in that of the
    doses of the records. A child is followed no longer than its schedule.
    """
    scales = fitted.scales
    shape = (2, *noise.hurdle.shape[1:])
    total = np.zeros(shape)
    paths = _Paths.start(scales, schedules, shape)
    covered = np.stack([schedules.covered, np.zeros_like(schedules.covered)])[:, None]
    still, carried, by_steroid = _find_course(fitted, schedules, covered)
    left_over = _draw(fitted.going_on.pool, noise.size)
    drift = fitted.activity.spread * noise.activity
    for visit, followed in enumerate(schedules.followed):
        paths = paths.first(followed)
        chances = [part[visit, :, :followed] for part in (noise.hurdle, noise.size, left_over)]
        paths, dose = _set_dose(fitted, paths, covered[..., :followed, visit], chances)
        total[..., :followed] += dose * schedules.days[:followed, visit]
        expected = carried[:followed, visit] * paths.activity
        expected += by_steroid * scales.steroid(dose)
        expected += still[..., :followed, visit]
        expected += drift[visit, :, :followed]
        activity = np.clip(expected, scales.bounds.low, scales.bounds.high)
        paths = replace(paths, activity=activity)
    return total


def _find_course(
    fitted: Fitted, schedules: Schedules, covered: Array
) -> tuple[Array, Array, float]:
    """Say how activity moves, but for chance: a constant, the share carried on, the steroid's.

    The line is straight in activity and in what the steroid does, so all that does not hang on the
    path is made once for every visit.
    """
    given = (covered, schedules.other_drugs, schedules.pulse)
    none = np.zeros_like(schedules.days)
    still, moved = (
        combine(
            fitted.scales.activity_columns(activity, none, given, schedules.days),
            fitted.activity.coefficients,
        )
        for activity in (none, none + 1)
    )
    by_steroid = float(fitted.activity.coefficients[ACTIVITY_TERMS.index("steroid")])
    return still, np.asarray((moved - still)[0, 0]), by_steroid


@dataclass(frozen=True)
class _Paths:
    """Where the paths are: arms by draws by children. Off a steroid, the smallest dose stands."""

    activity: Array
    log_dose: Array
    is_on: Flags

    @classmethod
    def start(cls, scales: Scales, schedules: Schedules, shape: tuple[int, ...]) -> _Paths:
        log_dose = np.log(np.maximum(schedules.start_dose, scales.smallest_dose))
        return cls(
            np.broadcast_to(schedules.start_activity, shape),
            np.broadcast_to(log_dose, shape),
            np.broadcast_to(schedules.start_dose > 0, shape),
        )

    def first(self, children: int) -> _Paths:
        if children == self.activity.shape[-1]:
            return self
        kept = (..., slice(children))
        return _Paths(self.activity[kept], self.log_dose[kept], self.is_on[kept])


def _set_dose(
    fitted: Fitted, paths: _Paths, covered: Array, chances: Sequence[Array]
) -> tuple[_Paths, Array]:
    """Set the dose of one visit: stop, restart, or go on at another dose."""
    scales, rule, is_on = fitted.scales, fitted.going_on, paths.is_on
    hurdle, size, left_over = chances
    columns = scales.rule_columns(paths.activity, paths.log_dose)
    log_odds = np.where(is_on, combine(columns, fitted.stop), combine(columns[:2], fitted.restart))
    happens = hurdle < log_odds
    log_dose = paths.log_dose + combine(columns, rule.coefficients) + left_over
    if rule.directly:
        log_dose += rule.directly * covered
    restarts = np.nonzero(happens & ~is_on)
    log_dose[restarts] = _draw(fitted.restart_log_doses, size[restarts[1:]])
    smallest, largest = np.log(scales.smallest_dose), np.log(scales.largest_dose)
    log_dose = np.clip(log_dose, smallest, largest)
    is_given = happens ^ is_on
    dose = np.where(is_given, np.exp(log_dose), 0.0)
    log_dose = np.where(is_given, log_dose, smallest)
    return _Paths(paths.activity, log_dose, is_given), dose


def _draw(pool: Array, chances: Array) -> Array:
    """Draw from a pool, each value in it equally likely; an empty pool adds nothing."""
    if len(pool) == 0:
        return np.zeros_like(chances)
    return np.asarray(pool[(chances * len(pool)).astype(np.int64)])
