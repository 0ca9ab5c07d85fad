"""Draw the children: who they are, how ill, and what kind of responder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers
from heliotrope.simulate.parameters import Simulation

DAYS_PER_YEAR = 365.25
EPOCH = date(1970, 1, 1)


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
    ill_for_years = (since_diagnosis + to_diagnosis) / DAYS_PER_YEAR
    start = draws.normal(activity.start_mean, activity.start_sd, shape)
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
        activity=np.clip(start, activity.start_min, activity.start_max),
        drift=draws.normal(activity.drift_mean_per_180_days, activity.drift_sd_per_180_days, shape),
        spread=draws.around(1, activity.child_spread_log_sd, shape),
        lacks_global=draws.is_true(cohort.share_without_physician_global, shape),
        lacks_baseline=draws.is_true(cohort.share_without_baseline, shape),
        has_judgement=draws.is_true(cohort.share_with_judgement, shape),
    )


def compute_body(children: Children, days: Numbers, simulation: Simulation, what: str) -> Numbers:
    """Weight (kg) or height (cm) on given days: children down, days across."""
    growth = simulation.growth
    age = children.age_years[:, None] + days / DAYS_PER_YEAR
    if what == "weight":
        return children.size[:, None] * np.interp(age, growth.age_years, growth.weight_kg)
    height: Numbers = np.interp(age, growth.age_years, growth.height_cm)
    return height * np.cbrt(children.size)[:, None]
