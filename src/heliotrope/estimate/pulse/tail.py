"""The chance that a normal value lies beyond the end of an instrument, and how it changes.

``log_share(x)`` is the log of the standard normal distribution function, ``tail_ratio(x)`` its
slope (density over share). Both come from one smooth fit of ``erfcx`` that keeps all digits down
to any x, and their derivatives are their own closed forms: the likelihood asks for them at every
visit, and its second derivatives stay short.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Degree of the fit of log(erfcx(w) (2 + w) / 2) in t = 2 / (2 + w): to the last digits.
_DEGREE = 28

_SQRT_2 = float(np.sqrt(2.0))
_LOG_2 = float(np.log(2.0))
_SQRT_2_OVER_PI = float(np.sqrt(2.0 / np.pi))


def _fit() -> tuple[float, ...]:
    from scipy.special import erfcx

    def target(place: Any) -> Any:
        t = 0.5 * (place + 1.0)
        return np.log(erfcx(2.0 / t - 2.0) / t)

    fitted = np.polynomial.chebyshev.chebinterpolate(target, _DEGREE)
    return tuple(float(each) for each in fitted)


_COEFFICIENTS = _fit()


@jax.custom_jvp
def share_and_ratio(x: Any) -> tuple[Any, Any]:
    """Return ``log_share`` and ``tail_ratio`` at x.

    >>> share, ratio = share_and_ratio(jnp.array([0.0, -30.0]))
    >>> [round(float(each), 3) for each in (*share, *ratio)]
    [-0.693, -454.321, 0.798, 30.033]
    """
    away = jnp.abs(x) / _SQRT_2
    t = 2.0 / (2.0 + away)
    place = 2.0 * t - 1.0
    before, last = jnp.zeros_like(x), jnp.zeros_like(x)
    for coefficient in reversed(_COEFFICIENTS[1:]):
        before, last = last, coefficient + 2.0 * place * last - before
    fitted = _COEFFICIENTS[0] + place * last - before
    # Of the smaller side: erfc(away) = t exp(fitted - away^2).
    scaled = t * jnp.exp(fitted)
    density = jnp.exp(-0.5 * x**2)
    small = 0.5 * scaled * density
    below = jnp.log(t) + fitted - 0.5 * x**2 - _LOG_2
    is_below = x < 0
    share = jnp.where(is_below, below, jnp.log1p(-jnp.where(is_below, 0.0, small)))
    above_ratio = 0.5 * _SQRT_2_OVER_PI * density / (1.0 - jnp.where(is_below, 0.0, small))
    return share, jnp.where(is_below, _SQRT_2_OVER_PI / scaled, above_ratio)


@share_and_ratio.defjvp
def _slope(primals: Any, tangents: Any) -> Any:
    (x,), (tangent,) = primals, tangents
    share, ratio = share_and_ratio(x)
    return (share, ratio), (ratio * tangent, -ratio * (x + ratio) * tangent)
