"""The tables a run writes: a public contract, one schema a table.

Parquet types only: String, Int32, Int64, Float64, Boolean, Date and List(String).
"""

from __future__ import annotations

import dataframely as dy

from heliotrope.records.columns import count_column, number_column, text_column
from heliotrope.records.judgement_tables import (
    Aggravation,
    Haemolysis,
    IndicationFinding,
    Reaction,
    Response,
    Score,
    State,
    SteroidOutcome,
    Visit,
)
from heliotrope.records.treatment_tables import (
    Course,
    DrugPeriod,
    InfusionDay,
    Regimen,
    SteroidPeriod,
    SteroidPulse,
)


class Result(dy.Schema):
    """One statistic: report, exports and pooling read only these rows."""

    analysis = dy.String(description="family, e.g. response_pattern")
    group = dy.String(description="the group of children, 'all' for the cohort")
    variable = dy.String(description="what is counted or measured, e.g. rapid")
    statistic = dy.String(description="n, proportion_exact, median, survival, ...")
    value = number_column("the number")
    formatted = dy.String(description="the number as printed")
    low = number_column("lower end of the interval")
    high = number_column("upper end of the interval")
    level = number_column("level of the interval, e.g. 0.95")
    n_evaluable = count_column("children (or infusions) behind it")
    definition_id = text_column("definition used")
    definition_version = text_column("its version")
    refused = text_column("the reason, when the records cannot answer")


TABLES: dict[str, type[dy.Schema]] = {
    "infusion_day": InfusionDay,
    "course": Course,
    "regimen": Regimen,
    "steroid_period": SteroidPeriod,
    "steroid_pulse": SteroidPulse,
    "drug_period": DrugPeriod,
    "score": Score,
    "state": State,
    "visit": Visit,
    "response": Response,
    "indication": IndicationFinding,
    "aggravation": Aggravation,
    "reaction": Reaction,
    "haemolysis": Haemolysis,
    "steroid_outcome": SteroidOutcome,
}

SORT_KEYS: dict[str, list[str]] = {
    "infusion_day": ["patient_id", "date", "route"],
    "course": ["patient_id", "regimen", "course"],
    "regimen": ["patient_id", "regimen"],
    "steroid_period": ["patient_id", "start_date"],
    "steroid_pulse": ["patient_id", "start_date", "drug"],
    "drug_period": ["patient_id", "drug", "start_date", "row_id"],
    "score": ["patient_id", "regimen", "definition_id", "date"],
    "state": ["patient_id", "definition_id", "regimen", "date"],
    "visit": ["patient_id", "regimen", "date"],
    "response": ["patient_id", "regimen"],
    "indication": ["patient_id", "regimen"],
    "aggravation": ["patient_id", "regimen"],
    "reaction": ["patient_id", "date", "row_id"],
    "haemolysis": ["patient_id", "regimen", "course"],
    "steroid_outcome": ["patient_id", "regimen", "definition_id"],
}
