"""The calibration of the estimates without a model runs, and tells a pulse from a drift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from calibration.loss_after_stopping import Loss, find_truth, run_cohort
from calibration.without_a_model import (
    count,
    describe_competing,
    describe_hazard,
    describe_loss,
    describe_mean,
    describe_onset,
    describe_phase_test,
    describe_reactions,
    draw_cycles,
)

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates

DESCRIBED = [
    describe_phase_test,
    describe_reactions,
    describe_hazard,
    describe_mean,
    describe_competing,
    describe_loss,
    describe_onset,
]


@pytest.mark.parametrize("describe", DESCRIBED)
def test_every_table_has_a_number_in_every_cell(describe: Callable[[int], str]) -> None:
    rows = [line for line in describe(2).splitlines() if line.startswith("| ")][2:]
    assert rows
    for row in rows:
        assert "%" in row
        assert "nan" not in row


def test_a_strong_pulse_is_seen_and_a_drift_over_months_is_not_taken_for_one() -> None:
    claims, _ = count(draw_cycles(7, pulse=3.0, drift=0.0, within=0.0), 5)
    assert claims == "100.0 %"
    rng = np.random.default_rng(0)
    drifting = [draw_cycles(3, pulse=0.0, drift=5.0, within=0.0)(rng) for _ in range(10)]
    assert sum(bool(claim) for found in drifting for claim in found) <= 4


def test_weights_take_most_of_what_loss_by_activity_puts_wrong() -> None:
    rule = read_rulebook().get(MODEL_FREE, ModelFreeEstimates).loss
    truth = find_truth(np.random.default_rng(1))
    found = [
        run_cohort(400, Loss(-2.4, 0.8), rule, np.random.default_rng([5, number]))
        for number in range(40)
    ]
    plain = np.array([one.unweighted for one in found]) - truth
    weighted = np.array([one.weighted for one in found]) - truth
    error = weighted.std() / 40**0.5
    assert plain.mean() < -0.04  # the active are lost before they are seen to worsen
    assert abs(weighted.mean()) < 0.005 + 2 * error
    assert abs(weighted.mean()) < abs(plain.mean()) / 2
