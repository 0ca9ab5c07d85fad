"""Does anything last: the persistent effect, never without what else would explain it."""

from __future__ import annotations

from dataclasses import replace

from heliotrope.estimate.pulse.answer import Answer
from heliotrope.estimate.pulse.estimands import (
    compute_activity_after_stopping,
    compute_lasting_in_points,
    compute_tipping_drift,
)
from heliotrope.estimate.pulse.refusals import NO_DIFFERENCE_ANCHOR, refuse_lasting
from heliotrope.estimate.pulse.rows import POSTERIOR, PROBABILITY
from heliotrope.estimate.pulse.sensitivity import SHOWN, Refitted
from heliotrope.estimate.rows import Row

SENSITIVITY = "pulse_model_sensitivity"

# Alternatives under which what was gained fades.
FADING = "persistent_half_life"


def estimate_lasting(answer: Answer, refitted: list[Refitted]) -> list[Row]:
    """What outlasts the pulses: never without the drift that would explain it, nor its fading."""
    fit, figures, model = answer.fit, answer.figures, answer.model
    data = answer.cohort.data
    refused = answer.distrust or refuse_lasting(answer.cohort, answer.coverage, model)
    lasting, before = (
        compute_lasting_in_points(draws, data) for draws in (fit.draws, answer.prior)
    )
    after, after_before = (
        compute_activity_after_stopping(draws, model) for draws in (fit.draws, answer.prior)
    )
    points = data.measures[0].points_per_unit
    day = model.reference.after_stopping_days
    rows = figures.figure("persistent_effect", lasting, before, "points", refused)
    rows += figures.figure(
        f"activity_{day}_days_after_stopping",
        points * after,
        points * after_before,
        "points",
        refused,
    )
    difference = data.measures[0].important_difference
    variable = "lasting_effect_above_important_difference"
    if difference is None:
        rows.append(figures.refuse(variable, PROBABILITY, refused or NO_DIFFERENCE_ANCHOR))
    else:
        rows += figures.probability(variable, lasting > difference, refused)
        for each in refitted:
            if each.name.startswith(FADING):
                fading = compute_lasting_in_points(each.draws, data) > difference
                rows += figures.probability(f"{variable}:{each.name}", fading, refused)
    tipping = compute_tipping_drift(
        fit.draws, data, answer.cohort.last_infusion_day, model.conventions
    )
    if answer.distrust:
        return [*rows, figures.refuse("tipping_drift", POSTERIOR, answer.distrust)]
    return [*rows, figures.posterior("tipping_drift", tipping)]


def estimate_sensitivity(answer: Answer, refitted: list[Refitted]) -> list[Row]:
    """The main parameters under each alternative to the conventions, beside the fit's own."""
    figures = replace(answer.figures, topic=answer.figures.topic.of(analysis=SENSITIVITY))
    rows = [figures.posterior(f"as_defined:{name}", answer.fit.draws[name][:, 0]) for name in SHOWN]
    for each in refitted:
        rows += [figures.posterior(f"{each.name}:{name}", each.draws[name][:, 0]) for name in SHOWN]
    return rows
