"""The Aalen-Johansen curves: against R's survival, live, on the myeloma precursors of the Mayo
Clinic (mgus2), with delayed entry, and against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heliotrope.estimate.events.aalen_johansen import (
    CompetingTimes,
    estimate_competing_curves,
)

RunR = Callable[[str], str]

MGUS = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
time <- with(mgus2, ifelse(pstat == 0, futime, ptime))
cause <- with(mgus2, ifelse(pstat == 0, 2 * death, 1))
f <- survfit(Surv(time, factor(cause, 0:2)) ~ 1)
s <- summary(f, times = c(60, 120, 240))
write.table(data.frame(time, cause), "{path}", row.names = FALSE, col.names = FALSE)
write.table(cbind(s$pstate, s$std.err), row.names = FALSE, col.names = FALSE)
"""

DELAYED = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}"); d$id <- seq_len(nrow(d))
f <- survfit(Surv(entry, exit, factor(cause, 0:3)) ~ 1, data = d, id = id)
k <- rowSums(f$n.event) > 0
write.table(cbind(f$time, f$n.risk[, 1], f$pstate, f$std.err)[k, ],
            row.names = FALSE, col.names = FALSE)
"""


def table(printed: str) -> np.ndarray:
    return np.array([[float(word) for word in line.split()] for line in printed.splitlines()])


def test_mgus2_against_r_survival_and_the_published_numbers(run_r: RunR, tmp_path: Path) -> None:
    path = tmp_path / "mgus2.txt"
    expected = table(run_r(MGUS.format(path=path)))
    data = np.loadtxt(path)
    times = CompetingTimes(np.zeros(len(data)), data[:, 0], data[:, 1].astype(np.int64))
    curves = estimate_competing_curves(times, 2)
    for row, day in zip(expected, (60, 120, 240), strict=True):
        step = curves.step_at(day)
        assert step is not None
        assert [curves.free[step], *curves.shares[step]] == pytest.approx(row[:3], abs=1e-9)
        assert curves.errors[step] == pytest.approx(row[4:], abs=1e-9)
    step = curves.step_at(120)
    found = [curves.free[step], *curves.shares[step]]
    assert found == pytest.approx([0.40446, 0.06372, 0.53182], abs=5e-6)


def test_three_causes_with_delayed_entry_and_ties_against_r_survival(
    run_r: RunR, tmp_path: Path
) -> None:
    generator = np.random.default_rng(11)
    entry = generator.integers(0, 4, 60) * 20.0
    exit_day = entry + generator.integers(1, 30, 60) * 7.0
    cause = generator.integers(0, 4, 60)
    path = tmp_path / "times.csv"
    lines = [f"{a},{b},{c}" for a, b, c in zip(entry, exit_day, cause, strict=True)]
    path.write_text("entry,exit,cause\n" + "\n".join(lines), encoding="utf-8")
    expected = table(run_r(DELAYED.format(path=path)))
    curves = estimate_competing_curves(CompetingTimes(entry, exit_day, cause), 3)
    assert curves.days.tolist() == expected[:, 0].tolist()
    assert curves.at_risk.tolist() == expected[:, 1].tolist()
    assert np.column_stack([curves.free, curves.shares]) == pytest.approx(
        expected[:, 2:6], abs=1e-9
    )
    assert curves.errors == pytest.approx(expected[:, 7:], abs=1e-9)


def test_without_censoring_it_is_a_plain_share_with_its_binomial_error() -> None:
    times = CompetingTimes(
        np.zeros(10), np.arange(1.0, 11), np.array([1, 2, 1, 1, 2, 2, 2, 1, 2, 2])
    )
    curves = estimate_competing_curves(times, 2)
    assert curves.shares[-1] == pytest.approx([0.4, 0.6])
    assert curves.errors[-1] == pytest.approx(np.sqrt([0.024, 0.024]))
    assert curves.free[-1] == 0
    assert (curves.free + curves.shares.sum(axis=1)) == pytest.approx(np.ones(10))


def test_a_risk_set_that_empties_before_others_enter_is_named() -> None:
    times = CompetingTimes(np.array([0.0, 0, 50]), np.array([10.0, 20, 90]), np.array([1, 2, 1]))
    curves = estimate_competing_curves(times, 2)
    assert curves.depleted_day == 20
