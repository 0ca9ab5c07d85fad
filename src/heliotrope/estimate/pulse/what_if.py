"""What if: the model's prediction for a cohort that stops, stretches or halves its infusions.

A prediction for research, never advice, and never for one child. It begins for each child on the
day its next course is due, one cycle after the last infusion, and holds everything else as it is:
steroid, other drugs, each child's own drift. A child loses its response when the effect of the
infusions, averaged over a cycle, falls under a share of what it was on that day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from heliotrope.definitions.pulse_model import PulseModel
from heliotrope.estimate.pulse.answer import Answer
from heliotrope.estimate.pulse.children import ChildEffects
from heliotrope.estimate.pulse.data import Floats, PulseData
from heliotrope.estimate.pulse.kernel import pulse_height
from heliotrope.estimate.pulse.refusals import count_courses, refuse_lasting, refuse_pulsatile
from heliotrope.estimate.pulse.rows import POSTERIOR
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded

WHAT_IF = "pulse_model_what_if"

AS_BEFORE = "as_before"

# Days between the points at which the effect is averaged over a cycle.
_STEP_DAYS = 7.0

# Places of what a child has of its own (``children.OWN``).
_LEVEL, _DRIFT, _PULSE, _PERSISTENT = range(4)


TOO_FEW = worded(
    "a prediction is made for a cohort of {least} children or more; here are {children}"
)


@dataclass(frozen=True)
class Scenario:
    """What is given from the day the next course is due: how often, and how much of the dose."""

    name: str
    every_days: int | None
    dose_share: float = 1.0


@dataclass(frozen=True)
class Future:
    """Of each draw: mean activity over the children, and the share that lost the response."""

    activity: dict[int, Floats]
    share_lost: dict[int, Floats]


def list_scenarios(model: PulseModel) -> list[Scenario]:
    """Return treatment as before, and the changes the definition names."""
    cycle, changes = model.reference.cycle_days, model.what_if
    return [
        Scenario(AS_BEFORE, cycle),
        Scenario("stopped", None),
        Scenario(f"every_{changes.stretched_cycle_days}_days", changes.stretched_cycle_days),
        Scenario("dose_reduced", cycle, changes.reduced_dose_share),
    ]


def estimate_what_if(answer: Answer, effects: ChildEffects) -> list[Row]:
    """Give the predicted activity and the share losing the response, or why there is none."""
    model, n = answer.model, answer.cohort.data.n_treated
    figures = replace(answer.figures, topic=answer.figures.topic.of(analysis=WHAT_IF))
    reason = _refuse(answer)
    if reason:
        return [figures.refuse("what_if", POSTERIOR, reason)]
    points = answer.cohort.data.measures[0].points_per_unit
    rows: list[Row] = []
    for scenario in list_scenarios(model):
        future = predict(answer, effects, scenario)
        for day in model.what_if.horizons_days:
            rows.append(
                figures.posterior(
                    f"{scenario.name}:activity_day_{day}", points * future.activity[day]
                )
            )
            lost = future.share_lost[day]
            variable = f"{scenario.name}:share_losing_response_day_{day}"
            if np.isnan(lost).any():
                rows.append(
                    figures.refuse(variable, POSTERIOR, worded("in some draws no child improves"))
                )
            else:
                rows.append(figures.posterior(variable, lost, "share"))
    return [replace(row, n_evaluable=n) for row in rows]


def _refuse(answer: Answer) -> str | None:
    n, least = answer.cohort.data.n_treated, answer.model.refusals.children_for_what_if_at_least
    if n < least:
        return TOO_FEW.format(least=least, children=n)
    return (
        answer.distrust
        or refuse_pulsatile(answer.coverage, answer.model)
        or refuse_lasting(answer.cohort, answer.coverage, answer.model)
    )


def predict(answer: Answer, effects: ChildEffects, scenario: Scenario) -> Future:
    """Predict the treated children under one scenario, for each of the children's draws."""
    model, rows = answer.model, np.flatnonzero(answer.cohort.data.is_treated)
    data = answer.cohort.data.take(rows)
    cycle, horizons = model.reference.cycle_days, model.what_if.horizons_days
    due = data.last_infusion_day + cycle
    given, dose = _extend(data, due, scenario, max(horizons))
    ahead = np.arange(-cycle, max(horizons) + 1.0)
    activity: dict[int, list[float]] = {day: [] for day in horizons}
    lost: dict[int, list[float]] = {day: [] for day in horizons}
    kept = model.what_if.lost_share_of_improvement
    for own, place in zip(effects.own[:, rows], effects.draws_used, strict=True):
        half_times = [answer.fit.draws[name][place] for name in ("onset_days", "extra_decay_days")]
        effect = _effect(own, due[:, None] + ahead[None, :], given, dose, half_times, model)
        smooth = _cycle_means(effect, cycle)
        has_improved = smooth[:, :1] > 0
        is_under = smooth < (1.0 - kept) * smooth[:, :1]
        for day in horizons:
            weeks = int(day // _STEP_DAYS) + 1
            is_lost = is_under[:, :weeks].any(axis=1) & has_improved[:, 0]
            improved = int(has_improved.sum())
            lost[day].append(is_lost.sum() / improved if improved else np.nan)
            later = (due + day) / model.conventions.drift_days
            natural = own[:, _LEVEL] + own[:, _DRIFT] * later
            activity[day].append(float(np.mean(natural - effect[:, cycle + day])))
    return Future(
        {day: np.asarray(values) for day, values in activity.items()},
        {day: np.asarray(values) for day, values in lost.items()},
    )


def _extend(
    data: PulseData, due: Floats, scenario: Scenario, horizon: int
) -> tuple[Floats, Floats]:
    """Add each child's future courses, of its own mean dose, to those it had."""
    if scenario.every_days is None:
        return data.infusion_day, data.dose
    mean = data.dose.sum(axis=1) / np.maximum(count_courses(data), 1.0)
    later = np.arange(0.0, horizon + 1.0, scenario.every_days)
    future = due[:, None] + later[None, :]
    amount = np.broadcast_to(scenario.dose_share * mean[:, None], future.shape)
    return np.hstack([data.infusion_day, future]), np.hstack([data.dose, amount])


def _effect(
    own: Floats,
    days: Floats,
    given: Floats,
    dose: Floats,
    half_times: list[Floats],
    model: PulseModel,
) -> Floats:
    """Return what infusions take off each child's activity on its days, (n, days)."""
    fixed = model.conventions
    units = np.where(dose > 0, np.where(dose > 0, dose, 1.0) ** fixed.dose_exponent, 0.0)
    decay = np.log(2.0) / fixed.persistent_half_life_days
    pulses, courses = np.zeros(days.shape), np.zeros(days.shape)
    for infusion in range(given.shape[1]):
        since = days - given[:, infusion : infusion + 1]
        amount = units[:, infusion : infusion + 1]
        pulses += amount * pulse_height(since, *half_times)
        courses += np.where(since > 0, amount * np.exp(-decay * np.maximum(since, 0.0)), 0.0)
    lasting = -np.expm1(-courses / fixed.saturation_courses)
    return np.asarray(own[:, _PULSE : _PULSE + 1] * pulses + own[:, _PERSISTENT:] * lasting)


def _cycle_means(effect: Floats, cycle: int) -> Floats:
    """Average the effect over the cycle that ends on day 0, a week later, and so on."""
    total = np.cumsum(effect, axis=1)
    ends = np.arange(cycle, effect.shape[1], int(_STEP_DAYS))
    return np.asarray((total[:, ends] - total[:, ends - cycle]) / cycle)
