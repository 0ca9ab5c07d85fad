"""The calibration scripts: their ranks, bands, intervals, data sets and report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibration.pulse_model.analyses import ANALYSES, find_analysis
from calibration.pulse_model.batches import make_batch, read_scales
from calibration.pulse_model.envelope import judge_ranks
from calibration.pulse_model.fits import Drawn
from calibration.pulse_model.methods import make_pulse_data
from calibration.pulse_model.quantities import (
    compute_interval,
    compute_moments,
    compute_quantities,
    compute_rank,
    scale_power,
)
from calibration.pulse_model.report import write_report
from calibration.pulse_model.sbc import find_layout, make_populations
from calibration.pulse_model.stage import Order, Results, read_results
from scipy.stats import norm

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.simulate.known_truth.cohort import CohortPlan, simulate_known_truth
from heliotrope.simulate.known_truth.estimands import compute_shape
from heliotrope.simulate.known_truth.parameters import read_known_truth
from heliotrope.simulate.known_truth.population import describe_population


def test_uniform_ranks_leave_the_band_as_often_as_they_should() -> None:
    generator = np.random.default_rng(1)
    outside = [not judge_ranks(generator.random(300), level=0.8).is_inside for _ in range(200)]
    assert 20 <= sum(outside) <= 60


@pytest.mark.parametrize(
    "shape", [(1.6, 1.6), (0.6, 0.6), (1.3, 0.9)], ids=["too wide", "too narrow", "biased"]
)
def test_ranks_that_are_not_uniform_leave_the_band(shape: tuple[float, float]) -> None:
    generator = np.random.default_rng(2)
    judged = judge_ranks(generator.beta(*shape, 1000))
    assert not judged.is_inside
    assert judged.p < 0.01


def test_ranks_and_intervals_of_weighted_draws_are_those_of_the_distribution() -> None:
    """Draws from a wide normal, weighted to a standard normal."""
    values = 2 * np.random.default_rng(3).standard_normal(60_000)
    weights = norm.pdf(values) / norm.pdf(values, scale=2)
    drawn = Drawn(values[:, None], weights / weights.sum(), np.zeros(60_000), 0.0)
    for truth in (-1.0, 0.0, 1.0):
        assert compute_rank(drawn, values, truth) == pytest.approx(norm.cdf(truth), abs=0.015)
    expected = (0, norm.ppf(0.05), norm.ppf(0.95))
    assert compute_interval(drawn, values, 0.9) == pytest.approx(expected, abs=0.05)
    assert compute_moments(drawn.weights, values) == pytest.approx((0, 1), abs=0.03)


def test_power_scaling_is_that_of_normals() -> None:
    """Prior N(0, 1) and one observation 2 with variance 1: the mean is 2 L / (P + L)."""
    layout = find_layout("none")
    layout = replace(layout, parameters=layout.parameters[:1])
    values = 1 + np.sqrt(0.5) * np.random.default_rng(5).standard_normal(60_000)
    log_prior = np.array([layout.log_prior(value) for value in values[:5, None]])
    np.testing.assert_allclose(log_prior, norm.logpdf(values[:5]))
    heights = norm.logpdf(values) - (2 - values) ** 2 / 2
    drawn = Drawn(values[:, None], np.full(60_000, 1 / 60_000), heights, 0.0)
    for what, mean in (("prior", 2 / 2.25), ("likelihood", 2.5 / 2.25)):
        weights = scale_power(layout, drawn, 1.25, what)
        assert weights @ values == pytest.approx(mean, abs=0.02)


def test_a_batch_holds_what_the_program_would_be_given() -> None:
    """The arrays for many data sets against the charts handed over one by one."""
    cohort = simulate_known_truth(24, seed=5)
    for analysis in ANALYSES:
        batch = make_batch(cohort, 2, analysis)
        data = make_pulse_data(cohort, analysis.view)
        rows = [int(name) - 1 for name in data.children]
        visits = data.visit_day.shape[1]
        for name, ours in (
            ("visit_day", batch.child.visit_day),
            ("value", batch.child.seen.value),
            ("steroid", batch.child.steroid),
            ("is_start", batch.child.seen.is_start),
            ("is_at_risk_of_start", batch.child.seen.is_at_risk_of_start),
        ):
            flat = ours.reshape(24, *ours.shape[2:])[rows]
            np.testing.assert_array_equal(flat[:, :visits], getattr(data, name), err_msg=name)
        given = batch.child.dose.reshape(24, -1)[rows]
        np.testing.assert_array_equal(given[:, : data.dose.shape[1]], data.dose)
        left_out = np.setdiff1d(np.arange(24), rows)
        assert not np.isfinite(batch.child.seen.value.reshape(24, -1)[left_out]).any()


def test_a_case_series_has_as_many_starters_as_asked() -> None:
    cohort = simulate_known_truth(100, seed=2)
    batch = make_batch(cohort, 5, find_analysis("starters' history, none"), starters=7)
    assert batch.child.visit_day.shape[:2] == (5, 7)
    assert (batch.child.seen.is_start.any(axis=2).sum(axis=1) == 7).all()


def test_true_quantities_are_those_of_the_simulation() -> None:
    """The shape of the pulse, by the model's formulas and by the simulation's grid of days."""
    truth = read_known_truth()
    layout = find_layout("none")
    drawn = layout.draw_prior(3, seed=4)
    population = make_populations(truth, "start_at_random", drawn, children=2)
    assert population.activity_mean.shape == (6,)
    np.testing.assert_allclose(population.loading[::2, 1:], drawn["loading"])
    assert (population.loading[:, 0] == 1).all()
    found = compute_quantities(layout, layout.pack(drawn))
    np.testing.assert_allclose(found["pulse_sd"], drawn["pulse_sd"][:, 0])
    usual = describe_population(truth, "pulse_model")
    shape = compute_shape(truth, usual)
    one = {**{name: value[:1] for name, value in drawn.items()}}
    one["onset_days"] = np.array([[float(usual.onset_half_time_days)]])
    one["extra_decay_days"] = np.array([[float(usual.extra_decay_days)]])
    quantities = compute_quantities(layout, layout.pack(one))
    assert quantities["half_peak_day"][0] == pytest.approx(shape["onset_half_time"], abs=0.06)
    assert quantities["peak_day"][0] == pytest.approx(shape["peak_day"], abs=0.06)
    assert quantities["days_above_half"][0] == pytest.approx(
        shape["days_above_half_peak"], abs=0.11
    )
    assert quantities["share_left"][0] == pytest.approx(shape["share_left_day_28"], abs=1e-6)


def test_drawn_truths_reach_the_children_of_their_data_set() -> None:
    truth = read_known_truth()
    drawn = find_layout("hazard").draw_prior(2, seed=9)
    population = make_populations(truth, "start_at_high_latent_activity", drawn, 60)
    plan = CohortPlan("start_at_high_latent_activity", population=population, truth=truth)
    cohort = simulate_known_truth(120, seed=1, plan=plan)
    level = cohort.effects.activity.reshape(2, 60).mean(axis=1)
    error = 4 * drawn["activity_sd"][:, 0] / np.sqrt(60)
    assert (np.abs(level - drawn["activity_mean"][:, 0]) < error).all()


def test_scales_are_told_as_the_simulation_clips() -> None:
    scales = {scale.name: scale for scale in read_scales(read_known_truth())}
    assert (scales["physician_global"].floor, scales["physician_global"].ceiling) == (0, 10)
    assert np.isinf(scales["creatine_kinase"].ceiling)


def test_a_report_is_written_from_results(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("calibration.pulse_model.report.REPORTS", tmp_path / "reports")
    results = Results(Order(1.0, tmp_path, seed=7), "start_rules", "window, none")
    generator = np.random.default_rng(1)
    errors = generator.normal(0.1, 0.05, 400)
    for error in errors:
        ends = [0.3 + error, 0.2 + error, 0.4 + error]
        row = {"persistent_mean": ends, "pulse_mean": [1.0, 0.9, np.nan]}
        named = {"mechanism": "pulse_model", "analysis": "window, none", "is_found": True}
        results.write({**named, "truth": {"persistent_mean": 0.3, "pulse_mean": 1.0}, **row})
    (head,), rows = read_results(tmp_path, "start_rules")
    assert (head["seed"], head["rows"]) == (7, 400)
    assert len(rows) == 400
    assert (
        json.loads(results.path.read_text(encoding="utf-8").splitlines()[1])["pulse_mean"][2]
        is None
    )
    text = write_report(tmp_path).read_text(encoding="utf-8")
    covered = np.mean(np.abs(errors) <= 0.1)
    assert f"| pulse_model | window, none | 400 of 400 | {errors.mean():+.3f} ± " in text
    assert f" | {covered:.2f} ± " in text
    assert "seed 7" in text


def test_without_results_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no results"):
        write_report(tmp_path)


def test_what_is_fitted_is_the_density_of_the_program() -> None:
    """One data set, by the calibration's own batches and by the program's problem.

    The program takes a wider prior of the level here; the batches never do.
    """
    from calibration.pulse_model.fits import compute_height

    from heliotrope.estimate.pulse.posterior import prepare_problem
    from heliotrope.estimate.pulse.prepare import prepare_jax

    prepare_jax()
    cohort = simulate_known_truth(6, seed=5)
    analysis = find_analysis("everyone's history, none")
    batch = make_batch(cohort, 1, analysis)
    data = make_pulse_data(cohort, analysis.view)
    problem = prepare_problem(data, read_pulse_model(), analysis.start_rule)
    assert problem.layout.names == batch.layout.names
    assert problem.layout.get("activity_mean").scale > batch.layout.get("activity_mean").scale
    problem = replace(problem, layout=batch.layout)
    vector = 0.3 * np.random.default_rng(1).standard_normal(batch.layout.size)
    assert compute_height(batch, 0, vector) == pytest.approx(problem.value(vector), rel=1e-9)
