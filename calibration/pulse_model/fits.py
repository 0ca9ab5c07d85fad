"""Fit many data sets: the mode and the curvature there at once, then reweighted draws of each.

In double precision. The draws are those of the program's own sampler. The mode is sought by
BFGS that begins from the curvature of the starting point; each turn costs one value and gradient of
all data sets, whether a step is taken or shortened. So little is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from calibration.pulse_model.batches import Batch
from heliotrope.definitions.pulse_model import Conventions, read_pulse_model
from heliotrope.estimate.pulse.approximate import Mode, choose_starts
from heliotrope.estimate.pulse.likelihood import (
    Child,
    Fixed,
    NewtonSettings,
    Population,
    collapse_child,
)
from heliotrope.estimate.pulse.parameters import HAZARD, Layout
from heliotrope.estimate.pulse.posterior import make_population
from heliotrope.estimate.pulse.reweight import Proposal, draw_weighted

TURNS = 150
SHORTER = 0.3
ENOUGH = 1e-4
CLOSE = 1e-5
LEAST_CURVATURE = 1e-3
STEP = 1e-4
CLOSE_ENOUGH = 1e-3
LEAST_SEEN = 1e-10
LEAST_CHANCE = 1e-6
NORMAL_DRAWS = 2000


@dataclass(frozen=True)
class Modes:
    """Of every data set: the mode, the covariance there, the log density, and whether it is one."""

    vector: Any
    covariance: Any
    height: Any
    is_found: Any
    turns: int


@dataclass(frozen=True)
class Density:
    """What the density of a batch depends on beside its charts; what is compiled serves all alike.

    ``is_followed``: derivatives are asked for.
    """

    layout: Layout
    with_ends: tuple[bool, ...]
    at_risk_until: int | None = None
    is_followed: bool = True

    @classmethod
    def of(cls, batch: Batch) -> Density:
        """Return that of a batch."""
        return cls(batch.layout, batch.with_ends, batch.at_risk_until)


def make_density(of: Density) -> Callable[[jax.Array, Child, Fixed], jax.Array]:
    """Return the log posterior density of one data set at one vector, as a traceable function.

    The conventions are an argument: what is compiled serves all of them.

    ``at_risk_until``: the data set holds starters only. Each child's likelihood is then divided by
    the chance of starting by that day: one less the chance that a child with these visits, of whom
    nothing is measured, starts at none of them.
    """
    model, layout, at_risk_until = read_pulse_model(), of.layout, of.at_risk_until
    settings = NewtonSettings(
        model.fit.newton_steps,
        model.fit.newton_tolerance,
        with_start=layout.start_rule == HAZARD,
        with_ends=of.with_ends,
        followed=int(of.is_followed),
    )

    def density(vector: jax.Array, child: Child, fixed: Fixed) -> jax.Array:
        values = layout.unpack(vector, jnp)
        population = make_population(values)

        def collapse(one: Child) -> jax.Array:
            return collapse_child(one, population, fixed, settings).log_likelihood

        log_likelihood = jax.vmap(collapse)(child)
        if at_risk_until is not None:
            how = (fixed, settings)
            log_never = _log_never(child, population, how, at_risk_until)
            is_seen = jnp.any(child.seen.is_start, axis=1)
            log_likelihood -= jnp.where(is_seen, jnp.log(-jnp.expm1(log_never)), 0.0)
        log_prior: jax.Array = layout.log_prior(vector, jnp)
        return log_prior + jnp.sum(log_likelihood)

    return density


def _log_never(
    child: Child,
    population: Population,
    how: tuple[Fixed, NewtonSettings],
    at_risk_until: int,
) -> jax.Array:
    """The log chance that children with these visits start at none of those up to a day.

    Never treated and never measured: the latent activity is integrated out as in any chart. A
    rating that the start reads is not known beforehand either; its noise is integrated out of the
    log-odds by the usual scaling of a logistic by a normal (MacKay 1992).
    """
    seen = child.seen
    is_visit = jnp.any(jnp.isfinite(seen.value), axis=2)
    untouched = child._replace(
        dose=jnp.zeros_like(child.dose),
        seen=seen._replace(
            value=jnp.full_like(seen.value, jnp.nan),
            is_at_risk_of_start=is_visit & (child.visit_day < at_risk_until),
            is_start=jnp.zeros_like(seen.is_start),
        ),
    )
    reading = population.reading
    on_rating = reading.start_observed_slope
    scale = 1 / jnp.sqrt(1 + jnp.pi / 8 * (on_rating * reading.noise[0]) ** 2)
    reading = reading._replace(
        start_intercept=scale * reading.start_intercept,
        start_slope=scale * (reading.start_slope + on_rating),
        start_observed_slope=0.0,
    )
    people = population._replace(reading=reading)
    found = jax.vmap(lambda one: collapse_child(one, people, *how))(untouched)
    return jnp.minimum(found.log_likelihood, -LEAST_CHANCE)


def fix_conventions(chosen: Conventions | None) -> Fixed:
    """Arrange conventions, those of the model unless given, as the likelihood reads them."""
    conventions = chosen or read_pulse_model().conventions
    numbers = (
        conventions.dose_exponent,
        conventions.saturation_courses,
        np.log(2.0) / conventions.persistent_half_life_days,
        conventions.drift_days,
        conventions.closest_visits_days,
        conventions.pulse_saturation,
    )
    return Fixed(*(jnp.asarray(float(number)) for number in numbers))


@lru_cache(maxsize=16)
def _compiled(of: Density) -> tuple[Any, Any]:
    """The density and gradient of many data sets at once, and of one at many vectors."""
    density, value = make_density(of), make_density(replace(of, is_followed=False))

    def heights(vectors: jax.Array, child: Child, fixed: Fixed) -> jax.Array:
        return jax.vmap(lambda vector: value(vector, child, fixed))(vectors)

    rise = jax.vmap(jax.value_and_grad(density), in_axes=(0, 0, None))
    return jax.jit(rise), jax.jit(heights)


def find_modes(batch: Batch) -> Modes:
    """Find the mode of every data set and the covariance of the normal that fits it there.

    From each of the program's own starts; the highest place reached counts.
    """
    starts = choose_starts(batch.layout, read_pulse_model().fit)
    return _choose_highest([_climb(batch, start) for start in starts])


def _choose_highest(found: list[Modes]) -> Modes:
    heights = np.stack([np.nan_to_num(modes.height, nan=-np.inf) for modes in found])
    best, rows = heights.argmax(axis=0), np.arange(heights.shape[1])

    def take(name: str) -> Any:
        return np.stack([getattr(modes, name) for modes in found])[best, rows]

    return Modes(
        vector=take("vector"),
        covariance=take("covariance"),
        height=take("height"),
        is_found=take("is_found"),
        turns=sum(modes.turns for modes in found),
    )


def _climb(batch: Batch, start: Any) -> Modes:
    rise = partial(_rise, batch)
    vector = np.array(np.broadcast_to(start, (batch.datasets, batch.layout.size)))
    height, slope = rise(vector)
    inverse = _invert(_curvature(rise, vector))
    share = np.ones(batch.datasets)
    turns = 0
    while turns < TURNS and (_left(slope, inverse) > CLOSE).any():
        step = share[:, None] * np.einsum("dij,dj->di", inverse, slope)
        tried, its_slope = rise(vector + step)
        gain = (step * slope).sum(axis=1)
        with np.errstate(invalid="ignore"):
            is_better = np.isfinite(tried) & (tried >= height + ENOUGH * gain)
        inverse = np.where(
            is_better[:, None, None], _update(inverse, step, slope - its_slope), inverse
        )
        vector = np.where(is_better[:, None], vector + step, vector)
        slope = np.where(is_better[:, None], its_slope, slope)
        height = np.where(is_better, tried, height)
        share = np.where(is_better, np.minimum(1.0, share / SHORTER), share * SHORTER)
        turns += 1
    curvature = _curvature(rise, vector)
    covariance = _invert(curvature)
    left = _left(slope, covariance)
    lowest = np.linalg.eigvalsh(np.where(np.isfinite(curvature), curvature, 0)).min(axis=1)
    is_found = np.isfinite(left) & (left < CLOSE_ENOUGH) & (lowest > 0)
    return Modes(vector, covariance, height, is_found, turns)


def _rise(batch: Batch, vector: Any) -> tuple[Any, Any]:
    fixed = fix_conventions(batch.conventions)
    height, slope = _compiled(Density.of(batch))[0](vector, batch.child, fixed)
    return np.asarray(height), np.asarray(slope)


def _curvature(rise: Callable[[Any], tuple[Any, Any]], vector: Any) -> Any:
    """Minus the second derivatives, by differences of the exact gradient.

    Exact ones would take longer to compile than all fits take.
    """
    rows = [
        (rise(vector - STEP * unit)[1] - rise(vector + STEP * unit)[1]) / (2 * STEP)
        for unit in np.eye(vector.shape[1])
    ]
    found = np.stack(rows, axis=1)
    return (found + np.swapaxes(found, 1, 2)) / 2


def _left(slope: Any, inverse: Any) -> Any:
    """How much (twice) the log density could still grow, were it a parabola."""
    return np.einsum("di,dij,dj->d", slope, inverse, slope)


def _update(inverse: Any, step: Any, fall: Any) -> Any:
    """The BFGS update of the inverse curvature; kept where the step saw no curvature."""
    seen = (step * fall).sum(axis=1)
    is_useful = seen > LEAST_SEEN
    rho = (1 / np.where(is_useful, seen, 1))[:, None, None]
    across = step[:, :, None] * fall[:, None, :]
    left = np.eye(step.shape[1]) - rho * across
    updated = left @ inverse @ np.swapaxes(left, 1, 2) + rho * step[:, :, None] * step[:, None, :]
    return np.where(is_useful[:, None, None], updated, inverse)


def _invert(curvature: Any) -> Any:
    """Invert symmetric matrices; a direction of no or false curvature counts as nearly flat."""
    size = curvature.shape[-1]
    safe = np.where(np.isfinite(curvature), curvature, np.eye(size))
    values, vectors = np.linalg.eigh(safe)
    bounded = np.maximum(np.abs(values), LEAST_CURVATURE)
    return np.einsum("...ij,...j,...kj->...ik", vectors, 1 / bounded, vectors)


@dataclass(frozen=True)
class Drawn:
    """Draws of one data set (draws, size), their weights, their log densities, and k-hat.

    ``proposal``: what the reweighted draws were drawn from last.
    """

    vectors: Any
    weights: Any
    heights: Any
    k_hat: float
    proposal: Proposal | None = None


class OneDataSet:
    """One data set as the program's own sampler takes it; what was compiled serves all of a shape.

    Remembers the log densities that were asked for.
    """

    def __init__(self, batch: Batch, row: int) -> None:
        self.model = read_pulse_model()
        self.layout = batch.layout
        self.data = SimpleNamespace(n_children=batch.children)
        self.told: list[Any] = []
        self._child = jax.tree.map(lambda array: jnp.asarray(array[row]), batch.child)
        self._fixed = fix_conventions(batch.conventions)
        self._heights = _compiled(Density.of(batch))[1]

    def values(self, vectors: Any, batch: int) -> Any:
        """Return the log posterior density at many vectors (draws, size), some at a time."""
        found = []
        for start in range(0, len(vectors), batch):
            part = vectors[start : start + batch]
            filled = np.concatenate([part, np.repeat(part[:1], batch - len(part), axis=0)])
            found.append(np.asarray(self._heights(filled, self._child, self._fixed))[: len(part)])
        self.told.append(np.concatenate(found))
        return self.told[-1]


def draw_each(batch: Batch, modes: Modes, seed: int) -> list[Drawn]:
    """Draw around the mode of every data set and weight the draws, by the program's own code."""
    drawn = []
    for row in range(batch.datasets):
        one = OneDataSet(batch, row)
        mode = Mode(modes.vector[row], np.linalg.inv(modes.covariance[row]), 0.0)
        weighted = draw_weighted(one, mode, np.random.default_rng(seed + row))  # type: ignore[arg-type]
        # The first values asked for are those around the mode, from which the proposal is made.
        heights = np.concatenate(one.told[1:])
        weights, k_hat = weighted.smoothed.weights, weighted.smoothed.k_hat
        drawn.append(Drawn(weighted.vectors, weights, heights, k_hat, weighted.proposal))
    return drawn


def draw_normal_each(modes: Modes, seed: int) -> list[Drawn]:
    """Draw from the normal at the mode of every data set; all draws weigh the same.

    For large cohorts, where that is close to the posterior and reweighting takes long.
    """
    generator = np.random.default_rng(seed)
    weights = np.full(NORMAL_DRAWS, 1 / NORMAL_DRAWS)
    return [
        Drawn(
            generator.multivariate_normal(vector, covariance, NORMAL_DRAWS),
            weights,
            np.full(NORMAL_DRAWS, np.nan),
            np.nan,
        )
        for vector, covariance in zip(modes.vector, modes.covariance, strict=True)
    ]


def compute_height(batch: Batch, row: int, vector: Any) -> float:
    """The log posterior density of one data set at one vector."""
    return float(compute_heights(batch, row, vector[None])[0])


def compute_heights(batch: Batch, row: int, vectors: Any) -> Any:
    """The log posterior density of one data set at many vectors (draws, size)."""
    one = OneDataSet(batch, row)
    return one.values(vectors, one.model.fit.draws_a_batch)
