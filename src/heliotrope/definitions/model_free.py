"""What the estimates that use no model of the effect need to know: phases, draws, days, limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen, Source

MODEL_FREE = "estimates_without_a_model"


class PhaseWindow(Frozen):
    """One phase of the infusion cycle: days after the cycle's D0, both ends counted.

    ``part``: on which side of the comparison early against trough it stands.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    first_day: int = Field(ge=1)
    last_day: int = Field(ge=1)
    part: Literal["early", "trough"]


class Phases(Frozen):
    """How visits are placed in the infusion cycle."""

    pre_infusion_days: int = Field(ge=0, description="last value in these days before, and on, D0")
    windows: tuple[PhaseWindow, ...] = Field(min_length=2)
    domains_left_out: tuple[str, ...] = Field(default=(), description="domains of measures")
    ratio_domains: tuple[str, ...] = Field(default=(), description="changes are ratios, not steps")

    @model_validator(mode="after")
    def _windows_follow_each_other(self) -> Phases:
        last = 0
        for window in self.windows:
            if window.first_day <= last or window.last_day < window.first_day:
                raise ValueError(f"{window.name}: phases must follow each other without overlap")
            last = window.last_day
        if {window.part for window in self.windows} != {"early", "trough"}:
            raise ValueError("the phases must name what is early and what is trough")
        return self

    @property
    def last_day(self) -> int:
        """The last day of a cycle that belongs to a phase."""
        return self.windows[-1].last_day

    @property
    def trough_day(self) -> int:
        """The first day of the trough: a shorter cycle has none."""
        return min(window.first_day for window in self.windows if window.part == "trough")


class Shuffling(Frozen):
    """How many arrangements a permutation test goes through."""

    most_listed: int = Field(gt=1, description="all are listed where there are at most so many")
    drawn: int = Field(gt=1, description="else so many are drawn")
    seed: int = Field(ge=0)


class OnsetDays(Frozen):
    """At which days after the first infusion the share first seen improved is printed."""

    printed_days: tuple[int, ...] = Field(min_length=1)


class Flares(Frozen):
    """When flares are one flare, where their mean number is printed, and who is enough."""

    same_flare_days: int = Field(ge=0, description="records at most so far apart are one flare")
    printed_days: tuple[int, ...] = Field(min_length=1)
    min_children: int = Field(ge=2, description="under so many no hazard is estimated")


class Loss(Frozen):
    """When loss to follow-up after stopping is weighted for, and how."""

    activity_measure: str = Field(min_length=1)
    interval_days: int = Field(gt=0, description="loss is modelled from one to the next")
    still_followed_days: int = Field(
        ge=0, description="observation that ends so near to the end of all records is no loss"
    )
    fewest_children: int = Field(ge=2)
    fewest_losses: int = Field(ge=2)
    fewest_measured: float = Field(gt=0, le=1, description="share of children with the measure")
    truncation: tuple[float, float]
    coefficient_sd: float = Field(gt=0, description="weak penalty on standardised columns")
    mean_weight: tuple[float, float]


class IgaClass(Frozen):
    """Whether a product holds much or little IgA, as its source says."""

    product: str = Field(min_length=1, description="as the records spell it")
    is_high: bool
    source: Source


class ClusteredReactions(Frozen):
    """Who is enough for a correlation within children and for a comparison between infusions."""

    min_children_correlation: int = Field(ge=2)
    min_children_comparison: int = Field(ge=2)
    most_products: int = Field(ge=2, description="products beyond so many are counted together")
    high_iga_over_microgram_per_ml: float = Field(gt=0)
    iga_classes: tuple[IgaClass, ...] = Field(default=(), description="a study may give its own")


class ModelFreeEstimates(Definition):
    """Every number of the estimates that use no model of the effect."""

    kind: Literal["model_free"]
    phases: Phases
    shuffling: Shuffling
    onset: OnsetDays
    flares: Flares
    loss: Loss
    reactions: ClusteredReactions
