"""What the descriptive estimates need to know: levels, windows, landmarks, families of counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heliotrope.definitions.model import Definition, Frozen

DESCRIPTIVE_ESTIMATES = "descriptive_estimates"


class Family(Frozen):
    """One column of ``response`` whose words are counted.

    ``left_out`` words are counted too, but stand outside the denominator of the proportions.
    """

    analysis: str
    column: str
    categories: tuple[str, ...] = Field(min_length=1)
    left_out: tuple[str, ...] = ()


class Landmarks(Frozen):
    """The weeks after the first infusion at which every measure is read."""

    weeks: tuple[int, ...] = Field(min_length=1)
    tolerance_weeks: int = Field(ge=0)
    days_per_week: int = Field(gt=0)
    domains_left_out: tuple[str, ...] = Field(default=(), description="domains of measures")


class AfterStopping(Frozen):
    """At which days after the last infusion the curve is printed, beside the days with events."""

    printed_days: tuple[int, ...] = Field(min_length=1)


class SteroidWindows(Frozen):
    """When the steroid dose is read, and over which days it is added up."""

    before_days: int = Field(gt=0)
    after_days: int = Field(gt=0)
    reduced_to_fraction: float = Field(gt=0, lt=1)
    low_dose_mg_kg_day: float = Field(gt=0)


class Calendar(Frozen):
    """Mean lengths that turn days into months and years."""

    days_per_month: float = Field(gt=0)
    days_per_year: float = Field(gt=0)


class Adjudication(Frozen):
    """How the labels of clinicians are settled and compared with the patterns found."""

    consensus_rater: str = Field(min_length=1, description="rater name of an agreed label")
    undecided: tuple[str, ...] = Field(min_length=1, description="labels that decide nothing")
    not_improved: tuple[str, ...] = Field(min_length=1, description="labels: no improvement shown")
    few_labels: int = Field(ge=2, description="under so many nothing counts as validated")


class DescriptiveEstimates(Definition):
    """Every number the descriptive estimates use."""

    kind: Literal["estimate"]
    level: float = Field(gt=0, lt=1, description="level of every interval")
    quantiles: tuple[float, float]
    landmarks: Landmarks
    after_stopping: AfterStopping
    steroid: SteroidWindows
    calendar: Calendar
    adjudication: Adjudication
    families: tuple[Family, ...]
