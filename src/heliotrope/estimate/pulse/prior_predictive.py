"""What the model expects before it has read the records, beside what was recorded.

A prior that expects what no chart shows, or that hardly allows what these charts show, would decide
by itself. Children of the study are invented anew, with the parameters drawn from the priors, on
their own visits, infusions and steroid doses; what would have been measured is put beside what was,
by months from the first infusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heliotrope.definitions.pulse_model import Conventions, PulseModel
from heliotrope.estimate.pulse.answer import Answer
from heliotrope.estimate.pulse.data import Booleans, Floats, MeasureScale, PulseData
from heliotrope.estimate.pulse.kernel import pulse_height
from heliotrope.estimate.rows import Row

ANALYSIS = "pulse_model_prior"
OBSERVED = "observed_median"
INSIDE = "share_inside"


@dataclass(frozen=True)
class Predicted:
    """Values in points of each measure (visits, K), and the month from the first infusion (visits).

    ``value`` as recorded or as the priors expect it; ``child``: whose visit it is.
    """

    value: Floats
    month: Floats
    child: Floats


def estimate_prior_predictive(answer: Answer) -> list[Row]:
    """Give, month by month and measure by measure, what the priors expect and what was recorded.

    Only children with an infusion; months without a recorded value are left out. Of each measure
    also the share of the recorded values inside what the priors expect of their month.
    """
    model, data = answer.model, answer.cohort.data
    treated = data.take(np.flatnonzero(data.is_treated & data.is_visit.any(axis=1)))
    expected = draw_from_prior(treated, answer.prior, model)
    recorded = read_recorded(treated, model)
    figures = replace(answer.figures, topic=answer.figures.topic.of(analysis=ANALYSIS))
    rows: list[Row] = []
    for place, measure in enumerate(treated.measures):
        inside: list[Booleans] = []
        for month in range(-model.reference.months_before, model.reference.months_after):
            seen = (recorded.month == month) & np.isfinite(recorded.value[:, place])
            values = expected.value[expected.month == month, place]
            if not seen.any() or not len(values):
                continue
            own = replace(figures, n_children=len(np.unique(recorded.child[seen])))
            variable = f"{measure.name}:day_{month * model.reference.cycle_days}"
            row = own.of_prior(variable, values)
            middle = float(np.median(recorded.value[seen, place]))
            rows += [row, own.number(variable, OBSERVED, middle)]
            if row.low is not None and row.high is not None:
                found = recorded.value[seen, place]
                inside.append((row.low <= found) & (found <= row.high))
        if inside:
            every = np.concatenate(inside)
            share = figures.number(measure.name, INSIDE, float(every.mean()))
            rows.append(replace(share, n_evaluable=len(every)))
    return rows


def read_recorded(data: PulseData, model: PulseModel) -> Predicted:
    """Return the recorded values in points, visit by visit."""
    child, visit = np.nonzero(data.is_visit)
    since = data.visit_day[child, visit] - data.first_infusion_day[child]
    points = [_in_points(data.value[child, visit, k], m) for k, m in enumerate(data.measures)]
    return Predicted(np.stack(points, axis=1), _month(since, model), child.astype(float))


def draw_from_prior(data: PulseData, prior: Mapping[str, Floats], model: PulseModel) -> Predicted:
    """Invent one child a draw, on the visits of a child of the study, each as often as any other.

    ``prior``: parameters by name (draws, size), as many as the fit's draws are used.
    """
    draws = min(len(prior["onset_days"]), model.fit.draws)
    generator = np.random.default_rng(model.fit.seed)
    values, months, children = [], [], []
    for draw in range(draws if data.n_children else 0):
        child = draw % data.n_children
        one = {name: value[draw] for name, value in prior.items()}
        chart = data.take([child])
        chart = replace(chart, **{name: getattr(chart, name)[:, chart.is_visit[0]] for name in _OF})
        since = chart.visit_day[0] - chart.first_infusion_day[0]
        values.append(draw_values(chart, one, model.conventions, generator))
        months.append(_month(since, model))
        children.append(np.full(len(since), float(child)))
    if not values:
        return Predicted(np.zeros((0, len(data.measures))), np.zeros(0), np.zeros(0))
    return Predicted(np.concatenate(values), np.concatenate(months), np.concatenate(children))


_OF = ("visit_day", "steroid", "covariates")


def draw_values(
    chart: PulseData,
    one: Mapping[str, Floats],
    conventions: Conventions,
    generator: np.random.Generator,
) -> Floats:
    """Draw what would be measured of one child, in points (visits, K).

    ``one``: one draw of the parameters by name. A child's own effects, the fluctuation and the
    noise are drawn; values end where the instrument ends.
    """
    day = chart.visit_day[0]
    activity = expect_activity(chart, one, conventions, generator.standard_normal(4))
    fluctuation = one["fluctuation_sd"][0] * draw_fluctuation(
        day, float(one["fluctuation_days"][0]), generator.standard_normal(len(day))
    )
    activity = activity + fluctuation
    loading = np.concatenate([[1.0], one.get("loading", np.zeros(0))])
    offset = np.concatenate([[0.0], one.get("offset", np.zeros(0))])
    noise = one["noise"] * generator.standard_normal((len(day), len(loading)))
    value = offset + loading * activity[:, None] + noise
    columns = [
        _in_points(np.clip(value[:, k], measure.floor, measure.ceiling), measure)
        for k, measure in enumerate(chart.measures)
    ]
    return np.stack(columns, axis=1)


def expect_activity(
    chart: PulseData, one: Mapping[str, Floats], conventions: Conventions, deviations: Floats
) -> Floats:
    """Return one child's activity at its visits without fluctuation, as the likelihood has it.

    ``deviations`` (4): how far the child's level, drift, pulse and persistent effect lie from the
    mean, in sds.
    """
    day = chart.visit_day[0]
    is_given = chart.dose[0] > 0
    since = day[:, None] - chart.infusion_day[0][is_given]
    dose = chart.dose[0][is_given] ** conventions.dose_exponent
    height = pulse_height(since, one["onset_days"][0], one["extra_decay_days"][0])
    decay = np.log(2.0) / conventions.persistent_half_life_days
    left = np.where(since > 0, dose * np.exp(-decay * np.maximum(since, 0.0)), 0.0).sum(axis=1)
    persistent = -np.expm1(-left / conventions.saturation_courses)
    weights = [np.ones_like(day), day / conventions.drift_days, -(height @ dose), -persistent]
    names = ("activity", "drift", "pulse", "persistent")
    own = [
        one[f"{name}_mean"][0] + one[f"{name}_sd"][0] * deviation
        for name, deviation in zip(names, deviations, strict=True)
    ]
    before, after = one.get("start_excess", np.zeros(2))
    excess = np.where(day > 0, after, before)
    expected = np.stack(weights, axis=1) @ np.asarray(own)
    expected = expected + excess * np.exp(-np.abs(day) / one["fluctuation_days"][0])
    if "steroid" in one:
        expected = expected - one["steroid"][0] * chart.steroid[0]
    if "covariate" in one:
        expected = expected + chart.covariates[0] @ one["covariate"]
    return np.asarray(expected)


def draw_fluctuation(day: Floats, tau_days: float, noise: Floats) -> Floats:
    """Turn standard normal noise into a fluctuation of variance 1 that tau days later is 1/e.

    >>> draw_fluctuation(np.array([0.0, 0.0]), 45.0, np.array([1.2, -0.3])).tolist()
    [1.2, 1.2]
    """
    path = np.array(noise, dtype=float)
    for place in range(1, len(day)):
        kept = np.exp(-(day[place] - day[place - 1]) / tau_days)
        path[place] = kept * path[place - 1] + np.sqrt(1.0 - kept**2) * noise[place]
    return path


def _month(since_first: Floats, model: PulseModel) -> Floats:
    """Number the cycle from the first infusion; what is measured on its day counts before it."""
    return np.asarray(np.ceil(since_first / model.reference.cycle_days) - 1.0)


def _in_points(value: Floats, measure: MeasureScale) -> Floats:
    return np.asarray(np.exp2(value) if measure.is_log2_ratio else value * measure.points_per_unit)
