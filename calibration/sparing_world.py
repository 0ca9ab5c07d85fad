"""A clinic whose truth is known: how steroid is dosed, what IVIG does, and what it spared.

IVIG is started at a visit with high activity, which would have come down somewhat by itself, and
the steroid falls with activity anyway: the dose before and after the start is therefore no measure
of what IVIG spared. The truth comes from the same children, simulated again with the IVIG they had
and without, under the very numbers they were made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

Array = NDArray[np.float64]

FIRST_DAY = date(2015, 1, 1)


@dataclass(frozen=True)
class World:
    """Numbers of the clinic; activity in cm of the physician global, doses in mg/kg/day."""

    days: int = 28
    visits: int = 26
    activity_carried: float = 0.8
    activity_level: float = 5.0
    activity_noise: float = 0.8
    ivig: float = -1.2
    steroid: float = -0.8
    steroid_scale: float = 0.1
    dosing: Literal["activity", "fixed_share", "fixed_step", "held_then_share"] = "activity"
    held_visits: int = 8
    reaction: float = 0.10
    fall: float = 0.30
    target: float = 0.2
    dose_noise: float = 0.15
    stop: tuple[float, float, float] = (-4.0, -0.6, -1.0)
    restart: tuple[float, float] = (-4.5, 0.5)
    restart_dose: float = 0.5
    start: tuple[float, float] = (-5.0, 0.7)
    first_start_visit: int = 6
    go_on: float = 0.92
    measuring_error: float = 0.0
    directly: float = 0.0


@dataclass(frozen=True)
class Clinic:
    """What was made: children by visits. ``dose`` and ``covered`` hold between visits."""

    activity: Array
    seen: Array
    dose: Array
    start_dose: Array
    covered: Array


def make_clinic(world: World, children: int, generator: np.random.Generator) -> Clinic:
    """Make children who all start IVIG at some visit; the others are drawn anew."""
    made: list[Clinic] = []
    found = 0
    while found < children:
        clinic = _draw(world, 2 * children, generator)
        is_treated = clinic.covered.max(axis=1) > 0
        made.append(_keep(clinic, is_treated))
        found += int(is_treated.sum())
    joined = Clinic(*(np.concatenate([getattr(c, n) for c in made]) for n in _NAMES))
    return _keep(joined, np.arange(len(joined.start_dose)) < children)


_NAMES = ("activity", "seen", "dose", "start_dose", "covered")


def _keep(clinic: Clinic, which: NDArray[np.bool_]) -> Clinic:
    return Clinic(*(getattr(clinic, name)[which] for name in _NAMES))


def _draw(world: World, children: int, generator: np.random.Generator) -> Clinic:
    activity = np.clip(generator.normal(5.0, 1.5, children), 0, 10)
    dose = np.exp(generator.normal(np.log(0.8), 0.4, children))
    start_dose = dose.copy()
    is_on_ivig = np.zeros(children, dtype=bool)
    was_ever = np.zeros(children, dtype=bool)
    columns: dict[str, list[Array]] = {name: [] for name in ("activity", "seen", "dose", "covered")}
    for visit in range(world.visits):
        seen = _see(world, activity, generator)
        starts = _chance(world.start[0] + world.start[1] * seen) > generator.random(children)
        starts &= ~was_ever & (visit >= world.first_start_visit)
        goes_on = generator.random(children) < world.go_on
        is_on_ivig = np.where(is_on_ivig, goes_on, starts)
        was_ever |= starts
        covered = is_on_ivig.astype(np.float64)
        dose = set_dose(world, seen, dose, (covered, visit), generator)
        for name, column in zip(columns, (activity, seen, dose, covered), strict=True):
            columns[name].append(column)
        activity = move_activity(world, activity, dose, covered, generator)
    stacked = {name: np.column_stack(parts) for name, parts in columns.items()}
    return Clinic(start_dose=start_dose, **stacked)


def _see(world: World, activity: Array, generator: np.random.Generator) -> Array:
    error = generator.normal(0.0, 1.0, len(activity)) * world.measuring_error
    return np.clip(activity + error, 0, 10)


def _chance(log_odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def set_dose(
    world: World,
    seen: Array,
    before: Array,
    when: tuple[Array, Any],
    generator: np.random.Generator,
) -> Array:
    """Set the dose of one visit, as the clinic does; ``when``: cover by IVIG, and which visit."""
    covered, visit = when
    noise = generator.normal(0.0, world.dose_noise, len(before))
    chance = generator.random(len(before))
    is_on = before > 0
    if world.dosing in ("fixed_share", "held_then_share"):
        is_held = (world.dosing == "held_then_share") & (visit < world.held_visits)
        fallen = np.where(before < 0.05, 0.0, before * np.exp(-0.12 + noise / 5))
        return np.where(is_held, before, fallen)
    if world.dosing == "fixed_step":
        return np.maximum(before - 0.06 * np.exp(noise / 5), 0.0)
    log_before = np.log(np.where(is_on, before, 1.0))
    change = -world.fall + world.reaction * (seen - world.target) + world.directly * covered + noise
    going_on = np.exp(np.clip(log_before + change, np.log(0.03), np.log(2.5)))
    stops = _chance(world.stop[0] + world.stop[1] * seen + world.stop[2] * log_before) > chance
    restarts = _chance(world.restart[0] + world.restart[1] * seen) > chance
    restarted = world.restart_dose * np.exp(noise)
    return np.where(is_on, np.where(stops, 0.0, going_on), np.where(restarts, restarted, 0.0))


def move_activity(
    world: World, activity: Array, dose: Array, covered: Array, generator: np.random.Generator
) -> Array:
    """Move activity from one visit to the next."""
    level = world.activity_level * (1 - world.activity_carried)
    expected = (
        level
        + world.activity_carried * activity
        + world.ivig * covered
        + world.steroid * np.log1p(dose / world.steroid_scale)
        + 0.8
    )
    return np.clip(expected + generator.normal(0, world.activity_noise, len(activity)), 0, 10)


def find_truth(
    world: World, clinic: Clinic, horizon_days: int, generator: np.random.Generator, draws: int = 20
) -> float:
    """Return the steroid spared (mg/kg/day) over the children's visits from the start of IVIG.

    Each child is simulated from the visit at which IVIG began, once with the IVIG it had and once
    without, with the same noise.
    """
    first = clinic.covered.argmax(axis=1)
    spared, days = 0.0, 0.0
    for _ in range(draws):
        seed = int(generator.integers(2**31))
        arms = [
            _simulate(world, clinic, first, horizon_days, is_given, seed)
            for is_given in (True, False)
        ]
        spared += float((arms[1][0] - arms[0][0]).sum())
        days += float(arms[0][1].sum())
    return spared / days


def _simulate(
    world: World,
    clinic: Clinic,
    first: NDArray[np.int64],
    horizon_days: int,
    is_given: bool,
    seed: int,
) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    children = np.arange(len(first))
    activity = clinic.activity[children, first]
    seen = clinic.seen[children, first]
    before = np.where(first > 0, clinic.dose[children, np.maximum(first - 1, 0)], clinic.start_dose)
    total, days = np.zeros(len(first)), np.zeros(len(first))
    dose = before
    for step in range(-(-horizon_days // world.days)):
        visit = first + step
        is_seen = visit < world.visits - 1
        covered = clinic.covered[children, np.minimum(visit, world.visits - 1)]
        given = covered if is_given else np.zeros_like(covered)
        dose = set_dose(world, seen, dose, (given, visit), generator)
        total += np.where(is_seen, dose * world.days, 0.0)
        days += np.where(is_seen, world.days, 0)
        activity = move_activity(world, activity, dose, given, generator)
        seen = _see(world, activity, generator)
    return total, days


def find_naive(clinic: Clinic, world: World, before_days: int = 91) -> float:
    """Return the mean dose of the months before the start less that of the year after it."""
    first = clinic.covered.argmax(axis=1)
    visits = np.arange(world.visits)[None, :]
    away = (visits - first[:, None]) * world.days
    was_before = (away < 0) & (away >= -before_days)
    is_after = (away >= 0) & (away < 365) & (visits < world.visits - 1)
    means = [
        (clinic.dose * which).sum(axis=1) / np.maximum(which.sum(axis=1), 1)
        for which in (was_before, is_after)
    ]
    return float((means[0] - means[1]).mean())


def without_effect(world: World) -> World:
    """Return the same clinic where IVIG does nothing."""
    return replace(world, ivig=0.0)


def write_tables(
    clinic: Clinic, world: World
) -> tuple[Mapping[str, pl.DataFrame], Mapping[str, pl.DataFrame]]:
    """Write the clinic as the tables and records of a run: regimens, courses, doses, visits."""
    children, visits = clinic.seen.shape
    names = [f"child{number:05}" for number in range(children)]
    day = [FIRST_DAY + timedelta(days=world.days * visit) for visit in range(visits)]
    last_day = day[-1] + timedelta(days=world.days - 1)
    child, visit = (array.ravel() for array in np.indices((children, visits)))
    frame = pl.DataFrame(
        {
            "patient_id": [names[number] for number in child],
            "date": [day[number] for number in visit],
            "seen": clinic.seen.ravel().round(2),
            "dose": clinic.dose.ravel(),
            "covered": clinic.covered.ravel() > 0,
            "row_id": np.arange(children * visits, dtype=np.int64),
        }
    )
    courses = frame.filter("covered").select("patient_id", start_date="date")
    regimens = courses.group_by("patient_id", maintain_order=True).agg(
        first_infusion=pl.col("start_date").min(),
        last_infusion=pl.col("start_date").max(),
        last_course_start=pl.col("start_date").max(),
        courses=pl.len().cast(pl.Int32),
    )
    before = pl.DataFrame(
        {
            "patient_id": names,
            "start_date": [FIRST_DAY - timedelta(days=28)] * children,
            "end_date": [FIRST_DAY - timedelta(days=1)] * children,
            "prednisone_mg_kg_day": clinic.start_dose,
        }
    )
    doses = pl.concat(
        [
            before,
            frame.select(
                "patient_id",
                start_date="date",
                end_date=pl.col("date") + pl.duration(days=world.days - 1),
                prednisone_mg_kg_day="dose",
            ),
        ]
    ).with_columns(prednisone_mg_day=pl.col("prednisone_mg_kg_day") * 20)
    tables = {
        "regimen": _fill(
            "regimen",
            regimens.with_columns(
                regimen=pl.lit(1, pl.Int32),
                status=pl.lit("ongoing"),
                observed_until=pl.lit(last_day),
            ),
        ),
        "course": _fill(
            "course", courses.with_columns(regimen=pl.lit(1, pl.Int32), end_date="start_date")
        ),
        "steroid_period": _fill("steroid_period", doses.sort("patient_id", "start_date")),
    }
    assessments = frame.select(
        "row_id", "patient_id", "date", measure=pl.lit("physician_global"), value="seen"
    )
    return tables, {"assessment": _fill("assessment", assessments)}


def _fill(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give a table the columns of its schema, empty where the clinic says nothing."""
    schema: Mapping[str, Any] = (TABLES | CANONICAL)[name].create_empty().schema
    return frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in schema.items()
    )
