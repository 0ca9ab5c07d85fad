"""The pulse model as a whole: any cohort gives numbers or a refusal, in whatever order or shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import jax
import numpy as np
import pytest
from tests.oracle.pulse_cohorts import ENZYME, GLOBAL, MEASURES, draw_charts

from heliotrope.definitions.pulse_model import Seen, read_pulse_model
from heliotrope.estimate.pulse.answer import make_answer
from heliotrope.estimate.pulse.approximate import find_mode
from heliotrope.estimate.pulse.children import draw_child_effects
from heliotrope.estimate.pulse.data import ChildChart, PulseData
from heliotrope.estimate.pulse.estimate import estimate_from_fit
from heliotrope.estimate.pulse.fit import FitOptions, PulseFit, fit_pulse_model
from heliotrope.estimate.pulse.lasting import estimate_lasting
from heliotrope.estimate.pulse.model_check import _say_deciding, estimate_model_check
from heliotrope.estimate.pulse.posterior import Problem, prepare_problem
from heliotrope.estimate.pulse.prepare import prepare_jax
from heliotrope.estimate.pulse.prior_predictive import estimate_prior_predictive
from heliotrope.estimate.pulse.records import Cohort
from heliotrope.estimate.pulse.refusals import compute_coverage, refuse_cohort, refuse_lasting
from heliotrope.estimate.pulse.sensitivity import Refitted, compute_log_evidence
from heliotrope.estimate.pulse.start import StartEvidence
from heliotrope.estimate.pulse.what_if import estimate_what_if
from heliotrope.estimate.rows import Row, Topic

MODEL = read_pulse_model()

# Few draws: what is tested is not how exact they are.
QUICK = MODEL.model_copy(
    update={
        "fit": MODEL.fit.model_copy(
            update={"draws": 200, "proposals_at_most": 600, "starts": 1, "child_draws": 20}
        )
    }
)

TOPIC = Topic("pulse_model", 0.95, (0.25, 0.75), "pulse_model", "0.1.0")


def chart(day: list[float], value: float | list[float], infusions: list[float]) -> ChildChart:
    """A child whose three measures agree."""
    column = np.broadcast_to(np.asarray(value, dtype=float), (len(day),))
    days = np.asarray(infusions, dtype=float)
    return ChildChart(np.asarray(day, float), np.tile(column, (3, 1)).T, days, np.ones(len(days)))


def odd_charts() -> list[ChildChart]:
    """Children that real records hold: each breaks a habit of the others."""
    return [
        chart([3.0, 30.0, 60.0], [3.0, 2.0, 2.5], [0.0, 28.0]),
        chart([-5.0, 10.0, 40.0], 0.0, [0.0, 28.0]),
        chart([-5.0, 10.0, 40.0], [4.0, 2.0, 3.0], [0.0]),
        chart([7.0, 7.0, 7.0], [4.0, 4.5, 4.2], [0.0]),
        chart([-5.0, 10.0], [4.0, 2.0], []),
        chart([], [], [0.0]),
        chart([-5.0, 10.0, 40.0], 10.0, [0.0, 28.0]),
    ]


@pytest.fixture(scope="module", autouse=True)
def _compile_fast() -> Iterator[None]:
    """Compile without optimising: these cohorts are small."""
    prepare_jax()
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare_problem(PulseData.of(draw_charts(6, 1) + odd_charts(), MEASURES), QUICK)


def test_odd_children_give_numbers(problem: Problem) -> None:
    for vector in (np.zeros(problem.layout.size), np.full(problem.layout.size, 1.5)):
        value, slope = problem.value_and_slope(vector)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
    by_child = problem.log_likelihood_by_child(np.zeros(problem.layout.size))
    assert np.isfinite(by_child).all()
    assert by_child[11] == pytest.approx(0.0, abs=1e-9), "a child without visits"


def test_a_child_with_400_visits_stands_in_a_block_of_its_own(problem: Problem) -> None:
    days = np.arange(-40.0, 360.0)
    many = chart(list(days), list(2.0 + np.sin(days)), [0.0, 28.0])
    charts = draw_charts(6, 1) + odd_charts()
    whole = prepare_problem(PulseData.of([*charts, many], MEASURES), QUICK)
    assert [block.visit_day.shape for block in whole.blocks] == [(16, 24), (1, 512)]
    vector = np.zeros(problem.layout.size)
    by_child = whole.log_likelihood_by_child(vector)
    assert np.isfinite(by_child).all()
    np.testing.assert_allclose(by_child[:-1], problem.log_likelihood_by_child(vector), atol=1e-9)


def test_order_and_padding_change_nothing(problem: Problem) -> None:
    vector = np.full(problem.layout.size, 0.3)
    data = problem.data
    value = problem.value(vector)
    order = np.random.default_rng(3).permutation(data.n_children)
    turned = prepare_problem(data.take(order), QUICK)
    assert turned.value(vector) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(
        turned.log_likelihood_by_child(vector),
        problem.log_likelihood_by_child(vector)[order],
        rtol=1e-9,
        atol=1e-12,
    )
    wider = prepare_problem(data.pad(450, 9, data.n_children + 2), QUICK)
    assert wider.value(vector) == pytest.approx(value, rel=1e-12)


def test_a_later_visit_of_another_child_does_not_matter(problem: Problem) -> None:
    """Each child's likelihood is its own: changing one child changes no other."""
    vector = np.zeros(problem.layout.size)
    value = problem.data.value.copy()
    value[0] += 1.0
    changed = prepare_problem(replace(problem.data, value=value), QUICK)
    before, after = (each.log_likelihood_by_child(vector) for each in (problem, changed))
    assert before[0] != pytest.approx(after[0])
    np.testing.assert_allclose(before[1:], after[1:], rtol=1e-12, atol=1e-12)


