"""Invented registries in which IVIG is started when the disease is active, with the truth attached.

The children's activity settles over the years around a level of their own and fluctuates; IVIG
lowers it while it is received; physicians start it, and steroids, when they find the child active.
So children who receive it are the more active ones, and a comparison as recorded misleads. With a
hidden trait that makes children both more active and more often treated, adjusting for what was
recorded misleads too. Steps are intervals of one length; all children at once.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from heliotrope.definitions.model import Frozen
from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers, round_to

REGISTRY = Path(__file__).parent / "registry.toml"

ACTIVITY_STEP = 0.1
WORST_ACTIVITY = 10.0
NEVER = -1


class ActivityCourse(Frozen):
    """How activity runs without treatment, and what treatment takes away (cm)."""

    at_diagnosis: float
    in_the_long_run: float
    settles_within_days: float
    severity_sd: float
    hidden_sd: float
    fluctuation_sd: float
    fluctuation_kept: float
    ivig_effect: float
    steroid_effect: float


class Decisions(Frozen):
    """Log odds of starting, stopping and leaving at ``middle_cm``, and per cm of activity."""

    start_at_middle: float
    start_per_cm: float
    start_per_hidden_sd: float
    stop_at_middle: float
    stop_per_cm: float
    loss_at_middle: float
    loss_per_cm: float
    middle_cm: float


class SteroidHabit(Frozen):
    """The steroid dose follows activity."""

    at_diagnosis_mg_kg_day: float
    kept: float
    per_cm: float
    target_cm: float
    most_mg_kg_day: float


class OtherDrug(Frozen):
    """One other immunosuppressant, started for activity and kept."""

    name: str
    dose_mg_per_week: float
    start_at_middle: float
    start_per_cm: float


class RecordedMeasures(Frozen):
    """What else is measured at a visit, by activity."""

    mmt8_best: float
    mmt8_per_cm: float
    mmt8_sd: float
    ck_middle_cm: float
    ck_inactive: float
    ck_least: float
    ck_log2_per_cm: float
    ck_log2_sd: float
    ck_limit: float
    skin_per_cm: float
    skin_sd: float


class RegistrySettings(Frozen):
    """Everything a simulated registry is made from."""

    children: int
    intervals: int
    interval_days: int
    diagnosed_from: date
    diagnosed_days: int
    age_mean_years: float
    age_sd_years: float
    age_min_years: float
    age_max_years: float
    weight_kg: float
    infusion_days: tuple[int, ...]
    dose_g_per_kg: float
    antibodies: tuple[str, ...]
    antibody_shares: tuple[float, ...]
    inactive_at_most: float
    activity: ActivityCourse
    decisions: Decisions
    steroid: SteroidHabit
    other_drug: OtherDrug
    measures: RecordedMeasures


@dataclass(frozen=True)
class SimulatedRegistry:
    """What happened: children down, visits (one more than intervals) or intervals across.

    ``activity`` and the other measures are those of visits, at the beginning of each interval and
    at the end of the last; ``is_treated`` of intervals; ``last_interval``: the one after which the
    child was lost (the last of all: not lost). ``hidden`` stands in no record.
    """

    diagnosed: Integers
    age_years: Numbers
    antibody: Integers
    hidden: Numbers
    activity: Numbers
    strength: Numbers
    creatine_kinase: Numbers
    skin: Numbers
    steroid: Numbers
    has_other_drug: Booleans
    is_treated: Booleans
    last_interval: Integers


def read_registry_settings(**changes: object) -> RegistrySettings:
    """Read the shipped numbers; ``activity=...`` or ``decisions=...`` (dicts) change some of them.

    >>> read_registry_settings(activity={"ivig_effect": 0.0}).activity.ivig_effect
    0.0
    """
    content = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))
    for name, change in changes.items():
        is_part = isinstance(change, dict)
        content[name] = {**content[name], **change} if is_part else change  # type: ignore[dict-item]
    return RegistrySettings.model_validate(content)


def simulate_registry(
    settings: RegistrySettings, seed: int, forced_start: int | None = None
) -> SimulatedRegistry:
    """Invent a registry; the same seed gives the same children whatever is decided for them.

    forced_start: None lets physicians decide; else every child starts IVIG in that interval and
    keeps it, ``NEVER`` starts it never, and nobody is lost: the difference is the truth.
    """
    draws = Draws(np.random.default_rng(seed))
    count, steps = settings.children, settings.intervals
    course, visits = settings.activity, settings.intervals + 1
    severity = draws.normal(0, course.severity_sd, (count, 1))
    hidden = draws.normal(0, 1, (count,))
    untreated = _draw_course(draws, settings, severity + course.hidden_sd * hidden[:, None])
    chance = draws.generator.random((4, count, visits))
    activity, steroid = np.zeros((count, visits)), np.zeros((count, visits))
    has_drug = np.zeros((count, visits), dtype=np.bool_)
    is_treated = np.zeros((count, steps), dtype=np.bool_)
    last = np.full(count, steps - 1)
    on, drug = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    dose = np.full(count, settings.steroid.at_diagnosis_mg_kg_day)
    for visit in range(visits):
        lowered = course.ivig_effect * on + course.steroid_effect * dose
        activity[:, visit] = _record(untreated[:, visit] + lowered)
        over = activity[:, visit] - settings.decisions.middle_cm
        dose = _decide_dose(settings.steroid, dose, activity[:, visit], is_first=visit == 0)
        other = settings.other_drug
        starts = _chance(other.start_at_middle, other.start_per_cm, over)
        drug = drug | (chance[2, :, visit] < starts)
        steroid[:, visit], has_drug[:, visit] = dose, drug
        if visit == steps:
            break
        on = _decide_ivig(settings, (on, over, hidden), chance[:2, :, visit], visit, forced_start)
        is_treated[:, visit] = on
        if forced_start is None:
            rule = settings.decisions
            lost = chance[3, :, visit] < _chance(rule.loss_at_middle, rule.loss_per_cm, over)
            last = np.where(lost, np.minimum(last, visit), last)
    age = draws.normal(settings.age_mean_years, settings.age_sd_years, (count,))
    return SimulatedRegistry(
        diagnosed=draws.days(0, settings.diagnosed_days, (count,)),
        age_years=np.clip(age, settings.age_min_years, settings.age_max_years),
        antibody=draws.index(settings.antibody_shares, (count,)),
        hidden=hidden,
        activity=activity,
        **_measure(draws, settings, activity),
        steroid=steroid,
        has_other_drug=has_drug,
        is_treated=is_treated,
        last_interval=last,
    )


def compute_truth(settings: RegistrySettings, seed: int, children: int, start: int = 0) -> Numbers:
    """Mean difference of activity, receiving IVIG from an interval on less never, at each visit.

    The same children live twice, in a registry large enough that chance does not matter.
    """
    many = settings.model_copy(update={"children": children})
    treated = simulate_registry(many, seed, start).activity
    never = simulate_registry(many, seed, NEVER).activity
    difference: Numbers = (treated - never).mean(axis=0)
    return difference


def _draw_course(draws: Draws, settings: RegistrySettings, level: Numbers) -> Numbers:
    """Activity at each visit without any treatment: settling, level of the child, fluctuation."""
    course = settings.activity
    visits = settings.intervals + 1
    day = np.arange(visits) * settings.interval_days
    gone = np.exp(-day / course.settles_within_days)
    mean = course.in_the_long_run + (course.at_diagnosis - course.in_the_long_run) * gone
    noise = draws.normal(0, course.fluctuation_sd, (len(level), visits))
    kept = course.fluctuation_kept
    for visit in range(1, visits):
        noise[:, visit] = kept * noise[:, visit - 1] + np.sqrt(1 - kept**2) * noise[:, visit]
    return mean + level + noise


def _record(activity: Numbers) -> Numbers:
    return round_to(np.clip(activity, 0.0, WORST_ACTIVITY), ACTIVITY_STEP)


def _chance(at_middle: float, per_cm: float, over: Numbers) -> Numbers:
    chance: Numbers = 1 / (1 + np.exp(-(at_middle + per_cm * over)))
    return chance


def _decide_dose(
    habit: SteroidHabit, dose: Numbers, activity: Numbers, *, is_first: bool
) -> Numbers:
    if is_first:
        return dose
    wanted = habit.kept * dose + habit.per_cm * (activity - habit.target_cm)
    return round_to(np.clip(wanted, 0.0, habit.most_mg_kg_day), ACTIVITY_STEP)


def _decide_ivig(
    settings: RegistrySettings,
    child: tuple[Booleans, Numbers, Numbers],
    chance: Numbers,
    visit: int,
    forced_start: int | None,
) -> Booleans:
    """Start and stop IVIG by what the physician finds, and by what no record shows."""
    on, over, hidden = child
    if forced_start is not None:
        return np.full(len(on), NEVER < forced_start <= visit)
    rule = settings.decisions
    unseen = rule.start_per_hidden_sd * hidden
    starts = chance[0] < _chance(rule.start_at_middle, 1.0, rule.start_per_cm * over + unseen)
    stops = chance[1] < _chance(rule.stop_at_middle, rule.stop_per_cm, over)
    decided: Booleans = np.where(on, ~stops, starts)
    return decided


def _measure(draws: Draws, settings: RegistrySettings, activity: Numbers) -> dict[str, Numbers]:
    """What else is recorded at each visit; a child found inactive has all of it in range."""
    model, shape = settings.measures, activity.shape
    is_inactive = activity <= settings.inactive_at_most
    lost = model.mmt8_per_cm * activity + draws.normal(0, model.mmt8_sd, shape)
    over = activity - model.ck_middle_cm
    raised = model.ck_log2_per_cm * over + draws.normal(0, model.ck_log2_sd, shape)
    skin = model.skin_per_cm * activity + draws.normal(0, model.skin_sd, shape)
    best = model.mmt8_best
    strength = np.where(is_inactive, best, round_to(np.clip(best - lost, 0, best), 1.0))
    enzyme = np.maximum(round_to(model.ck_limit * np.exp2(raised), 1.0), model.ck_least)
    return {
        "strength": strength,
        "creatine_kinase": np.where(is_inactive, model.ck_inactive, enzyme),
        "skin": round_to(np.clip(skin, 0, WORST_ACTIVITY), ACTIVITY_STEP),
    }
