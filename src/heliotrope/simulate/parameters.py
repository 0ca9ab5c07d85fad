"""The invented numbers behind simulated cohorts, read from ``simulation.toml``."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from heliotrope.definitions.model import Frozen

SIMULATION = Path(__file__).parent / "simulation.toml"


class Cohort(Frozen):
    """Who the children are, and what is missing from whole charts."""

    first_infusion_from: date
    first_infusion_until: date
    share_with_ivig: float
    age_mean_years: float
    age_sd_years: float
    age_min_years: float
    age_max_years: float
    days_since_diagnosis_median: float
    days_since_diagnosis_log_sd: float
    days_since_diagnosis_min: int
    days_since_diagnosis_max: int
    onset_to_diagnosis_median_days: float
    onset_to_diagnosis_log_sd: float
    size_log_sd: float
    share_without_physician_global: float
    share_without_baseline: float
    share_with_judgement: float
    share_death: float
    sites: tuple[str, ...]
    site_shares: tuple[float, ...]
    antibodies: tuple[str, ...]
    antibody_shares: tuple[float, ...]
    share_female: float


class Growth(Frozen):
    """Weight and height by age."""

    age_years: tuple[float, ...]
    weight_kg: tuple[float, ...]
    height_cm: tuple[float, ...]


class Archetype(Frozen):
    """A kind of child: how IVIG acts on the latent activity, and what stopping it does."""

    name: str
    share: float
    pulse: float
    persistent: float
    onset_half_time_days: float
    extra_decay_days: float
    fade: float
    persistent_lag_days: float
    courses_min: int
    courses_max: int
    relapse: float
    relapse_share: float


class ActivityModel(Frozen):
    """The latent activity without IVIG, and the steroid's effect on it."""

    start_mean: float
    start_sd: float
    start_min: float
    start_max: float
    severe_start: float
    exacerbation_rise: float
    exacerbation_days: float
    child_spread_log_sd: float
    drift_mean_per_180_days: float
    drift_sd_per_180_days: float
    excess_at_start: float
    excess_days: float
    fluctuation_sd: float
    courses_to_build_up: float
    steroid_effect: float
    steroid_half_life_days: float
    steroid_unit_mg_kg: float
    relapse_days: float
    relapse_lag_days: float
    rating_sd: float


class Words(Frozen):
    """Words and the share of each."""

    words: tuple[str, ...]
    shares: tuple[float, ...]


class Exposure(Frozen):
    """Courses, doses, restarts and stops."""

    interval_days: tuple[int, ...]
    interval_shares: tuple[float, ...]
    interval_jitter_days: int
    share_delayed_course: float
    delay_days_max: int
    share_short: float
    infusion_days: tuple[int, ...]
    infusion_days_shares: tuple[float, ...]
    dose_g_per_kg: tuple[float, ...]
    dose_shares: tuple[float, ...]
    dose_max_g: float
    vial_g: float
    share_recorded_per_kg: float
    share_ongoing: float
    ongoing_days_max: int
    share_restart_after_relapse: float
    restart_after_days_min: int
    restart_after_days_max: int
    restart_courses_min: int
    restart_courses_max: int
    share_switched_to_sc: float
    sc_after_days: int
    sc_every_days: int
    sc_infusions: int
    sc_dose_g_per_kg: float
    followup_days_min: int
    followup_days_max: int
    products: tuple[str, ...]
    product_shares: tuple[float, ...]
    premedications: tuple[str, ...]
    premedication_shares: tuple[float, ...]
    stop_reason_recorded_share: float
    stop_after_days_max: int
    start_minute_min: int
    start_minute_max: int
    stop_reasons_improved: Words
    stop_reasons_not_improved: Words


class VisitPlan(Frozen):
    """When children are seen."""

    interval_days: tuple[int, ...]
    interval_shares: tuple[float, ...]
    jitter_days: int
    later_stretch: float
    later_after_visits: int
    scheduled_max: int
    before_days_min: int
    before_days_max: int
    baseline_days_max: int
    share_closely_watched: float
    watched_days: tuple[int, ...]
    early_share_watched: float
    early_share_others: float
    early_courses: int
    early_day_min: int
    early_day_max: int
    full_share: float
    missed_share: float
    missed_share_without_ivig: float


class MeasureModel(Frozen):
    """How one measure is read off the latent activity."""

    id: str
    unit: str
    upper_limits: tuple[float, ...] = ()
    is_log: bool = False
    offset: float
    per_cm: float
    child_sd: float
    noise_sd: float
    min: float
    max: float
    step: float
    full_share: float
    short_share: float


