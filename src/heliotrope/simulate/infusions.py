"""The infusion days of each course, and subcutaneous immunoglobulin after a switch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.simulate.children import Children, compute_body
from heliotrope.simulate.courses import Courses
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers, round_to
from heliotrope.simulate.parameters import Simulation
from heliotrope.simulate.tables import make_dates, make_table, make_times, make_words


@dataclass(frozen=True)
class InfusionDays:
    """One entry an infusion day: its child (row of the block), day and start in minutes."""

    child: Integers
    day: Numbers
    minute: Integers


def draw_infusion_days(draws: Draws, simulation: Simulation, courses: Courses) -> InfusionDays:
    """Spread each course over its infusion days."""
    exposure = simulation.exposure
    most = max(exposure.infusion_days)
    days = courses.start[:, :, None] + np.arange(most)
    is_given = np.isfinite(days) & (np.arange(most) < courses.infusion_days[:, None, None])
    child, _, _ = np.nonzero(is_given)
    minute = draws.days(exposure.start_minute_min, exposure.start_minute_max, child.shape)
    return InfusionDays(child=child, day=days[is_given], minute=minute)


def make_infusions(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    courses: Courses,
    infusions: InfusionDays,
) -> pl.DataFrame:
    """Write the infusions as canonical rows: grams in whole vials for most, g/kg for some."""
    exposure = simulation.exposure
    count = (children.count,)
    product = draws.index(exposure.product_shares, count)
    premedication = draws.index(exposure.premedication_shares, count)
    is_per_kg = draws.is_true(exposure.share_recorded_per_kg, count)
    child = infusions.child
    weight = _weigh_at(children, child, infusions.day, simulation)
    per_day = courses.dose_g_per_kg[child] / courses.infusion_days[child]
    most_grams = exposure.dose_max_g / courses.infusion_days[child]
    vials = np.floor(np.minimum(per_day * weight, most_grams) / exposure.vial_g + 1 / 2)
    grams = np.maximum(vials, 1) * exposure.vial_g
    rows = make_table(
        "infusion",
        children.number[child],
        {
            "date": make_dates(children, child, infusions.day),
            "time": make_times(infusions.minute),
            "product": make_words(exposure.products, product[child]),
            "route": "iv",
            "dose": pl.Series(np.where(is_per_kg[child], round_to(per_day, 1 / 100), grams)),
            "dose_unit": _dose_units(is_per_kg[child]),
            "premedication": make_words(exposure.premedications, premedication[child]),
        },
    )
    return pl.concat([rows, _make_subcutaneous(simulation, children, courses)])


def _weigh_at(
    children: Children, child: Integers, days: Numbers, simulation: Simulation
) -> Numbers:
    """Weight of each entry's child on its day, by a straight line between yearly weights."""
    years = np.arange(4) * 365.0
    yearly = compute_body(children, np.tile(years, (children.count, 1)), simulation, "weight")
    year = np.clip((days // 365).astype(np.int64), 0, len(years) - 2)
    share = days / 365 - year
    weight: Numbers = yearly[child, year] * (1 - share) + yearly[child, year + 1] * share
    return weight


def _dose_units(is_per_kg: Booleans) -> pl.Series:
    return pl.Series(np.where(is_per_kg, "g/kg", "g"), dtype=pl.String)


def _make_subcutaneous(
    simulation: Simulation, children: Children, courses: Courses
) -> pl.DataFrame:
    exposure = simulation.exposure
    is_switched = courses.is_switched & children.has_ivig
    child = np.repeat(np.flatnonzero(is_switched), exposure.sc_infusions)
    number = np.tile(np.arange(exposure.sc_infusions), int(is_switched.sum()))
    day = courses.last_start[child] + exposure.sc_after_days + number * exposure.sc_every_days
    weight = _weigh_at(children, child, day, simulation)
    return make_table(
        "infusion",
        children.number[child],
        {
            "date": make_dates(children, child, day),
            "product": "IgPro S 20 %",
            "route": "sc",
            "dose": pl.Series(round_to(exposure.sc_dose_g_per_kg * weight, 1 / 2)),
            "dose_unit": "g",
        },
    )
