"""The steroid spared in clinics whose truth is known, and in the case that has a closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibration.sparing_world import (
    World,
    find_naive,
    find_truth,
    make_clinic,
    without_effect,
    write_tables,
)
from calibration.steroid_sparing import Size, run_replicate

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.steroid_sparing import STEROID_SPARING, SteroidSparing
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.sparing.estimate import estimate_rule_and_spared
from heliotrope.estimate.sparing.forward import Noise, Schedules, simulate_doses
from heliotrope.estimate.sparing.g_formula import (
    FIGURES,
    draw_samples,
    estimate_spared,
    make_figures,
    prepare,
)
from heliotrope.estimate.sparing.model import NEVER, Fitted, Rule, Scales
from heliotrope.estimate.sparing.solvers import BoundedFit, Bounds
from heliotrope.estimate.sparing.visit_pairs import derive_visit_pairs

HORIZON = 365


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def mean_of(world: World, rulebook: Rulebook, clinics: int = 6) -> tuple[float, float, float]:
    """Return estimate less truth, its standard error, and before less after less truth."""
    off, naive = [], []
    for seed in range(clinics):
        clinic = make_clinic(world, 150, np.random.default_rng(seed))
        truth = find_truth(world, clinic, HORIZON, np.random.default_rng(seed), draws=10)
        off.append(run_replicate(world, Size(150, 0), seed, rulebook).spared - truth)
        naive.append(find_naive(clinic, world) - truth)
    return float(np.mean(off)), float(np.std(off, ddof=1) / clinics**0.5), float(np.mean(naive))


@pytest.mark.parametrize("world", [World(), without_effect(World())])
def test_the_g_formula_is_near_the_truth_where_before_and_after_is_not(
    world: World, rulebook: Rulebook
) -> None:
    off, error, naive = mean_of(world, rulebook)
    assert abs(off) < 0.02 + 3 * error
    assert error < 0.01
    assert (
        naive < -0.08
    )  # IVIG begins as the disease flares: the dose rises after it, with or without


def test_the_interval_holds_the_truth_and_none_where_there_is_no_effect(
    rulebook: Rulebook,
) -> None:
    found = run_replicate(World(), Size(150, 30), 11, rulebook)
    assert found.low < 0.208 < found.high
    assert found.verdict == "by_activity"
    none = run_replicate(without_effect(World()), Size(150, 30), 11, rulebook)
    assert none.low < 0 < none.high


@pytest.mark.parametrize("dosing", ["fixed_share", "fixed_step", "held_then_share"])
def test_under_a_calendar_taper_the_estimate_is_refused(dosing: str, rulebook: Rulebook) -> None:
    world = replace(World(), dosing=dosing)  # type: ignore[arg-type]
    clinic = make_clinic(world, 50, np.random.default_rng(8))
    rows = estimate_rule_and_spared(Inputs.of(*write_tables(clinic, world), rulebook))
    verdict = next(row for row in rows if row.statistic == "verdict")
    assert verdict.formatted == "set by the calendar"
    slope = next(row for row in rows if row.variable == "activity")
    assert slope.value == pytest.approx(0, abs=0.01)
    refused = [row for row in rows if row.analysis == "steroid_sparing"]
    assert [row.variable for row in refused] == ["spared_mg_kg_day"]
    assert "by the calendar" in str(refused[0].refused)


def make_fitted(rulebook: Rulebook, effect: float, reaction: float, fall: float) -> Fitted:
    """Make a model without chance: nobody stops, nobody's activity moves but by IVIG."""
    numbers = rulebook.get(STEROID_SPARING, SteroidSparing).model
    scales = Scales(
        target_activity=numbers.target_activity,
        mean_log_dose=0.0,
        reference_days=28.0,
        steroid_scale=numbers.steroid_scale_mg_kg_day,
        bounds=Bounds(0, 10),
        smallest_dose=1e-6,
        largest_dose=1e6,
    )
    return Fitted(
        scales=scales,
        stop=np.array([NEVER, 0.0, 0.0]),
        restart=np.array([NEVER, 0.0]),
        going_on=Rule(np.array([-fall, reaction, 0.0]), 0.0, np.empty(0)),
        activity=BoundedFit(np.array([0, 1, effect, 0, 0, 0, 0, 0.0]), 0.0),
        restart_log_doses=np.empty(0),
    )


def make_two_visits(covered: float = 1.0) -> Schedules:
    """Follow one child over 28 and 35 days, from a global of 5 at a dose of 1 mg/kg/day."""
    return Schedules(
        child=np.array([0]),
        start_activity=np.array([5.0]),
        start_dose=np.array([1.0]),
        days=np.array([[28.0, 35.0]]),
        covered=np.array([[covered, 0.0]]),
        other_drugs=np.zeros((1, 2)),
        pulse=np.zeros((1, 2)),
        observed=np.array([0.0]),
    )


def test_two_visits_have_a_closed_form(rulebook: Rulebook) -> None:
    """The first dose is set before IVIG can act; the second by an activity lowered by 2 cm."""
    fitted = make_fitted(rulebook, effect=-2.0, reaction=0.1, fall=0.3)
    schedules = make_two_visits()
    arms = simulate_doses(fitted, schedules, Noise.draw(np.random.default_rng(1), 2, 2, 1))
    first = np.exp(-0.3 + 0.1 * (5.0 - 0.2))
    second = [first * np.exp(-0.3 + 0.1 * (activity - 0.2)) for activity in (3.0, 5.0)]
    for arm, dose in zip(arms, second, strict=True):
        assert arm == pytest.approx(28 * first + 35 * dose)
    spared = float((arms[1] - arms[0]).mean())
    assert spared == pytest.approx(35 * first * np.exp(-0.3) * (np.exp(0.48) - np.exp(0.28)))


