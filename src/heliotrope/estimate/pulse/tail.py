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

# Degree of the fit of log(erfcx(w) (2 + w) / 2) in t = 2 / (2 + w): to the last digits, which
# powers keep as well as Chebyshev's polynomials here, with half the steps.
_DEGREE = 23

_SQRT_2 = float(np.sqrt(2.0))
_LOG_2 = float(np.log(2.0))
_SQRT_2_OVER_PI = float(np.sqrt(2.0 / np.pi))


def _fit() -> tuple[float, ...]:
    from scipy.special import erfcx

    def target(place: Any) -> Any:
        t = 0.5 * (place + 1.0)
        return np.log(erfcx(2.0 / t - 2.0) / t)

    chebyshev = np.polynomial.chebyshev
    fitted = chebyshev.cheb2poly(chebyshev.chebinterpolate(target, _DEGREE))
    return tuple(float(each) for each in fitted)


_COEFFICIENTS = _fit()


@jax.custom_jvp
def share_and_ratio(x: Any) -> tuple[Any, Any]:
    """Return ``log_share`` and ``tail_ratio`` at x.

    >>> share, ratio = share_and_ratio(jnp.array([0.0, -30.0]))
    >>> [round(float(each), 3) for each in (*share, *ratio)]
    [-0.693, -454.321, 0.798, 30.033]
    """
    is_below = x < 0
    t = 2.0 / (2.0 + jnp.abs(x) / _SQRT_2)
    place = 2.0 * t - 1.0
    fitted = jnp.full_like(x, _COEFFICIENTS[-1])
    for coefficient in reversed(_COEFFICIENTS[:-1]):
        fitted = fitted * place + coefficient
    half_square = 0.5 * x**2
    density = jnp.exp(-half_square)
    # Of the smaller side: erfc(|x| / sqrt 2) = scaled * density. One logarithm serves both sides.
    scaled = t * jnp.exp(fitted)
    above = 1.0 - 0.5 * scaled * density
    share = jnp.log(jnp.where(is_below, t, above))
    share += jnp.where(is_below, fitted - half_square - _LOG_2, 0.0)
    ratio = _SQRT_2_OVER_PI * jnp.where(is_below, 1.0, 0.5 * density)
    return share, ratio / jnp.where(is_below, scaled, above)


@share_and_ratio.defjvp
def _slope(primals: Any, tangents: Any) -> Any:
    (x,), (tangent,) = primals, tangents
    share, ratio = share_and_ratio(x)
    return (share, ratio), (ratio * tangent, -ratio * (x + ratio) * tangent)
