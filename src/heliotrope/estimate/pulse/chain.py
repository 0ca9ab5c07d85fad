"""Natural fluctuation of activity between the visits of one child, as a chain.

An Ornstein-Uhlenbeck process forgets all but the last visit: the inverse of its covariance at T
visits has three diagonals only. So a child with 400 visits costs ten times one with 40, not a
thousand times.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

# Visits handled in one step of a loop; only speed depends on it.
_UNROLL = 1


class Chain(NamedTuple):
    """A symmetric matrix of three diagonals (T): the middle one, and the one before (first: 0)."""

    middle: jax.Array
    before: jax.Array


def fluctuation_precision(
    visit_day: jax.Array, tau_days: jax.Array, closest_days: jax.Array
) -> tuple[Chain, jax.Array]:
    """Return the precision of a fluctuation of variance 1 at the visits, and its log determinant.

    ``visit_day`` (T) ascending. Ties, and padding after the last visit: taken as
    ``closest_days`` apart, which keeps the matrix regular; unobserved ends change nothing.
    """
    gap = jnp.maximum(jnp.diff(visit_day), closest_days)
    kept = jnp.exp(-gap / tau_days)
    fresh = -jnp.expm1(-2.0 * gap / tau_days)
    ahead = jnp.concatenate([kept**2 / fresh, jnp.zeros(1)])
    behind = jnp.concatenate([jnp.ones(1), 1.0 / fresh])
    before = jnp.concatenate([jnp.zeros(1), -kept / fresh])
    return Chain(behind + ahead, before), -jnp.sum(jnp.log(fresh))


def solve_chain(chain: Chain, right: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Solve the three-diagonal system for several right sides (T, r); also its log determinant."""

    def eliminate(carry, row):  # type: ignore[no-untyped-def]
        pivot, reduced = carry
        middle, before, side = row
        factor = before / pivot
        pivot = middle - factor * before
        reduced = side - factor * reduced
        return (pivot, reduced), (pivot, reduced)

    start = (jnp.ones(()), jnp.zeros(right.shape[1]))
    _, (pivots, reduced) = jax.lax.scan(
        eliminate, start, (chain.middle, chain.before, right), unroll=_UNROLL
    )

    def substitute(later, row):  # type: ignore[no-untyped-def]
        pivot, side, next_before = row
        solution = (side - next_before * later) / pivot
        return solution, solution

    after = jnp.concatenate([chain.before[1:], jnp.zeros(1)])
    _, solution = jax.lax.scan(
        substitute,
        jnp.zeros(right.shape[1]),
        (pivots, reduced, after),
        reverse=True,
        unroll=_UNROLL,
    )
    return solution, jnp.sum(jnp.log(pivots))


def multiply_chain(chain: Chain, vector: jax.Array) -> jax.Array:
    """Multiply a vector (T) by the matrix."""
    lower = chain.before[1:]
    down = jnp.concatenate([jnp.zeros(1), lower * vector[:-1]])
    up = jnp.concatenate([lower * vector[1:], jnp.zeros(1)])
    return chain.middle * vector + down + up
