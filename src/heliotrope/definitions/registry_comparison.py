"""What the comparison with untreated children uses: intervals, weights, limits, covariates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

REGISTRY_COMPARISON = "registry_comparison"

Scale = Literal[
    "share_of_range_lost", "log2_of_limit", "as_recorded", "steroid_mg_kg_day", "other_drugs"
]


class IntervalRule(Frozen):
    """How follow-up from diagnosis is cut into intervals, and whose follow-up counts."""

    days: int = Field(gt=0, description="length of an interval")
    first_outcome_day: int = Field(ge=0, description="outcomes count from this day after diagnosis")
    last_day: int = Field(gt=0, description="follow-up ends on this day after diagnosis")
    first_seen_within_days: int = Field(
        ge=0, description="a child first seen later after diagnosis is left out"
    )
    baseline_before_days: int = Field(ge=0, description="how old a value at diagnosis may be")
    baseline_after_days: int = Field(ge=0, description="how late a value at diagnosis may be")
    carried_after_days: int = Field(ge=0, description="an older value is marked as carried")
    still_followed_days: int = Field(
        ge=0, description="observation that ends so near to the end of all records is no loss"
    )
    days_per_year: float = Field(gt=0)
    most_children: int = Field(ge=1, description="of a larger registry so many are drawn")


class Refusal(Frozen):
    """Under which numbers nothing is compared, and what a model needs to be fitted."""

    fewest_treated: int = Field(ge=2)
    fewest_untreated: int = Field(ge=2)
    fewest_effective: float = Field(gt=0, description="effective number of children, either group")
    mean_weight: tuple[float, float]
    fewest_events_of_a_model: int = Field(ge=1, description="else its weight is 1, and it is said")
    most_unrecorded_at_start: float = Field(
        ge=0, le=1, description="share of the starts without any activity recorded before"
    )
    fewest_children_of_a_category: int = Field(ge=1, description="rarer antibodies are joined")


class WeightRule(Frozen):
    """How stabilised weights are made and looked at."""

    truncation: tuple[float, float]
    coefficient_sd: float = Field(gt=0, description="spread of a standardised log odds ratio")
    extreme_probability: tuple[float, float]
    balance_limit: float = Field(gt=0, description="standardised difference called balanced")


class Bootstrap(Frozen):
    """How often children are drawn anew."""

    draws: int = Field(ge=20)
    most_missing: float = Field(
        ge=0, lt=1, description="share of resamples without an estimate that leaves an interval"
    )
    most_children: int = Field(ge=1, description="over so many the robust interval stands alone")
    seed: int


class TrialRule(Frozen):
    """The sequential trials: one begins with each interval."""

    follow_up_days: int = Field(gt=0)
    fewest_rows: int = Field(ge=2)


class GFormulaRule(Frozen):
    """The simulated courses of the parametric g-formula."""

    days: int = Field(gt=0, description="length of its steps")
    start_after_days: tuple[int, ...] = Field(min_length=1)
    courses: int = Field(ge=1, description="simulated courses, shared out among the children")
    penalty: float = Field(gt=0, description="of a yes-or-no covariate, holds it finite")
    read_at_days: tuple[int, ...] = Field(min_length=1)
    most_drawn_steps: int = Field(
        gt=0, description="steps that all resamples may hold where the robust interval stands alone"
    )
    fewest_draws: int = Field(ge=20, description="in however large a registry")
    seed: int


class EValueRule(Frozen):
    """What turns a difference or an odds ratio into a risk ratio."""

    log_risk_per_sd: float = Field(gt=0)
    log_risk_limit_per_sd: float = Field(gt=0)
    rare_event_share: float = Field(gt=0, lt=1)


class OutcomeRule(Frozen):
    """The measure of activity and the definition of inactive disease."""

    activity: str
    inactive: str


class Covariate(Frozen):
    """Something recorded before a decision that may have led to it.

    ``measures``: the first recorded of a date counts. ``scale``: ``share_of_range_lost`` is 0 at
    the best and 1 at the worst value of the measure.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=3)
    measures: tuple[str, ...] = ()
    scale: Scale


class RegistryComparison(Definition):
    """Every number the comparison with untreated children uses."""

    kind: Literal["registry_comparison"]
    level: float = Field(gt=0, lt=1)
    intervals: IntervalRule
    refusal: Refusal
    weights: WeightRule
    bootstrap: Bootstrap
    trials: TrialRule
    g_formula: GFormulaRule
    e_value: EValueRule
    outcomes: OutcomeRule
    covariates: tuple[Covariate, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _activity_comes_last(self) -> RegistryComparison:
        names = [covariate.id for covariate in self.covariates]
        if len(set(names)) != len(names):
            raise ValueError("every covariate needs an id of its own")
        if names[-1] != "activity":
            raise ValueError("the covariates end with 'activity', the outcome of the comparison")
        return self
