"""The response to IVIG and the aggravation after it: parameters and decision tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.decision import ALWAYS_KNOWN, Axis, Criterion, check_axes, yes
from heliotrope.definitions.model import Definition
from heliotrope.definitions.response_parameters import (
    Baseline,
    Confounding,
    FollowedDomain,
    NoImprovement,
    Room,
    SteroidRise,
    SteroidRule,
    TierA,
    TierB,
    TierC,
    Transient,
    Windows,
)

# The shipped definitions that fill the tables of a run; others of their kind stand beside them.
RESPONSE = "jdm_ivig_response"
AGGRAVATION = "aggravation_after_discontinuation"


class ResponseDefinition(Definition):
    """The response to IVIG in juvenile dermatomyositis: windows, tiers and decision tables."""

    kind: Literal["response"]
    baseline: Baseline
    tier_a: TierA
    tier_b: TierB
    tier_c: TierC
    windows: Windows
    no_improvement: NoImprovement
    transient: Transient
    still_improved_days: int
    ongoing_days: int
    durability_days: int = Field(description="days after the last infusion that decide durability")
    room: Room
    steroid: SteroidRule
    confounding: Confounding
    followed_domains: tuple[FollowedDomain, ...]
    axes: tuple[Axis, ...]

    @model_validator(mode="after")
    def _tables_are_sound(self) -> ResponseDefinition:
        check_axes(self.axes, {criterion.name for criterion in self.criteria})
        bands = self.windows
        if not bands.rapid_last_day < bands.intermediate_last_day < bands.slow_last_day:
            raise ValueError("the bands of onset do not increase")
        return self

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of the response with their thresholds, each under its main axis."""
        return (
            *self._pattern_criteria(),
            *self._onset_criteria(),
            *self._loss_criteria(),
            *self._steroid_criteria(),
            *self._durability_criteria(),
        )

    def _pattern_criteria(self) -> Iterator[Criterion]:
        room, none = self.room, self.no_improvement
        yield yes("treatment_purpose", "pattern", ALWAYS_KNOWN)
        yield yes("baseline_recorded", "pattern", ALWAYS_KNOWN)
        yield Criterion(
            "attainable_score_room",
            "pattern",
            ">=",
            room.attainable_score,
            "points",
            never=ALWAYS_KNOWN,
        )
        yield Criterion("physician_global_room", "pattern", ">=", room.physician_global, "cm")
        yield Criterion(
            "tier_c_items_room", "pattern", ">=", room.tier_c_items, "items", never=ALWAYS_KNOWN
        )
        yield yes("improved_after_cover", "pattern", ALWAYS_KNOWN)
        yield Criterion(
            "exposure_courses", "pattern", ">=", none.courses, "courses", never=ALWAYS_KNOWN
        )
        yield Criterion(
            "exposure_days", "pattern", ">=", none.exposure_days, "days", never=ALWAYS_KNOWN
        )
        yield Criterion("late_visit_not_improved", "pattern", ">=", none.late_visit_day, "days")
        yield yes("first_improvement_confirmed", "pattern")
        yield yes("still_improved", "pattern")
        yield yes("next_visit_improved", "responded")

    def _onset_criteria(self) -> Iterator[Criterion]:
        windows = self.windows
        yield yes("visit_in_window", "onset", ALWAYS_KNOWN)
        yield yes("improved_on_regimen", "onset", ALWAYS_KNOWN)
        for band, last_day in (
            ("rapid", windows.rapid_last_day),
            ("intermediate", windows.intermediate_last_day),
            ("slow", windows.slow_last_day),
        ):
            yield Criterion(f"onset_by_{band}", "onset", "<=", last_day, "days", "onset_by_day")
            yield Criterion(
                f"onset_after_{band}", "onset", ">=", last_day, "days", "onset_after_day"
            )
        yield Criterion("onset_after_second_course", "onset", ">=", 0, "days")
        yield Criterion("onset_by_second_course", "onset", "<=", windows.rapid_last_day, "days")

    def _loss_criteria(self) -> Iterator[Criterion]:
        courses = self.windows.reproduction_courses
        yield yes("any_improvement_confirmed", "loss", ALWAYS_KNOWN)
        yield Criterion(
            "improvement_reproduced", "loss", ">=", courses, "courses", never=ALWAYS_KNOWN
        )
        yield Criterion("lost_for_courses", "loss", ">=", self.transient.later_courses, "courses")
        yield Criterion("lost_for_days", "loss", ">=", self.transient.days, "days")
        yield yes("worse_than_best", "loss")

    def _steroid_criteria(self) -> Iterator[Criterion]:
        rule, axis = self.steroid, "steroid_effect"
        yield yes("medication_recorded", axis, ALWAYS_KNOWN)
        yield yes("steroid_recorded", axis, ALWAYS_KNOWN)
        yield Criterion("baseline_dose", axis, ">=", rule.baseline_minimum_mg_kg_day, "mg/kg/day")
        yield Criterion("low_dose_window", axis, ">=", rule.days, "days")
        yield Criterion("dose_share_reduced", axis, "<=", rule.reduced_share, None, "dose_share")
        yield Criterion(
            "dose_share_increased", axis, ">=", rule.increased_share, None, "dose_share"
        )

    def _durability_criteria(self) -> Iterator[Criterion]:
        days, axis = self.durability_days, "durability"
        yield yes("improved_at_stop", axis)
        for name in ("stopped", "on_treatment", "stop_reason_allows"):
            yield yes(name, axis, ALWAYS_KNOWN)
        yield Criterion("seen_after_stop", axis, ">=", days, "days", never=ALWAYS_KNOWN)
        # Given only by an aggravation within its own window, which is not the longer one.
        yield Criterion("aggravated_in_window", axis, "<=", days, "days", never=("not_met",))
        yield yes("improved_at_last_visit", axis)
        yield Criterion("last_visit_long_after_onset", axis, ">=", self.ongoing_days, "days")


class AggravationDefinition(Definition):
    """Worsening after a regimen stopped, by limbs a to e."""

    kind: Literal["aggravation"]
    window_days: int
    also_days: tuple[int, ...]
    stop_reasons_excluded: tuple[str, ...]
    deterioration: str = Field(description="definition of limb a")
    deterioration_floors: dict[str, float]
    escalation_confirms_days: int
    physician_global: str
    global_rise: float
    inactive_definition: str
    inactive_lost_global: float
    second_line_drugs: tuple[str, ...]
    reasons_other_than_activity: tuple[str, ...] = Field(
        description="recorded indications of a restart that are no escalation for activity"
    )
    steroid_rise: SteroidRise
    flare_kind: str
    judgement: str
    judgement_word: str
    axes: tuple[Axis, ...]

    @model_validator(mode="after")
    def _tables_are_sound(self) -> AggravationDefinition:
        check_axes(self.axes, {criterion.name for criterion in self.criteria})
        return self

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """List the criteria of the aggravation with their thresholds."""
        return (
            yes("anything_recorded", "state", ALWAYS_KNOWN),
            yes("treatment_purpose", "state", ALWAYS_KNOWN),
            yes("stopped", "state", ALWAYS_KNOWN),
            yes("stop_reason_allows", "state", ALWAYS_KNOWN),
            yes("improved_at_stop", "state"),
            Criterion("event_in_window", "state", "<=", self.window_days, "days"),
            Criterion(
                "seen_after_stop", "state", ">=", self.window_days, "days", never=ALWAYS_KNOWN
            ),
        )
