"""What must hold of every cohort whose truth is known, and of its arrays."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.simulate.draws import Draws
from heliotrope.simulate.known_truth.charts import (
    View,
    read_charts,
    record_values,
    round_values,
    scale_recorded,
)
from heliotrope.simulate.known_truth.cohort import (
    CohortPlan,
    KnownCohort,
    simulate_known_blocks,
    simulate_known_truth,
)
from heliotrope.simulate.known_truth.effect import compute_persistent_share, compute_pulse_sum
from heliotrope.simulate.known_truth.estimands import compute_true_estimands
from heliotrope.simulate.known_truth.history import History
from heliotrope.simulate.known_truth.parameters import read_known_truth
from heliotrope.simulate.known_truth.plan import draw_fluctuation
from heliotrope.simulate.known_truth.population import describe_population

SEEDS = st.integers(min_value=0, max_value=10_000)
TRUTH = read_known_truth()
MECHANISMS = [mechanism.id for mechanism in TRUTH.mechanisms]


def _parts(history: History) -> dict[str, np.ndarray]:
    return {name: getattr(history, name) for name in History.__dataclass_fields__}


@given(
    seed=SEEDS, few=st.integers(1, 60), more=st.integers(0, 60), which=st.sampled_from(MECHANISMS)
)
@settings(max_examples=12, deadline=None)
def test_a_child_is_the_same_in_a_cohort_of_any_size(
    seed: int, few: int, more: int, which: str
) -> None:
    small = simulate_known_truth(few, seed, CohortPlan(which))
    large = simulate_known_truth(few + more, seed, CohortPlan(which))
    for name, array in _parts(small.history).items():
        np.testing.assert_array_equal(array, _parts(large.history)[name][:few], err_msg=name)
    np.testing.assert_array_equal(small.effects.persistent, large.effects.persistent[:few])
    np.testing.assert_array_equal(small.first_day, large.first_day[:few])


def test_pieces_put_together_are_the_cohort() -> None:
    truth = TRUTH.model_copy(update={"blocks_at_a_time": 1})
    plan = CohortPlan("pulse_model", truth=truth)
    pieces = list(simulate_known_blocks(120, 5, plan))
    assert [len(piece.number) for piece in pieces] == [50, 50, 20]
    whole = simulate_known_truth(120, 5)
    joined = np.concatenate([piece.history.activity for piece in pieces])
    np.testing.assert_array_equal(joined, whole.history.activity)


def test_another_seed_gives_another_cohort() -> None:
    one, other = (simulate_known_truth(5, seed).history.activity for seed in (1, 2))
    assert not np.isclose(one, other).any()


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ValueError, match="at least one child, not 0"):
        simulate_known_truth(0, seed=1)
    with pytest.raises(ValueError, match="'magic'; known are pulse_model, saturating_pulse"):
        simulate_known_truth(1, seed=1, plan=CohortPlan("magic"))


@given(seed=SEEDS)
@settings(max_examples=6, deadline=None)
def test_no_effect_is_no_effect_in_any_child(seed: int) -> None:
    cohort = simulate_known_truth(30, seed, CohortPlan("no_effect"))
    assert cohort.has_started.any()
    assert not cohort.effects.pulse.any()
    assert not cohort.effects.persistent.any()
    answers = compute_true_estimands(cohort)
    assert answers["pulse_peak"] == answers["persistent_180_days_after"] == 0


@given(seed=SEEDS, which=st.sampled_from(MECHANISMS))
@settings(max_examples=12, deadline=None)
def test_histories_are_in_order(seed: int, which: str) -> None:
    history = simulate_known_truth(25, seed, CohortPlan(which)).history
    assert (np.diff(history.day, axis=1) > 0).all()
    assert (history.is_start.sum(axis=1) == np.isfinite(history.infusion_day[:, 0])).all()
    assert not (history.is_start & ~history.is_at_risk).any()
    assert not (history.is_at_risk & ~history.is_seen).any()
    gaps = np.diff(history.infusion_day, axis=1)
    assert (gaps[np.isfinite(gaps)] > 0).all()
    for row in np.flatnonzero(history.is_start.any(axis=1)):
        start = history.day[row][history.is_start[row]][0]
        assert start == history.infusion_day[row, 0]
        assert not (history.is_at_risk[row] & (history.day[row] > start)).any()
        assert not history.pulse[row][history.day[row] <= start].any()


def test_the_latent_activity_is_the_sum_of_its_parts() -> None:
    """Worked out again from the parts that are handed on, and then what is left must fluctuate
    around 0 with the spread and the correlation of the file."""
    cohort = simulate_known_truth(2000, seed=11, plan=CohortPlan("start_at_random"))
    history, effects, numbers = cohort.history, cohort.effects, TRUTH.population
    left = (
        history.activity
        - effects.activity[:, None]
        - effects.drift[:, None] * history.day / TRUTH.conventions.half_year_days
        + effects.pulse[:, None] * history.pulse
        + effects.persistent[:, None] * history.persistent
        + numbers.steroid_effect * history.steroid
    )
    spread = left.std()
    assert abs(left.mean()) < 4 * numbers.fluctuation_sd / np.sqrt(2000)
    assert abs(spread / numbers.fluctuation_sd - 1) < 0.03
    gap = history.day[:, 20] - history.day[:, 10]
    seen = (left[:, 20] * left[:, 10]).mean() / numbers.fluctuation_sd**2
    assert abs(seen - np.exp(-gap / numbers.fluctuation_days).mean()) < 4 / np.sqrt(2000)


def test_means_are_those_of_the_closed_form_when_ivig_starts_at_random() -> None:
    """E[A | day, treatment] = mean activity - pulse share * pulse - ...: nothing selects."""
    cohort = simulate_known_truth(4000, seed=4, plan=CohortPlan("start_at_random"))
    history, numbers = cohort.history, TRUTH.population
    expected = (
        numbers.activity_mean
        + numbers.drift_mean * history.day / TRUTH.conventions.half_year_days
        - numbers.pulse_mean * history.pulse
        - numbers.persistent_mean * history.persistent
        - numbers.steroid_effect * history.steroid
    )
    by_child = (history.activity - expected).mean(axis=1)
    assert abs(by_child.mean()) < 4 * by_child.std() / np.sqrt(4000)


def test_a_start_at_high_activity_selects_high_fluctuation() -> None:
    for which in ("pulse_model", "start_at_high_latent_activity"):
        cohort = simulate_known_truth(1500, seed=8, plan=CohortPlan(which))
        at_start = cohort.history.activity[cohort.history.is_start].mean()
        assert at_start > cohort.history.activity[cohort.history.is_at_risk].mean() + 0.5
    random = simulate_known_truth(1500, seed=8, plan=CohortPlan("start_at_random")).history
    difference = random.activity[random.is_start].mean() - random.activity[random.is_at_risk].mean()
    assert abs(difference) < 0.15


def test_informative_visits_see_sicker_days() -> None:
    seen = {}
    for which in ("pulse_model", "informative_visits"):
        history = simulate_known_truth(800, seed=2, plan=CohortPlan(which)).history
        between = history.activity[:, 1::2]
        seen[which] = between[history.is_seen[:, 1::2]].mean() - between.mean()
    assert seen["informative_visits"] > 0.4 > seen["pulse_model"]


def test_the_calendar_ignores_the_rating() -> None:
    def answer(which: str) -> float:
        history = simulate_known_truth(400, seed=3, plan=CohortPlan(which)).history
        was, now = history.dose_mg_kg[:, 8], history.dose_mg_kg[:, 10]
        rating = history.value[:, 10, 0]
        known = np.isfinite(rating) & (was > 0.1) & (now > 0)
        return float(np.corrcoef(rating[known], np.log(now[known] / was[known]))[0, 1])

    assert abs(answer("calendar_taper")) < 0.2
    assert answer("pulse_model") > 0.7


def test_departures_from_the_model_are_none_for_one_full_dose_at_its_peak() -> None:
    onset, decay = np.asarray(5.0), np.asarray(7.0)
    days = np.linspace(0, 60, 6001)
    one = np.ones((1,))
    usual, capped = (
        compute_pulse_sum(TRUTH, effect, days[:, None], one, (onset, decay))
        for effect in ("pulse_model", "saturating_pulse")
    )
    assert usual.max() == pytest.approx(1, abs=1e-6)
    assert capped.max() == pytest.approx(1, abs=1e-6)
    assert (capped >= usual - 1e-12).all()
    double = compute_pulse_sum(
        TRUTH, "saturating_pulse", np.full((1, 2), 8.4), np.ones(2), (onset, decay)
    )
    assert 1 < double[0] < 1.2


def test_the_lasting_part_counts_infusions_and_decays_only_where_it_should() -> None:
    since = np.array([[0.0, -5.0], [1.0, np.nan], [100.0, 72.0]])
    dose = np.array([[1.0, 1.0], [1.0, np.nan], [1.0, 0.5]])
    kept = compute_persistent_share(TRUTH, "pulse_model", since, dose)
    built = TRUTH.conventions.infusions_to_build_up
    np.testing.assert_allclose(kept, 1 - np.exp(-np.array([0, 1, 1.5]) / built))
    half = TRUTH.departures.persistent_half_life_days
    later = compute_persistent_share(
        TRUTH, "decaying_persistent_effect", np.array([[half]]), np.ones(1)
    )
    assert later[0] == pytest.approx(1 - np.exp(-0.5 / built))


def test_fluctuation_keeps_its_spread_over_any_gap() -> None:
    days = np.tile([0.0, 1.0, 4.0, 200.0, 201.0], (20_000, 1))
    draws = Draws(np.random.Generator(np.random.PCG64(7)))
    path = draw_fluctuation(draws, days, np.full(20_000, 0.6), np.full(20_000, 45.0))
    np.testing.assert_allclose(path.std(axis=0), 0.6, rtol=0.03)
    np.testing.assert_allclose(
        np.corrcoef(path.T)[0], np.exp(-np.array([0, 1, 4, 200, 201]) / 45), atol=0.03
    )


def test_populations_of_one_entry_a_child_stay_with_their_child() -> None:
    usual = describe_population(TRUTH, "pulse_model")
    mean = np.linspace(0, 5, 120)
    plan = CohortPlan("pulse_model", population=replace(usual, activity_mean=mean))
    cohort = simulate_known_truth(120, seed=1, plan=plan)
    lone = simulate_known_truth(120, seed=1)
    np.testing.assert_allclose(
        cohort.effects.activity - lone.effects.activity, mean - usual.activity_mean
    )


@pytest.fixture(scope="module")
def cohort() -> KnownCohort:
    return simulate_known_truth(60, seed=6)


def test_views_hide_what_they_say(cohort: KnownCohort) -> None:
    everyone = list(read_charts(cohort))
    assert len(everyone) == 60
    started = list(read_charts(cohort, View(has_never_started=False, days_before=60)))
    assert len(started) == cohort.has_started.sum()
    for chart in started:
        assert chart.infusion_day[0] == 0
        assert chart.visit_day.min() >= -60
        assert chart.is_start.sum() == 1
        assert chart.visit_day[chart.is_start][0] == 0
    counted = {chart.number: chart for chart in read_charts(cohort, View(origin="first_visit"))}
    assert all(chart.visit_day[0] == 0 for chart in counted.values())
    for chart in everyone:
        moved = counted[chart.number]
        shift = moved.infusion_day[0] if len(moved.infusion_day) else 0
        np.testing.assert_allclose(moved.visit_day - shift, chart.visit_day)


def test_recorded_values_come_back_as_rounded_model_values(cohort: KnownCohort) -> None:
    value = cohort.history.value
    recorded = record_values(cohort, value)
    np.testing.assert_array_equal(np.isnan(recorded), np.isnan(value))
    np.testing.assert_allclose(scale_recorded(cohort, recorded), round_values(cohort, value))
    steps = [measure.step / abs(measure.per_unit) for measure in TRUTH.measures]
    off = np.nanmax(np.abs(round_values(cohort, value) - value), axis=(0, 1))
    assert off[0] <= steps[0] / 2 + 1e-9
    assert off[2] <= steps[2] / 2 + 1e-9


def test_the_numbers_need_no_table_library() -> None:
    """They also run on a machine that has only numpy and pydantic."""
    code = (
        "import sys; from heliotrope.simulate.known_truth import charts, estimands; "
        "sys.exit('polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
