"""Does anything last: the persistent effect, never without what else would explain it.

A figure is given only where the start of IVIG is part of the model (``start``), and then all
children at risk are behind it; the drift that would explain it is given in any case. A probability
never stands alone: beside it is that of an effect which fades.
"""

from __future__ import annotations

from dataclasses import replace

from heliotrope.estimate.pulse.answer import Answer
from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.estimands import (
    compute_activity_after_stopping,
    compute_lasting_in_points,
    compute_tipping_drift,
)
from heliotrope.estimate.pulse.refusals import NO_DIFFERENCE_ANCHOR, refuse_lasting
from heliotrope.estimate.pulse.rows import POSTERIOR, PROBABILITY
from heliotrope.estimate.pulse.sensitivity import SHOWN, Refitted
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded

SENSITIVITY = "pulse_model_sensitivity"

NOT_FADING = worded(
    "the model was not fitted with an effect that fades, beside which alone this stands"
)

LASTING = "lasting_effect_above_important_difference"


def estimate_lasting(answer: Answer, refitted: list[Refitted]) -> list[Row]:
    """What outlasts the pulses: never without the drift that would explain it, nor its fading."""
    fit, model, data = answer.fit, answer.model, answer.cohort.data
    figures = replace(answer.figures, n_children=data.n_children)
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
    rows += _estimate_chances(lasting, [each for each in refitted if each.fades], answer)
    tipping = compute_tipping_drift(fit.draws, data, model.conventions)
    if answer.distrust:
        return [*rows, figures.refuse("tipping_drift", POSTERIOR, answer.distrust)]
    return [*rows, figures.posterior("tipping_drift", tipping)]


def _estimate_chances(lasting: Floats, fading: list[Refitted], answer: Answer) -> list[Row]:
    """How probable an important lasting effect is, and the same of an effect that fades."""
    data = answer.cohort.data
    figures = replace(answer.figures, n_children=data.n_children)
    refused = answer.distrust or refuse_lasting(answer.cohort, answer.coverage, answer.model)
    difference = data.measures[0].important_difference
    if difference is None:
        return [figures.refuse(LASTING, PROBABILITY, refused or NO_DIFFERENCE_ANCHOR)]
    if not fading:
        return [figures.refuse(LASTING, PROBABILITY, refused or NOT_FADING)]
    rows = figures.probability(LASTING, lasting > difference, refused)
    for each in fading:
        values = compute_lasting_in_points(each.draws, data)
        rows += figures.probability(f"{LASTING}:{each.name}", values > difference, refused)
        variable = f"persistent_effect:{each.name}"
        if refused:
            rows.append(figures.refuse(variable, POSTERIOR, refused))
        else:
            rows.append(figures.posterior(variable, values))
    return rows


def estimate_sensitivity(answer: Answer, refitted: list[Refitted]) -> list[Row]:
    """The main parameters under each alternative to the conventions, beside the fit's own."""
    figures = replace(answer.figures, topic=answer.figures.topic.of(analysis=SENSITIVITY))
    rows = [figures.posterior(f"as_defined:{name}", answer.fit.draws[name][:, 0]) for name in SHOWN]
    for each in refitted:
        rows += [figures.posterior(f"{each.name}:{name}", each.draws[name][:, 0]) for name in SHOWN]
    return rows
