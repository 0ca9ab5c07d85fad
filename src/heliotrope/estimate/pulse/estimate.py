"""Quick, pulsatile, lasting: the pulse model of a cohort as result rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from heliotrope.definitions.pulse_model import PULSE_MODEL, PulseModel
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.children import ChildEffects, draw_child_effects
from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.estimands import (
    Draws,
    compute_activity_after_stopping,
    compute_curve,
    compute_half_life_ratio,
    compute_lasting_in_points,
    compute_monthly_curve,
    compute_peak_in_points,
    compute_pulse_share,
    compute_shape_estimands,
    compute_tipping_drift,
    contraction_of,
    loading_of,
)
from heliotrope.estimate.pulse.fit import PulseFit, fit_pulse_model
from heliotrope.estimate.pulse.records import Cohort, read_cohort, read_definition
from heliotrope.estimate.pulse.refusals import (
    NO_DIFFERENCE_ANCHOR,
    NO_MODEL,
    NO_WEIGHT,
    Coverage,
    compute_coverage,
    refuse_cohort,
    refuse_lasting,
    refuse_pulsatile,
    refuse_quick,
)
from heliotrope.estimate.pulse.rows import (
    ERROR,
    POSTERIOR,
    PROBABILITY,
    SHRINKAGE,
    Figures,
)
from heliotrope.estimate.pulse.sensitivity import SHOWN, Refitted, refit_alternatives
from heliotrope.estimate.rows import Row, Topic

ANALYSIS = "pulse_model"
SENSITIVITY = "pulse_model_sensitivity"
CHILD = "pulse_model_child"

QUICK = ("onset_half_time_days", "time_to_peak_days")

FADING = "persistent_half_life"


def _say_nothing(step: str, share: float) -> None:
    """Take no notice of the progress."""


@dataclass(frozen=True)
class Answer:
    """A fitted cohort: what all rows are made from. ``distrust``: why no figure is printed."""

    cohort: Cohort
    fit: PulseFit
    prior: Draws
    coverage: Coverage
    model: PulseModel
    figures: Figures
    distrust: str | None


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
        return [topic.refuse("pulse", POSTERIOR, reason, cohort.data.n_children)]
    try:
        fit = fit_pulse_model(cohort.data, model, progress=progress)
    except ImportError:
        return [topic.refuse("pulse", POSTERIOR, NO_MODEL, cohort.data.n_children)]
    answer = make_answer(cohort, fit, topic)
    rows = estimate_from_fit(answer)
    progress("varying the conventions", 0.9)
    refitted = list(refit_alternatives(inputs, model, fit))
    return rows + estimate_lasting(answer, refitted) + _estimate_sensitivity(answer, refitted)


def make_answer(cohort: Cohort, fit: PulseFit, topic: Topic) -> Answer:
    """Put together what the rows are made from."""
    model = fit.problem.model
    prior = fit.problem.layout.draw_prior(model.fit.prior_draws, model.fit.seed)
    half_life = np.median(fit.draws["onset_days"] + fit.draws["extra_decay_days"])
    return Answer(
        cohort=cohort,
        fit=fit,
        prior=prior,
        coverage=compute_coverage(cohort, model, float(half_life)),
        model=model,
        figures=Figures(topic, model.level, cohort.data.n_children, fit),
        distrust=_distrust(fit),
    )


def estimate_from_fit(answer: Answer) -> list[Row]:
    """Give the rows that need one fit only, in the order of the report."""
    effects = draw_child_effects(answer.fit)
    return [
        *_describe(answer),
        *_estimate_quick_and_pulsatile(answer),
        *_estimate_peaks(answer),
        *_estimate_important(answer, effects),
        *_estimate_curves(answer),
        *_estimate_children(answer, effects),
    ]


def _distrust(fit: PulseFit) -> str | None:
    if fit.is_trusted:
        return None
    settings = fit.problem.model.fit
    if fit.method == "nuts":
        return f"the chains disagree (R-hat {fit.r_hat:.2f}, at most {settings.r_hat_at_most})"
    return (
        f"the draws cannot be trusted (k-hat {fit.k_hat:.2f}, at most {settings.k_hat_at_most}); "
        "ask for NUTS"
    )


def _describe(answer: Answer) -> list[Row]:
    """Count what the model saw, say how it was fitted, and where in the cycle the visits fall."""
    cohort, fit, topic = answer.cohort, answer.fit, answer.figures.topic
    data, coverage, figures = cohort.data, answer.coverage, answer.figures
    n = data.n_children
    anchor = data.measures[0].name
    rows = [
        topic.count("children", n),
        topic.count("visits", coverage.visits),
        topic.count("infusions", cohort.infusions),
        topic.count("infusions:dose_assumed", cohort.assumed_doses, cohort.infusions),
        topic.count(f"anchor:{anchor}", int(np.isfinite(data.value[:, :, 0]).sum())),
        topic.count("children:seen_before", coverage.before, n),
        topic.count("children:seen_late", coverage.late, n),
        topic.count("children:without_steroid_record", cohort.children_without_steroid_record, n),
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
        topic.count(f"start_rule:{fit.problem.layout.start_rule}", n),
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
        refused = (
            f"in {100 * undefined:.0f} % of the draws neither the pulses nor the persistent part "
            "improve: there is nothing to share"
        )
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
    """The share of these children whose own peak is at least the important difference."""
    data, rows = answer.cohort.data, []
    refused = answer.distrust or refuse_pulsatile(answer.coverage, answer.model)
    for place, measure in enumerate(data.measures):
        if measure.important_difference is None:
            continue
        loading = loading_of(answer.fit.draws, place)[effects.draws_used][:, None]
        points = effects.pulse * loading * measure.points_per_unit
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
    topic = answer.figures.topic.of(analysis=CHILD)
    figures = replace(answer.figures, topic=topic, n_children=1)
    refused = answer.distrust or refuse_pulsatile(answer.coverage, answer.model)
    if refused:
        return [topic.refuse("child", POSTERIOR, refused, answer.cohort.data.n_children)]
    points = effects.pulse * answer.cohort.data.measures[0].points_per_unit
    rows: list[Row] = []
    for rank, child in enumerate(np.argsort(-np.median(points, axis=0), kind="stable"), start=1):
        rows += [
            figures.posterior(f"child_{rank}", points[:, child]),
            figures.number(f"child_{rank}", SHRINKAGE, float(effects.shrinkage[child])),
        ]
    return rows


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


def _estimate_sensitivity(answer: Answer, refitted: list[Refitted]) -> list[Row]:
    """The main parameters under each alternative to the conventions, beside the fit's own."""
    figures = replace(answer.figures, topic=answer.figures.topic.of(analysis=SENSITIVITY))
    rows = [figures.posterior(f"as_defined:{name}", answer.fit.draws[name][:, 0]) for name in SHOWN]
    for each in refitted:
        rows += [figures.posterior(f"{each.name}:{name}", each.draws[name][:, 0]) for name in SHOWN]
    return rows
