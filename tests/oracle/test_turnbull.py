"""Turnbull's estimate: against R's survival, live, and against the conditions of a maximum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heliotrope.estimate.timing.turnbull import Onset, estimate_onset

RunR = Callable[[str], str]

Numbers = NDArray[np.float64]

FIT = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
d$by[is.infinite(d$by)] <- NA
f <- survfit(Surv(after, by, type = "interval2") ~ 1, data = d)
for (t in c({days})) {{
  k <- f$time <= t
  cat(if (any(k)) min(f$surv[k]) else 1, "\\n")
}}
"""


def draw_visits(seed: int, children: int) -> tuple[Numbers, Numbers]:
    """Draw children seen at their own visits, a third lost before they improved."""
    generator = np.random.default_rng(seed)
    after, by = np.zeros(children), np.zeros(children)
    for child in range(children):
        visits = np.cumsum(generator.integers(3, 60, 12)).astype(float)
        onset = np.ceil(generator.exponential(60))
        if generator.random() < 1 / 3:
            visits = visits[: generator.integers(1, 5)]
        after[child] = max([0.0, *visits[visits < onset]])
        by[child] = min([np.inf, *visits[visits >= onset]])
    return after, by


def log_likelihood(onset: Onset, after: Numbers, by: Numbers) -> float:
    inside = (after[:, None] <= onset.after) & (onset.by <= by[:, None])
    return float(np.log(inside @ onset.mass).sum())


@pytest.mark.parametrize(("seed", "children"), [(1, 7), (2, 30), (3, 120)])
def test_drawn_visits_against_r_survival(
    run_r: RunR, tmp_path: Path, seed: int, children: int
) -> None:
    after, by = draw_visits(seed, children)
    onset = estimate_onset(after, by)
    path = tmp_path / "onset.csv"
    rows = "\n".join(
        f"{a},{b if np.isfinite(b) else 'Inf'}" for a, b in zip(after, by, strict=True)
    )
    path.write_text(f"after,by\n{rows}\n", encoding="utf-8")
    days = [float(day) for day in onset.by if np.isfinite(day)]
    printed = run_r(FIT.format(path=path, days=", ".join(map(str, days))))
    theirs = [1 - float(line) for line in printed.split()]
    ours = [onset.share_by(day)[0] for day in days]
    # R stops at changes of 5e-5 a step; that ours is the maximum is the next test's matter.
    assert ours == pytest.approx(theirs, abs=5e-3)


@pytest.mark.parametrize(("seed", "children"), [(4, 7), (5, 60), (6, 400)])
def test_no_other_division_of_the_mass_is_likelier(seed: int, children: int) -> None:
    after, by = draw_visits(seed, children)
    onset = estimate_onset(after, by)
    assert onset.is_maximum
    assert onset.mass.sum() == pytest.approx(1, abs=1e-12)
    found = log_likelihood(onset, after, by)
    generator = np.random.default_rng(seed)
    for _ in range(50):
        toward = generator.dirichlet(np.ones(onset.mass.size))
        for size in (1e-3, 0.1):
            other = Onset(
                onset.after, onset.by, (1 - size) * onset.mass + size * toward, 0.0, children
            )
            assert log_likelihood(other, after, by) <= found + 1e-9


def test_without_overlap_it_is_the_share_of_children() -> None:
    onset = estimate_onset(np.array([0.0, 0, 7, 42]), np.array([7.0, 7, 42, np.inf]))
    assert onset.mass.tolist() == pytest.approx([0.5, 0.25, 0.25])
    assert onset.share_by(6) == pytest.approx((0.0, 0.5))
    assert onset.share_by(7) == pytest.approx((0.5, 0.5))
    assert onset.day_of(0.5) == (0.0, 7.0)
    assert onset.day_of(0.8) is None


def test_days_known_exactly_and_right_censoring_give_kaplan_meier() -> None:
    after = np.array([3.0, 5, 5, 9, 12])
    by = np.array([3.0, 5, np.inf, 9, np.inf])
    onset = estimate_onset(after, by)
    shares = [onset.share_by(day) for day in (3, 5, 9)]
    assert [share for share, _ in shares] == pytest.approx([0.2, 0.4, 0.7])
    assert [share for _, share in shares] == pytest.approx([0.2, 0.4, 0.7])


def test_nobody_improved_and_nobody_at_all() -> None:
    never = estimate_onset(np.array([90.0, 180.0]), np.full(2, np.inf))
    assert never.share_by(365) == (0.0, 0.0)
    assert never.day_of(0.5) is None
    assert estimate_onset(np.zeros(0), np.zeros(0)).children == 0


def test_an_interval_that_ends_before_it_begins_is_an_error() -> None:
    with pytest.raises(ValueError, match="start that is not behind its end"):
        estimate_onset(np.array([9.0]), np.array([3.0]))
