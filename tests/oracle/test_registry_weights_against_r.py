"""The whole weighted comparison of a simulated registry, done again in R, live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.registry.design import Registry, make_registry
from heliotrope.estimate.registry.e_value import compute_e_value, estimate_e_value
from heliotrope.estimate.registry.marginal import (
    Weighting,
    contrast_activity,
    contrast_inactive,
)
from heliotrope.estimate.registry.trials import contrast_trials, expand_trials
from heliotrope.estimate.registry.weights import estimate_weights
from heliotrope.simulate.registry import read_registry_settings, simulate_registry
from heliotrope.simulate.registry_tables import make_intervals

RunR = Callable[[str], str]

IN_R = """
options(digits = 15); suppressPackageStartupMessages(library(geepack))
d <- read.csv("{path}")
fit <- function(rows, event, formula) {{
  s <- d[rows, ]; s$event <- event[rows]
  g <- glm(formula, family = binomial, data = s,
           control = glm.control(epsilon = 1e-13, maxit = 100))
  p <- rep(NA, nrow(d)); p[rows] <- ifelse(s$event == 1, fitted(g), 1 - fitted(g)); p
}}
time <- "years + years_squared"
known <- "{baseline}"; later <- "{lagged}"
process <- function(rows, event, history) {{
  above <- fit(rows, event, as.formula(paste("event ~", time, "+", history, "+", known)))
  more <- paste(known, "+", later)
  below <- fit(rows, event, as.formula(paste("event ~", time, "+", history, "+", more)))
  ifelse(rows, above / below, 1)
}}
off <- d$was_treated == 0
start <- process(off, d$is_treated, "was_ever_treated")
stop <- process(!off, 1 - d$is_treated, "years_on")
loss <- process(rep(TRUE, nrow(d)), d$is_censored, "is_treated + was_ever_treated")
loss[d$is_censored == 1] <- 1
up_to <- function(x) ave(x, d$child, FUN = cumprod)
w <- up_to(start * stop) * up_to(loss) / loss
q <- sort(w); n <- length(w)
w <- pmin(pmax(w, q[ceiling(0.01 * n)]), q[ceiling(0.99 * n)])
d$w <- w
d$after <- d$was_ever_treated * (1 - d$is_treated)
g <- geeglm(as.formula(paste("outcome ~ is_treated + years + years_squared + after +", known)),
            id = child, data = d, weights = w, corstr = "independence")
before <- ave(d$inactive, d$child, FUN = cumsum) - d$inactive
h <- suppressWarnings(geeglm(
  as.formula(paste("inactive ~ is_treated + years + years_squared + after +", known)),
  id = child, data = d[before == 0, ], weights = w, corstr = "independence", family = binomial,
  control = geese.control(epsilon = 1e-12, maxit = 100)))
