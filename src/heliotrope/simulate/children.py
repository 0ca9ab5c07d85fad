"""Draw the children: who they are, how ill, and what kind of responder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers
from heliotrope.simulate.parameters import Simulation

DAYS_PER_YEAR = 365.25
EPOCH = date(1970, 1, 1)
REASONS = (
    "exacerbation",
    "steroid_cannot_be_reduced",
    "skin_disease",
    "other",
    "induction_in_severe_disease",
    "replaces_cytotoxic_drug",
)


@dataclass(frozen=True)
class Children:
    """One entry a child; days are counted from the first infusion (or the day it would be)."""

    number: Integers
    first_day: Integers
    has_ivig: Booleans
    archetype: Integers
    is_female: Booleans
    age_years: Numbers
    diagnosis_day: Integers
    onset_day: Integers
    site: Integers
    antibody: Integers
    size: Numbers
    activity: Numbers
    drift: Numbers
    spread: Numbers
    lacks_global: Booleans
    lacks_baseline: Booleans
    has_judgement: Booleans
    reason: Integers

    @property
    def count(self) -> int:
        """How many children."""
        return len(self.number)

    def trait(self, values: list[float]) -> Numbers:
        """Give each child the value of its archetype."""
        return np.asarray(values, dtype=np.float64)[self.archetype]


def draw_children(draws: Draws, simulation: Simulation, first_number: int) -> Children:
    """Draw one block of children, numbered from ``first_number``."""
    cohort, activity = simulation.cohort, simulation.activity
    shape = (simulation.children_per_block,)
    since_diagnosis = np.clip(
        draws.around(cohort.days_since_diagnosis_median, cohort.days_since_diagnosis_log_sd, shape),
        cohort.days_since_diagnosis_min,
        cohort.days_since_diagnosis_max,
    ).astype(np.int64)
    to_diagnosis = draws.around(
        cohort.onset_to_diagnosis_median_days, cohort.onset_to_diagnosis_log_sd, shape
    ).astype(np.int64)
    age = draws.normal(cohort.age_mean_years, cohort.age_sd_years, shape)
    age = np.clip(age, cohort.age_min_years, cohort.age_max_years)
    reason = _draw_reasons(draws, simulation, since_diagnosis)
    ill_for_years = (since_diagnosis + to_diagnosis) / DAYS_PER_YEAR
    start = draws.normal(activity.start_mean, activity.start_sd, shape)
    is_severe = reason == REASONS.index("induction_in_severe_disease")
    start = np.clip(start, activity.start_min, activity.start_max)
    return Children(
        number=first_number + np.arange(*shape, dtype=np.int64),
        first_day=draws.days(
            (cohort.first_infusion_from - EPOCH).days,
            (cohort.first_infusion_until - EPOCH).days,
            shape,
        ),
        has_ivig=draws.is_true(cohort.share_with_ivig, shape),
        archetype=draws.index([kind.share for kind in simulation.archetypes], shape),
        is_female=draws.is_true(cohort.share_female, shape),
        age_years=np.maximum(age, ill_for_years + simulation.growth.age_years[0]),
        diagnosis_day=-since_diagnosis,
        onset_day=-since_diagnosis - to_diagnosis,
        site=draws.index(cohort.site_shares, shape),
        antibody=draws.index(cohort.antibody_shares, shape),
        size=draws.around(1, cohort.size_log_sd, shape),
        activity=np.where(is_severe, np.maximum(start, activity.severe_start), start),
        drift=draws.normal(activity.drift_mean_per_180_days, activity.drift_sd_per_180_days, shape),
        spread=draws.around(1, activity.child_spread_log_sd, shape),
        lacks_global=draws.is_true(cohort.share_without_physician_global, shape),
        lacks_baseline=draws.is_true(cohort.share_without_baseline, shape),
        has_judgement=draws.is_true(cohort.share_with_judgement, shape),
        reason=reason,
    )


def _draw_reasons(draws: Draws, simulation: Simulation, since_diagnosis: Integers) -> Integers:
    """Draw why IVIG is started, as numbers of ``REASONS``, so that the records can bear it out.

    Severe disease at its start is a reason soon after diagnosis only; that the steroid cannot be
    reduced is one only where it has been taken for long.
    """
    reasons = simulation.indications
    words = np.asarray([REASONS.index(word) for word in reasons.words])
    drawn = words[draws.index(reasons.shares, since_diagnosis.shape)]
    stuck = drawn == REASONS.index("steroid_cannot_be_reduced")
    is_early = since_diagnosis < reasons.long_steroid_days
    drawn = np.where(stuck & is_early, REASONS.index("exacerbation"), drawn)
    is_new = since_diagnosis <= reasons.induction_within_days
    return np.where(is_new, REASONS.index("induction_in_severe_disease"), drawn)


def compute_body(children: Children, days: Numbers, simulation: Simulation, what: str) -> Numbers:
    """Weight (kg) or height (cm) on given days: children down, days across."""
    growth = simulation.growth
    age = children.age_years[:, None] + days / DAYS_PER_YEAR
    if what == "weight":
        return children.size[:, None] * np.interp(age, growth.age_years, growth.weight_kg)
    height: Numbers = np.interp(age, growth.age_years, growth.height_cm)
    return height * np.cbrt(children.size)[:, None]
