"""Other drugs that may explain a change: immunosuppressants, and pulses of steroid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.definitions.pulse_model import Conventions
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.data import Floats

OTHER_DRUGS = "other_immunosuppressants"

STEROID_PULSE = "steroid_pulse"

STARTED = "started"


@dataclass(frozen=True)
class Covariate:
    """One number a visit."""

    name: str
    value: Floats


def compute_other_drugs(inputs: Inputs, days: pl.DataFrame, origins: pl.DataFrame) -> Covariate:
    """Count the other immunosuppressants on each visit's date, less those of day 0.

    ``origins``: patient_id and the date of day 0, ``origin``. A drug is taken on its days from
    first to last; no last day is recorded: to the end.
    """
    at_visit = _count_drugs(inputs, days.select("patient_id", "date"))
    at_start = _count_drugs(inputs, origins.select("patient_id", date="origin"))
    first = dict(zip(origins["patient_id"].to_list(), at_start, strict=True))
    before = np.array([first[child] for child in days["patient_id"].to_list()], dtype=float)
    return Covariate(OTHER_DRUGS, at_visit - before)


def compute_steroid_pulses(
    inputs: Inputs, days: pl.DataFrame, conventions: Conventions
) -> Covariate:
    """Say of each visit whether a pulse of steroid began in the days before it (1) or not (0)."""
    pulses = inputs.table("steroid_pulse").select("patient_id", "start_date")
    since = (pl.col("date") - pl.col("start_date")).dt.total_days()
    found = (
        days.with_row_index("visit")
        .join(pulses, on="patient_id")
        .filter(since.is_between(1, conventions.steroid_pulse_days))
    )
    value = np.zeros(days.height)
    value[found["visit"].to_numpy()] = 1.0
    return Covariate(STEROID_PULSE, value)


def compute_started_near(inputs: Inputs, regimens: pl.DataFrame, within_days: int) -> int:
    """Count the children who started another immunosuppressant within so many days of day 0."""
    since = (pl.col("start_date") - pl.col("first_infusion")).dt.total_days()
    return (
        inputs.table("drug_period")
        .filter(pl.col("change") == STARTED)
        .join(regimens.select("patient_id", "first_infusion"), on="patient_id")
        .filter(since.abs() <= within_days)["patient_id"]
        .n_unique()
    )


def _count_drugs(inputs: Inputs, days: pl.DataFrame) -> Floats:
    is_taken = (pl.col("start_date") <= pl.col("date")) & (
        pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("date"))
    )
    counted = (
        days.with_row_index("visit")
        .join(inputs.table("drug_period"), on="patient_id")
        .filter(is_taken)
        .group_by("visit")
        .agg(drugs=pl.col("drug").n_unique())
    )
    value = np.zeros(days.height)
    value[counted["visit"].to_numpy()] = counted["drugs"].to_numpy()
    return value
