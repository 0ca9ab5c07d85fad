"""The calibration of the estimates without a model runs, and tells a pulse from a drift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from calibration.without_a_model import (
    count,
    describe_competing,
    describe_hazard,
    describe_mean,
    describe_onset,
    describe_phase_test,
    describe_reactions,
    draw_cycles,
)

DESCRIBED = [
    describe_phase_test,
    describe_reactions,
    describe_hazard,
    describe_mean,
    describe_competing,
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
