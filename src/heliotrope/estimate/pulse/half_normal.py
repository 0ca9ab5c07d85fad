"""A half-normal number from a standard normal coordinate of the same quantile, and back.

Above a coordinate of 0 the upper tail is used, below it the lower one: neither loses digits.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special as jax_special

from heliotrope.estimate.pulse.data import Floats

# Keeps a value of 0 (or a huge one) at a finite coordinate.
_LEAST_CHANCE = 1e-300


def half_normal_value(coordinate: Floats) -> Floats:
    """Return the value (scale 1) at a coordinate.

    >>> half_normal_value(np.array([0.0])).round(4).tolist()
    [0.6745]
    """
    from scipy import special

    return np.asarray(_quantile(coordinate, np, special))


def half_normal_coordinate(value: Floats) -> Floats:
    """Return the coordinate of a value (scale 1).

    >>> half_normal_coordinate(half_normal_value(np.array([-2.0, 1.5]))).round(6).tolist()
    [-2.0, 1.5]
    """
    from scipy import special

    over = special.ndtri(np.clip(2.0 * special.ndtr(-value), _LEAST_CHANCE, 1.0))
    under = special.ndtri(np.clip(special.erf(value / np.sqrt(2.0)), _LEAST_CHANCE, 1.0))
    return np.asarray(np.where(np.asarray(value) > 1.0, -over, under))


@jax.custom_jvp
def traced_half_normal_value(coordinate: Any) -> Any:
    """Return the same for JAX; its slope is that of the two densities, not of the approximation."""
    return _quantile(coordinate, jnp, jax_special)


@traced_half_normal_value.defjvp
def _slope(primals: Any, tangents: Any) -> Any:
    (coordinate,), (tangent,) = primals, tangents
    value = traced_half_normal_value(coordinate)
    return value, 0.5 * jnp.exp(0.5 * (value**2 - coordinate**2)) * tangent


def _quantile(coordinate: Any, xp: Any, special: Any) -> Any:
    is_high = coordinate > 0
    high = xp.where(is_high, coordinate, 1.0)
    low = xp.where(is_high, -1.0, coordinate)
    return xp.where(
        is_high,
        -special.ndtri(0.5 * special.ndtr(-high)),
        np.sqrt(2.0) * special.erfinv(special.ndtr(low)),
    )
