"""What the pulse model needs to know: priors, scales, conventions, when an answer is refused.

It reads with the standard library and pydantic alone, so that the numbers can also be worked out
where nothing else of the program is installed: ``read_pulse_model()``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

PULSE_MODEL = "pulse_model"

StartRule = Literal["none", "two_sided_kappa", "hazard"]


class Prior(Frozen):
    """What is believed of a number before the records are read.

    ``center``: the mean of a normal, the median of a log-normal; a half-normal has none.
    ``scale``: its standard deviation, of the logarithm where log-normal.
    """

    family: Literal["normal", "half_normal", "log_normal"]
    center: float = 0.0
    scale: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_a_distribution(self) -> Prior:
        if self.family == "log_normal" and self.center <= 0:
            raise ValueError("the median of a log-normal is above 0")
        if self.family == "half_normal" and self.center != 0:
            raise ValueError("a half-normal begins at 0: leave its center out")
        return self


class PulsePriors(Frozen):
    """The prior of each population parameter, in units of the anchoring measure and days."""

    activity_mean: Prior
    activity_mean_wide: Prior
    activity_sd: Prior
    drift_mean: Prior
    drift_sd: Prior
    pulse_mean: Prior
    pulse_sd: Prior
    persistent_mean: Prior
    persistent_sd: Prior
    steroid: Prior
    start_excess: Prior
    start_intercept: Prior
    start_slope: Prior
    start_observed_slope: Prior
    fluctuation_sd: Prior
    fluctuation_days: Prior
    loading: Prior
    offset: Prior
    noise: Prior
    onset_days: Prior
    extra_decay_days: Prior
    covariate: Prior
    wide_above: float = Field(description="median before IVIG above which activity_mean_wide holds")


class Conventions(Frozen):
    """What is fixed rather than estimated; each is varied in the sensitivity grid."""

    full_course_g_per_kg: float = Field(gt=0)
    dose_exponent: float = Field(ge=0, description="1: effect in proportion to dose; 0: all alike")
    pulse_saturation: float = Field(
        ge=0, description="pulses add up as 1 - exp(-this times their sum); 0: in full"
    )
    saturation_courses: float = Field(gt=0, description="persistent part: 1 - exp(-courses / this)")
    persistent_half_life_days: float = Field(gt=0, description="inf: what is gained never fades")
    drift_days: float = Field(gt=0, description="the drift is a change over so many days")
    steroid_half_life_days: float = Field(gt=0)
    steroid_reference_mg_kg_day: float = Field(gt=0)
    steroid_unit_mg_kg_day: float = Field(gt=0, description="the dose that counts as one")
    steroid_pulse_days: int = Field(gt=0)
    history_days: int = Field(ge=0, description="how far before day 0 visits are read")
    steroid_known_share: float = Field(
        gt=0, le=1, description="of the filter's weight that known doses must carry"
    )
    closest_visits_days: float = Field(gt=0, description="visits of one date stand so far apart")


class Alternative(Frozen):
    """Another value of some conventions, to see how much hangs on them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    dose_exponent: float | None = Field(default=None, ge=0)
    pulse_saturation: float | None = Field(default=None, ge=0)
    saturation_courses: float | None = Field(default=None, gt=0)
    persistent_half_life_days: float | None = Field(default=None, gt=0)
    steroid_half_life_days: float | None = Field(default=None, gt=0)

    def apply_to(self, conventions: Conventions) -> Conventions:
        """Return the conventions with this alternative's values in their place."""
        changes = self.model_dump(exclude={"name"}, exclude_none=True)
        return conventions.model_copy(update=changes)


class StartRuleChoice(Frozen):
    """How the model treats that IVIG is started when activity is high.

    ``default``: where the records cannot carry a model of the start (``refusals``); then what
    lasts is refused. Where they can, the start is modelled ("hazard").
    """

    default: StartRule


class FitSettings(Frozen):
    """How the posterior is found and drawn from."""

    draws: int = Field(ge=100)
    draws_a_batch: int = Field(ge=1)
    proposal_degrees_of_freedom: float = Field(gt=2)
    proposals_at_least: int = Field(ge=100, description="draws to be weighted in one round")
    proposals_at_most: int = Field(ge=100)
    children_times_proposals: int = Field(ge=1, description="between them: this over the children")
    rounds: int = Field(ge=1, description="of proposals, the next while k-hat is too high")
    starts: int = Field(ge=1, le=2, description="of the search: a pulse above no effect, and below")
    start_spread: float = Field(ge=0, description="how far the pulse begins there, in prior sds")
    optimiser_steps: int = Field(ge=1)
    newton_steps: int = Field(ge=1, description="at most, within one child")
    newton_tolerance: float = Field(gt=0)
    children_a_block: int = Field(ge=1)
    seed: int
    k_hat_at_most: float = Field(gt=0)
    r_hat_at_most: float = Field(gt=1)
    nuts_warmup: int = Field(ge=1)
    nuts_draws: int = Field(ge=1)
    nuts_chains: int = Field(ge=2)
    children_for_nuts_at_most: int = Field(ge=0, description="above: NUTS only if asked for")
    children_to_begin_with: int = Field(
        ge=1, description="twice as many and more: the mode of so many is sought first"
    )
    prior_draws: int = Field(ge=100)
    child_draws: int = Field(ge=20)


