"""The simulation of all paths at once against one path at a time, written as it is explained."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from calibration.sparing_world import World, make_clinic, write_tables

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.steroid_sparing import STEROID_SPARING, SteroidSparing
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.sparing.forward import Noise, Schedules, simulate_doses
from heliotrope.estimate.sparing.g_formula import (
    Samples,
    change_rules,
    draw_samples,
    estimate_spared,
    prepare,
)
from heliotrope.estimate.sparing.model import Fitted, SparingFit
from heliotrope.estimate.sparing.visit_pairs import derive_visit_pairs

CHILDREN = 45


@pytest.fixture(scope="module")
def prepared() -> tuple[SparingFit, Schedules]:
    rulebook = read_rulebook()
    definition = rulebook.get(STEROID_SPARING, SteroidSparing)
    world = World()
    clinic = make_clinic(world, CHILDREN, np.random.default_rng(3))
    inputs = Inputs.of(*write_tables(clinic, world), rulebook)
    pairs = derive_visit_pairs(inputs, definition.dosing_rule)
    return prepare(inputs, pairs, definition)


@pytest.fixture(scope="module")
def samples(prepared: tuple[SparingFit, Schedules]) -> Samples:
    return draw_samples(prepared[0], 30)


def walk(fitted: Fitted, schedules: Schedules, chances: list[np.ndarray], child: int) -> float:
    """Add up the dose of one path; ``schedules`` says how much IVIG it is given."""
    scales, total = fitted.scales, 0.0
    activity, dose = schedules.start_activity[child], schedules.start_dose[child]
    for visit, days in enumerate(schedules.days[child]):
        hurdle, size, normal = (part[visit] for part in chances)
        covered = schedules.covered[child, visit]
        above = activity - scales.target_activity
        log_before = math.log(max(dose, scales.smallest_dose))
        terms = np.array([1.0, above, log_before - scales.mean_log_dose])
        if dose > 0:
            pool = fitted.going_on.pool
            change = terms @ fitted.going_on.coefficients + fitted.going_on.directly * covered
            log_dose = log_before + change + pool[int(size * len(pool))]
            is_given = hurdle >= terms @ fitted.stop
        else:
            log_dose = fitted.restart_log_doses[int(size * len(fitted.restart_log_doses))]
            is_given = hurdle < terms[:2] @ fitted.restart
        bounded = min(max(math.exp(log_dose), scales.smallest_dose), scales.largest_dose)
        dose = bounded if is_given else 0.0
        total += dose * days
        steroid = math.log1p(dose / scales.steroid_scale)
        longer = days / scales.reference_days - 1
        given = (covered, steroid, schedules.other_drugs[child, visit])
        given = (*given, schedules.pulse[child, visit])
        expected = fitted.activity.coefficients @ [1, activity, *given, longer, activity * longer]
        moved = expected + fitted.activity.spread * normal
        activity = min(max(moved, scales.bounds.low), scales.bounds.high)
    return total


@pytest.mark.parametrize("has_direct_path", [False, True])
def test_all_paths_at_once_are_those_of_one_at_a_time(
    prepared: tuple[SparingFit, Schedules], samples: Samples, has_direct_path: bool
) -> None:
    fit, schedules = prepared
    if has_direct_path:
        samples = change_rules(replace(fit, has_direct_path=True), samples)
    visits = schedules.days.shape[1]
    noise = Noise.draw(np.random.default_rng(1), visits, 2, CHILDREN)
    for fitted in samples.fitted[:3]:
        arms = simulate_doses(fitted, schedules, noise)
        none = replace(schedules, covered=np.zeros_like(schedules.covered))
        for child in range(CHILDREN):
            chances = [part[:, 1, child] for part in (noise.hurdle, noise.size, noise.activity)]
            for arm, given in zip(arms, (schedules, none), strict=True):
                assert arm[1, child] == pytest.approx(walk(fitted, given, chances, child))


def test_a_sample_is_fitted_as_its_children_alone(
    prepared: tuple[SparingFit, Schedules], samples: Samples
) -> None:
    """Weights by how often a child was drawn give what copies of its rows give."""
    fit, _ = prepared
    for counts, found in list(zip(samples.counts, samples.fitted, strict=True))[1:4]:
        copies = np.concatenate(
            [
                np.flatnonzero(fit.rows.child == child)
                for child, count in enumerate(counts.astype(int))
                for _ in range(count)
            ]
        )
        rows = type(fit.rows)(
            *(getattr(fit.rows, name)[copies] for name in fit.rows.__dataclass_fields__)
        )
        alone = replace(fit, rows=rows).fit(np.ones(CHILDREN))
        assert found.stop == pytest.approx(alone.stop, abs=1e-5)
        assert found.restart == pytest.approx(alone.restart, abs=1e-5)
        assert found.going_on.coefficients == pytest.approx(alone.going_on.coefficients)
        assert found.activity.coefficients == pytest.approx(alone.activity.coefficients, abs=1e-6)
        assert np.sort(found.going_on.pool) == pytest.approx(np.sort(alone.going_on.pool))
        assert len(found.restart_log_doses) == len(alone.restart_log_doses)


def test_who_was_not_drawn_need_not_be_simulated(
    prepared: tuple[SparingFit, Schedules], samples: Samples
) -> None:
    """The interval is that of samples simulated whole, within the error of the simulation."""
    fit, schedules = prepared
    numbers = fit.numbers.model_copy(update={"simulated_paths": 4000})
    spared = estimate_spared(numbers, samples, schedules, 0.9)
    generator = np.random.default_rng(99)
    again = []
    for counts, fitted in zip(samples.counts[1:], samples.fitted[1:], strict=True):
        noise = Noise.draw(generator, schedules.days.shape[1], 45, CHILDREN)
        with_ivig, without = simulate_doses(fitted, schedules, noise)
        by_child = (without - with_ivig).mean(axis=0)
        weights = counts[schedules.child]
        again.append((weights @ by_child) / (weights @ schedules.total_days))
    half = (spared.intervals[0].high - spared.intervals[0].low) / 2
    assert half == pytest.approx(1.6802 * np.std(again, ddof=1), rel=0.15)
    assert spared.figures[0] == pytest.approx(np.mean(again), abs=4 * np.std(again) / 30**0.5)
