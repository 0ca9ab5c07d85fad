"""Steroids with their taper, pulses, and second-line drugs, as periods at one dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.simulate.activity import Treatment, round_dose
from heliotrope.simulate.children import Children
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers, round_to
from heliotrope.simulate.parameters import OtherDrug, Simulation
from heliotrope.simulate.tables import make_dates, make_table, make_words, make_yes_no
from heliotrope.simulate.visits import Visits

GLUCOCORTICOIDS = ("prednisone", "prednisolone")


@dataclass(frozen=True)
class SteroidHistory:
    """Daily doses before the first infusion: children down, steps across (mg, from day)."""

    start: Numbers
    dose_mg: Numbers

    @property
    def baseline_mg(self) -> Numbers:
        """Dose of the last day before the first infusion."""
        return self.dose_mg[:, -1]


def draw_steroid_history(
    draws: Draws, simulation: Simulation, children: Children, weight_kg: Numbers
) -> SteroidHistory:
    """Draw the taper from diagnosis to the first infusion; for some a rise just before it.

    ``weight_kg``: weight on the day of the first infusion.
    """
    habits = simulation.steroids
    count = (children.count,)
    usual = np.maximum(
        draws.around(habits.baseline_median_mg_kg, habits.baseline_log_sd, count),
        habits.baseline_min_mg_kg,
    )
    is_recent = -children.diagnosis_day < habits.recent_diagnosis_days
    baseline = np.where(is_recent, habits.recent_mg_kg, usual)
    is_raised = draws.is_true(habits.share_raised_before, count) & ~is_recent
    raised_on = -draws.days(1, habits.raised_days_max, count).astype(np.float64)
    never = draws.is_true(habits.share_without, count)
    ill = children.diagnosis_day.astype(np.float64)
    start = np.stack(
        [
            ill,
            ill + habits.second_after_days,
            ill + habits.third_after_days,
            np.where(is_raised, raised_on, np.nan),
        ],
        axis=1,
    )
    start[start >= 0] = np.nan
    before_rise = np.where(is_raised, baseline * habits.raised_factor, baseline)
    per_kg = np.stack(
        [
            np.full(count, habits.first_mg_kg),
            np.maximum(habits.second_mg_kg, before_rise),
            before_rise,
            baseline,
        ],
        axis=1,
    )
    dose = round_dose(habits, per_kg * weight_kg[:, None], weight_kg[:, None])
    dose[never] = 0
    for step in range(1, dose.shape[1]):
        is_skipped = np.isnan(start[:, step])
        dose[is_skipped, step] = dose[is_skipped, step - 1]
    return SteroidHistory(start=start, dose_mg=dose)


def make_steroids(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    history: SteroidHistory,
    visits: Visits,
    treatment: Treatment,
) -> pl.DataFrame:
    """Write each child's steroid as periods: one row a change, none while the dose is 0."""
    habits = simulation.steroids
    is_prednisolone = draws.is_true(habits.share_prednisolone, (children.count,))
    is_alternate = draws.is_true(habits.share_alternate_days, (children.count,))
    day = np.concatenate([history.start, np.where(visits.day > 0, visits.day, np.nan)], axis=1)
    dose = np.concatenate([history.dose_mg, treatment.dose_mg], axis=1)
    rows, columns = np.nonzero(np.isfinite(day))
    frame = pl.DataFrame(
        {"row": rows, "day": day[rows, columns], "dose": dose[rows, columns]}
    ).sort("row", "day", maintain_order=True)
    # A dose set twice on one day is the last one set.
    frame = frame.unique(["row", "day"], keep="last", maintain_order=True)
    previous = pl.col("dose").shift(1).over("row")
    changes = frame.filter(previous.is_null() | (previous != pl.col("dose"))).with_columns(
        end=pl.col("day").shift(-1).over("row") - 1
    )
    kept = changes.filter(pl.col("dose") > 0)
    child = kept["row"].to_numpy()
    end = kept["end"].fill_null(np.nan).to_numpy()
    every = np.where(is_alternate[child] & (kept["day"].to_numpy() > 0), 2, 1)
    return make_table(
        "medication",
        children.number[child],
        {
            "drug": make_words(GLUCOCORTICOIDS, is_prednisolone[child].astype(np.int64)),
            "route": "oral",
            "start_date": make_dates(children, child, kept["day"].to_numpy()),
            "end_date": make_dates(children, child, end),
            "ongoing": make_yes_no(np.isnan(end)),
            "dose": kept["dose"] * pl.Series(every),
            "dose_unit": "mg/day",
            "every_n_days": pl.Series(every),
        },
    )


