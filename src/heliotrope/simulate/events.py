"""Reactions to infusions, flares, complications, the stop of IVIG, and why it was started."""

from __future__ import annotations

import numpy as np
import polars as pl

from heliotrope.simulate.activity import Treatment
from heliotrope.simulate.children import REASONS, Children
from heliotrope.simulate.courses import Courses
from heliotrope.simulate.draws import Draws, Numbers, round_to
from heliotrope.simulate.infusions import InfusionDays
from heliotrope.simulate.parameters import ReactionTerm, Simulation
from heliotrope.simulate.tables import make_dates, make_table, make_times, make_words, make_yes_no
from heliotrope.simulate.visits import Visits

MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 1440


def make_reactions(
    draws: Draws, simulation: Simulation, children: Children, infusions: InfusionDays
) -> pl.DataFrame:
    """Write adverse events some hours after an infusion; some children are prone to them."""
    prone = draws.around(1, simulation.reactions.prone_log_sd, (children.count,))
    return pl.concat(
        _make_reaction(draws, simulation, children, infusions, (term, prone))
        for term in simulation.reactions.terms
    )


def _make_reaction(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    infusions: InfusionDays,
    what: tuple[ReactionTerm, Numbers],
) -> pl.DataFrame:
    habits = simulation.reactions
    term, prone = what
    share = term.share_per_infusion_day * prone[infusions.child]
    struck = np.flatnonzero(draws.is_true(share, infusions.child.shape))
    count = struck.shape
    child = infusions.child[struck]
    hours = draws.around(habits.hours_median, habits.hours_log_sd, count)
    minute = infusions.minute[struck] + (hours * MINUTES_PER_HOUR).astype(np.int64)
    day = infusions.day[struck] + minute // MINUTES_PER_DAY
    lasts = draws.days(0, term.lasts_days_max, count)
    has_end = draws.is_true(habits.end_recorded_share, count)
    end = np.where(has_end, day + lasts, np.nan)
    grade = draws.index(term.grade_shares, count) + 1
    columns: dict[str, pl.Series | str | None] = {
        "date": make_dates(children, child, day),
        "time": make_times(minute % MINUTES_PER_DAY),
        "kind": "adverse_event",
        "term": term.term,
        "grade": pl.Series(grade),
        "end_date": make_dates(children, child, end),
        "related": make_yes_no(~draws.is_true(habits.unrelated_share, count)),
    }
    if term.value_from is not None and term.value_until is not None:
        value = term.value_from + draws.generator.random(count) * (
            term.value_until - term.value_from
        )
        columns |= {"value": pl.Series(round_to(value, 1 / 10)), "unit": term.unit, "grade": None}
    return make_table("event", children.number[child], columns)


def make_flares(
    draws: Draws, simulation: Simulation, children: Children, visits: Visits, treatment: Treatment
) -> pl.DataFrame:
    """Write a flare on most occasions on which the steroid was raised for activity."""
    share = simulation.steroids.flare_recorded_share
    child, visit = np.nonzero(treatment.is_rise & draws.is_true(share, visits.day.shape))
    return make_table(
        "event",
        children.number[child],
        {
            "date": make_dates(children, child, visits.day[child, visit]),
            "kind": "flare",
            "term": "disease flare",
        },
    )


def make_complications(children: Children, stopped_on: Numbers) -> pl.DataFrame:
    """Write the complication for which a second-line drug was stopped."""
    child = np.flatnonzero(np.isfinite(stopped_on))
    return make_table(
        "event",
        children.number[child],
        {
            "date": make_dates(children, child, stopped_on[child]),
            "kind": "complication",
            "term": "drug intolerance",
        },
    )


def make_stops(
    draws: Draws, simulation: Simulation, children: Children, courses: Courses, improved: Numbers
) -> pl.DataFrame:
    """Write why the last regimen stopped; ``improved``: fall of activity on it (cm, NaN unknown).

    Children still on treatment, and those whose reason nobody wrote down, have no row.
    """
    exposure = simulation.exposure
    count = (children.count,)
    good, bad = exposure.stop_reasons_improved, exposure.stop_reasons_not_improved
    is_better = improved > 1
    words = pl.select(
        pl.when(pl.Series(is_better))
        .then(make_words(good.words, draws.index(good.shares, count)))
        .otherwise(make_words(bad.words, draws.index(bad.shares, count)))
    ).to_series()
    wait = draws.days(0, exposure.stop_after_days_max, count)
    is_written = (
        draws.is_true(exposure.stop_reason_recorded_share, count)
        & children.has_ivig
        & ~courses.is_ongoing
        & ~courses.is_switched
    )
    child = np.flatnonzero(is_written)
    day = courses.last_start + courses.infusion_days + wait
    return make_table(
        "event",
        children.number[child],
        {
            "date": make_dates(children, child, day[child]),
            "kind": "ivig_stopped",
            "term": words.gather(pl.Series(child, dtype=pl.UInt32)),
        },
    )


def make_indications(
    draws: Draws, simulation: Simulation, children: Children, stopped_on: Numbers
) -> pl.DataFrame:
    """Write the reason for starting; a drug lost to a complication goes before any other."""
    reasons = simulation.indications
    is_lost = np.isfinite(stopped_on)
    number = np.where(is_lost, REASONS.index("replaces_cytotoxic_drug"), children.reason)
    is_written = draws.is_true(reasons.recorded_share, (children.count,)) & children.has_ivig
    child = np.flatnonzero(is_written)
    return make_table(
        "indication",
        children.number[child],
        {
            "date": make_dates(children, child, np.zeros(len(child))),
            "reason": make_words(REASONS, number[child]),
        },
    )
