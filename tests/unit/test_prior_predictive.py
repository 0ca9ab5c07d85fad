"""What the priors of the pulse model expect, and that it is the likelihood's own model."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from tests.oracle.pulse_cohorts import MEASURES, draw_charts

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.data import ChildChart, PulseData
from heliotrope.estimate.pulse.likelihood import Child, compute_design
from heliotrope.estimate.pulse.parameters import choose_layout
from heliotrope.estimate.pulse.posterior import _fix, make_population
from heliotrope.estimate.pulse.prepare import prepare_jax
from heliotrope.estimate.pulse.prior_predictive import (
    draw_fluctuation,
    draw_from_prior,
    expect_activity,
    read_recorded,
)
from heliotrope.estimate.pulse.sites import Seen

MODEL = read_pulse_model()


def cohort() -> PulseData:
    return PulseData.of(draw_charts(5, 3), MEASURES)


@pytest.mark.parametrize("rule", ["none", "two_sided_kappa"])
def test_expected_activity_is_that_of_the_likelihood(rule: str) -> None:
    prepare_jax()
    data = cohort()
    layout = choose_layout(data, MODEL, rule)  # type: ignore[arg-type]
    draws = layout.draw_prior(1, seed=4)
    one = {name: value[0] for name, value in draws.items()}
    row = int(np.flatnonzero(data.is_treated)[0])
    chart = data.take([row])
    values = {name: jnp.asarray(value) for name, value in one.items()}
    blank = Seen(*(jnp.zeros(1) for _ in range(5)))
    arrays = (chart.visit_day, chart.infusion_day, chart.dose, chart.steroid, chart.covariates)
    child = Child(*(jnp.asarray(each[0]) for each in arrays), blank)
    design = compute_design(child, make_population(values), _fix(MODEL.conventions))
    deviations = np.array([0.5, -1.0, 2.0, -0.3])
    expected = design.expected + design.weights @ deviations
    found = expect_activity(chart, one, MODEL.conventions, deviations)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_fluctuation_has_variance_one_and_forgets() -> None:
    day = np.array([0.0, 3.0, 48.0])
    noise = np.random.default_rng(1).standard_normal((20_000, 3))
    paths = np.array([draw_fluctuation(day, 45.0, each) for each in noise])
    np.testing.assert_allclose(paths.std(axis=0), 1.0, atol=0.02)
    assert np.corrcoef(paths[:, 0], paths[:, 2])[0, 1] == pytest.approx(np.exp(-48 / 45), abs=0.02)


def test_wider_priors_expect_more_and_nothing_beyond_the_instrument() -> None:
    data = cohort()
    layout = choose_layout(data, MODEL, "none")
    prior = layout.draw_prior(400, seed=1)
    narrow = draw_from_prior(data, prior, MODEL)
    wide = draw_from_prior(data, {**prior, "activity_mean": 3 * prior["activity_mean"]}, MODEL)
    assert wide.value[:, 0].std() > narrow.value[:, 0].std()
    for place, measure in enumerate(data.measures):
        if np.isfinite(measure.floor) and not measure.is_log2_ratio:
            floor = measure.floor * measure.points_per_unit
            assert wide.value[:, place].min() >= floor
            assert (wide.value[:, place] == floor).any()


def test_months_count_from_the_first_infusion_and_its_day_is_before() -> None:
    days = np.array([-57.0, -28.0, 0.0, 1.0, 28.0, 29.0])
    column = np.arange(6.0)[:, None]
    chart = ChildChart(days + 10, np.tile(column, (1, 3)), np.array([10.0, 38.0]), np.ones(2))
    recorded = read_recorded(PulseData.of([chart], MEASURES), MODEL)
    assert recorded.month.tolist() == [-3, -2, -1, 0, 0, 1]
    assert recorded.value[:, 0].tolist() == (column[:, 0] * MEASURES[0].points_per_unit).tolist()


def test_of_nobody_nothing_is_expected() -> None:
    data = cohort().take([])
    prior = {"onset_days": np.ones((10, 1))}
    assert draw_from_prior(data, prior, MODEL).value.shape == (0, 3)
