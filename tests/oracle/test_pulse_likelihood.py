"""The likelihood with a child's activity integrated out, against closed forms and quadrature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from heliotrope.estimate.pulse.likelihood import (
    Child,
    Fixed,
    NewtonSettings,
    Population,
    collapse_child,
    compute_exposure,
)
from heliotrope.estimate.pulse.prepare import prepare_jax
from heliotrope.estimate.pulse.sites import Reading, Seen
from heliotrope.estimate.pulse.tail import share_and_ratio

prepare_jax()

FIXED = Fixed(*(jnp.asarray(each) for each in (1.0, 3.0, 0.0, 180.0, 0.01)))

POPULATION = Population(
    mean=jnp.array([2.0, 0.1, 0.9, 0.3]),
    sd=jnp.array([0.7, 0.2, 0.4, 0.3]),
    steroid=jnp.asarray(0.8),
    start_excess=jnp.array([0.3, -0.2]),
    fluctuation_sd=jnp.asarray(0.4),
    fluctuation_days=jnp.asarray(45.0),
    onset_days=jnp.asarray(5.0),
    extra_decay_days=jnp.asarray(9.0),
    covariate=jnp.array([0.25]),
    reading=Reading(
        offset=jnp.array([0.0, 0.3]),
        loading=jnp.array([1.0, 1.2]),
        noise=jnp.array([0.5, 0.7]),
        start_intercept=jnp.asarray(-3.0),
        start_slope=jnp.asarray(0.8),
    ),
)


@pytest.fixture(scope="module", autouse=True)
def _compile_fast() -> Iterator[None]:
    """Compile without optimising: these cohorts are small."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


Collapse = Callable[[Child, Population], Any]


@pytest.fixture(scope="module")
def collapse() -> Collapse:
    settings = NewtonSettings(60, 1e-10, with_start=False)
    return jax.jit(lambda child, people: collapse_child(child, people, FIXED, settings))


def make_child(day: list[float], value: list[list[float]], floor: float = -np.inf) -> Child:
    """A child with two courses, padded to six visits and three infusions."""
    room = 6 - len(day)
    padded = np.vstack([np.asarray(value, dtype=float), np.full((room, 2), np.nan)])
    at_risk = np.array([each <= 0 for each in day] + [False] * room)
    is_start = np.zeros(6, dtype=bool)
    is_start[np.flatnonzero(at_risk)[-1:]] = True
    return Child(
        visit_day=jnp.asarray([*day, *[0.0] * room]),
        infusion_day=jnp.array([0.0, 28.0, 0.0]),
        dose=jnp.array([1.0, 0.8, 0.0]),
        steroid=jnp.asarray([0.2, -0.1, 0.3, 0.0, 0.1, 0.4]),
        covariates=jnp.asarray([[0.0], [1.0], [1.0], [0.0], [0.0], [1.0]]),
        seen=Seen(
            jnp.asarray(padded),
            jnp.array([floor, -np.inf]),
            jnp.array([np.inf, np.inf]),
            jnp.asarray(at_risk),
            jnp.asarray(is_start),
        ),
    )


