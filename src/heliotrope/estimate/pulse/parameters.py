"""The population's parameters as one vector without bounds, and what is believed of each.

Every coordinate is standard normal under its prior: a normal parameter is shifted and scaled, a
log-normal one exponentiated, a half-normal one taken to its quantile. A standard deviation that may
be near 0 then has no long tail in its coordinate, as its logarithm would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from heliotrope.definitions.pulse_model import Prior, PulseModel, StartRule
from heliotrope.estimate.pulse.data import Floats, PulseData
from heliotrope.estimate.pulse.half_normal import (
    half_normal_coordinate,
    half_normal_value,
    traced_half_normal_value,
)

_LOG_SQRT_2_PI = 0.9189385332046727

# The start rules under which these parameters exist.
KAPPA: StartRule = "two_sided_kappa"
HAZARD: StartRule = "hazard"


@dataclass(frozen=True)
class Parameter:
    """One named parameter: how many numbers it has and what is believed of each of them."""

    name: str
    size: int
    family: str
    center: float
    scale: float

    @classmethod
    def of(cls, name: str, prior: Prior, size: int = 1) -> Parameter:
        """Make a parameter from its prior."""
        return cls(name, size, prior.family, prior.center, prior.scale)

    def from_coordinate(self, coordinate: Any, xp: Any) -> Any:
        """Return the parameter's value at a coordinate."""
        if self.family == "normal":
            return self.center + self.scale * coordinate
        if self.family == "log_normal":
            return self.center * xp.exp(self.scale * coordinate)
        value = half_normal_value if xp is np else traced_half_normal_value
        return self.scale * value(coordinate)

    def to_coordinate(self, value: Floats) -> Floats:
        """Return the coordinate of a value; the inverse of ``from_coordinate``."""
        if self.family == "normal":
            return np.asarray((value - self.center) / self.scale)
        if self.family == "log_normal":
            return np.asarray(np.log(value / self.center) / self.scale)
        return half_normal_coordinate(value / self.scale)

    def draw_prior(self, draws: int, generator: np.random.Generator) -> Floats:
        """Draw values from the prior, (draws, size)."""
        normal = generator.standard_normal((draws, self.size))
        return np.asarray(self.from_coordinate(normal, np))


@dataclass(frozen=True)
class Layout:
    """Which parameters a model has, in the order of the vector."""

    parameters: tuple[Parameter, ...]
    measures: int
    start_rule: StartRule

    @property
    def size(self) -> int:
        """Return the length of the vector."""
        return sum(parameter.size for parameter in self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the parameters' names."""
        return tuple(parameter.name for parameter in self.parameters)

    def get(self, name: str) -> Parameter:
        """Return a parameter by its name."""
        return next(each for each in self.parameters if each.name == name)

    def place(self, name: str) -> int:
        """Return where in the vector a parameter begins."""
        before = self.parameters[: self.names.index(name)]
        return sum(parameter.size for parameter in before)

    def unpack(self, vector: Any, xp: Any = np) -> dict[str, Any]:
        """Return the values by name from a vector (..., size): each (..., its size)."""
        values, start = {}, 0
        for parameter in self.parameters:
            part = vector[..., start : start + parameter.size]
            values[parameter.name] = parameter.from_coordinate(part, xp)
            start += parameter.size
        return values

    def pack(self, values: dict[str, Floats]) -> Floats:
        """Return the vector of given values, the inverse of ``unpack``."""
        parts = [
            parameter.to_coordinate(np.asarray(values[parameter.name]))
            for parameter in self.parameters
        ]
        return np.concatenate(parts, axis=-1)

    def log_prior(self, vector: Any, xp: Any = np) -> Any:
        """Return the log prior density of a vector (size): standard normal."""
        return -0.5 * xp.sum(vector**2) - self.size * _LOG_SQRT_2_PI

    def draw_prior(self, draws: int, seed: int) -> dict[str, Floats]:
        """Draw every parameter from its prior, each (draws, its size)."""
        generator = np.random.default_rng(seed)
        return {each.name: each.draw_prior(draws, generator) for each in self.parameters}


def choose_layout(data: PulseData, model: PulseModel, start_rule: StartRule) -> Layout:
    """Choose the parameters that these records can bear on.

    The anchoring measure has no offset and loading of its own; without a steroid record there is
    no steroid term. The level's prior is the wide one where the cohort starts high.
    """
    priors = model.priors
    others = len(data.measures) - 1
    starts_high = starting_activity(data) > priors.wide_above
    level = priors.activity_mean_wide if starts_high else priors.activity_mean
    named = [
        ("activity_mean", level, 1),
        ("activity_sd", priors.activity_sd, 1),
        ("drift_mean", priors.drift_mean, 1),
        ("drift_sd", priors.drift_sd, 1),
        ("pulse_mean", priors.pulse_mean, 1),
        ("pulse_sd", priors.pulse_sd, 1),
        ("persistent_mean", priors.persistent_mean, 1),
        ("persistent_sd", priors.persistent_sd, 1),
        ("steroid", priors.steroid, 1 if data.knows_steroid else 0),
        ("start_excess", priors.start_excess, 2 if start_rule == KAPPA else 0),
        ("start_intercept", priors.start_intercept, 1 if start_rule == HAZARD else 0),
        ("start_slope", priors.start_slope, 1 if start_rule == HAZARD else 0),
        ("start_observed_slope", priors.start_observed_slope, 1 if start_rule == HAZARD else 0),
        ("fluctuation_sd", priors.fluctuation_sd, 1),
        ("fluctuation_days", priors.fluctuation_days, 1),
        ("onset_days", priors.onset_days, 1),
        ("extra_decay_days", priors.extra_decay_days, 1),
        ("loading", priors.loading, others),
        ("offset", priors.offset, others),
        ("noise", priors.noise, others + 1),
        ("covariate", priors.covariate, len(data.covariate_names)),
    ]
    chosen = tuple(Parameter.of(name, prior, size) for name, prior, size in named if size)
    return Layout(chosen, len(data.measures), start_rule)


def starting_activity(data: PulseData) -> float:
    """Return the median of the anchoring measure, each treated child's last value before IVIG.

    Nobody with such a value: minus infinity.
    """
    anchor = data.value[:, :, 0]
    is_before = data.is_visit & (data.visit_day <= data.first_infusion_day[:, None])
    is_before &= np.isfinite(anchor) & data.is_treated[:, None]
    last = [anchor[row, places[-1]] for row, places in _places(is_before) if len(places)]
    return float(np.median(last)) if last else -np.inf


def _places(chosen: Any) -> list[tuple[int, Any]]:
    return [(row, np.flatnonzero(each)) for row, each in enumerate(chosen)]
