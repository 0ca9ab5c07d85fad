"""What the estimates of steroid sparing need to know: slopes, stops, the dosing rule, the model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heliotrope.definitions.model import Definition, Frozen

STEROID_SPARING = "steroid_sparing"

PUBLISHED_STEROID_CUT = "steroid_cut_2000"


class DoseSlope(Frozen):
    """How fast a child's dose falls: the days it is read on, and how many are needed."""

    every_days: int = Field(gt=0, description="a reading every so many days of the window")
    fewest_readings: int = Field(ge=2, description="readings above 0, of one child in one window")


class StoppedDrugs(Frozen):
    """When another immunosuppressant counts as stopped and not restarted."""

    off_days: int = Field(gt=0, description="days observed without it, at the end of the record")
    complication: str = Field(min_length=1, description="stop reason that is kept apart")


class DosingRule(Frozen):
    """When the steroid dose counts as set by measured activity, and when by the calendar."""

    activity_measure: str = Field(min_length=1)
    fewest_days_between_visits: int = Field(gt=0)
    most_days_between_visits: int = Field(gt=0)
    fewest_children: int = Field(ge=2)
    fewest_decisions: int = Field(ge=2, description="visits at which a dose could be changed")
    smallest_association: float = Field(gt=0, description="share of the dose, a point of activity")
    largest_rise: float = Field(gt=0, description="a rise counts as at most this share of the dose")
    regular_gap_days: int = Field(
        ge=0, description="a gap is regular so near to the child's median"
    )
    regular_share: float = Field(
        gt=0, le=1, description="share of regular gaps of a calendar taper"
    )
    fewest_gaps: int = Field(ge=2, description="gaps between falls of dose, of one child")


class SparingModel(Frozen):
    """The parametric g-formula: what it needs, how far and how often it simulates."""

    fewest_children: int = Field(ge=2)
    fewest_pairs_on_ivig: int = Field(ge=2, description="neighbouring visits with IVIG between")
    fewest_pairs_without_ivig: int = Field(ge=2)
    fewest_dose_changes: int = Field(ge=2)
    fewest_events: int = Field(ge=1, description="stops, or restarts, for a share that varies")
    target_activity: float = Field(ge=0)
    reference_days: int = Field(
        gt=0, description="length of the interval the slopes are centred on"
    )
    steroid_scale_mg_kg_day: float = Field(gt=0)
    highest_dose_mg_kg_day: float = Field(
        gt=0, description="a simulated dose may rise so far, though no child was seen with it"
    )
    horizon_days: int = Field(gt=0)
    logistic_penalty: float = Field(ge=0)
    simulated_paths: int = Field(gt=0)
    bootstrap_replicates: int = Field(ge=20)
    fewest_replicates: int = Field(ge=20, description="in however large a registry")
    bootstrap_rows: int = Field(gt=0, description="pairs of visits that all samples may hold")
    bootstrap_paths: int = Field(gt=0, description="simulated for each bootstrap sample")
    seed: int = Field(ge=0)


class SteroidSparing(Definition):
    """Every number that the slopes, the stopped drugs and the estimate of sparing use."""

    kind: Literal["steroid_sparing"]
    slope: DoseSlope
    stopped_drugs: StoppedDrugs
    dosing_rule: DosingRule
    model: SparingModel


class PublishedSteroidCut(Definition):
    """A published rule of a steroid dose that was cut and stayed so without a flare."""

    kind: Literal["published_steroid_cut"]
    more_than_share: float = Field(gt=0, lt=1, description="of the dose before IVIG that is cut")
    more_than_months: int = Field(gt=0)
    flare_events: tuple[str, ...] = Field(
        min_length=1, description="kinds of event that are a flare"
    )
    flare_states: tuple[str, ...] = Field(default=(), description="definitions met in a flare")
