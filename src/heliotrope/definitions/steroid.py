"""Steroid concepts: resistant, dependent, stopped; each an ordered table over a few facts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.decision import Axis, Criterion, check_axes, yes
from heliotrope.definitions.indication import SteroidDependence
from heliotrope.definitions.model import Definition

EVER_STEROID = "ever_steroid"
LABELS = {"met", "not_met", "not_evaluable", "not_reached"}


class SteroidConcept(Definition):
    """What all steroid concepts share: one table, whose label is the state."""

    axes: tuple[Axis, ...] = Field(min_length=1, max_length=1)

    @property
    def axis(self) -> str:
        """Name the one table."""
        return self.axes[0].name

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """List the criteria with their thresholds."""
        return (yes(EVER_STEROID, self.axis), *self.own_criteria)

    @property
    def own_criteria(self) -> tuple[Criterion, ...]:
        """List the criteria beside the one that a steroid was ever given."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _table_is_sound(self) -> SteroidConcept:
        check_axes(self.axes, {criterion.name for criterion in self.criteria})
        unknown = {choice.label for choice in self.axes[0].choices} - LABELS
        if unknown:
            raise ValueError(f"{self.id}: labels are the four states, not {', '.join(unknown)}")
        return self


class SteroidResistance(SteroidConcept):
    """Little improvement although a high dose was given for weeks."""

    kind: Literal["steroid_resistance"]
    dose_mg_kg_day: float = Field(gt=0)
    min_days: int = Field(ge=1, description="days in a row at this dose or more")
    judged_within_days: int = Field(ge=0, description="of the end of those days")
    baseline_days: int = Field(ge=0, description="before the first of those days, itself included")
    score: str
    score_under: float
    physician_global: str
    global_fall_under_percent: float

    @property
    def own_criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of resistance."""
        fall = self.global_fall_under_percent
        return (
            Criterion("high_dose_days", self.axis, ">=", self.min_days, "days"),
            Criterion("score_poor", self.axis, "<", self.score_under, "points"),
            Criterion("global_fall_poor", self.axis, "<", fall, "%"),
        )


class SteroidDependenceConcept(SteroidConcept):
    """Failed reductions, or a dose still high after a year; the rule of the indications."""

    kind: Literal["steroid_dependence"]
    steroid: SteroidDependence

    @property
    def own_criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of dependence."""
        rule = self.steroid
        return (
            Criterion("failed_reductions", self.axis, ">=", rule.failed_reductions),
            Criterion("steroid_for_long", self.axis, ">=", rule.after_days, "days"),
            Criterion(
                "steroid_still_high", self.axis, ">", rule.still_above_mg_kg_day, "mg/kg/day"
            ),
        )


class SteroidDiscontinuation(SteroidConcept):
    """No steroid for some weeks; stopped on the last day that had one."""

    kind: Literal["steroid_discontinuation"]
    off_days: int = Field(ge=1, description="days at 0 before a child counts as off steroids")

    @property
    def own_criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of having stopped."""
        return (
            Criterion("days_without_steroid", self.axis, ">=", self.off_days, "days"),
            yes("steroid_on_last_day", self.axis),
        )
