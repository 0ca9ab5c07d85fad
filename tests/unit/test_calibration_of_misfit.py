"""The stage of the calibration that asks whether a study's own report sees a misfit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from calibration.pulse_model import misfit
from calibration.pulse_model.analyses import find_analysis
from calibration.pulse_model.batches import make_batch
from calibration.pulse_model.coverage import CASE_SERIES, ENOUGH_PER_STARTER
from calibration.pulse_model.fits import Modes, compute_height, fix_conventions
from calibration.pulse_model.methods import make_pulse_data
from calibration.pulse_model.report_misfit import MEANT_FOR, VISITS, describe_misfit, find_flags
from calibration.pulse_model.report_sbc import describe_before, describe_sbc, replace_by_nuts

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse import posterior
from heliotrope.estimate.pulse.approximate import Mode
from heliotrope.estimate.pulse.prepare import prepare_jax
from heliotrope.estimate.pulse.sensitivity import compute_log_evidence
from heliotrope.estimate.pulse.visits_by_activity import compute_visits_by_activity
from heliotrope.simulate.known_truth.cohort import simulate_known_truth
from heliotrope.simulate.known_truth.parameters import read_known_truth

MODEL = read_pulse_model()


@pytest.fixture(scope="module", autouse=True)
def _compile_fast() -> Iterator[None]:
    prepare_jax()
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def test_evidence_is_that_of_the_program_up_to_a_constant() -> None:
    generator = np.random.default_rng(1)
    roots = generator.standard_normal((2, 4, 4)) + 3 * np.eye(4)
    precisions, heights = roots @ np.swapaxes(roots, 1, 2), np.array([-12.0, -9.5])
    vectors = np.zeros((2, 4))
    modes = Modes(vectors, np.linalg.inv(precisions), heights, np.array([True, True]), 0)
    theirs = [
        compute_log_evidence(
            SimpleNamespace(value_and_slope=lambda _, at=height: (at, None)),  # type: ignore[arg-type]
            Mode(vectors[0], precision, 0.0),
        )
        for precision, height in zip(precisions, heights, strict=True)
    ]
    assert np.diff(misfit._evidence(modes)) == pytest.approx(np.diff(theirs))


def test_a_convention_that_is_tried_reaches_the_density() -> None:
    """As the program hands it over; half doses, so that every one of them matters."""
    cohort = simulate_known_truth(4, seed=5)
    batch = make_batch(cohort, 1, find_analysis("everyone's history, none"))
    batch = replace(batch, child=batch.child._replace(dose=0.5 * batch.child.dose))
    vector = 0.3 * np.random.default_rng(1).standard_normal(batch.layout.size)
    usual = compute_height(batch, 0, vector)
    for alternative in MODEL.sensitivity:
        if alternative.name in misfit.TRIED:
            conventions = alternative.apply_to(MODEL.conventions)
            assert fix_conventions(conventions) == posterior._fix(conventions)
            ours = compute_height(replace(batch, conventions=conventions), 0, vector)
            assert abs(ours - usual) > 1e-3


def test_the_visits_tested_are_those_of_the_children_fitted() -> None:
    """Two series of five starters: each one's p is that of its own first five."""
    children, datasets = 5, 2
    everyone = int(np.ceil(ENOUGH_PER_STARTER * children)) * 3
    cohort = simulate_known_truth(datasets * everyone, seed=8)
    analysis = find_analysis(CASE_SERIES)
    batch = make_batch(cohort, datasets, analysis, children)
    found = misfit._test_visits(cohort, batch, everyone)
    started = np.flatnonzero(cohort.has_started)
    data = make_pulse_data(cohort, analysis.view)
    for series in range(datasets):
        first, last = series * everyone, (series + 1) * everyone
        own = started[(started >= first) & (started < last)][:children]
        rows = [list(data.children).index(str(row + 1)) for row in own]
        days = batch.child.visit_day[series][:, 0]
        np.testing.assert_array_equal(days, data.visit_day[rows][:, 0])
        expected = compute_visits_by_activity(data.take(np.array(rows)), MODEL.reference.phases)
        assert found[series] == expected.p_value


def test_every_convention_tried_and_every_mechanism_exists() -> None:
    named = {each.name for each in MODEL.sensitivity}
    assert set(misfit.TRIED) <= named
    mechanisms = {each.id for each in read_known_truth().mechanisms}
    assert set(misfit.MECHANISMS) <= mechanisms
    assert set(MEANT_FOR) <= set(misfit.MECHANISMS)
    assert set(MEANT_FOR.values()) <= {*misfit.TRIED, VISITS}


def _row(mechanism: str, p_visits: float | None, gain: float, is_found: bool = True) -> dict:
    gains = dict.fromkeys(misfit.TRIED, -1.0) | {"pulse_saturates": gain}
    named = {"mechanism": mechanism, "children": 30, "is_found": is_found}
    return {**named, "p_visits": p_visits, "gains": gains}


def test_the_report_says_what_a_check_cannot_see() -> None:
    limit = MODEL.check.log_evidence_at_least
    blind = [_row("saturating_pulse", 0.5, limit - 0.01) for _ in range(20)]
    sees = [{**_row("saturating_pulse", 0.5, limit), "children": 100} for _ in range(20)]
    text = describe_misfit(blind + sees)
    expected = "| saturating_pulse | 30 | pulse saturates | 0 of 20 (0.00 to 0.17) | cannot see it"
    assert f"{expected} at this size |" in text
    assert "| 100 | pulse saturates | 20 of 20 (0.83 to 1.00) | sees it |" in text


def test_a_fit_without_a_mode_counts_for_no_convention() -> None:
    rows = [_row("saturating_pulse", 0.04, 9.0, is_found=False), _row("saturating_pulse", None, 0)]
    assert find_flags(rows, "pulse_saturates").tolist() == [False]
    assert find_flags(rows, VISITS).tolist() == [True]


def _ranked(row: int, rank: float, k_hat: float = 0.3) -> dict:
    ranks = dict.fromkeys(("onset_days", "extra_decay_days", "half_peak_day", "peak_day"), rank)
    named = {"start_rule": "none", "children": 7, "seed": 1, "row": row}
    return {**named, "k_hat": k_hat, "is_found": True, "ranks": ranks}


def test_ranks_by_nuts_replace_those_of_distrusted_draws() -> None:
    rows = [_ranked(row, (row + 0.5) / 200, 0.3 if row else 0.9) for row in range(200)]
    nuts = {"start_rule": "none", "seed": 1, "row": 0, "r_hat": 1.01, "is_trusted": True}
    both = replace_by_nuts(rows, [{**nuts, "ranks": dict(rows[0]["ranks"], onset_days=0.77)}])
    assert both[0]["ranks"]["onset_days"] == 0.77
    assert both[1] is rows[1]
    assert "drawn by NUTS: 1; 0 of 4 quantities" in describe_sbc(both)
    assert "drawn by NUTS: 0, kept as they were for want of time: 1;" in describe_sbc(rows)


def test_the_earlier_version_stands_beside_the_present_one() -> None:
    now = [_ranked(row, (row + 0.5) / 200) for row in range(200)]
    before = [_ranked(row, 0.001 if row < 40 else (row + 0.5) / 200) for row in range(200)]
    text = describe_before(before, now)
    assert "200 fits before, 200 now" in text
    assert "OUTSIDE" in text
    assert "| onset_days | 0.200 / 0.010 | 0.010 / 0.010 |" in text
