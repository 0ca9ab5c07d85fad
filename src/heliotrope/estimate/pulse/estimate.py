"""Quick, pulsatile, lasting: the pulse model of a cohort as result rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from heliotrope.definitions.pulse_model import PULSE_MODEL
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.answer import Answer, make_answer
from heliotrope.estimate.pulse.children import ChildEffects, draw_child_effects
from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.estimands import (
    compute_curve,
    compute_half_life_ratio,
    compute_monthly_curve,
    compute_peak_in_points,
    compute_pulse_share,
    compute_shape_estimands,
    contraction_of,
    loading_of,
)
from heliotrope.estimate.pulse.fit import FitOptions, PulseFit, fit_pulse_model
from heliotrope.estimate.pulse.lasting import estimate_lasting, estimate_sensitivity
from heliotrope.estimate.pulse.model_check import estimate_model_check
from heliotrope.estimate.pulse.prior_predictive import estimate_prior_predictive
from heliotrope.estimate.pulse.records import read_cohort, read_definition
from heliotrope.estimate.pulse.refusals import (
    NO_MODEL,
    NO_WEIGHT,
    refuse_cohort,
    refuse_pulsatile,
    refuse_quick,
)
from heliotrope.estimate.pulse.rows import (
    ERROR,
    POSTERIOR,
    SHRINKAGE,
)
from heliotrope.estimate.pulse.sensitivity import refit_alternatives
from heliotrope.estimate.pulse.what_if import estimate_what_if
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded

ANALYSIS = "pulse_model"
CHILD = "pulse_model_child"

# The one variable of a cohort for which the model cannot be fitted.
WHOLE = "pulse"

QUICK = ("onset_half_time_days", "time_to_peak_days")


NOTHING_TO_SHARE = worded(
    "in {share:.0f} % of the draws neither the pulses nor the persistent part improve: there is "
    "nothing to share"
)


def _say_nothing(step: str, share: float) -> None:
    """Take no notice of the progress."""


def estimate_pulse_model(
    inputs: Inputs, progress: Callable[[str, float], None] = _say_nothing
) -> list[Row]:
    """Fit the pulse model to a study and give every figure, or the reason why not.

    Missing: without JAX, without children or without a change to be seen there is one refused row.
    """
    topic = inputs.topic(ANALYSIS, PULSE_MODEL)
    model = read_definition(inputs)
    cohort = read_cohort(inputs, model, model.conventions)
    reason = refuse_cohort(cohort, model)
    if reason:
        return [topic.refuse(WHOLE, "posterior", reason, cohort.data.n_treated)]
    try:
        options = FitOptions(start_rule=cohort.start.rule)
        fit = fit_pulse_model(cohort.data, model, options, progress)
    except ImportError:
        return [topic.refuse(WHOLE, "posterior", NO_MODEL, cohort.data.n_treated)]
    answer = make_answer(cohort, fit, topic)
    effects = draw_child_effects(fit)
    progress("varying the conventions", 0.9)
    refitted = list(refit_alternatives(inputs, model, fit))
    return [
        *estimate_from_fit(answer, effects),
        *estimate_lasting(answer, refitted),
        *estimate_sensitivity(answer, refitted),
        *estimate_what_if(answer, effects),
        *estimate_model_check(answer, effects, refitted),
        *estimate_prior_predictive(answer),
    ]


def estimate_from_fit(answer: Answer, effects: ChildEffects) -> list[Row]:
    """Give the rows of the pulse itself, in the order of the report."""
    return [
        *_describe(answer),
        *_estimate_quick_and_pulsatile(answer),
        *_estimate_peaks(answer),
        *_estimate_important(answer, effects),
        *_estimate_curves(answer),
        *_estimate_children(answer, effects),
    ]


def _describe(answer: Answer) -> list[Row]:
    """Count what the model saw, say how it was fitted, and where in the cycle the visits fall."""
    cohort, fit, topic = answer.cohort, answer.fit, answer.figures.topic
    data, coverage, figures = cohort.data, answer.coverage, answer.figures
    n, start = data.n_treated, cohort.start
    anchor = data.measures[0].name
    rows = [
        topic.count("children", n),
        topic.count("visits", coverage.visits),
        topic.count("infusions", cohort.infusions),
        topic.count("infusions:dose_assumed", cohort.assumed_doses, cohort.infusions),
        topic.count(f"anchor:{anchor}", int(np.isfinite(data.value[:, :, 0]).sum())),
        topic.count("children:seen_before", coverage.before, n),
        topic.count("children:seen_late", coverage.late, n),
        topic.count(
            "children:without_steroid_record",
            cohort.children_without_steroid_record,
            data.n_children,
        ),
        topic.count("children:other_drug_started", cohort.children_with_started_drug, n),
        topic.count(
            "children:premedication_steroid", cohort.children_with_premedication_steroid, n
        ),
        topic.count(
            "children:premedication_not_recorded", cohort.children_without_premedication_record, n
        ),
        figures.number("visits", "per_course", coverage.visits_a_cycle),
        *(
            topic.count(f"phase:{name}", count, coverage.visits)
            for name, count in coverage.phases.items()
        ),
        topic.count(f"fit:{fit.method}", len(fit.vectors)),
        topic.count(f"start_rule:{fit.problem.layout.start_rule}", data.n_children),
        topic.count("children:started_at_risk", start.started),
        topic.count("children:not_started", start.not_started),
        topic.count("visits:at_risk", start.visits),
        replace(
            figures.number("visits:at_risk", "per_child", start.visits_a_child),
            n_evaluable=start.started + start.not_started,
        ),
        figures.number("fit", "k_hat", fit.k_hat),
        figures.number("fit", "effective_draws", fit.effective_draws),
    ]
    if fit.r_hat is not None:
        rows.append(figures.number("fit", "r_hat", fit.r_hat))
    return rows


def _estimate_quick_and_pulsatile(answer: Answer) -> list[Row]:
    """Onset, peak, duration, what is left, whose share, and the half-life beside that of IgG."""
    fit, figures, model = answer.fit, answer.figures, answer.model
    rows: list[Row] = []
    pulsatile = answer.distrust or refuse_pulsatile(answer.coverage, model)
    for each in compute_shape_estimands(fit.draws, answer.prior, model):
        refused = pulsatile
        if each.variable in QUICK:
            contraction = contraction_of(each.values, each.prior, on_log_scale=True)
            refused = answer.distrust or refuse_quick(contraction, answer.coverage, model)
        rows += figures.figure(each.variable, each.values, each.prior, each.unit, refused)
    rows += _estimate_pulse_share(answer, pulsatile)
    weight = answer.cohort.weight_kg
    variable = "half_life_over_igg"
    if weight is None:
        return [*rows, figures.refuse(variable, POSTERIOR, NO_WEIGHT)]
    ratio, before = (
        compute_half_life_ratio(draws, model.pharmacokinetics, weight)
        for draws in (fit.draws, answer.prior)
    )
    return rows + figures.figure(variable, ratio, before, "ratio", pulsatile)


def _estimate_pulse_share(answer: Answer, refused: str | None) -> list[Row]:
    variable, limit = "pulse_share_of_improvement", answer.model.refusals.undefined_share_at_most
    share, before = (
        compute_pulse_share(draws, answer.model) for draws in (answer.fit.draws, answer.prior)
    )
    undefined = float(np.isnan(share).mean())
    if not refused and undefined > limit:
        refused = NOTHING_TO_SHARE.format(share=100 * undefined)
    is_defined = ~np.isnan(share)
    known = np.where(is_defined, share, float(np.nanmedian(share)) if is_defined.any() else 0.0)
    return answer.figures.figure(variable, known, before[~np.isnan(before)], "share", refused)


def _estimate_peaks(answer: Answer) -> list[Row]:
    """The mean peak of a full course, in points of each measure, or as a ratio."""
    rows: list[Row] = []
    data, refused = answer.cohort.data, answer.distrust
    refused = refused or refuse_pulsatile(answer.coverage, answer.model)
    for place, measure in enumerate(data.measures):
        values, before = (
            compute_peak_in_points(draws, data, place) for draws in (answer.fit.draws, answer.prior)
        )
        unit = "ratio" if measure.is_log2_ratio else "points"
        rows += answer.figures.figure(f"peak:{measure.name}", values, before, unit, refused)
    return rows


def _estimate_important(answer: Answer, effects: ChildEffects) -> list[Row]:
    """The share of the treated children whose own peak is at least the important difference."""
    data, rows = answer.cohort.data, []
    refused = answer.distrust or refuse_pulsatile(answer.coverage, answer.model)
    for place, measure in enumerate(data.measures):
        if measure.important_difference is None:
            continue
        loading = loading_of(answer.fit.draws, place)[effects.draws_used][:, None]
        points = effects.pulse[:, data.is_treated] * loading * measure.points_per_unit
        share = (points >= measure.important_difference).mean(axis=1)
        variable = f"share_above_important_difference:{measure.name}"
        if refused:
            rows.append(answer.figures.refuse(variable, POSTERIOR, refused))
            continue
        rows += [
            answer.figures.posterior(variable, share, "share"),
            answer.figures.number(variable, ERROR, _error_of_mean(answer.fit, share)),
        ]
    return rows


def _error_of_mean(fit: PulseFit, values: Floats) -> float:
    """Monte Carlo error of a mean over some of the draws; a share has few distinct values."""
    effective = min(fit.effective_draws, float(len(values)))
    return float(np.std(values) / max(effective, 1.0) ** 0.5)


def _estimate_curves(answer: Answer) -> list[Row]:
    """The mean improvement by day after one course, and through a cycle of many."""
    reference, figures = answer.model.reference, answer.figures
    refused = answer.distrust or refuse_pulsatile(answer.coverage, answer.model)
    if refused:
        return [figures.refuse(name, POSTERIOR, refused) for name in ("curve", "monthly_curve")]
    rows: list[Row] = []
    days = reference.curve_days
    points = answer.cohort.data.measures[0].points_per_unit
    once = points * compute_curve(answer.fit.draws, answer.model)
    monthly = points * compute_monthly_curve(answer.fit.draws, answer.model)
    for name, curve in (("curve", once), ("monthly_curve", monthly)):
        for day, values in zip(days, curve.T, strict=False):
            rows.append(figures.posterior(f"{name}:day_{day}", values))
    return rows


def _estimate_children(answer: Answer, effects: ChildEffects) -> list[Row]:
    """Each child's own peak, largest first and without a name, and how far it was shrunk."""
    topic, data = answer.figures.topic.of(analysis=CHILD), answer.cohort.data
    figures = replace(answer.figures, topic=topic, n_children=1)
    refused = answer.distrust or refuse_pulsatile(answer.coverage, answer.model)
    if refused:
        return [topic.refuse("child", POSTERIOR, refused, data.n_treated)]
    points = effects.pulse[:, data.is_treated] * data.measures[0].points_per_unit
    shrinkage = effects.shrinkage[data.is_treated]
    rows: list[Row] = []
    for rank, child in enumerate(np.argsort(-np.median(points, axis=0), kind="stable"), start=1):
        rows += [
            figures.posterior(f"child_{rank}", points[:, child]),
            figures.number(f"child_{rank}", SHRINKAGE, float(shrinkage[child])),
        ]
    return rows