def test_who_is_off_steroid_stays_off_where_nobody_restarted(rulebook: Rulebook) -> None:
    fitted = make_fitted(rulebook, effect=0.0, reaction=0.1, fall=0.3)
    schedules = Schedules(
        child=np.array([0]),
        start_activity=np.array([5.0]),
        start_dose=np.array([0.0]),
        days=np.full((1, 3), 28.0),
        covered=np.ones((1, 3)),
        other_drugs=np.zeros((1, 3)),
        pulse=np.zeros((1, 3)),
        observed=np.array([0.0]),
    )
    noise = Noise.draw(np.random.default_rng(1), 3, 2, 1)
    assert simulate_doses(fitted, schedules, noise).sum() == 0


def test_a_direct_path_acts_on_the_dose_of_the_same_visit(rulebook: Rulebook) -> None:
    fitted = make_fitted(rulebook, effect=0.0, reaction=0.0, fall=0.0)
    noise = Noise.draw(np.random.default_rng(1), 2, 2, 1)
    direct = replace(fitted, going_on=replace(fitted.going_on, directly=-0.5))
    always = replace(make_two_visits(), covered=np.ones((1, 2)))
    with_ivig, without = simulate_doses(direct, always, noise)
    assert with_ivig == pytest.approx(28 * np.exp(-0.5) + 35 * np.exp(-1.0))
    assert without == pytest.approx(63)


def test_what_the_rule_leaves_over_raises_the_mean_dose(rulebook: Rulebook) -> None:
    """A dose up or down by half on the logarithm is on average cosh(0.5) times as high."""
    fitted = make_fitted(rulebook, effect=0.0, reaction=0.0, fall=0.0)
    noise = Noise.draw(np.random.default_rng(1), 2, 40_000, 1)
    uncertain = replace(fitted, going_on=replace(fitted.going_on, pool=np.array([-0.5, 0.5])))
    total = simulate_doses(uncertain, make_two_visits(), noise)[0]
    expected = 28 * np.cosh(0.5) + 35 * np.cosh(0.5) ** 2
    assert total.mean() == pytest.approx(expected, rel=0.01)


def test_the_fit_finds_what_the_clinic_was_made_with(rulebook: Rulebook) -> None:
    world = World()
    clinic = make_clinic(world, 400, np.random.default_rng(2))
    inputs = Inputs.of(*write_tables(clinic, world), rulebook)
    definition = rulebook.get(STEROID_SPARING, SteroidSparing)
    pairs = derive_visit_pairs(inputs, definition.dosing_rule)
    fit, schedules = prepare(inputs, pairs, definition)
    fitted = fit.fit(np.ones(400))
    assert fitted.effect_of_ivig == pytest.approx(world.ivig, abs=0.1)
    assert fitted.activity.spread == pytest.approx(world.activity_noise, abs=0.02)
    rule = fitted.going_on
    assert list(rule.coefficients) == pytest.approx([-world.fall, world.reaction, 0], abs=0.01)
    assert rule.pool.std() == pytest.approx(world.dose_noise, abs=0.01)
    assert rule.directly == 0
    direct = replace(fit, has_direct_path=True).fit(np.ones(400))
    assert direct.going_on.directly == pytest.approx(0, abs=0.02)
    assert schedules.total_days.max() == 14 * world.days  # the first visit past a year ends it


def test_each_child_counts_as_often_as_it_was_drawn(rulebook: Rulebook) -> None:
    fitted = make_fitted(rulebook, effect=-2.0, reaction=0.1, fall=0.3)
    one = make_two_visits()
    two = Schedules(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for other in [make_two_visits(covered=0.0)]
            for name in Schedules.__dataclass_fields__
        )
    )
    two = replace(two, child=np.array([0, 1]))
    arms = simulate_doses(fitted, two, Noise.draw(np.random.default_rng(1), 2, 2, 2))
    spared = [
        make_figures(fitted, two, arms, np.array(weights))[0]
        for weights in ([2.0, 0.0], [0.0, 2.0], [1.0, 1.0])
    ]
    assert spared[0] > 0
    assert spared[1] == 0
    assert spared[2] == pytest.approx(spared[0] / 2)


def test_a_share_of_no_dose_is_left_undefined_and_the_rest_is_not(rulebook: Rulebook) -> None:
    """Every child comes off at its first visit and nobody restarts: there is nothing to share."""
    clinic = make_clinic(World(), 25, np.random.default_rng(2))
    off = replace(clinic, dose=np.zeros_like(clinic.dose))
    inputs = Inputs.of(*write_tables(off, World()), rulebook)
    definition = rulebook.get(STEROID_SPARING, SteroidSparing)
    pairs = derive_visit_pairs(inputs, definition.dosing_rule)
    fit, schedules = prepare(inputs, pairs, definition)
    spared = estimate_spared(fit.numbers, draw_samples(fit, 20), schedules, 0.95)
    share = FIGURES.index("spared_share")
    assert np.isnan(spared.figures[share])
    assert np.isfinite(np.delete(spared.figures, share)).all()
    assert spared.figures[0] == 0