def test_the_gradient_is_that_of_the_density(problem: Problem) -> None:
    """The blocks' sums, and what NUTS follows, are one function."""
    vector = np.full(problem.layout.size, 0.3)
    value, slope = problem.value_and_slope(vector)
    told, followed = jax.value_and_grad(problem.density)(vector)
    assert value == pytest.approx(float(told), rel=1e-12)
    assert problem.value(vector) == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(slope, followed, rtol=1e-8, atol=1e-8)


def test_where_the_search_begins_and_how_it_is_shared_out_change_nothing(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.random.default_rng(5).normal(0.0, 0.4, (5, problem.layout.size))
    expected = problem.log_likelihoods(vectors, 3)
    assert expected.shape == (5, problem.data.n_children)
    begun = problem.begin_at(np.full(problem.layout.size, 0.2))
    assert np.abs(np.asarray(begun.begins[0].deviations)).max() > 0.1
    np.testing.assert_allclose(begun.log_likelihoods(vectors, 2), expected, atol=1e-8)
    small = QUICK.model_copy(update={"fit": QUICK.fit.model_copy(update={"children_a_block": 4})})
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    blocks = prepare_problem(problem.data, small)
    assert len(blocks.blocks) == 4
    np.testing.assert_allclose(blocks.log_likelihoods(vectors, 3), expected, atol=1e-8)
    assert blocks.children_in_blocks == problem.data.n_children


def test_a_large_cohort_is_climbed_with_some_of_its_children_first() -> None:
    """To the same mode: the short cut must not show."""
    data = PulseData.of(draw_charts(48, 4), MEASURES)
    fit = QUICK.fit.model_copy(update={"children_a_block": 16, "children_to_begin_with": 16})
    plain, short = (
        prepare_problem(data, QUICK.model_copy(update={"fit": each}))
        for each in (fit.model_copy(update={"children_to_begin_with": 100}), fit)
    )
    assert short.take_part(16).children_in_blocks == 16
    start = np.zeros(plain.layout.size)
    expected, found = (find_mode(each, [start]) for each in (plain, short))
    np.testing.assert_allclose(found.vector, expected.vector, atol=1e-4)
    np.testing.assert_allclose(found.precision, expected.precision, rtol=0.02, atol=0.2)


@pytest.fixture(scope="module")
def fitted(problem: Problem) -> PulseFit:
    return fit_pulse_model(problem.data, QUICK, FitOptions(with_nuts=False))


def cohort_of(data: PulseData) -> Cohort:
    infusions = int((data.dose > 0).sum())
    return Cohort(data, infusions, 0, 0, 0, 0, 0, 20.0, StartEvidence("none"))


def rows_of(fit: PulseFit) -> dict[tuple[str, str, str], Row]:
    answer = make_answer(cohort_of(fit.problem.data), fit, TOPIC)
    effects = draw_child_effects(fit)
    rows = [
        *estimate_from_fit(answer, effects),
        *estimate_lasting(answer, []),
        *estimate_what_if(answer, effects),
        *estimate_model_check(answer, effects, []),
        *estimate_prior_predictive(answer),
    ]
    named = {(row.analysis, row.variable, row.statistic): row for row in rows}
    assert len(named) == len(rows), "a row is there twice"
    return named


def test_every_row_is_a_number_or_a_reason(fitted: PulseFit) -> None:
    for row in rows_of(fitted).values():
        assert (row.value is None) == (row.refused is not None)
        assert "nan" not in row.formatted
        if row.value is not None:
            assert np.isfinite(row.value)
        if row.low is not None and row.high is not None and row.value is not None:
            assert row.low <= row.value <= row.high


def test_the_same_records_give_the_same_draws(fitted: PulseFit) -> None:
    again = fit_pulse_model(fitted.problem.data, QUICK, FitOptions(with_nuts=False))
    np.testing.assert_array_equal(again.vectors, fitted.vectors)


def test_distrusted_draws_refuse_every_figure(fitted: PulseFit) -> None:
    rows = rows_of(replace(fitted, k_hat=0.9))
    posterior = [row for (_, _, statistic), row in rows.items() if statistic == "posterior_median"]
    assert posterior
    for row in posterior:
        assert row.refused
        assert "k-hat 0.90" in row.refused


def test_a_convention_that_fits_better_is_said(fitted: PulseFit) -> None:
    """And one that does not is a number without a warning."""
    answer = make_answer(cohort_of(fitted.problem.data), fitted, TOPIC)
    own = compute_log_evidence(fitted.problem, fitted.mode)
    refitted = [
        Refitted("persistent_half_life_180_days", fitted.draws, own + 4.2),
        Refitted("dose_square_root", fitted.draws, own + 1.0),
    ]
    rows = estimate_model_check(answer, draw_child_effects(fitted), refitted)
    told = {row.variable: row for row in rows if row.statistic == "warning"}
    assert told["convention:persistent_half_life_180_days"].formatted == (
        "the records speak for another convention than the model's own, persistent half life "
        "180 days (log of the ratio of evidence 4.2)"
    )
    assert "convention:dose_square_root" not in told
    gain = {row.variable: row.value for row in rows if row.statistic == "log_evidence_ratio"}
    assert gain["convention:dose_square_root"] == pytest.approx(1.0)


def test_a_child_that_decides_is_counted_without_its_name(fitted: PulseFit) -> None:
    rows = rows_of(fitted)
    found = rows["pulse_model_check", "leave_one_out", "elpd"]
    by_child = fitted.problem.log_likelihoods(fitted.vectors, 50)
    # What is foretold of a child not seen is less than what is told of it seen.
    assert found.value is not None
    seen = np.log(np.exp(by_child).mean(axis=0)).sum()
    worth = rows["pulse_model_check", "leave_one_out", "p"].value or 0.0
    assert found.value == pytest.approx(seen - worth)
    assert worth > 0
    assert found.low is not None
    assert found.low < found.value
    deciding = rows["pulse_model_check", "leave_one_out:deciding", "n"].value
    named = [key for key in rows if key[0] == "pulse_model_check" and key[2] == "k_hat"]
    assert deciding == len(named)
    assert ("pulse_model_check", "leave_one_out", "warning") in rows or not named


def test_what_a_check_hardly_finds_in_so_few_children_is_said(fitted: PulseFit) -> None:
    children = fitted.problem.data.n_treated
    seen = [
        Seen(check="visits", departure="rare visits", children=size, found=found, series=40)
        for size, found in ((children + 30, 39), (children, 4), (2, 40))
    ]
    seen.append(Seen(check="dose", departure="half doses", children=2, found=21, series=40))
    model = MODEL.model_copy(update={"check": MODEL.check.model_copy(update={"seen": tuple(seen)})})
    answer = replace(make_answer(cohort_of(fitted.problem.data), fitted, TOPIC), model=model)
    rows = estimate_model_check(answer, draw_child_effects(fitted), [])
    told = {row.variable: row for row in rows if row.statistic == "share_found"}
    assert list(told) == ["not_seen_at_this_size:visits"]
    (row,) = told.values()
    assert row.value == pytest.approx(0.1)
    assert row.formatted == (
        f"rare visits (found in 4 of 40 simulated series of {children} children)"
    )


def test_pulses_that_saturate_are_only_an_alternative() -> None:
    told = MODEL.model_dump(by_alias=True)
    told["conventions"]["pulse_saturation"] = 2.0
    with pytest.raises(ValueError, match="try another value under"):
        type(MODEL).model_validate(told)


def test_for_arviz_the_draws_have_chains(fitted: PulseFit) -> None:
    found = fitted.to_inference_data()
    groups = found if isinstance(found, dict) else {"posterior": found.posterior}
    assert np.asarray(groups["posterior"]["pulse_mean"]).shape[:2] == (1, 200)


def test_one_measure_no_steroid_no_earlier_visit_one_infusion() -> None:
    """The sparsest cohort: an answer all the same, and the durable figures refused."""
    days = [3.0, 8.0, 15.0, 27.0, 50.0]
    charts = [
        ChildChart(
            np.asarray(days), np.asarray([[3.0], [1.5], [0.5], [1.0], [2.0 + child]]), zero, one
        )
        for child, (zero, one) in enumerate([(np.zeros(1), np.ones(1))] * 4)
    ]
    data = PulseData.of(charts, (ENZYME,), knows_steroid=False)
    fit = fit_pulse_model(data, QUICK, FitOptions(start_rule="none", with_nuts=False))
    assert "steroid" not in fit.draws
    rows = rows_of(replace(fit, k_hat=0.1))
    refused = rows["pulse_model", "persistent_effect", "posterior_median"].refused
    assert refused == "0 of 4 children were seen before IVIG (asked for: 3)"
    peak = rows["pulse_model", "peak:creatine_kinase", "posterior_median"]
    assert peak.value is not None
    assert peak.value > 0
    assert rows["pulse_model", "tipping_drift", "posterior_median"].value is not None
    assert ("pulse_model", "peak:physician_global", "posterior_median") not in rows


def test_treated_children_alone_show_no_lasting_effect(fitted: PulseFit) -> None:
    """The start on a bad day cannot be told from an effect: refused, with the drift beside it."""
    cohort = cohort_of(fitted.problem.data)
    coverage = compute_coverage(cohort, QUICK, 10.0)
    assert refuse_lasting(cohort, coverage, QUICK) is None
    alone = replace(cohort, start=StartEvidence("none", reason="treated children alone"))
    assert refuse_lasting(alone, coverage, QUICK) == "treated children alone"


def test_whole_cohorts_that_are_refused() -> None:
    floor = PulseData.of([chart([-3.0, 9.0], 0.0, [0.0])] * 4, (GLOBAL, *MEASURES[2:], GLOBAL))
    few = PulseData.of(draw_charts(2, 1), MEASURES)
    nobody = PulseData.of([], ())
    assert refuse_cohort(cohort_of(floor), MODEL) == (
        "every recorded value is at the end of its instrument: no change can be seen"
    )
    assert refuse_cohort(cohort_of(few), MODEL) == (
        "the model asks for 3 children with IVIG and a measure; 2 have"
    )
    assert "no child has a regimen" in str(refuse_cohort(cohort_of(nobody), MODEL))


def test_the_children_on_whom_the_figures_hang_are_named_by_the_rank_of_their_peaks() -> None:
    assert _say_deciding([6], 7) == (
        "the figures rest heavily on 1 of 7 children and might be quite different without that "
        "child (in the list of the children's own peaks, largest first: number 6)"
    )
    assert "without any one of them" in _say_deciding([1, 3], 7)
    assert "number 1, 3)" in _say_deciding([1, 3], 7)
