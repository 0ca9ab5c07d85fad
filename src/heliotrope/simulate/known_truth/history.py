"""Let time pass: visits, starts, infusions and steroid doses that answer what was seen so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from heliotrope.simulate.draws import Booleans, Draws, Integers, Numbers, round_to
from heliotrope.simulate.known_truth.effect import (
    compute_persistent_share,
    compute_pulse_sum,
    compute_steroid_scale,
)
from heliotrope.simulate.known_truth.parameters import (
    KnownTruth,
    Mechanism,
    ObservedMeasure,
)
from heliotrope.simulate.known_truth.plan import draw_fluctuation, draw_possible_days
from heliotrope.simulate.known_truth.population import ChildEffects, Population


@dataclass(frozen=True)
class Setting:
    """What does not change while time passes."""

    truth: KnownTruth
    mechanism: Mechanism
    population: Population
    effects: ChildEffects


@dataclass(frozen=True)
class History:
    """Everything that happened to a block of children; days since each child's first visit.

    Children down, possible days across: ``day``; ``is_seen``; ``activity`` (latent, cm);
    ``pulse``, ``persistent`` (built-up shares, before each child's own effect) and ``steroid`` (on
    the model's scale); ``dose_mg_kg`` (from the visit on); ``is_at_risk`` (might have started) and
    ``is_start``. ``value``: measures in the last place, in model units, NaN where not taken.
    ``infusion_day`` and ``infusion_dose`` (full doses): infusions across, NaN where there is none.
    """

    day: Numbers
    is_seen: Booleans
    activity: Numbers
    pulse: Numbers
    persistent: Numbers
    steroid: Numbers
    dose_mg_kg: Numbers
    is_at_risk: Booleans
    is_start: Booleans
    value: Numbers
    infusion_day: Numbers
    infusion_dose: Numbers
    first_dose_mg_kg: Numbers


@dataclass
class _Now:
    """Where every child stands: changed as time passes."""

    has_started: Booleans
    infusions: Integers
    infusion_day: Numbers
    infusion_dose: Numbers
    dose_mg_kg: Numbers
    felt_mg_kg: Numbers
    numbers: dict[str, list[Numbers]] = field(default_factory=dict)
    statements: dict[str, list[Booleans]] = field(default_factory=dict)

    def note(self, **numbers: Numbers) -> None:
        """Keep the numbers of this day."""
        for name, column in numbers.items():
            self.numbers.setdefault(name, []).append(column)

    def state(self, **statements: Booleans) -> None:
        """Keep what is true on this day."""
        for name, column in statements.items():
            self.statements.setdefault(name, []).append(column)


@dataclass(frozen=True)
class _Drawn:
    """All chances of a block, drawn before time passes, so that none depends on another."""

    day: Numbers
    fluctuation: Numbers
    value_noise: Numbers
    is_taken: Booleans
    seen_chance: Numbers
    start_chance: Numbers
    steroid_noise: Numbers
    planned_infusions: Integers
    dose: Numbers
    first_dose_mg_kg: Numbers


def draw_history(draws: Draws, setting: Setting) -> History:
    """Live through all days of a block of children, one day of each child at a time."""
    drawn = _draw_all(draws, setting)
    count = len(drawn.day)
    most = setting.truth.regimen.infusions_max
    now = _Now(
        has_started=np.zeros(count, dtype=np.bool_),
        infusions=np.zeros(count, dtype=np.int64),
        infusion_day=np.full((count, most), np.nan),
        infusion_dose=np.full((count, most), np.nan),
        dose_mg_kg=drawn.first_dose_mg_kg,
        felt_mg_kg=drawn.first_dose_mg_kg,
    )
    for column in range(drawn.day.shape[1]):
        _live_through(setting, drawn, now, column)
    numbers = {name: np.stack(columns, axis=1) for name, columns in now.numbers.items()}
    statements = {name: np.stack(columns, axis=1) for name, columns in now.statements.items()}
    return History(
        day=drawn.day,
        infusion_day=now.infusion_day,
        infusion_dose=now.infusion_dose,
        first_dose_mg_kg=drawn.first_dose_mg_kg,
        is_seen=statements["is_seen"],
        is_at_risk=statements["is_at_risk"],
        is_start=statements["is_start"],
        activity=numbers["activity"],
        pulse=numbers["pulse"],
        persistent=numbers["persistent"],
        steroid=numbers["steroid"],
        dose_mg_kg=numbers["dose_mg_kg"],
        value=numbers["value"],
    )


def _draw_all(draws: Draws, setting: Setting) -> _Drawn:
    truth, population = setting.truth, setting.population
    count = len(setting.effects.activity)
    day = draw_possible_days(draws, truth, count)
    per_measure = (*day.shape, len(truth.measures))
    share = np.asarray([measure.share for measure in truth.measures])
    regimen = truth.regimen
    dose = np.asarray(regimen.dose_g_per_kg)[draws.index(regimen.dose_shares, (count,))]
    return _Drawn(
        day=day,
        fluctuation=draw_fluctuation(
            draws, day, population.fluctuation_sd, population.fluctuation_days
        ),
        value_noise=draws.normal(0, 1, per_measure),
        is_taken=draws.generator.random(per_measure) < share,
        seen_chance=draws.generator.random(day.shape),
        start_chance=draws.generator.random(day.shape),
        steroid_noise=draws.normal(0, truth.steroid.noise_sd, day.shape),
        planned_infusions=draws.days(regimen.infusions_min, regimen.infusions_max, (count,)),
        dose=dose / truth.conventions.full_dose_g_per_kg,
        first_dose_mg_kg=round_to(
            draws.around(truth.steroid.first_median_mg_kg, truth.steroid.first_log_sd, (count,)),
            truth.steroid.step_mg_kg,
        ),
    )


def _live_through(setting: Setting, drawn: _Drawn, now: _Now, column: int) -> None:
    """One day of each child: what is true, what is seen, and then what is decided on it."""
    day = drawn.day[:, column]
    if column > 0:
        _wait(setting.truth, now, day - drawn.day[:, column - 1])
    since = day[:, None] - now.infusion_day
    population, effects = setting.population, setting.effects
    shape_days = (population.onset_half_time_days, population.extra_decay_days)
    effect = setting.mechanism.effect
    pulse = compute_pulse_sum(setting.truth, effect, since, now.infusion_dose, shape_days)
    persistent = compute_persistent_share(setting.truth, effect, since, now.infusion_dose)
    steroid = compute_steroid_scale(setting.truth, now.felt_mg_kg)
    activity = (
        effects.activity
        + effects.drift * day / setting.truth.conventions.half_year_days
        + drawn.fluctuation[:, column]
        - effects.pulse * pulse
        - effects.persistent * persistent
        - population.steroid_effect * steroid
    )
    value = _observe(setting, drawn, activity, column)
    is_visit = column % 2 == 0
    is_seen = drawn.seen_chance[:, column] < _seen_share(setting, now, value, is_visit)
    if column == 0:
        is_seen = np.ones(len(day), dtype=np.bool_)
    is_at_risk = np.zeros(len(day), dtype=np.bool_)
    is_start = is_at_risk
    if is_visit:
        may_start = column // 2 < setting.truth.regimen.cycles_at_risk
        is_at_risk = is_seen & ~now.has_started & may_start
        is_start = is_at_risk & (
            drawn.start_chance[:, column] < compute_start_chance(population, value[:, 0], activity)
        )
        now.has_started = now.has_started | is_start
        _infuse(drawn, now, day)
        _prescribe(setting, now, np.where(is_seen, value[:, 0], np.nan), drawn, column)
    value = np.where(is_seen[:, None] & drawn.is_taken[:, column], value, np.nan)
    now.note(activity=activity, pulse=pulse, persistent=persistent, steroid=steroid)
    now.note(dose_mg_kg=now.dose_mg_kg, value=value)
    now.state(is_seen=is_seen, is_at_risk=is_at_risk, is_start=is_start)


def _observe(setting: Setting, drawn: _Drawn, activity: Numbers, column: int) -> Numbers:
    """Read every measure off the activity, in model units, clipped to its scale."""
    population = setting.population
    value = (
        population.offset
        + population.loading * activity[:, None]
        + population.noise_sd * drawn.value_noise[:, column]
    )
    return np.clip(value, *_limits(setting.truth.measures))


def _limits(measures: tuple[ObservedMeasure, ...]) -> tuple[Numbers, Numbers]:
    floors = [-np.inf if measure.floor is None else measure.floor for measure in measures]
    ceilings = [np.inf if measure.ceiling is None else measure.ceiling for measure in measures]
    return np.asarray(floors), np.asarray(ceilings)


def _seen_share(setting: Setting, now: _Now, value: Numbers, is_visit: bool) -> Numbers:
    """The chance of being seen: nearly always at a cycle's visit, sometimes between two.

    Informative visits: between two, the sicker the likelier, on immunoglobulin or not.
    """
    habits, departures = setting.truth.visits, setting.truth.departures
    count = len(value)
    if is_visit:
        return np.full(count, 1 - habits.missed_share)
    if setting.mechanism.has_informative_visits:
        odds = departures.informative_intercept + departures.informative_slope * value[:, 0]
        informed: Numbers = 1 / (1 + np.exp(-odds))
        return informed
    return np.where(
        now.has_started, habits.between_share_on_ivig, habits.between_share_otherwise
    ).astype(np.float64)


def compute_start_chance(population: Population, rating: Numbers, activity: Numbers) -> Numbers:
    """The chance that immunoglobulin is started at a visit, by its rating and by the activity."""
    odds = (
        population.start_intercept
        + population.start_observed_slope * rating
        + population.start_latent_slope * activity
    )
    chance: Numbers = 1 / (1 + np.exp(-odds))
    return chance


def _infuse(drawn: _Drawn, now: _Now, day: Numbers) -> None:
    """Give the next infusion of the regimen to those on it."""
    child = np.flatnonzero(now.has_started & (now.infusions < drawn.planned_infusions))
    now.infusion_day[child, now.infusions[child]] = day[child]
    now.infusion_dose[child, now.infusions[child]] = drawn.dose[child]
    now.infusions[child] += 1


def _wait(truth: KnownTruth, now: _Now, passed: Numbers) -> None:
    """Let the felt dose follow the given one until the next day."""
    kept = 2.0 ** (-passed / truth.conventions.steroid_half_life_days)
    now.felt_mg_kg = now.felt_mg_kg * kept + now.dose_mg_kg * (1 - kept)


def _prescribe(setting: Setting, now: _Now, rating: Numbers, drawn: _Drawn, column: int) -> None:
    """Change the steroid dose by the rating (NaN: not seen, no change) or by the calendar."""
    habits = setting.truth.steroid
    if setting.mechanism.has_calendar_taper:
        change = np.full(len(rating), -habits.calendar_fall)
        restarts = np.zeros(len(rating), dtype=np.bool_)
    else:
        change = -habits.fall + habits.answer * (rating - habits.target)
        restarts = (now.dose_mg_kg == 0) & (rating > habits.restart_above)
    dose = now.dose_mg_kg * np.exp(change + drawn.steroid_noise[:, column])
    dose = np.minimum(np.where(dose < habits.min_mg_kg, 0, dose), habits.max_mg_kg)
    dose = np.where(restarts, habits.restart_mg_kg, dose)
    now.dose_mg_kg = np.where(np.isnan(rating), now.dose_mg_kg, round_to(dose, habits.step_mg_kg))
