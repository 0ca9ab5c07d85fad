"""What was measured at each visit: the core sets, laboratory values, weight, height, judgement."""

from __future__ import annotations

import numpy as np
import polars as pl

from heliotrope.simulate.children import Children, compute_body
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers, round_to
from heliotrope.simulate.parameters import MeasureModel, Simulation
from heliotrope.simulate.tables import make_dates, make_table, make_words
from heliotrope.simulate.visits import Visits

JUDGEMENTS = ("improved", "unchanged", "worse")


def make_assessments(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    visits: Visits,
    activity: Numbers,
) -> pl.DataFrame:
    """Read every measure off the latent activity, with noise and gaps, as canonical rows."""
    parts = [_observe(draws, model, children, visits, activity) for model in simulation.measures]
    parts += _weigh(draws, simulation, children, visits)
    parts.append(_judge(draws, simulation, children, visits, activity))
    return pl.concat(parts)


def _observe(
    draws: Draws, model: MeasureModel, children: Children, visits: Visits, activity: Numbers
) -> pl.DataFrame:
    shape = visits.day.shape
    share = np.where(visits.is_full, model.full_share, model.short_share)
    is_taken = draws.is_true(share, shape) & visits.exists
    if model.id == "physician_global":
        is_taken &= ~children.lacks_global[:, None]
    value = (
        model.offset
        + model.per_cm * activity
        + draws.normal(0, model.child_sd, (shape[0], 1))
        + draws.normal(0, model.noise_sd, shape)
    )
    rows, columns = np.nonzero(is_taken)
    value = value[rows, columns]
    limit: Numbers | None = None
    if model.upper_limits:
        limit = np.asarray(model.upper_limits)[children.site[rows]]
        value = limit * np.exp2(value)
    value = round_to(np.clip(value, model.min, model.max), model.step)
    days = visits.day[rows, columns]
    return _make_rows(children, rows, days, (model.id, model.unit), value, limit)


def _make_rows(
    children: Children,
    rows: Integers,
    days: Numbers,
    named: tuple[str, str],
    value: Numbers,
    limit: Numbers | None = None,
) -> pl.DataFrame:
    measure, unit = named
    return make_table(
        "assessment",
        children.number[rows],
        {
            "date": make_dates(children, rows, days),
            "measure": measure,
            "unit": unit,
            "value": pl.Series(value),
            "upper_limit": None if limit is None else pl.Series(limit),
        },
    )


def _weigh(
    draws: Draws, simulation: Simulation, children: Children, visits: Visits
) -> list[pl.DataFrame]:
    """Weight and height at visits, and the weight at diagnosis that early doses need."""
    body = simulation.body
    shape = visits.day.shape
    share = np.where(visits.is_full, body.weight_full_share, body.weight_short_share)
    is_weighed = draws.is_true(share, shape) & visits.exists
    is_measured = draws.is_true(body.height_full_share, shape) & visits.is_full & visits.exists
    days = np.nan_to_num(visits.day)
    noise = draws.around(1, body.weight_sd, shape)
    weight = round_to(compute_body(children, days, simulation, "weight") * noise, body.weight_step)
    height = round_to(compute_body(children, days, simulation, "height"), body.height_step)
    at_diagnosis = children.diagnosis_day[:, None].astype(np.float64)
    first = compute_body(children, at_diagnosis, simulation, "weight")[:, 0]
    everyone = np.arange(children.count)

    def at(mask: Booleans, values: Numbers, named: tuple[str, str]) -> pl.DataFrame:
        rows, columns = np.nonzero(mask)
        return _make_rows(children, rows, visits.day[rows, columns], named, values[rows, columns])

    is_new = at_diagnosis[:, 0] < np.nanmin(visits.day, axis=1)
    return [
        _make_rows(
            children,
            everyone[is_new],
            at_diagnosis[is_new, 0],
            ("weight", "kg"),
            round_to(first, body.weight_step)[is_new],
        ),
        at(is_weighed, weight, ("weight", "kg")),
        at(is_measured, height, ("height", "cm")),
    ]


def _judge(
    draws: Draws, simulation: Simulation, children: Children, visits: Visits, activity: Numbers
) -> pl.DataFrame:
    """The physician's word against the visit before the first infusion."""
    model = simulation.judgement
    is_before = visits.exists & (visits.day <= 0)
    before = np.where(is_before, activity, -np.inf).max(axis=1, keepdims=True)
    change = activity - before
    word = np.select([change <= model.improved_under, change >= model.worse_over], [0, 2], 1)
    is_written = (
        draws.is_true(model.share_at_visit, visits.day.shape)
        & visits.exists
        & (visits.day > 0)
        & np.isfinite(change)
        & children.has_judgement[:, None]
    )
    rows, columns = np.nonzero(is_written)
    return make_table(
        "assessment",
        children.number[rows],
        {
            "date": make_dates(children, rows, visits.day[rows, columns]),
            "measure": "physician_judgement",
            "unit": "none",
            "text": make_words(JUDGEMENTS, word[rows, columns]),
        },
    )
