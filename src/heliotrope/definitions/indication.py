"""Why immunoglobulin was started: the reasons a record can show by itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.decision import Axis, Criterion, check_axes, yes
from heliotrope.definitions.model import Definition, Frozen
from heliotrope.definitions.response_parameters import SteroidRise


class Exacerbation(Frozen):
    """The disease got worse shortly before the first infusion."""

    days_before: int = Field(ge=1)
    physician_global: str
    global_rise: float
    deterioration: str = Field(description="id of the definition of worsening")
    steroid_rise: SteroidRise
    steroid_start_days: int = Field(ge=0, description="the first steroid is no escalation")


class SteroidDependence(Frozen):
    """The steroid could not be reduced."""

    failed_reductions: int = Field(ge=1)
    rise_back_days: int = Field(ge=1)
    physician_global: str
    global_rise: float
    still_above_mg_kg_day: float
    after_days: int = Field(ge=1)


class LostCytotoxicDrug(Frozen):
    """A cytotoxic drug was stopped for a complication."""

    days_before: int = Field(ge=1)
    stop_reason: str
    unknown_stop_reason: str


class SevereMeasure(Frozen):
    """A measure that shows severe disease."""

    measure: str
    operator: Literal["<", "<=", ">", ">="]
    threshold: float


class SevereInduction(Frozen):
    """Immunoglobulin as part of the first treatment of severe disease."""

    max_days_from_diagnosis: int = Field(ge=1)
    days_before: int = Field(ge=1, description="how long before the first infusion signs count")
    strength: SevereMeasure
    swallowing: SevereMeasure
    event_kinds: tuple[str, ...]
    event_terms: tuple[str, ...]


class IvigIndication(Definition):
    """Recorded and derived reasons for a regimen."""

    exacerbation: Exacerbation
    steroid: SteroidDependence
    cytotoxic: LostCytotoxicDrug
    induction: SevereInduction
    axes: tuple[Axis, ...] = Field(description="one a reason, in the order they are listed")

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of the reasons with their thresholds."""
        worse, dependence, induction = self.exacerbation, self.steroid, self.induction
        strength, swallowing = induction.strength, induction.swallowing
        dependent, severe = "steroid_cannot_be_reduced", "induction_in_severe_disease"
        still_high = dependence.still_above_mg_kg_day
        latest = induction.max_days_from_diagnosis
        return (
            Criterion("global_rise", "exacerbation", ">=", worse.global_rise, "cm"),
            yes("deterioration", "exacerbation"),
            yes("steroid_escalation", "exacerbation"),
            Criterion("failed_reductions", dependent, ">=", dependence.failed_reductions),
            Criterion("steroid_for_long", dependent, ">=", dependence.after_days, "days"),
            Criterion("steroid_still_high", dependent, ">", still_high, "mg/kg/day"),
            yes("cytotoxic_stopped_for_complication", "replaces_cytotoxic_drug"),
            Criterion("days_from_diagnosis", severe, "<=", latest, "days"),
            Criterion("severe_strength", severe, strength.operator, strength.threshold),
            Criterion("severe_swallowing", severe, swallowing.operator, swallowing.threshold),
            yes("severe_event", severe, never=("not_met",)),
        )

    @model_validator(mode="after")
    def _tables_are_sound(self) -> IvigIndication:
        check_axes(self.axes, {criterion.name for criterion in self.criteria})
        for axis in self.axes:
            labels = {choice.label for choice in axis.choices}
            if labels != {"met", "not_met", "not_evaluable"}:
                raise ValueError(f"{axis.name}: labels are met, not_met and not_evaluable")
        return self
