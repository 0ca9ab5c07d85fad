"""What one visit says of a child's latent activity: its measures, and whether IVIG was started.

A measure inside its instrument is normal around ``offset + loading * activity``; one at an end of
the instrument says only that the unclipped value lies at or beyond it. A visit at which IVIG could
have been started says by a logit hazard whether it was. All are log-concave in the activity, which
makes the mode of a child's activity unique.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from heliotrope.estimate.pulse.tail import share_and_ratio

_LOG_SQRT_2_PI = 0.9189385332046727


class Reading(NamedTuple):
    """How activity shows in the measures (K each) and in the decision to start."""

    offset: jax.Array
    loading: jax.Array
    noise: jax.Array
    start_intercept: jax.Array
    start_slope: jax.Array
    start_observed_slope: jax.Array | float = 0.0


class Seen(NamedTuple):
    """What was seen of one child at T visits: values (T, K) and the instruments' ends (K)."""

    value: jax.Array
    floor: jax.Array
    ceiling: jax.Array
    is_at_risk_of_start: jax.Array
    is_start: jax.Array


class Sites(NamedTuple):
    """Of each visit (T): log likelihood, its slope and minus its curvature in the activity."""

    log_likelihood: jax.Array
    slope: jax.Array
    curvature: jax.Array


def compute_sites(
    activity: jax.Array,
    seen: Seen,
    reading: Reading,
    with_start: bool,
    with_ends: tuple[bool, ...] | None = None,
) -> Sites:
    """Return what each visit says of the activity there; 0 where nothing was recorded.

    ``activity`` (T). With ``with_start`` the decision to start counts too. ``with_ends`` (K): which
    measures have an end at all; none: any may. The chance beyond an end is the dearest part.
    """
    measured = _measured(activity, seen, reading, with_ends)
    if not with_start:
        return measured
    started = _started(activity, seen, reading)
    return Sites(*(one + other for one, other in zip(measured, started, strict=True)))


def _measured(
    activity: jax.Array, seen: Seen, reading: Reading, with_ends: tuple[bool, ...] | None
) -> Sites:
    is_recorded = jnp.isfinite(seen.value)
    value = jnp.where(is_recorded, seen.value, 0.0)
    is_worst = value >= seen.ceiling
    is_clipped = (value <= seen.floor) | is_worst
    expected = reading.offset + reading.loading * activity[:, None]
    steep = reading.loading / reading.noise

    distance = (value - expected) / reading.noise
    inside = Sites(
        -0.5 * distance**2 - jnp.log(reading.noise) - _LOG_SQRT_2_PI,
        steep * distance,
        steep**2 * jnp.ones_like(distance),
    )
    sites = _sum_where(is_recorded & ~is_clipped, inside)
    has_end = with_ends or (True,) * seen.value.shape[1]
    if not any(has_end):
        return sites
    is_recorded, is_clipped, is_worst, distance = (
        _choose(each, has_end) for each in (is_recorded, is_clipped, is_worst, distance)
    )
    steep = _choose(steep[None, :], has_end)
    # How far, in sds of the noise, the expected value lies beyond the end of the instrument.
    side = jnp.where(is_worst, 1.0, -1.0)
    beyond = jnp.where(is_clipped, -side * distance, 0.0)
    log_share, ratio = share_and_ratio(beyond)
    clipped = Sites(
        log_share, side * steep * ratio, steep**2 * jnp.maximum(ratio * (beyond + ratio), 0.0)
    )
    at_end = _sum_where(is_recorded & is_clipped, clipped)
    return Sites(*(one + other for one, other in zip(sites, at_end, strict=True)))


def _choose(columns: jax.Array, is_chosen: tuple[bool, ...]) -> jax.Array:
    """Return some of the columns; sliced, since gathering them takes longer than it spares."""
    if all(is_chosen):
        return columns
    kept = [columns[:, place : place + 1] for place, each in enumerate(is_chosen) if each]
    return jnp.concatenate(kept, axis=1)


def _sum_where(is_so: jax.Array, sites: Sites) -> Sites:
    """Sum over the measures those that are so."""
    return Sites(*(jnp.sum(jnp.where(is_so, part, 0.0), axis=1) for part in sites))


def _started(activity: jax.Array, seen: Seen, reading: Reading) -> Sites:
    # What the chart says by then is known: it shifts the odds, whatever the activity.
    known = reading.start_observed_slope * _carry(seen.value[:, 0])
    logit = reading.start_intercept + known + reading.start_slope * activity
    started = seen.is_start.astype(activity.dtype)
    chance = jax.nn.sigmoid(logit)
    sites = Sites(
        started * logit - jax.nn.softplus(logit),
        reading.start_slope * (started - chance),
        reading.start_slope**2 * chance * (1.0 - chance),
    )
    return Sites(*(jnp.where(seen.is_at_risk_of_start, part, 0.0) for part in sites))


def _carry(rating: jax.Array) -> jax.Array:
    """Return the last rating by each visit (T), 0 before the first; visits in order of time."""
    place = jnp.where(jnp.isfinite(rating), jnp.arange(rating.shape[0]), -1)
    last = jax.lax.cummax(place)
    return jnp.where(last >= 0, jnp.nan_to_num(rating)[jnp.maximum(last, 0)], 0.0)
