"""The steroid that still works on the day of a visit: an average of the doses before it.

Doses fade from the average with the filter's half-life. Pulses are no part of it. Days whose dose
is unknown are left out of the average; where known days carry too little of its weight the steroid
is unknown, and the visit stands at the cohort's centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.definitions.pulse_model import Conventions
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.data import Booleans, Floats


@dataclass(frozen=True)
class Steroid:
    """Of each visit: steroid on a logarithmic scale, less its mean over the cohort's visits.

    ``value``: 0 where unknown. ``is_known``.
    """

    value: Floats
    is_known: Booleans


def compute_steroid(inputs: Inputs, days: pl.DataFrame, conventions: Conventions) -> Steroid:
    """Average the prednisone-equivalent mg/kg/day before each visit (patient_id, date).

    The unit: 0 mg/kg/day is 0 and ``steroid_unit_mg_kg_day`` is 1, by ln(1 + dose / reference).
    """
    periods = inputs.table("steroid_period").select(
        "patient_id", "start_date", "end_date", dose="prednisone_mg_kg_day"
    )
    rate = np.log(2.0) / conventions.steroid_half_life_days
    since_start = (pl.col("date") - pl.col("start_date")).dt.total_days()
    since_end = ((pl.col("date") - pl.col("end_date")).dt.total_days() - 1).clip(lower_bound=0)
    weight = (-rate * since_end).exp() - (-rate * since_start).exp()
    averaged = (
        days.with_row_index("visit")
        .join(periods, on="patient_id", how="left")
        .filter(pl.col("dose").is_not_null() & (since_start > 0))
        .with_columns(weight=weight)
        .group_by("visit")
        .agg(known=pl.col("weight").sum(), sum=(pl.col("weight") * pl.col("dose")).sum())
    )
    known, total = np.zeros(days.height), np.zeros(days.height)
    places = averaged["visit"].to_numpy()
    known[places], total[places] = averaged["known"].to_numpy(), averaged["sum"].to_numpy()
    is_known = known >= conventions.steroid_known_share
    dose = np.divide(total, known, out=np.zeros_like(total), where=is_known)
    reference = conventions.steroid_reference_mg_kg_day
    unit = np.log1p(conventions.steroid_unit_mg_kg_day / reference)
    value = np.log1p(dose / reference) / unit
    centre = value[is_known].mean() if is_known.any() else 0.0
    return Steroid(np.where(is_known, value - centre, 0.0), is_known)
