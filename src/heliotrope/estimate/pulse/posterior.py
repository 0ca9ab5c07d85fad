"""The posterior density of the population's parameters, over all children at once.

Children of one size stand in blocks; blocks are worked through one after another, so that memory
is that of a block whatever the number of children. Shapes are rounded up to powers of two: a
cohort of about the same size reuses what was compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from heliotrope.definitions.pulse_model import Conventions, PulseModel, StartRule
from heliotrope.estimate.pulse.data import Floats, PulseData
from heliotrope.estimate.pulse.likelihood import (
    Child,
    Collapsed,
    Fixed,
    NewtonSettings,
    Population,
    collapse_child,
)
from heliotrope.estimate.pulse.parameters import HAZARD, Layout, choose_layout
from heliotrope.estimate.pulse.sites import Reading, Seen

# Visits up to which all children share one shape; longer charts stand in blocks of their own.
_COMMON_VISITS = 64

_LEAST = 8


@dataclass(frozen=True)
class Problem:
    """A cohort made ready: its parameters, its blocks of children, and the conventions.

    ``blocks``: for each shape the padded children as a ``Child`` of arrays (blocks, children,
    ...); ``rows``: which row of the data each of them is, -1 for padding.
    """

    layout: Layout
    settings: NewtonSettings
    fixed: Fixed
    blocks: tuple[Child, ...] = field(repr=False)
    rows: tuple[Any, ...] = field(repr=False)
    data: PulseData = field(repr=False)
    model: PulseModel = field(repr=False)

    def value(self, vector: Floats) -> float:
        """Return the log posterior density (up to a constant) at one vector."""
        return float(_log_posterior(jnp.asarray(vector), *self._arguments))

    def value_and_slope(self, vector: Floats) -> tuple[float, Floats]:
        """Return the log posterior density and its gradient."""
        value, slope = _value_and_slope(jnp.asarray(vector), *self._arguments)
        return float(value), np.asarray(slope)

    def curvature(self, vector: Floats) -> Floats:
        """Return the matrix of second derivatives of the log posterior density."""
        return np.asarray(_curvature(jnp.asarray(vector), *self._arguments))

    def values(self, vectors: Floats, batch: int) -> Floats:
        """Return the log posterior density at many vectors (draws, size), some at a time."""
        found = []
        for start in range(0, len(vectors), batch):
            part = vectors[start : start + batch]
            filled = np.concatenate([part, np.repeat(part[:1], batch - len(part), axis=0)])
            found.append(np.asarray(_values(jnp.asarray(filled), *self._arguments))[: len(part)])
        return np.concatenate(found)

    def children(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return each child's deviations given each vector: (draws, n, 4) and (draws, n, 4, 4)."""
        n = self.data.n_children
        mean = np.zeros((len(vectors), n, 4))
        covariance = np.zeros((len(vectors), n, 4, 4))
        for place, vector in enumerate(vectors):
            for found, rows in zip(
                _children(jnp.asarray(vector), *self._arguments), self.rows, strict=True
            ):
                is_child = rows >= 0
                mean[place, rows[is_child]] = np.asarray(found.deviations)[is_child]
                covariance[place, rows[is_child]] = np.asarray(found.covariance)[is_child]
        return mean, covariance

    def log_likelihood_by_child(self, vector: Floats) -> Floats:
        """Return each child's log likelihood (n) at one vector."""
        likelihood = np.zeros(self.data.n_children)
        for found, rows in zip(
            _children(jnp.asarray(vector), *self._arguments), self.rows, strict=True
        ):
            is_child = rows >= 0
            likelihood[rows[is_child]] = np.asarray(found.log_likelihood)[is_child]
        return likelihood

    @property
    def density(self) -> Callable[[Any], Any]:
        """Return the log posterior as a function that can be traced (for NUTS)."""
        return lambda vector: _log_posterior(vector, *self._arguments)

    @property
    def _arguments(self) -> tuple[Any, ...]:
        return self.blocks, self.fixed, self.layout, self.settings


def prepare_problem(
    data: PulseData,
    model: PulseModel,
    start_rule: StartRule | None = None,
    conventions: Conventions | None = None,
) -> Problem:
    """Make a cohort ready for the model; the start rule is the definition's unless given."""
    rule = start_rule or model.start_rule.default
    layout = choose_layout(data, model, rule)
    blocks, rows = _make_blocks(data, model.fit.children_a_block)
    settings = NewtonSettings(
        model.fit.newton_steps, model.fit.newton_tolerance, with_start=rule == HAZARD
    )
    fixed = _fix(conventions or model.conventions)
    return Problem(layout, settings, fixed, blocks, rows, data, model)


def make_population(values: dict[str, Any], xp: Any = jnp) -> Population:
    """Arrange named values (each of its own size) as the population of the likelihood.

    What a model leaves out (no steroid record, no start rule) is no effect.
    """

    def number(name: str) -> Any:
        return values[name][0] if name in values else xp.zeros(())

    def row(*names: str) -> Any:
        return xp.stack([number(name) for name in names])

    def after_first(name: str, first: float) -> Any:
        others = values[name] if name in values else xp.zeros(0)
        return xp.concatenate([xp.full((1,), first), others])

    return Population(
        mean=row("activity_mean", "drift_mean", "pulse_mean", "persistent_mean"),
        sd=row("activity_sd", "drift_sd", "pulse_sd", "persistent_sd"),
        steroid=number("steroid"),
        start_excess=values.get("start_excess", xp.zeros(2)),
        fluctuation_sd=number("fluctuation_sd"),
        fluctuation_days=number("fluctuation_days"),
        onset_days=number("onset_days"),
        extra_decay_days=number("extra_decay_days"),
        covariate=values.get("covariate", xp.zeros(0)),
        reading=Reading(
            offset=after_first("offset", 0.0),
            loading=after_first("loading", 1.0),
            noise=values["noise"],
            start_intercept=number("start_intercept"),
            start_slope=number("start_slope"),
            start_observed_slope=number("start_observed_slope"),
        ),
    )


