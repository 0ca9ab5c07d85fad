"""The response to IVIG and the aggravation after it: parameters and decision tables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.decision import Axis, Criterion, check_axes, yes
from heliotrope.definitions.model import Definition, Frozen


class Baseline(Frozen):
    """Where a baseline is looked for."""

    days_before: int = Field(gt=0)
    domains_without_say: tuple[str, ...]


class TierA(Frozen):
    """Improved by the total improvement score."""

    score: str
    at_least: float
    ignored_before_day: int


class TierB(Frozen):
    """Improved by the physician global or by a composite index beside it."""

    essential: str
    alternatives: tuple[str, ...]
    relative_fall_percent: float
    absolute_fall: float


class ImprovementStep(Frozen):
    """How many units better count as improved."""

    measure: str
    step: float = Field(gt=0)


class TierC(Frozen):
    """Improved by at least so many items of a sparse record."""

    at_least: int
    strength: tuple[ImprovementStep, ...]
    function: ImprovementStep
    enzyme: str
    enzyme_relative_fall_percent: float
    enzyme_fall_in_upper_limits: float
    judgement: str
    judgement_word: str


class Windows(Frozen):
    """Days from the first infusion, both ends counted."""

    rapid_last_day: int
    intermediate_last_day: int
    slow_last_day: int
    cover_days: int = Field(description="days after a D0 that its course covers")
    confirmation_days: int
    reproduction_first_day: int
    reproduction_last_day: int
    reproduction_courses: int
    second_course: int = Field(description="number of the course whose D0 also starts a rapid band")


class NoImprovement(Frozen):
    """What is needed before improvement counts as not shown."""

    courses: int
    exposure_days: int
    late_visit_day: int


class Transient(Frozen):
    """What is needed before a response counts as lost on treatment."""

    later_courses: int
    days: int


class Room(Frozen):
    """A baseline from which improvement can be seen."""

    attainable_score: float
    physician_global: float
    tier_c_items: int


class SteroidRule(Frozen):
    """When the steroid dose counts as markedly reduced, reduced or increased."""

    share: float
    days: int
    baseline_minimum_mg_kg_day: float
    reduced_share: float
    increased_share: float
    taper_diagnosis_days: int
    taper_halving_days: int


class Confounding(Frozen):
    """Other treatments that could explain an improvement, and how long before it."""

    steroid_days: int
    steroid_relative_rise: float
    steroid_rise_mg_day: float
    pulse_days: int
    drug_days: int
    drug_relative_rise: float
    drugs: tuple[str, ...]
    long_acting_days: int
    long_acting_drugs: tuple[str, ...]


class FollowedDomain(Frozen):
    """Which measures follow the domain an indication is about."""

    indication: str
    domain: str
    measures: tuple[str, ...]


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
        windows, room, steroid = self.windows, self.room, self.steroid
        bands = {
            "rapid": windows.rapid_last_day,
            "intermediate": windows.intermediate_last_day,
            "slow": windows.slow_last_day,
        }
        return (
            yes("treatment_purpose", "pattern"),
            yes("baseline_recorded", "pattern"),
            Criterion("attainable_score_room", "pattern", ">=", room.attainable_score, "points"),
            Criterion("physician_global_room", "pattern", ">=", room.physician_global, "cm"),
            Criterion("tier_c_items_room", "pattern", ">=", room.tier_c_items, "items"),
            yes("visit_in_window", "onset"),
            yes("improved_on_regimen", "onset"),
            yes("improved_after_cover", "pattern"),
            Criterion("exposure_courses", "pattern", ">=", self.no_improvement.courses, "courses"),
            Criterion("exposure_days", "pattern", ">=", self.no_improvement.exposure_days, "days"),
            Criterion(
                "late_visit_not_improved",
                "pattern",
                ">=",
                self.no_improvement.late_visit_day,
                "days",
            ),
            *(
                Criterion(f"onset_by_{band}", "onset", "<=", day, "days")
                for band, day in bands.items()
            ),
            *(
                Criterion(f"onset_after_{band}", "onset", ">=", day, "days")
                for band, day in bands.items()
            ),
            Criterion("onset_after_second_course", "onset", ">=", 0, "days"),
            Criterion("onset_by_second_course", "onset", "<=", windows.rapid_last_day, "days"),
            yes("first_improvement_confirmed", "pattern"),
            yes("any_improvement_confirmed", "loss"),
            Criterion(
                "improvement_reproduced", "loss", ">=", windows.reproduction_courses, "courses"
            ),
            yes("next_visit_improved", "responded"),
            yes("still_improved", "pattern"),
            Criterion("lost_for_courses", "loss", ">=", self.transient.later_courses, "courses"),
            Criterion("lost_for_days", "loss", ">=", self.transient.days, "days"),
            yes("worse_than_best", "loss"),
            yes("medication_recorded", "steroid_effect"),
            yes("steroid_recorded", "steroid_effect"),
            Criterion(
                "baseline_dose",
                "steroid_effect",
                ">=",
                steroid.baseline_minimum_mg_kg_day,
                "mg/kg/day",
            ),
            Criterion("low_dose_window", "steroid_effect", ">=", steroid.days, "days"),
            Criterion("dose_share_reduced", "steroid_effect", "<=", steroid.reduced_share),
            Criterion("dose_share_increased", "steroid_effect", ">=", steroid.increased_share),
            yes("stopped", "durability"),
            yes("on_treatment", "durability"),
            yes("improved_at_stop", "durability"),
            yes("stop_reason_allows", "durability"),
            Criterion("seen_after_stop", "durability", ">=", self.durability_days, "days"),
            Criterion("aggravated_in_window", "durability", "<=", self.durability_days, "days"),
            yes("improved_at_last_visit", "durability"),
            Criterion("last_visit_long_after_onset", "durability", ">=", self.ongoing_days, "days"),
        )


class SteroidRise(Frozen):
    """A steroid rise that counts as escalation."""

    relative: float
    mg_kg_day: float
    days: int


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
            yes("anything_recorded", "state"),
            yes("treatment_purpose", "state"),
            yes("stopped", "state"),
            yes("stop_reason_allows", "state"),
            yes("improved_at_stop", "state"),
            Criterion("event_in_window", "state", "<=", self.window_days, "days"),
            Criterion("seen_after_stop", "state", ">=", self.window_days, "days"),
        )