class Body(Frozen):
    """How often a child is weighed and measured."""

    weight_full_share: float
    weight_short_share: float
    height_full_share: float
    weight_step: float
    height_step: float
    weight_sd: float


class Judgement(Frozen):
    """The physician's word, from the change of activity since the last visit."""

    share_at_visit: float
    improved_under: float
    worse_over: float


class Steroids(Frozen):
    """Doses before, at and after the first infusion, and how physicians change them."""

    share_without: float
    first_mg_kg: float
    second_mg_kg: float
    second_after_days: int
    third_after_days: int
    baseline_median_mg_kg: float
    baseline_log_sd: float
    baseline_min_mg_kg: float
    recent_diagnosis_days: int
    recent_mg_kg: float
    share_raised_before: float
    raised_days_max: int
    raised_factor: float
    max_mg: float
    taper_factor: float
    taper_if_fallen_by: float
    taper_if_under: float
    taper_min_days: int
    share_calendar: float
    calendar_factor: float
    rise_factor: float
    rise_min_mg_kg: float
    rise_if_over_best_by: float
    rise_if_over: float
    stop_under_mg_kg: float
    step_mg: float
    small_step_mg: float
    small_under_mg: float
    share_alternate_days: float
    share_prednisolone: float
    pulse_share_at_rise: float
    pulse_days: int
    pulse_mg_kg: float
    pulse_max_mg: float
    pulse_step_mg: float
    flare_recorded_share: float


class OtherDrug(Frozen):
    """A second-line drug: dose and how many take it."""

    name: str
    route: str
    unit: str
    dose_per_kg: float
    dose_max: float
    step: float
    share: float
    complication_share: float
    rise_share: float
    is_cytotoxic: bool


class DrugHabits(Frozen):
    """When second-line drugs are started, stopped and added."""

    wait_share_of_illness: float
    share_started_late: float
    late_days_max: int
    complication_days_max: int
    stop_after_response_share: float
    rescue_share: float
    rescue_drugs: tuple[str, ...]
    rescue_dose_per_kg: tuple[float, ...]
    rescue_step: tuple[float, ...]


class ReactionTerm(Frozen):
    """One kind of reaction to an infusion."""

    term: str
    share_per_infusion_day: float
    grade_shares: tuple[float, ...]
    lasts_days_max: int
    value_from: float | None = None
    value_until: float | None = None
    unit: str = ""


class Reactions(Frozen):
    """How often reactions come, and how soon."""

    prone_log_sd: float
    hours_median: float
    hours_log_sd: float
    unrelated_share: float
    end_recorded_share: float
    terms: tuple[ReactionTerm, ...]


class Reasons(Frozen):
    """Why IVIG was started."""

    words: tuple[str, ...]
    shares: tuple[float, ...]
    induction_within_days: int
    long_steroid_days: int
    recorded_share: float


class Simulation(Frozen):
    """All parameters of a simulated cohort."""

    flag: Literal["P"]
    remark: Literal["invented for simulation"]
    children_per_block: int
    cohort: Cohort
    growth: Growth
    archetypes: tuple[Archetype, ...]
    activity: ActivityModel
    exposure: Exposure
    visits: VisitPlan
    measures: tuple[MeasureModel, ...]
    body: Body
    judgement: Judgement
    steroids: Steroids
    drugs: tuple[OtherDrug, ...]
    drug_habits: DrugHabits
    reactions: Reactions
    indications: Reasons

    def with_ivig(self, share: float) -> Simulation:
        """Give the same simulation with another share of children who get IVIG."""
        cohort = self.cohort.model_copy(update={"share_with_ivig": share})
        return self.model_copy(update={"cohort": cohort})

    def with_missed_visits(self, share: float) -> Simulation:
        """Give the same simulation where children without IVIG miss another share of visits."""
        visits = self.visits.model_copy(update={"missed_share_without_ivig": share})
        return self.model_copy(update={"visits": visits})

    @model_validator(mode="after")
    def _shares_add_up(self) -> Simulation:
        total = round(sum(archetype.share for archetype in self.archetypes), len("shares"))
        if total != 1:
            raise ValueError(f"the shares of the archetypes add up to {total}, not 1")
        return self


def read_simulation(path: Path = SIMULATION) -> Simulation:
    """Read the parameters of simulated cohorts.

    >>> read_simulation().remark
    'invented for simulation'
    """
    return Simulation.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
