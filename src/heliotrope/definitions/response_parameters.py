"""The parameters of response and aggravation, each a named part of its definition file."""

from __future__ import annotations

from pydantic import Field

from heliotrope.definitions.model import Frozen


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


class SteroidRise(Frozen):
    """A steroid rise that counts as escalation."""

    relative: float
    mg_kg_day: float
    days: int