cat(mean(w), max(w), coef(g)[2], sqrt(diag(vcov(g)))[2], coef(h)[2], sqrt(diag(vcov(h)))[2])
"""


def find_numbers(coefficient_sd: float = 1e8) -> RegistryComparison:
    """The shipped numbers, cut at the simulated visits, without the weak penalty."""
    numbers = read_rulebook().get(REGISTRY_COMPARISON, RegistryComparison)
    return numbers.model_copy(
        update={
            "intervals": numbers.intervals.model_copy(update={"days": 91}),
            "weights": numbers.weights.model_copy(update={"coefficient_sd": coefficient_sd}),
        }
    )


def invent(seed: int, **changes: object) -> Registry:
    settings = read_registry_settings(**changes)
    return make_registry(
        make_intervals(settings, simulate_registry(settings, seed)), find_numbers()
    )


def name_for_r(names: tuple[str, ...]) -> list[str]:
    return [name.replace(":", "_").replace("-", "_") for name in names]


def test_weights_weighted_difference_and_weighted_hazard(run_r: RunR, tmp_path: Path) -> None:
    registry = invent(7, children=160)
    parts = (registry.time, registry.baseline, registry.lagged)
    columns = {
        name: part.values[:, place]
        for part in parts
        for place, name in enumerate(name_for_r(part.names))
    }
    history = ("is_treated", "was_treated", "was_ever_treated", "is_censored", "years_on")
    table = pl.DataFrame(
        {
            "child": registry.child,
            "outcome": registry.activity,
            "inactive": registry.inactive,
            **{name: np.asarray(getattr(registry, name), dtype=float) for name in history},
            **columns,
        }
    )
    path = tmp_path / "registry.csv"
    table.write_csv(path)
    script = IN_R.format(
        path=path,
        baseline=" + ".join(name_for_r(registry.baseline.names)),
        lagged=" + ".join(name_for_r(registry.lagged.names)),
    )
    expected = [float(word) for word in run_r(script).split()]
    weights = estimate_weights(registry, find_numbers(), np.ones((1, registry.children)))
    weight = weights.truncated[0]
    nobody = np.zeros((0, registry.children))
    weighting = Weighting(weight, weights.truncated[1:])
    contrast = contrast_activity(registry, weighting, nobody)
    odds = contrast_inactive(registry, weighting, nobody, find_numbers())
    assert contrast is not None
    assert odds is not None
    found = [weight.mean(), weight.max(), contrast.value, contrast.error, odds.value, odds.error]
    assert found == pytest.approx(expected, rel=2e-5)


def expand_slowly(registry: Registry, most: int) -> set[tuple[int, int, bool]]:
    """Walk through every child and every trial, one interval at a time."""
    found: dict[int, list[tuple[int, int, bool]]] = {}
    for entry in range(len(registry.child)):
        if registry.was_ever_treated[entry]:
            continue
        arm = bool(registry.is_treated[entry])
        row = entry
        while (
            row < len(registry.child)
            and registry.child[row] == registry.child[entry]
            and row - entry < most
            and bool(registry.is_treated[row]) == arm
        ):
            found.setdefault(int(registry.interval[entry]), []).append((entry, row, arm))
            row += 1
    return {
        item for items in found.values() if len({arm for _, _, arm in items}) == 2 for item in items
    }


@pytest.mark.parametrize("most", [1, 4, 99])
def test_trials_are_those_found_one_by_one(most: int) -> None:
    registry = invent(3)
    trials = expand_trials(registry, most)
    found = list(
        zip(trials.entry.tolist(), trials.row.tolist(), trials.is_arm.tolist(), strict=True)
    )
    slow = expand_slowly(registry, most)
    assert len(found) == len(set(found)) == len(slow)
    assert set(found) == slow


def test_e_values_of_the_paper() -> None:
    """VanderWeele and Ding 2017: 3.9 (1.8 to 8.7) has the E-value 7.26, its limit 3.0."""
    value = estimate_e_value(3.9, Interval(1.8, 8.7))
    assert (round(value.estimate, 2), round(value.limit, 2)) == (7.26, 3.0)
    mirrored = estimate_e_value(1 / 3.9, Interval(1 / 8.7, 1 / 1.8))
    assert mirrored.estimate == pytest.approx(value.estimate)
    assert mirrored.limit == pytest.approx(value.limit)
    assert estimate_e_value(1.4, Interval(0.9, 2.2)).limit == 1.0


@pytest.mark.parametrize("bias", [1.0, 1.5, 3.0, 10.0])
def test_an_e_value_is_where_the_bounding_factor_reaches_the_risk_ratio(bias: float) -> None:
    """Ding and VanderWeele's bound of equal strengths, g g / (2 g - 1), undoes the estimate."""
    strength = compute_e_value(bias)
    assert strength * strength / (2 * strength - 1) == pytest.approx(bias)


def test_trials_weighted_one_by_one() -> None:
    """Each interval of a trial has the product of the factors after its entry; least squares."""
    registry, numbers = invent(3), find_numbers(2.5)
    nobody = np.zeros((0, registry.children))
    weights = estimate_weights(registry, numbers, np.ones((1, registry.children)))
    factor, kept = np.exp(weights.treatment[0]), np.exp(weights.loss[0])
    steps = numbers.trials.follow_up_days // numbers.intervals.days
    rows, weight, design = [], [], []
    for entry, row, arm in sorted(expand_slowly(registry, steps)):
        decisions = np.prod(factor[entry + 1 : row + 1])
        # Losses of the entry's own interval come after its outcome: they count from there on.
        weight.append(decisions * np.prod(kept[entry:row]))
        rows.append(row)
        years = registry.time.values[:, 1]
        known = (registry.time.values[entry, 1:], registry.baseline.values[entry])
        later = registry.lagged.values[entry]
        design.append(np.concatenate([[1.0, arm, years[row] - years[entry]], *known, later]))
    low, high = (
        np.sort(weight)[int(np.ceil(share * len(weight))) - 1]
        for share in numbers.weights.truncation
    )
    root = np.sqrt(np.clip(weight, low, high))
    outcome = registry.activity[rows]
    expected, *_ = np.linalg.lstsq(np.array(design) * root[:, None], outcome * root, rcond=None)
    contrast = contrast_trials(registry, numbers, weights, nobody)
    assert contrast is not None
    assert contrast.rows == len(rows)
    assert contrast.value == pytest.approx(expected[1], rel=1e-8)
    assert np.std(weight) > 0.05
