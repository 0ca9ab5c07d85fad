"""Curves with weights that change over time against R's survival, live, on the same weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model_free import MODEL_FREE, Loss, ModelFreeEstimates
from heliotrope.estimate.events.aalen_johansen import CompetingTimes, estimate_competing_curves
from heliotrope.estimate.events.loss_weights import LossWeights, estimate_loss_weights

RunR = Callable[[str], str]

ONE = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
f <- survfit(Surv(start, stop, cause > 0) ~ 1, d, weights = w, id = id, robust = TRUE)
k <- f$n.event > 0
s <- f$std.err; if (isTRUE(f$logse)) s <- s * f$surv
write.table(cbind(f$time, f$surv, s)[k, ], row.names = FALSE, col.names = FALSE)
"""

TWO = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
f <- survfit(Surv(start, stop, factor(cause, 0:2)) ~ 1, d, weights = w, id = id)
k <- rowSums(f$n.event[, 2:3]) > 0
write.table(cbind(f$time, f$pstate[, 2:3], f$std.err[, 2:3])[k, ],
            row.names = FALSE, col.names = FALSE)
"""

# survfit takes a child's first weight for all its rows when there are several events; with one it
# does not. The shares of two are therefore added up from curves of one.
ADDED_UP = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}"); d$any <- d$cause > 0
f <- survfit(Surv(start, stop, any) ~ 1, d, weights = w, id = id)
k <- f$n.event > 0; before <- c(1, head(f$surv[k], -1))
n <- sapply(1:2, function(c) sapply(f$time[k], function(t) sum(d$w[d$stop == t & d$cause == c])))
write.table(cbind(f$time[k], apply(before * n / f$n.risk[k], 2, cumsum)),
            row.names = FALSE, col.names = FALSE)
"""

LOSS = """
options(digits = 15)
d <- read.csv("{path}")
f <- glm(lost ~ day + sqrt(day), binomial, d); g <- update(f, . ~ . + value)
step <- log1p(-fitted(f)) - log1p(-fitted(g))
w <- exp(ave(step, d$id, FUN = cumsum) - step)
cat(coef(g)[["value"]], w)
"""


@pytest.fixture(scope="module")
def rule() -> Loss:
    return read_rulebook().get(MODEL_FREE, ModelFreeEstimates).loss


