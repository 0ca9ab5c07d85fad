"""What is compared with the truth: parameters and estimands, for every draw of every data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.pulse_model.fits import Drawn
from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.kernel import compute_pulse_shape
from heliotrope.estimate.pulse.parameters import Layout


def compute_quantities(layout: Layout, vectors: Any) -> dict[str, Any]:
    """Return every number of interest by name, in the shape of the vectors without the last place.

    The parameters (those of several measures numbered), and of the pulse: day of half of the peak,
    day of the peak, days above half, share left after one course and at monthly steady state.
    """
    values = layout.unpack(vectors)
    found = {
        name if value.shape[-1] == 1 else f"{name}_{place + 1}": value[..., place]
        for name, value in values.items()
        for place in range(value.shape[-1])
    }
    reference = read_pulse_model().reference
    onset, decay = values["onset_days"][..., 0], values["extra_decay_days"][..., 0]
    shape = compute_pulse_shape(
        onset.ravel(), decay.ravel(), reference.share_left_day, reference.cycle_days
    )
    for name in (
        "half_peak_day",
        "peak_day",
        "days_above_half",
        "share_left",
        "share_left_monthly",
    ):
        found[name] = getattr(shape, name).reshape(onset.shape)
    return found


def compute_rank(drawn: Drawn, values: Any, truth: float) -> float:
    """Return the weight of the draws under the truth: uniform over data sets if all is right."""
    return float(drawn.weights[values < truth].sum())


def compute_interval(drawn: Drawn, values: Any, level: float) -> tuple[float, float, float]:
    """Return the weighted median and the ends of the central interval."""
    order = np.argsort(values)
    reached = np.cumsum(drawn.weights[order])
    chances = (0.5, (1 - level) / 2, (1 + level) / 2)
    middle, low, high = (
        float(values[order[min(int(np.searchsorted(reached, chance)), len(order) - 1)]])
        for chance in chances
    )
    return middle, low, high


def compute_moments(weights: Any, values: Any) -> tuple[float, float]:
    """Return the weighted mean and standard deviation."""
    mean = float(weights @ values)
    return mean, float(np.sqrt(weights @ (values - mean) ** 2))


def scale_power(layout: Layout, drawn: Drawn, power: float, what: str) -> Any:
    """Return the weights of the draws with prior or likelihood raised to a power."""
    log_prior = np.asarray([layout.log_prior(vector) for vector in drawn.vectors])
    part = log_prior if what == "prior" else drawn.heights - log_prior
    ratio = np.log(np.maximum(drawn.weights, np.finfo(float).tiny)) + (power - 1) * part
    weights = np.exp(ratio - ratio.max())
    return weights / weights.sum()
