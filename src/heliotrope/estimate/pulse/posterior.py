"""The posterior density of the population's parameters, over all children at once.

Children of one size stand in blocks; one block is compiled and serves all of its shape, so that
neither memory nor the time to compile grows with the children. The blocks are shared out among the
processors and added up in their order: the sum is the same however many there are. Shapes are
rounded up: a cohort of about the same size reuses what was compiled.
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
    Start,
    collapse_child,
)
from heliotrope.estimate.pulse.parameters import HAZARD, Layout, choose_layout
from heliotrope.estimate.pulse.share_out import share_out
from heliotrope.estimate.pulse.sites import Reading, Seen

# Visits up to which all children share one shape; longer charts stand in blocks of their own.
_COMMON_VISITS = 64

_LEAST = 8


@dataclass(frozen=True)
class Problem:
    """A cohort made ready: its parameters, its blocks of children, and the conventions.

    ``blocks``: the padded children, each a ``Child`` of arrays (children, ...); ``begins``: where
    each child's own search begins; ``rows``: which row of the data each is, -1 for padding.
    """

    layout: Layout
    settings: NewtonSettings
    fixed: Fixed
    blocks: tuple[Child, ...] = field(repr=False)
    begins: tuple[Start, ...] = field(repr=False)
    rows: tuple[Any, ...] = field(repr=False)
    data: PulseData = field(repr=False)
    model: PulseModel = field(repr=False)

    def value(self, vector: Floats) -> float:
        """Return the log posterior density (up to a constant) at one vector."""
        return float(self.values(np.asarray(vector)[None], 1)[0])

    def value_and_slope(self, vector: Floats) -> tuple[float, Floats]:
        """Return the log posterior density and its gradient."""
        vector = np.asarray(vector)
        found = share_out(
            lambda block, begin: _value_and_slope(vector, block, begin, *self._how),
            list(zip(self.blocks, self.begins, strict=True)),
        )
        value = float(self.layout.log_prior(vector)) + sum(float(each) for each, _ in found)
        # Every coordinate is standard normal under its prior.
        return value, -vector + np.sum([np.asarray(slope) for _, slope in found], axis=0)

    def values(self, vectors: Floats, batch: int) -> Floats:
        """Return the log posterior density at many vectors (draws, size), some at a time."""
        prior = np.array([self.layout.log_prior(vector) for vector in vectors])
        return np.asarray(prior + self.log_likelihoods(vectors, batch).sum(axis=1))

    def log_likelihoods(self, vectors: Floats, batch: int) -> Floats:
        """Return each child's log likelihood at many vectors (draws, n), some at a time."""
        found = np.zeros((len(vectors), self.data.n_children))
        tasks = [
            (first, *each)
            for first in range(0, len(vectors), batch)
            for each in zip(self.blocks, self.begins, self.rows, strict=True)
        ]

        def write(first: int, block: Child, begin: Start, rows: Any) -> None:
            part, is_child = vectors[first : first + batch], rows >= 0
            # A batch that is not full is filled up with its first vector.
            filled = np.concatenate([part, np.repeat(part[:1], batch - len(part), axis=0)])
            told = np.asarray(_log_likelihoods(filled, block, begin, *self._how))
            found[first : first + len(part), rows[is_child]] = told[: len(part), is_child]

        share_out(write, tasks)
        return found

    def log_likelihood_by_child(self, vector: Floats) -> Floats:
        """Return each child's log likelihood (n) at one vector."""
        return np.asarray(self.log_likelihoods(np.asarray(vector)[None], 1)[0])

    def children(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return each child's deviations given each vector: (draws, n, 4) and (draws, n, 4, 4)."""
        n = self.data.n_children
        mean = np.zeros((len(vectors), n, 4))
        covariance = np.zeros((len(vectors), n, 4, 4))
        tasks = [
            (draw, vector, *each)
            for draw, vector in enumerate(np.asarray(vectors))
            for each in zip(self.blocks, self.begins, self.rows, strict=True)
        ]

        def write(draw: int, vector: Floats, block: Child, begin: Start, rows: Any) -> None:
            found, is_child = _children(vector, block, begin, *self._how), rows >= 0
            mean[draw, rows[is_child]] = np.asarray(found.deviations)[is_child]
            covariance[draw, rows[is_child]] = np.asarray(found.covariance)[is_child]

        share_out(write, tasks)
        return mean, covariance

    def begin_at(self, vector: Floats) -> Problem:
        """Let every child's search begin at its mode under one vector: sooner done near it."""
        found = share_out(
            lambda block, begin: _children(np.asarray(vector), block, begin, *self._how),
            list(zip(self.blocks, self.begins, strict=True)),
        )
        return replace(
            self, begins=tuple(Start(each.deviations, each.fluctuation) for each in found)
        )

    def take_part(self, children: int) -> Problem:
        """Return the problem of some of the blocks, evenly chosen, about so many children."""
        size = self.blocks[0].visit_day.shape[0]
        number = min(max(-(-children // size), 1), len(self.blocks))
        places = np.unique(np.linspace(0, len(self.blocks) - 1, number).astype(int))
        parts = (tuple(each[i] for i in places) for each in (self.blocks, self.begins, self.rows))
        blocks, begins, rows = parts
        return replace(self, blocks=blocks, begins=begins, rows=rows)

    @property
    def children_in_blocks(self) -> int:
        """Return how many children the blocks hold: of a part, fewer than the data."""
        return int(sum((rows >= 0).sum() for rows in self.rows))

    @property
    def density(self) -> Callable[[Any], Any]:
        """Return the log posterior as a function that can be traced (for NUTS)."""
        stacks = _stack(self.blocks, self.begins)
        return lambda vector: _log_posterior(vector, stacks, *self._how)

    @property
    def _how(self) -> tuple[Any, ...]:
        return self.fixed, self.layout, self.settings


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
    begins = tuple(
        Start(jnp.zeros((len(block.visit_day), 4)), jnp.zeros(block.visit_day.shape))
        for block in blocks
    )
    settings = NewtonSettings(
        model.fit.newton_steps,
        model.fit.newton_tolerance,
        with_start=rule == HAZARD,
        with_ends=tuple(
            bool(np.isfinite([each.floor, each.ceiling]).any()) for each in data.measures
        ),
    )
    fixed = _fix(conventions or model.conventions)
    return Problem(layout, settings, fixed, blocks, begins, rows, data, model)


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
        conventions.pulse_saturation,
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
        size = min(children_a_block, _round_up(len(chosen), 1))
        count = -(-len(chosen) // size)
        padded = _crop(data.take(chosen)).pad(
            _round_up(int(visits[chosen].max()), _LEAST),
            _round_up(int((data.dose[chosen] > 0).sum(axis=1).max()), _LEAST),
            count * size,
        )
        whole = np.full(count * size, -1)
        whole[: len(chosen)] = chosen
        for first in range(0, count * size, size):
            places = slice(first, first + size)
            blocks.append(_as_child(padded.take(np.arange(first, first + size))))
            rows.append(whole[places])
    return tuple(blocks), tuple(rows)


def _round_up(number: int, least: int) -> int:
    """Return the power of two, or one and a half times one, at or above a number."""
    power = 1 << max(number - 1, 0).bit_length()
    between = 3 * power // 4
    return max(least, between if power >= 4 and number <= between else power)


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


def _stack(blocks: tuple[Child, ...], begins: tuple[Start, ...]) -> tuple[tuple[Child, Start], ...]:
    """Lay blocks of one shape on one another, (blocks, children, ...)."""
    by_shape: dict[tuple[int, ...], list[tuple[Child, Start]]] = {}
    for block, begin in zip(blocks, begins, strict=True):
        by_shape.setdefault(block.visit_day.shape, []).append((block, begin))
    return tuple(jax.tree.map(lambda *each: jnp.stack(each), *alike) for alike in by_shape.values())


def _collapse_block(
    block: Child,
    begin: Start,
    population: Population,
    fixed: Fixed,
    settings: NewtonSettings,
) -> Collapsed:
    def collapse(child: Child, start: Start) -> Collapsed:
        return collapse_child(child, population, fixed, settings, start)

    return jax.vmap(collapse)(block, begin)


def _sum_block(
    vector: Any,
    block: Child,
    begin: Start,
    fixed: Fixed,
    layout: Layout,
    settings: NewtonSettings,
) -> Any:
    population = make_population(layout.unpack(vector, jnp))
    return jnp.sum(_collapse_block(block, begin, population, fixed, settings).log_likelihood)


_value_and_slope = jax.jit(jax.value_and_grad(_sum_block), static_argnums=(4, 5))


@partial(jax.jit, static_argnums=(4, 5))
def _log_likelihoods(
    vectors: Any,
    block: Child,
    begin: Start,
    fixed: Fixed,
    layout: Layout,
    settings: NewtonSettings,
) -> Any:
    plain = settings._replace(followed=0)

    def at(vector: Any) -> Any:
        population = make_population(layout.unpack(vector, jnp))
        return _collapse_block(block, begin, population, fixed, plain).log_likelihood

    return jax.lax.map(at, vectors)


@partial(jax.jit, static_argnums=(4, 5))
def _children(
    vector: Any,
    block: Child,
    begin: Start,
    fixed: Fixed,
    layout: Layout,
    settings: NewtonSettings,
) -> Collapsed:
    population = make_population(layout.unpack(vector, jnp))
    return _collapse_block(block, begin, population, fixed, settings._replace(followed=0))


@partial(jax.jit, static_argnums=(3, 4))
def _log_posterior(
    vector: Any,
    stacks: tuple[tuple[Child, Start], ...],
    fixed: Fixed,
    layout: Layout,
    settings: NewtonSettings,
) -> Any:
    # Recomputed on the way back: a gradient then needs the memory of one block, not of all.
    @jax.checkpoint
    def sum_block(block: Child, begin: Start) -> Any:
        return _sum_block(vector, block, begin, fixed, layout, settings)

    total = layout.log_prior(vector, jnp)
    for stack in stacks:
        total += jnp.sum(jax.lax.map(lambda each: sum_block(*each), stack))
    return total
