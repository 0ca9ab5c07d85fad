"""Write cohorts of known truth as the canonical tables that a study folder holds."""

from __future__ import annotations

import numpy as np
import polars as pl

from heliotrope.simulate.cohort import Tables
from heliotrope.simulate.draws import Booleans, Integers, Numbers
from heliotrope.simulate.known_truth.charts import record_values
from heliotrope.simulate.known_truth.cohort import KnownCohort
from heliotrope.simulate.known_truth.estimands import compute_true_estimands
from heliotrope.simulate.tables import COLUMNS, SORT, make_table, make_yes_no


def make_known_tables(cohort: KnownCohort) -> Tables:
    """Put a cohort into the canonical tables: same columns as any study folder.

    Doses are recorded in g/kg and mg/kg/day, and every child has the same weight. Values are
    rounded as a chart rounds them.
    """
    count = len(cohort.number)
    everyone, said = np.arange(count), cohort.truth.records
    last = np.where(cohort.history.is_seen, cohort.history.day, 0).max(axis=1)
    tables = {
        "patient": make_table(
            "patient",
            cohort.number,
            {
                "sex": "female",
                "birth_date": _dates(cohort, everyone, 0 * everyone - said.born_days_before),
                "diagnosis_date": _dates(
                    cohort, everyone, 0 * everyone - said.diagnosed_days_before
                ),
                "diagnosis": "juvenile dermatomyositis",
                "followup_end": _dates(cohort, everyone, last),
            },
        ),
        "assessment": _make_assessments(cohort),
        "infusion": _make_infusions(cohort),
        "medication": _make_steroids(cohort, last),
        "event": make_table("event", cohort.number[:0], {}),
        "indication": make_table("indication", cohort.number[:0], {}),
    }
    return {name: tables[name].sort(SORT[name], maintain_order=True) for name in COLUMNS}


def _dates(cohort: KnownCohort, rows: Integers, days: Numbers | Integers) -> pl.Series:
    counted = cohort.first_day[rows] + np.asarray(days)
    return pl.Series(counted).cast(pl.Int32).cast(pl.Date)


def _make_assessments(cohort: KnownCohort) -> pl.DataFrame:
    recorded = record_values(cohort, cohort.history.value)
    parts = []
    for place, measure in enumerate(cohort.truth.measures):
        rows, columns = np.nonzero(np.isfinite(recorded[..., place]))
        limit = {} if measure.upper_limit is None else {"upper_limit": pl.lit(measure.upper_limit)}
        parts.append(
            make_table(
                "assessment",
                cohort.number[rows],
                {
                    "date": _dates(cohort, rows, cohort.history.day[rows, columns]),
                    "measure": measure.id,
                    "unit": measure.unit,
                    "value": pl.Series(recorded[rows, columns, place]),
                    **limit,
                },
            )
        )
    return pl.concat([*parts, _weigh(cohort)])


def _weigh(cohort: KnownCohort) -> pl.DataFrame:
    """One weight for all, at every visit and when the steroid began, so that doses per kg count."""
    history = cohort.history
    rows, columns = np.nonzero(history.is_seen)
    before = np.full(len(cohort.number), -cohort.truth.steroid.history_days)
    row = np.concatenate([np.arange(len(before)), rows])
    day = np.concatenate([before, history.day[rows, columns]])
    return make_table(
        "assessment",
        cohort.number[row],
        {
            "date": _dates(cohort, row, day),
            "measure": "weight",
            "unit": "kg",
            "value": pl.lit(cohort.truth.records.weight_kg),
        },
    )


def _make_infusions(cohort: KnownCohort) -> pl.DataFrame:
    history = cohort.history
    rows, columns = np.nonzero(np.isfinite(history.infusion_day))
    full = cohort.truth.conventions.full_dose_g_per_kg
    return make_table(
        "infusion",
        cohort.number[rows],
        {
            "date": _dates(cohort, rows, history.infusion_day[rows, columns]),
            "route": "iv",
            "dose": pl.Series(history.infusion_dose[rows, columns] * full),
            "dose_unit": "g/kg",
        },
    )


def _make_steroids(cohort: KnownCohort, last: Numbers) -> pl.DataFrame:
    """One row a dose: from the day it was prescribed to the day before the next."""
    history = cohort.history
    before = np.full((len(last), 1), -float(cohort.truth.steroid.history_days))
    day = np.concatenate([before, history.day], axis=1)
    dose = np.concatenate([history.first_dose_mg_kg[:, None], history.dose_mg_kg], axis=1)
    is_change: Booleans = np.ones(dose.shape, dtype=np.bool_)
    is_change[:, 1:] = (dose[:, 1:] != dose[:, :-1]) & (day[:, 1:] <= last[:, None])
    rows, columns = np.nonzero(is_change)
    periods = pl.DataFrame(
        {"row": rows, "start": day[rows, columns], "dose": dose[rows, columns]}
    ).with_columns(end=pl.col("start").shift(-1).over("row") - 1)
    kept = periods.filter(pl.col("dose") > 0)
    row = kept["row"].to_numpy()
    first_day = pl.Series(cohort.first_day[row])
    return make_table(
        "medication",
        cohort.number[row],
        {
            "drug": "prednisone",
            "route": "oral",
            "start_date": _dates(cohort, row, kept["start"].to_numpy()),
            "end_date": (first_day + kept["end"]).cast(pl.Int32).cast(pl.Date),
            "ongoing": make_yes_no(kept["end"].is_null().to_numpy()),
            "dose": kept["dose"],
            "dose_unit": "mg/kg/day",
            "every_n_days": pl.Series(np.ones(len(kept), dtype=np.int64)),
        },
    )


def make_truth_tables(cohort: KnownCohort) -> Tables:
    """What the simulation knows and no chart shows: children, visits and the true answers.

    ``truth_child``: activity, drift and effects of each child. ``truth_visit``: the latent
    activity and its parts on every recorded visit. ``truth``: name and value of what is true of
    all, ``mechanism`` among the columns.
    """
    history = cohort.history
    rows, columns = np.nonzero(history.is_seen)
    children = make_table("patient", cohort.number, {}).select(
        "patient_id",
        has_ivig=pl.Series(cohort.has_started),
        activity_cm=pl.Series(cohort.effects.activity),
        drift_cm_per_half_year=pl.Series(cohort.effects.drift),
        pulse_cm=pl.Series(cohort.effects.pulse),
        persistent_cm=pl.Series(cohort.effects.persistent),
    )
    visits = make_table("patient", cohort.number[rows], {}).select(
        "patient_id",
        date=_dates(cohort, rows, history.day[rows, columns]),
        activity_cm=pl.Series(history.activity[rows, columns]),
        pulse_share=pl.Series(history.pulse[rows, columns]),
        persistent_share=pl.Series(history.persistent[rows, columns]),
        steroid=pl.Series(history.steroid[rows, columns]),
        might_start=pl.Series(history.is_at_risk[rows, columns]),
    )
    answers = compute_true_estimands(cohort)
    truth = pl.DataFrame({"name": list(answers), "value": list(answers.values())}).with_columns(
        mechanism=pl.lit(cohort.mechanism.id)
    )
    return {"truth": truth, "truth_child": children, "truth_visit": visits}
