"""How likely one child's chart is, with the child's own activity integrated out.

Given the population's parameters, the activity at the visits is Gaussian: a level, a drift, a
pulse and a persistent effect of its own for each child, and natural fluctuation. Each visit adds
what it says (``sites``). The integral over the activity is Laplace's (Rasmussen and Williams 2006,
algorithm 3.1, doi 10.7551/mitpress/3206.001.0001), exact when nothing is clipped and no start is
modelled; written in the child's four deviations z and its fluctuation v, both of variance 1, so
that nothing is divided by a standard deviation that may be 0.

The mode is found without derivatives being followed; Newton steps that are followed come after. At
the mode a Newton step does not depend on where it started, so one of them carries the exact first
derivative of the mode, and a second one the exact second derivative. A child's search may begin at
a mode found before: the fewer steps, the more alike the population.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from heliotrope.estimate.pulse.chain import (
    Chain,
    fluctuation_precision,
    multiply_chain,
    solve_chain,
)
from heliotrope.estimate.pulse.kernel import pulse_height
from heliotrope.estimate.pulse.sites import Reading, Seen, Sites, compute_sites

# The deviations of a child, in this order: level, drift, pulse, persistent effect.
LEVEL, DRIFT, PULSE, PERSISTENT = range(4)

# How much worse a step may look before it is refused and halved: rounding, no more.
_ROUNDING = 1e-9


class Population(NamedTuple):
    """What the children share. ``mean`` and ``sd`` (4): level, drift, pulse, persistent effect.

    ``steroid``: activity taken off by a unit of steroid; ``start_excess`` (2): how far activity
    stands above its level just before and just after day 0; ``covariate`` (C).
    """

    mean: jax.Array
    sd: jax.Array
    steroid: jax.Array
    start_excess: jax.Array
    fluctuation_sd: jax.Array
    fluctuation_days: jax.Array
    onset_days: jax.Array
    extra_decay_days: jax.Array
    covariate: jax.Array
    reading: Reading


class Fixed(NamedTuple):
    """The conventions, as numbers that may be varied without compiling anew."""

    dose_exponent: jax.Array
    saturation_courses: jax.Array
    persistent_decay_per_day: jax.Array
    drift_days: jax.Array
    closest_visits_days: jax.Array
    pulse_saturation: jax.Array | float = 0.0


class Child(NamedTuple):
    """One child's padded chart (T visits, M infusions) as ``PulseData`` has it."""

    visit_day: jax.Array
    infusion_day: jax.Array
    dose: jax.Array
    steroid: jax.Array
    covariates: jax.Array
    seen: Seen


class Design(NamedTuple):
    """Expected activity (T), weights of the child's deviations (T, 4), fluctuation."""

    expected: jax.Array
    weights: jax.Array
    fluctuation_sd: jax.Array
    precision: Chain
    log_determinant: jax.Array


class State(NamedTuple):
    """A guess of one child: deviations z (4), fluctuation v (T), activity above expected (T)."""

    deviations: jax.Array
    fluctuation: jax.Array
    excess: jax.Array


class Start(NamedTuple):
    """Where a child's search begins: its deviations z (4) and its fluctuation v (T)."""

    deviations: jax.Array
    fluctuation: jax.Array


class Collapsed(NamedTuple):
    """One child integrated out: log likelihood, its four deviations (mode and covariance), and v.

    ``deviations`` and ``fluctuation`` are a ``Start`` for another population.
    """

    log_likelihood: jax.Array
    deviations: jax.Array
    covariance: jax.Array
    fluctuation: jax.Array


class NewtonSettings(NamedTuple):
    """How long and how closely the mode is sought; ``with_start``: the start rule is modelled.

    ``with_ends`` (K): which measures have an end, none: any may. ``followed``: Newton steps whose
    derivatives are followed: 0 for values alone, 1 for gradients, 2 for second derivatives.
    """

    steps: int
    tolerance: float
    with_start: bool
    with_ends: tuple[bool, ...] | None = None
    followed: int = 1


def compute_exposure(
    day: jax.Array, child: Child, population: Population, fixed: Fixed
) -> tuple[jax.Array, jax.Array]:
    """Return the summed pulses X and the persistent part D of a child on given days (T).

    Infusions count from the day after; days before the first have neither.
    """
    since = day[:, None] - child.infusion_day[None, :]
    # A dose of 0 is padding, also when every dose counts alike (exponent 0).
    is_given = child.dose > 0
    dose = jnp.where(is_given, jnp.where(is_given, child.dose, 1.0) ** fixed.dose_exponent, 0.0)[
        None, :
    ]
    height = pulse_height(since, population.onset_days, population.extra_decay_days, jnp)
    after = jnp.maximum(since, 0.0)
    remaining = jnp.exp(-fixed.persistent_decay_per_day * after)
    courses = jnp.sum(jnp.where(since > 0, dose * remaining, 0.0), axis=1)
    pulse = _saturate(jnp.sum(dose * height, axis=1), jnp.asarray(fixed.pulse_saturation))
    return pulse, -jnp.expm1(-courses / fixed.saturation_courses)


def _saturate(pulse: jax.Array, saturation: jax.Array) -> jax.Array:
    """Let summed pulses add up less and less; one full course keeps its peak of 1. 0: in full."""
    is_saturating = saturation > 0
    used = jnp.where(is_saturating, saturation, 1.0)
    return jnp.where(is_saturating, jnp.expm1(-used * pulse) / jnp.expm1(-used), pulse)