def draw(children: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw children seen monthly who are lost more often the more active they are."""
    generator = np.random.default_rng(seed)
    times, activity = [], []
    for number in range(children):
        level = generator.uniform(0, 8)
        entry = int(generator.integers(0, 70))
        worse = int(generator.exponential(900 / (1 + level)))
        lost = int(generator.exponential(1500 / (1 + level)))
        exit_day = min(entry + 1 + min(worse, lost), 700)
        cause = 0 if exit_day == 700 or lost < worse else int(generator.integers(1, 3))
        name = f"c{number:03}"
        times.append((name, entry, exit_day, cause, cause == 0 and exit_day < 700))
        activity += [(name, day, level + generator.normal(0, 0.5)) for day in range(-30, 700, 30)]
    columns = ["patient_id", "entry", "exit", "cause", "is_lost"]
    return (
        pl.DataFrame(times, schema=columns, orient="row"),
        pl.DataFrame(activity, schema=["patient_id", "day", "value"], orient="row"),
    )


@pytest.fixture(scope="module")
def weighted(rule: Loss) -> tuple[LossWeights, pl.DataFrame]:
    times, activity = draw(120, 4)
    return estimate_loss_weights(times, activity, rule), times


def write(times: CompetingTimes, path: Path) -> None:
    columns = {
        "id": times.child,
        "start": times.entry,
        "stop": times.exit,
        "cause": times.cause,
        "w": times.weights,
    }
    pl.DataFrame(columns).write_csv(path)


def numbers(printed: str) -> np.ndarray:
    return np.array([[float(word) for word in line.split()] for line in printed.splitlines()])


def test_weighted_kaplan_meier(
    run_r: RunR, tmp_path: Path, weighted: tuple[LossWeights, pl.DataFrame]
) -> None:
    weights, times = weighted
    cut = weights.cut(times.with_columns(cause=pl.col("cause").clip(0, 1)))
    assert cut.weights.std() > 0.05
    write(cut, tmp_path / "rows.csv")
    curves = estimate_competing_curves(cut, 1)
    expected = numbers(run_r(ONE.format(path=tmp_path / "rows.csv")))
    ours = np.column_stack([curves.days, 1 - curves.shares[:, 0], curves.errors[:, 0]])
    assert ours == pytest.approx(expected, abs=1e-8)


def test_weighted_aalen_johansen(
    run_r: RunR, tmp_path: Path, weighted: tuple[LossWeights, pl.DataFrame]
) -> None:
    weights, times = weighted
    cut = weights.cut(times)
    write(cut, tmp_path / "rows.csv")
    curves = estimate_competing_curves(cut, 2)
    expected = numbers(run_r(ADDED_UP.format(path=tmp_path / "rows.csv")))
    assert np.column_stack([curves.days, curves.shares]) == pytest.approx(expected, abs=1e-8)
    assert cut.child is not None
    constant = replace(cut, weight=np.random.default_rng(1).uniform(0.5, 2, 120)[cut.child])
    write(constant, tmp_path / "rows.csv")
    curves = estimate_competing_curves(constant, 2)
    expected = numbers(run_r(TWO.format(path=tmp_path / "rows.csv")))
    ours = np.column_stack([curves.days, curves.shares, curves.errors])
    assert ours == pytest.approx(expected, abs=1e-8)


def test_the_model_of_loss_is_that_of_glm(run_r: RunR, tmp_path: Path, rule: Loss) -> None:
    """Without the penalty and the cut of the weights, which R's glm does not have."""
    times, activity = draw(120, 4)
    free = rule.model_copy(update={"coefficient_sd": 1e4, "truncation": (0.0, 1.0)})
    found = estimate_loss_weights(times, activity, free)
    rows = found.rows.join(times, on="patient_id").select(
        "patient_id",
        id=pl.col("patient_id").rle_id(),
        day="start",
        lost=(pl.col("is_lost") & (pl.col("stop") == pl.col("exit"))).cast(pl.Int8),
    )
    values = rows.sort("day").join_asof(
        activity.sort("day"), on="day", by="patient_id", check_sortedness=False
    )
    values.sort("id", "day").drop("patient_id").write_csv(tmp_path / "rows.csv")
    printed = numbers(run_r(LOSS.format(path=tmp_path / "rows.csv")))[0]
    assert found.log_odds == pytest.approx(printed[0], abs=1e-5)
    assert found.rows["weight"].to_numpy() == pytest.approx(printed[1:], abs=1e-5)


def test_weights_of_one_change_nothing_however_rows_are_cut() -> None:
    times = CompetingTimes(np.zeros(4), np.array([30.0, 5, 5, 40]), np.array([1, 2, 0, 1]))
    cut = CompetingTimes(
        np.array([0.0, 10, 0, 0, 0, 20]),
        np.array([10.0, 30, 5, 5, 20, 40]),
        np.array([0, 1, 2, 0, 0, 1]),
        np.ones(6),
        np.array([0, 0, 1, 2, 3, 3]),
    )
    whole, parts = (estimate_competing_curves(each, 2) for each in (times, cut))
    assert parts.shares.tolist() == whole.shares.tolist()
    assert parts.errors == pytest.approx(whole.errors)
    assert parts.at_risk.tolist() == whole.at_risk.tolist() == [4, 2, 1]


@pytest.mark.parametrize(
    ("children", "losses", "measured", "words"),
    [
        (19, 19, 19, "19 children were followed after stopping; under 20"),
        (40, 9, 40, "9 of them were lost to follow-up; under 10"),
        (40, 20, 19, "measured before in 19 of 40 children only"),
    ],
)
def test_too_little_is_refused(
    children: int, losses: int, measured: int, words: str, rule: Loss
) -> None:
    names = [f"c{number:03}" for number in range(children)]
    times = pl.DataFrame(
        {
            "patient_id": names,
            "entry": [0] * children,
            "exit": [100 + number for number in range(children)],
            "is_lost": [number < losses for number in range(children)],
        }
    )
    activity = pl.DataFrame(
        {
            "patient_id": names[:measured],
            "day": [-5] * measured,
            "value": [float(number % 7) for number in range(measured)],
        }
    )
    found = estimate_loss_weights(times, activity, rule)
    assert words in str(found.refused)
    assert found.rows["weight"].unique().to_list() == [1.0]


def test_weights_off_the_mean_are_refused(rule: Loss) -> None:
    times, activity = draw(120, 4)
    strict = rule.model_copy(update={"mean_weight": (1.2, 1.3)})
    assert "do not fit" not in str(estimate_loss_weights(times, activity, rule).refused)
    assert "the weights average" in str(estimate_loss_weights(times, activity, strict).refused)