def moments(child: Child, visits: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the activity at the visits, written out without the package."""
    day = np.asarray(child.visit_day)[:visits]
    since = day[:, None] - np.array([0.0, 28.0])[None, :]
    fast, slow = np.log(2) / 5, np.log(2) / 14
    grid = np.linspace(0, 60, 600_001)
    highest = (np.exp(-slow * grid) - np.exp(-fast * grid)).max()
    after = np.maximum(since, 0)
    dose = np.array([1.0, 0.8])
    pulses = ((np.exp(-slow * after) - np.exp(-fast * after)) / highest) @ dose
    persistent = 1 - np.exp(-((since > 0) @ dose) / 3)
    weights = np.column_stack([np.ones(visits), day / 180, -pulses, -persistent])
    excess = np.where(day > 0, -0.2, 0.3) * np.exp(-np.abs(day) / 45)
    mean = weights @ [2.0, 0.1, 0.9, 0.3] + excess - 0.8 * np.asarray(child.steroid)[:visits]
    mean += 0.25 * np.asarray(child.covariates)[:visits, 0]
    gap = np.abs(day[:, None] - day[None, :])
    spread = np.diag(np.array([0.7, 0.2, 0.4, 0.3]) ** 2)
    return mean, weights @ spread @ weights.T + 0.16 * np.exp(-gap / 45)


def test_nothing_clipped_is_a_normal_density(collapse: Collapse) -> None:
    day = [-30.0, 0.0, 9.0, 40.0, 200.0]
    value = [[2.5, 3.3], [3.1, np.nan], [1.1, 1.9], [np.nan, np.nan], [0.4, 1.0]]
    child = make_child(day, value)
    mean, covariance = moments(child, 5)
    loading, offset, noise = (np.array(each) for each in ([1.0, 1.2], [0.0, 0.3], [0.5, 0.7]))
    rows, columns = np.nonzero(np.isfinite(value))
    expected = offset[columns] + loading[columns] * mean[rows]
    between = np.outer(loading[columns], loading[columns]) * covariance[np.ix_(rows, rows)]
    density = stats.multivariate_normal(expected, between + np.diag(noise[columns] ** 2))
    found = collapse(child, POPULATION)
    assert float(found.log_likelihood) == pytest.approx(
        density.logpdf(np.asarray(value)[rows, columns]), rel=1e-10
    )


def test_two_clipped_visits_are_close_to_quadrature(collapse: Collapse) -> None:
    value = [[0.0, np.nan], [1.4, np.nan]]
    child = make_child([7.0, 35.0], value, floor=0.0)
    mean, covariance = moments(child, 2)
    prior = stats.multivariate_normal(mean, covariance)

    def joint(second: float, first: float) -> float:
        clipped = stats.norm.cdf(-first / 0.5)
        return float(clipped * stats.norm.pdf(1.4, second, 0.5) * prior.pdf([first, second]))

    area = integrate.dblquad(joint, -5, 7, -5, 7, epsabs=1e-9)[0]
    found = float(collapse(child, POPULATION).log_likelihood)
    assert found == pytest.approx(np.log(area), abs=0.01)
    # Laplace is not exact here: equality would mean that the clipping was left out.
    assert found != pytest.approx(np.log(area), abs=1e-7)


def test_a_start_is_close_to_quadrature() -> None:
    settings = NewtonSettings(60, 1e-10, with_start=True)
    child = make_child([0.0], [[3.0, np.nan]])
    mean, covariance = moments(child, 1)

    def joint(activity: float) -> float:
        started = special.expit(-3.0 + 0.8 * activity)
        prior = stats.norm.pdf(activity, mean[0], np.sqrt(covariance[0, 0]))
        return float(started * stats.norm.pdf(3.0, activity, 0.5) * prior)

    area = integrate.quad(joint, -6, 10)[0]
    found = jax.jit(lambda each: collapse_child(each, POPULATION, FIXED, settings))(child)
    assert float(found.log_likelihood) == pytest.approx(np.log(area), abs=1e-3)


def test_a_child_without_values_says_nothing(collapse: Collapse) -> None:
    found = collapse(make_child([-3.0, 5.0], [[np.nan, np.nan]] * 2), POPULATION)
    assert float(found.log_likelihood) == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.deviations, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.eye(4), atol=1e-12)


def test_visits_of_one_date_are_numbers(collapse: Collapse) -> None:
    value = [[2.5, 3.3], [2.6, 3.0], [2.4, np.nan]]
    found = collapse(make_child([5.0, 5.0, 5.0], value), POPULATION)
    assert np.isfinite(float(found.log_likelihood))
    assert np.isfinite(np.asarray(found.covariance)).all()


def test_first_and_second_derivatives_follow_the_mode() -> None:
    """Of the effect's mean, the noise and the onset, with clipped values: against differences."""
    settings = NewtonSettings(60, 1e-10, with_start=False, followed=2)
    value = [[2.5, 3.3], [0.0, 0.4], [0.0, np.nan], [0.3, 1.0]]
    child = make_child([-20.0, 9.0, 12.0, 60.0], value, floor=0.0)

    def likelihood(three: Any) -> Any:
        reading = POPULATION.reading._replace(noise=jnp.array([1.0, 1.4]) * three[1])
        people = POPULATION._replace(
            mean=POPULATION.mean.at[2].set(three[0]), onset_days=three[2], reading=reading
        )
        return collapse_child(child, people, FIXED, settings).log_likelihood

    slope = jax.jit(jax.grad(likelihood))
    at = np.array([0.9, 0.5, 5.0])
    step = 1e-4
    plain = jax.jit(likelihood)
    differences = [
        (float(plain(at + step * unit)) - float(plain(at - step * unit))) / (2 * step)
        for unit in np.eye(3)
    ]
    second = [
        (np.asarray(slope(at + step * unit)) - np.asarray(slope(at - step * unit))) / (2 * step)
        for unit in np.eye(3)
    ]
    np.testing.assert_allclose(slope(at), differences, rtol=1e-6, atol=1e-8)
    curvature = jax.jit(jax.hessian(likelihood))
    np.testing.assert_allclose(curvature(at), second, rtol=1e-5, atol=1e-7)


def test_pulses_that_saturate_add_up_less_and_one_course_keeps_its_peak() -> None:
    """By the formula of the cohorts of known truth; a saturation of nearly 0 is none."""
    child = make_child([10.0, 38.0, 200.0], [[2.0, 2.0]] * 3)
    day = child.visit_day[:3]
    plain, lasting = compute_exposure(day, child, POPULATION, FIXED)
    capped, kept = compute_exposure(
        day, child, POPULATION, FIXED._replace(pulse_saturation=jnp.asarray(2.0))
    )
    cap = 0.5
    expected = np.expm1(-np.asarray(plain) / cap) / np.expm1(-1 / cap)
    np.testing.assert_allclose(capped, expected, rtol=1e-12)
    np.testing.assert_allclose(kept, lasting)
    nearly, _ = compute_exposure(
        day, child, POPULATION, FIXED._replace(pulse_saturation=jnp.asarray(1e-7))
    )
    np.testing.assert_allclose(nearly, plain, rtol=1e-6)


def test_the_tail_of_a_normal() -> None:
    x = np.concatenate([np.linspace(-38, 8, 2001), [-1e4]])
    share, ratio = share_and_ratio(jnp.asarray(x))
    # A log likelihood is a sum: what counts of a share near 1 is how far from 0 its log is.
    np.testing.assert_allclose(share, special.log_ndtr(x), rtol=1e-12, atol=1e-15)
    expected = np.exp(-0.5 * x**2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(x))
    np.testing.assert_allclose(np.asarray(ratio)[:-1], expected[:-1], rtol=1e-11)
    # Far out the ratio is about -x + 1 / x.
    assert float(ratio[-1]) == pytest.approx(1e4, rel=1e-7)
