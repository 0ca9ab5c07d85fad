"""The invented numbers behind cohorts of known truth, read from ``known_truth.toml``."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Literal

from heliotrope.definitions.model import Frozen

KNOWN_TRUTH = Path(__file__).parent / "known_truth.toml"

Effect = Literal["pulse_model", "saturating_pulse", "decaying_persistent_effect", "none"]


class PopulationNumbers(Frozen):
    """What is true of all children: means, and spreads between children."""

    activity_mean: float
    activity_sd: float
    drift_mean: float
    drift_sd: float
    pulse_mean: float
    pulse_sd: float
    persistent_mean: float
    persistent_sd: float
    steroid_effect: float
    fluctuation_sd: float
    fluctuation_days: float
    onset_half_time_days: float
    extra_decay_days: float


class Conventions(Frozen):
    """What the pulse model fixes: units, saturation of the lasting part, how a steroid is felt."""

    half_year_days: int
    full_dose_g_per_kg: float
    infusions_to_build_up: float
    steroid_half_life_days: float
    steroid_unit_mg_kg: float
    steroid_centre: float


class VisitHabits(Frozen):
    """When children are seen."""

    cycles: int
    cycle_days: int
    jitter_days: int
    missed_share: float
    between_share_on_ivig: float
    between_share_otherwise: float
    between_first_day: int
    between_last_day: int


class RegimenHabits(Frozen):
    """How long a child may start, and what a regimen consists of."""

    cycles_at_risk: int
    infusions_min: int
    infusions_max: int
    dose_g_per_kg: tuple[float, ...]
    dose_shares: tuple[float, ...]


class SteroidHabits(Frozen):
    """How the steroid dose answers the rating of a visit, or the calendar."""

    first_median_mg_kg: float
    first_log_sd: float
    fall: float
    answer: float
    target: float
    noise_sd: float
    min_mg_kg: float
    step_mg_kg: float
    max_mg_kg: float
    restart_above: float
    restart_mg_kg: float
    history_days: int
    calendar_fall: float


class ObservedMeasure(Frozen):
    """How a measure is read off the latent activity, and how it is written in a chart.

    A measure with an ``upper_limit`` is an enzyme: its value in model units is the binary
    logarithm of the ratio to that limit, and it is not clipped.
    """

    id: str
    unit: str
    share: float
    offset: float
    loading: float
    noise_sd: float
    floor: float | None = None
    ceiling: float | None = None
    zero: float = 0.0
    per_unit: float = 1.0
    upper_limit: float | None = None
    step: float


class StartRule(Frozen):
    """Why immunoglobulin is started: the log-odds at a visit, by its rating and by the activity."""

    id: str
    intercept: float
    observed_slope: float
    latent_slope: float


class Mechanism(Frozen):
    """A way in which a cohort may have come about."""

    id: str
    wording: str
    effect: Effect
    start_rule: str
    has_informative_visits: bool = False
    has_calendar_taper: bool = False


class Departures(Frozen):
    """How far the mechanisms depart from the pulse model."""

    saturation_cap: float
    persistent_half_life_days: float
    informative_intercept: float
    informative_slope: float


class AnswerGrid(Frozen):
    """What the true answers are read for: a usual regimen, and the days of the pulse."""

    courses: int
    course_days: int
    later_days: int
    last_day: int
    steps_a_day: int


class RecordHabits(Frozen):
    """What the tables say of every child."""

    born_days_before: int
    diagnosed_days_before: int
    weight_kg: float


class KnownTruth(Frozen):
    """All numbers of the cohorts of known truth."""

    flag: Literal["P"]
    remark: Literal["invented for simulation"]
    children_per_block: int
    blocks_at_a_time: int
    first_visit_from: date
    first_visit_until: date
    population: PopulationNumbers
    conventions: Conventions
    visits: VisitHabits
    regimen: RegimenHabits
    steroid: SteroidHabits
    measures: tuple[ObservedMeasure, ...]
    start_rules: tuple[StartRule, ...]
    mechanisms: tuple[Mechanism, ...]
    departures: Departures
    answers: AnswerGrid
    records: RecordHabits

    def mechanism(self, name: str) -> Mechanism:
        """Return a mechanism by its name.

        Errors: ValueError that lists the known names.
        """
        known = {mechanism.id: mechanism for mechanism in self.mechanisms}
        if name not in known:
            raise ValueError(f"no mechanism is called {name!r}; known are {', '.join(known)}")
        return known[name]

    def start_rule(self, name: str) -> StartRule:
        """Return a start rule by its name; an unknown one is a fault of the file."""
        return {rule.id: rule for rule in self.start_rules}[name]


def read_known_truth(path: Path = KNOWN_TRUTH) -> KnownTruth:
    """Read the numbers of the cohorts of known truth.

    >>> read_known_truth().mechanism("no_effect").effect
    'none'
    """
    return KnownTruth.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
