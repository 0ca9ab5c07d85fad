"""Pareto-smoothed importance sampling against its authors' R package loo, live."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heliotrope.estimate.pulse.pareto import resample, smooth_weights

PSIS = """
options(digits = 15); suppressPackageStartupMessages(library(loo))
fitted <- suppressWarnings(psis(c({ratios}), r_eff = 1))
cat(fitted$diagnostics$pareto_k, weights(fitted, log = FALSE))
"""


@pytest.mark.parametrize("freedom", [1.5, 4.0, 30.0])
def test_k_hat_and_weights(run_r: Callable[[str], str], freedom: float) -> None:
    generator = np.random.default_rng(int(10 * freedom))
    ratios = np.round(1.5 * generator.standard_t(freedom, 600), 6)
    script = PSIS.format(ratios=", ".join(str(each) for each in ratios))
    k_hat, *weights = (float(word) for word in run_r(script).split())
    found = smooth_weights(ratios)
    assert found.k_hat == pytest.approx(k_hat, abs=1e-9)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-8)


def test_ratios_that_are_no_numbers_weigh_nothing() -> None:
    ratios = np.random.default_rng(1).standard_normal(200)
    ratios[7] = np.nan
    found = smooth_weights(ratios)
    assert found.weights[7] == 0
    assert np.isfinite(found.k_hat)


def test_resampling_keeps_to_the_weights() -> None:
    weights = np.array([0.5, 0.25, 0.25, 0.0])
    chosen = resample(weights, 400, np.random.default_rng(1))
    assert np.bincount(chosen, minlength=4).tolist() == [200, 100, 100, 0]
