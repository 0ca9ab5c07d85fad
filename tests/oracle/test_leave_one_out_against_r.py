"""Leave-one-out against its authors' R package loo, live, and against leaving out in earnest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from heliotrope.estimate.pulse.leave_one_out import compute_left_out

LOO = """
options(digits = 15); suppressPackageStartupMessages(library(loo))
told <- as.matrix(read.csv("{path}", header = FALSE))
found <- suppressWarnings(loo(told, r_eff = rep(1, ncol(told))))
cat(found$estimates["elpd_loo", ], found$estimates["p_loo", ], found$diagnostics$pareto_k)
"""


def draw_log_likelihoods(seed: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws of a normal mean given 8 values, and the log likelihood of each value."""
    generator = np.random.default_rng(seed)
    value = generator.normal(0.0, spread, 8)
    mean = generator.normal(value.mean(), 1.0 / np.sqrt(8), 4000)
    return value, stats.norm.logpdf(value[None, :], mean[:, None], 1.0)


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_elpd_p_and_k_hat(run_r: Callable[[str], str], tmp_path: Path, spread: float) -> None:
    _, told = draw_log_likelihoods(3, spread)
    path = tmp_path / "told.csv"
    np.savetxt(path, told, delimiter=",", fmt="%.17g")
    elpd, error, p, _, *k_hat = (float(each) for each in run_r(LOO.format(path=path)).split())
    found = compute_left_out(told)
    assert found.elpd_sum == pytest.approx(elpd, rel=1e-8)
    assert found.elpd_error == pytest.approx(error, rel=1e-8)
    assert found.p_sum == pytest.approx(p, rel=1e-6)
    np.testing.assert_allclose(found.k_hat, k_hat, atol=1e-7)


def test_it_is_close_to_leaving_each_out_in_earnest() -> None:
    """A flat prior: the mean given the others is normal, and so is the value left out."""
    value, told = draw_log_likelihoods(5, 1.0)
    others = (value.sum() - value) / 7
    expected = stats.norm.logpdf(value, others, np.sqrt(1.0 + 1.0 / 7.0))
    found = compute_left_out(told)
    np.testing.assert_allclose(found.elpd, expected, atol=0.03)
    seen = special.logsumexp(told, axis=0) - np.log(len(told))
    assert (seen > found.elpd).all(), "what was seen is foretold better than what was not"


def test_one_child_that_decides_is_told() -> None:
    value, told = draw_log_likelihoods(7, 1.0)
    told[:, 0] = stats.norm.logpdf(12.0, np.random.default_rng(1).normal(4.0, 1.5, 4000), 0.5)
    found = compute_left_out(told)
    assert found.k_hat[0] > 0.7
    assert (found.k_hat[1:] <= 0.7).all()
    assert len(value) == len(found.k_hat)