def _fix(conventions: Conventions) -> Fixed:
    numbers = (
        conventions.dose_exponent,
        conventions.saturation_courses,
        np.log(2.0) / conventions.persistent_half_life_days,
        conventions.drift_days,
        conventions.closest_visits_days,
    )
    return Fixed(*(jnp.asarray(float(number)) for number in numbers))


def _make_blocks(
    data: PulseData, children_a_block: int
) -> tuple[tuple[Child, ...], tuple[Any, ...]]:
    visits = data.is_visit.sum(axis=1)
    is_long = visits > _COMMON_VISITS
    blocks, rows = [], []
    for chosen in (np.flatnonzero(~is_long), np.flatnonzero(is_long)):
        if len(chosen) == 0:
            continue
        block = min(children_a_block, _round_up(len(chosen), 1))
        count = -(-len(chosen) // block)
        padded = _crop(data.take(chosen)).pad(
            _round_up(int(visits[chosen].max()), _LEAST),
            _round_up(int((data.dose[chosen] > 0).sum(axis=1).max()), _LEAST),
            count * block,
        )
        whole = np.full(count * block, -1)
        whole[: len(chosen)] = chosen
        shape = (count, block)
        blocks.append(jax.tree.map(partial(_shape, shape=shape), _as_child(padded)))
        rows.append(whole.reshape(shape))
    return tuple(blocks), tuple(rows)


def _shape(array: jax.Array, shape: tuple[int, int]) -> jax.Array:
    return array.reshape(shape + array.shape[1:])


def _round_up(number: int, least: int) -> int:
    """Return the power of two at or above a number."""
    return max(least, 1 << max(number - 1, 0).bit_length())


def _crop(data: PulseData) -> PulseData:
    """Leave out columns that are padding for every child; infusions without a dose go first."""
    order = np.argsort(data.dose <= 0, axis=1, kind="stable")
    infusions = int((data.dose > 0).sum(axis=1).max(initial=0))
    visits = int(data.is_visit.sum(axis=1).max(initial=0))
    sorted_day = np.take_along_axis(data.infusion_day, order, axis=1)[:, :infusions]
    sorted_dose = np.take_along_axis(data.dose, order, axis=1)[:, :infusions]
    by_visit = ["visit_day", "is_visit", "value", "steroid", "covariates"]
    by_visit += ["is_at_risk_of_start", "is_start"]
    cropped: dict[str, Any] = {name: getattr(data, name)[:, :visits] for name in by_visit}
    return replace(data, **cropped, infusion_day=sorted_day, dose=sorted_dose)


def _as_child(data: PulseData) -> Child:
    """Arrange the arrays as the likelihood reads them; ends of instruments repeat by child."""
    n = data.n_children
    floor = np.tile([measure.floor for measure in data.measures], (n, 1))
    ceiling = np.tile([measure.ceiling for measure in data.measures], (n, 1))
    value = np.where(data.is_visit[:, :, None], data.value, np.nan)
    is_at_risk, is_start = (
        each & data.is_visit for each in (data.is_at_risk_of_start, data.is_start)
    )
    ends_and_starts = (floor, ceiling, is_at_risk, is_start)
    seen = Seen(jnp.asarray(value), *(jnp.asarray(each) for each in ends_and_starts))
    return Child(
        jnp.asarray(data.visit_day),
        jnp.asarray(data.infusion_day),
        jnp.asarray(data.dose),
        jnp.asarray(data.steroid),
        jnp.asarray(data.covariates),
        seen,
    )


def _collapse_block(
    block: Child, population: Population, fixed: Fixed, settings: NewtonSettings
) -> Collapsed:
    return jax.vmap(lambda child: collapse_child(child, population, fixed, settings))(block)


@partial(jax.jit, static_argnums=(3, 4))
def _log_posterior(
    vector: Any, blocks: tuple[Child, ...], fixed: Fixed, layout: Layout, settings: NewtonSettings
) -> Any:
    population = make_population(layout.unpack(vector, jnp))

    # Recomputed on the way back: a gradient then needs the memory of one block, not of all.
    @jax.checkpoint
    def sum_block(block: Child, people: Population) -> Any:
        return jnp.sum(_collapse_block(block, people, fixed, settings).log_likelihood)

    total = layout.log_prior(vector, jnp)
    for shape in blocks:
        total += jnp.sum(jax.lax.map(lambda block: sum_block(block, population), shape))
    return total


_value_and_slope = jax.jit(jax.value_and_grad(_log_posterior), static_argnums=(3, 4))
_curvature = jax.jit(jax.hessian(_log_posterior), static_argnums=(3, 4))


@partial(jax.jit, static_argnums=(3, 4))
def _values(
    vectors: Any, blocks: tuple[Child, ...], fixed: Fixed, layout: Layout, settings: NewtonSettings
) -> Any:
    return jax.lax.map(
        lambda vector: _log_posterior(vector, blocks, fixed, layout, settings), vectors
    )


@partial(jax.jit, static_argnums=(3, 4))
def _children(
    vector: Any, blocks: tuple[Child, ...], fixed: Fixed, layout: Layout, settings: NewtonSettings
) -> tuple[Collapsed, ...]:
    population = make_population(layout.unpack(vector, jnp))
    return tuple(
        jax.lax.map(lambda block: _collapse_block(block, population, fixed, settings), shape)
        for shape in blocks
    )