def compute_design(child: Child, population: Population, fixed: Fixed) -> Design:
    """Return how the activity at a child's visits depends on population and child."""
    day = child.visit_day
    pulse, persistent = compute_exposure(day, child, population, fixed)
    weights = jnp.stack([jnp.ones_like(day), day / fixed.drift_days, -pulse, -persistent], axis=1)
    excess = jnp.where(day > 0, population.start_excess[1], population.start_excess[0])
    expected = (
        weights @ population.mean
        + excess * jnp.exp(-jnp.abs(day) / population.fluctuation_days)
        - population.steroid * child.steroid
        + child.covariates @ population.covariate
    )
    precision, log_determinant = fluctuation_precision(
        day, population.fluctuation_days, fixed.closest_visits_days
    )
    return Design(
        expected,
        weights * population.sd,
        population.fluctuation_sd,
        precision,
        log_determinant,
    )


def collapse_child(
    child: Child,
    population: Population,
    fixed: Fixed,
    settings: NewtonSettings,
    start: Start | None = None,
) -> Collapsed:
    """Integrate one child's activity out; a child with nothing recorded has log likelihood 0.

    The search begins at the prior's mean unless a start is given; where makes no difference.
    """
    design = compute_design(child, population, fixed)
    still = jax.lax.stop_gradient((child.seen, population.reading, design))
    mode = _find_mode(*still, settings, start)

    def step(state: State, _: None) -> tuple[State, tuple[Any, ...]]:
        sites = _sites_at(state.excess, child.seen, population.reading, design, settings)
        after, inner, log_determinant = _newton_step(sites, state.excess, design)
        return after, (_height(state, sites, design), state, inner, log_determinant)

    # The last step serves only to look at the state that those that count have left.
    _, steps = jax.lax.scan(step, mode, None, length=settings.followed + 1)
    height, state, inner, log_determinant = jax.tree.map(lambda each: each[-1], steps)
    log_likelihood = (
        height
        - 0.5 * jnp.linalg.slogdet(inner)[1]
        - 0.5 * (log_determinant - design.log_determinant)
    )
    return Collapsed(log_likelihood, state.deviations, jnp.linalg.inv(inner), state.fluctuation)


def _sites_at(
    excess: jax.Array, seen: Seen, reading: Reading, design: Design, settings: NewtonSettings
) -> Sites:
    return compute_sites(
        design.expected + excess, seen, reading, settings.with_start, settings.with_ends
    )


def _height(state: State, sites: Sites, design: Design) -> jax.Array:
    """Return the log of likelihood times prior of a guess, up to the prior's constant."""
    fluctuation = state.fluctuation
    return (
        jnp.sum(sites.log_likelihood)
        - 0.5 * jnp.sum(state.deviations**2)
        - 0.5 * jnp.sum(fluctuation * multiply_chain(design.precision, fluctuation))
    )


def _newton_step(
    sites: Sites, excess: jax.Array, design: Design
) -> tuple[State, jax.Array, jax.Array]:
    """Return the next guess, the precision of the deviations, and the chain's log determinant.

    With W the curvature, U the weights, s the fluctuation's sd and Q its precision, the Hessian in
    (z, v) is [[I + U'WU, sU'W], [sWU, Q + s^2 W]]: v is eliminated along the chain, which leaves
    four unknowns.
    """
    curvature, weights, sd = sites.curvature, design.weights, design.fluctuation_sd
    target = curvature * excess + sites.slope
    weighted = curvature[:, None] * weights
    chain = Chain(design.precision.middle + sd**2 * curvature, design.precision.before)
    right = jnp.concatenate([weighted, target[:, None]], axis=1)
    solved, log_determinant = solve_chain(chain, right)
    through, through_target = solved[:, :4], solved[:, 4]
    inner = jnp.eye(4) + weights.T @ weighted - sd**2 * (weighted.T @ through)
    deviations = jnp.linalg.solve(inner, weights.T @ target - sd**2 * (weighted.T @ through_target))
    fluctuation = sd * (through_target - through @ deviations)
    state = State(deviations, fluctuation, weights @ deviations + sd * fluctuation)
    return state, inner, log_determinant


def _find_mode(
    seen: Seen,
    reading: Reading,
    design: Design,
    settings: NewtonSettings,
    start: Start | None,
) -> State:
    """Climb to the mode by Newton steps, shortened where a full one would lead down."""

    def at(state: State) -> tuple[Sites, jax.Array]:
        sites = _sites_at(state.excess, seen, reading, design, settings)
        return sites, _height(state, sites, design)

    def climb(carry):  # type: ignore[no-untyped-def]
        state, sites, height, share, _, step = carry
        target, _, _ = _newton_step(sites, state.excess, design)
        tried = State(*(a + share * (b - a) for a, b in zip(state, target, strict=True)))
        its_sites, its_height = at(tried)
        is_good = its_height >= height - _ROUNDING * (1.0 + jnp.abs(height))
        moved = jnp.max(jnp.abs(target.excess - state.excess))
        kept = jax.tree.map(
            lambda new, old: jnp.where(is_good, new, old),
            (tried, its_sites, its_height),
            (state, sites, height),
        )
        share = jnp.where(is_good, jnp.minimum(1.0, 2.0 * share), 0.5 * share)
        return *kept, share, moved, step + 1

    def is_moving(carry):  # type: ignore[no-untyped-def]
        return (carry[4] > settings.tolerance) & (carry[5] < settings.steps)

    begin = _begin(design, start)
    sites, height = at(begin)
    carry = (begin, sites, height, jnp.ones(()), jnp.asarray(jnp.inf), jnp.asarray(0))
    return State(*jax.lax.while_loop(is_moving, climb, carry)[0])


def _begin(design: Design, start: Start | None) -> State:
    """Return the state of a start under this population."""
    if start is None:
        none = jnp.zeros_like(design.expected)
        return State(jnp.zeros(4), none, none)
    excess = design.weights @ start.deviations + design.fluctuation_sd * start.fluctuation
    return State(start.deviations, start.fluctuation, excess)