class Refusals(Frozen):
    """When the records cannot answer."""

    contraction_at_least: float = Field(gt=0, lt=1, description="1 - posterior / prior variance")
    visits_a_cycle_at_least: float = Field(gt=0)
    covariate_started_within_days: int = Field(ge=0)
    off_drug_half_lives: float = Field(gt=0)
    children_at_least: int = Field(ge=1)
    children_for_what_if_at_least: int = Field(ge=2)
    children_with_later_visits_at_least: int = Field(ge=1)
    undefined_share_at_most: float = Field(ge=0, lt=1)
    children_not_started_at_least: int = Field(
        ge=0, description="at risk and without IVIG: without them the start biases what lasts"
    )
    visits_at_risk_a_child_at_least: float = Field(
        ge=0, description="rated visits before IVIG, of those at risk, for the start to be modelled"
    )
    children_with_started_drug_at_most: float = Field(ge=0, le=1, description="their share")


class Seen(Frozen):
    """How often a check found a departure from the model in simulated case series of one size."""

    check: str
    departure: str
    children: int = Field(ge=1, description="treated, in each series")
    found: int = Field(ge=0)
    series: int = Field(ge=1)


class ModelCheck(Frozen):
    """When it is said beside the figures that the model does not fit the records."""

    chance_at_most: float = Field(gt=0, lt=1, description="of visits that go with activity")
    log_evidence_at_least: float = Field(gt=0, description="for another convention than the own")
    blind_at_most: float = Field(ge=0, lt=1, description="share found: the check misses it")
    seen: tuple[Seen, ...] = ()


class Phase(Frozen):
    """Days since the last infusion; without a first day: before the first infusion."""

    name: str
    first_day: int | None = None
    last_day: int | None = None


class Reference(Frozen):
    """The regimen in which effects are printed, and the days of the drawn curve."""

    cycle_days: int = Field(gt=0)
    share_left_day: int = Field(gt=0)
    courses: int = Field(ge=1)
    after_stopping_days: int = Field(gt=0)
    curve_days: tuple[int, ...] = Field(min_length=2)
    months_before: int = Field(ge=0, description="cycles shown before the first infusion")
    months_after: int = Field(ge=1, description="cycles shown after it")
    phases: tuple[Phase, ...] = Field(min_length=1)


class WhatIf(Frozen):
    """The changes of treatment whose outcome the model predicts for a cohort."""

    stretched_cycle_days: int = Field(gt=0)
    reduced_dose_share: float = Field(gt=0, lt=1)
    horizons_days: tuple[int, ...] = Field(min_length=1)
    lost_share_of_improvement: float = Field(gt=0, le=1)


class Pharmacokinetics(Frozen):
    """Two compartments of immunoglobulin at one weight, and how they grow with weight."""

    weight_kg: float = Field(gt=0)
    clearance_l_per_day: float = Field(gt=0)
    central_volume_l: float = Field(gt=0)
    exchange_l_per_day: float = Field(gt=0)
    peripheral_volume_l: float = Field(gt=0)
    clearance_exponent: float
    volume_exponent: float


class PulseMeasure(Frozen):
    """How a measure enters: as its distance from the best value, in units of its scale.

    ``is_log2_of_upper_limit``: as log2 of its ratio to the upper limit of normal, without ends.
    The best value is an end of the instrument; the worst counts as one only where it says so.
    """

    measure: str
    scale: float = Field(gt=0)
    best: float | None = None
    worst: float | None = None
    is_clipped_at_worst: bool = False
    is_log2_of_upper_limit: bool = False
    important_difference: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_ends_or_none(self) -> PulseMeasure:
        has_ends = self.best is not None and self.worst is not None
        if has_ends == self.is_log2_of_upper_limit:
            raise ValueError(f"{self.measure}: best and worst, or is_log2_of_upper_limit")
        return self


class PulseModel(Definition):
    """Every number of the pulse model. The first recorded measure anchors its scale."""

    kind: Literal["pulse_model"]
    level: float = Field(gt=0, lt=1)
    priors: PulsePriors
    conventions: Conventions
    start_rule: StartRuleChoice
    sensitivity: tuple[Alternative, ...] = ()
    fit: FitSettings
    refusals: Refusals
    check: ModelCheck
    reference: Reference
    what_if: WhatIf
    pharmacokinetics: Pharmacokinetics
    measures: tuple[PulseMeasure, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_pulses_up(self) -> PulseModel:
        if self.conventions.pulse_saturation != 0:
            raise ValueError(
                "conventions.pulse_saturation is 0: the printed curves add pulses up in full; try "
                "another value under [[sensitivity]]"
            )
        return self


def read_pulse_model(path: Path | None = None) -> PulseModel:
    """Read the shipped definition of the model (or another file) with nothing but pydantic.

    >>> read_pulse_model().priors.pulse_mean.center
    0.0
    """
    chosen = path or Path(__file__).parent / "estimates" / "pulse_model.toml"
    return PulseModel.model_validate(tomllib.loads(chosen.read_text(encoding="utf-8")))