def make_pulses(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    visits: Visits,
    treatment: Treatment,
    weight_kg: Numbers,
) -> pl.DataFrame:
    """Write a methylprednisolone pulse, on some occasions on which the steroid was raised."""
    habits = simulation.steroids
    given = treatment.is_rise & draws.is_true(habits.pulse_share_at_rise, visits.day.shape)
    child, visit = np.nonzero(given)
    start = visits.day[child, visit]
    grams = np.minimum(habits.pulse_mg_kg * weight_kg[child, visit], habits.pulse_max_mg)
    return make_table(
        "medication",
        children.number[child],
        {
            "drug": "methylprednisolone",
            "route": "iv",
            "start_date": make_dates(children, child, start),
            "end_date": make_dates(children, child, start + habits.pulse_days - 1),
            "ongoing": "no",
            "dose": pl.Series(round_to(grams, habits.pulse_step_mg)),
            "dose_unit": "mg/day",
            "every_n_days": pl.Series(np.ones(len(child), dtype=np.int64)),
            "stop_reason": "planned",
        },
    )


@dataclass(frozen=True)
class DrugRows:
    """Periods of one second-line drug: children (rows of the block), days and doses."""

    child: Integers
    start: Numbers
    end: Numbers
    dose: Numbers
    is_complication: Booleans


def make_other_drugs(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    weight_kg: Numbers,
) -> tuple[pl.DataFrame, Numbers]:
    """Write the second-line drugs each child takes around the first infusion.

    Returns the rows and, for each child, the day a cytotoxic drug was stopped for a complication
    (NaN: none). ``weight_kg``: weight on the day of the first infusion.
    """
    parts = []
    complication = np.full(children.count, np.nan)
    for drug in simulation.drugs:
        periods = _draw_periods(draws, simulation, drug, children, weight_kg)
        complication[periods.child[periods.is_complication]] = periods.end[periods.is_complication]
        parts.append(_make_drug_rows(children, drug, periods))
    return pl.concat(parts), complication


def _draw_periods(
    draws: Draws, simulation: Simulation, drug: OtherDrug, children: Children, weight: Numbers
) -> DrugRows:
    habits = simulation.drug_habits
    count = (children.count,)
    child = np.flatnonzero(draws.is_true(drug.share, count))
    waited = draws.generator.random(count)[child] * habits.wait_share_of_illness
    start = np.floor(children.diagnosis_day[child] * (1 - waited))
    is_late = draws.is_true(habits.share_started_late, count)[child]
    late = -draws.days(0, habits.late_days_max, count)[child]
    start = np.where(is_late, np.maximum(late, children.diagnosis_day[child]), start)
    dose = round_to(np.minimum(drug.dose_per_kg * weight[child], drug.dose_max), drug.step)
    stopped_on = -draws.days(1, habits.complication_days_max, count)[child].astype(np.float64)
    is_complication = draws.is_true(drug.complication_share, count)[child] & (stopped_on > start)
    end = np.where(is_complication, stopped_on, np.nan)
    dose = np.maximum(dose, drug.step)
    raised_on = -draws.days(0, habits.late_days_max, count)[child].astype(np.float64)
    is_raised = (
        draws.is_true(drug.rise_share, count)[child] & ~is_complication & (raised_on > start)
    )
    half = np.maximum(round_to(dose / 2, drug.step), drug.step)
    return DrugRows(
        child=np.r_[child, child[is_raised]],
        start=np.r_[start, raised_on[is_raised]],
        end=np.r_[np.where(is_raised, raised_on - 1, end), end[is_raised]],
        dose=np.r_[np.where(is_raised, half, dose), dose[is_raised]],
        is_complication=np.r_[is_complication, is_complication[is_raised]],
    )


def _make_drug_rows(children: Children, drug: OtherDrug, periods: DrugRows) -> pl.DataFrame:
    return make_table(
        "medication",
        children.number[periods.child],
        {
            "drug": drug.name,
            "route": drug.route,
            "start_date": make_dates(children, periods.child, periods.start),
            "end_date": make_dates(children, periods.child, periods.end),
            "ongoing": make_yes_no(np.isnan(periods.end)),
            "dose": pl.Series(periods.dose),
            "dose_unit": drug.unit,
            "every_n_days": pl.Series(np.ones(len(periods.child), dtype=np.int64)),
            "stop_reason": make_words(("", "complication"), periods.is_complication * 1),
        },
    )


def make_rescues(
    draws: Draws,
    simulation: Simulation,
    children: Children,
    visits: Visits,
    treatment: Treatment,
    weight_kg: Numbers,
) -> pl.DataFrame:
    """Write a new second-line drug for some children at the first rise of the steroid."""
    habits = simulation.drug_habits
    count = (children.count,)
    is_rescued = draws.is_true(habits.rescue_share, count) & treatment.is_rise.any(axis=1)
    which = draws.days(0, len(habits.rescue_drugs) - 1, count)
    child = np.flatnonzero(is_rescued)
    visit = treatment.is_rise[child].argmax(axis=1)
    drug = which[child]
    per_kg = np.asarray(habits.rescue_dose_per_kg)[drug]
    dose = round_to(per_kg * weight_kg[child, visit], np.asarray(habits.rescue_step)[drug])
    return make_table(
        "medication",
        children.number[child],
        {
            "drug": make_words(habits.rescue_drugs, drug),
            "route": "oral",
            "start_date": make_dates(children, child, visits.day[child, visit]),
            "ongoing": "yes",
            "dose": pl.Series(dose),
            "dose_unit": "mg/day",
            "every_n_days": pl.Series(np.ones(len(child), dtype=np.int64)),
        },
    )
