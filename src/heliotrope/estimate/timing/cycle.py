"""All estimates by phase of the infusion cycle, from one look at the visits."""

from __future__ import annotations

from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import Row
from heliotrope.estimate.timing.phase_test import estimate_phase_test
from heliotrope.estimate.timing.phases import derive_cycle_values
from heliotrope.estimate.timing.pulse_curves import estimate_phase_coverage, estimate_pulse_curves


def estimate_cycle(inputs: Inputs) -> list[Row]:
    """Give phase coverage, pulse-aligned curves and the test of phase within a child's cycles."""
    cycles = derive_cycle_values(inputs)
    return [
        *estimate_phase_coverage(inputs, cycles),
        *estimate_pulse_curves(inputs, cycles),
        *estimate_phase_test(inputs, cycles),
    ]
