"""The Kaplan-Meier curve against R's survival, live, with and without delayed entry."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from heliotrope.estimate.kaplan_meier import Curve, estimate_curve

DATA = Path(__file__).parents[3] / "shared" / "data" / "statistics" / "survival"

RunR = Callable[[str], str]

FIT = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
f <- survfit({formula}, data = d, conf.type = "log-log")
g <- survfit({formula}, data = d, conf.type = "plain")
k <- f$n.event > 0
steps <- data.frame(f$time, f$n.risk, f$n.event, f$surv, f$lower, f$upper, g$lower, g$upper)
write.table(steps[k, ], row.names = FALSE, col.names = FALSE, na = "null")
"""

MEDIAN = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
f <- survfit({formula}, data = d, conf.type = "log-log")
cat(unlist(quantile(f, 0.5)))
"""


def data(name: str) -> pl.DataFrame:
    path = DATA / name
    if not path.exists():
        message = f"the data file {name} of the shared statistics folder is missing"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return pl.read_csv(path, null_values="NA")


def lung() -> pl.DataFrame:
    return data("cancer.csv").select(
        "sex", entry=pl.lit(0), exit="time", is_event=pl.col("status") == 2
    )


def assert_equals_r(run_r: RunR, curve: Curve, path: Path, formula: str) -> None:
    printed = run_r(FIT.format(path=path, formula=formula))
    expected = [
        [None if word in ("null", "NA") else float(word) for word in line.split()]
        for line in printed.splitlines()
    ]
    found = curve.steps.select(
        "day",
        "at_risk",
        "events",
        "survival",
        "loglog_low",
        "loglog_high",
        "greenwood_low",
        "greenwood_high",
    ).rows()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        if theirs[3] is not None and theirs[3] < 1e-12:
            assert ours[:3] == tuple(theirs[:3])
            assert ours[3] == pytest.approx(0, abs=1e-12)
        else:
            assert list(ours) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("sex", "median"), [(None, 310), (1, 270), (2, 426)])
def test_median_of_lung(sex: int | None, median: float) -> None:
    times = lung() if sex is None else lung().filter(pl.col("sex") == sex)
    assert estimate_curve(times, 0.95).quantile() == median


def test_lung_against_r_survival(run_r: RunR) -> None:
    path = DATA / "cancer.csv"
    curve = estimate_curve(lung(), 0.95)
    assert_equals_r(run_r, curve, path, "Surv(time, status == 2) ~ 1")
    printed = run_r(MEDIAN.format(path=path, formula="Surv(time, status == 2) ~ 1"))
    expected = [float(word) for word in printed.split()]
    ends = (curve.quantile(), curve.quantile("loglog_low"), curve.quantile("loglog_high"))
    assert list(ends) == expected


@pytest.mark.parametrize("file", ["heart.csv", "jasa1.csv"])
def test_delayed_entry_against_r_survival(run_r: RunR, file: str) -> None:
    times = data(file).select(entry="start", exit="stop", is_event=pl.col("event") == 1)
    assert_equals_r(run_r, estimate_curve(times, 0.95), DATA / file, "Surv(start, stop, event) ~ 1")


def test_delayed_entry_with_ties_and_late_entries_against_r_survival(
    run_r: RunR, tmp_path: Path
) -> None:
    times = pl.DataFrame(
        {
            "start": [70, 70, 0, 14, 70, 30, 90, 70, 0, 14, 120, 100],
            "stop": [120, 95, 95, 130, 365, 120, 400, 180, 33, 95, 200, 200],
            "event": [1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0],
        }
    )
    path = tmp_path / "times.csv"
    times.write_csv(path)
    ours = times.select(entry="start", exit="stop", is_event=pl.col("event") == 1)
    assert_equals_r(run_r, estimate_curve(ours, 0.95), path, "Surv(start, stop, event) ~ 1")


def test_a_level_stretch_at_one_half_gives_its_middle_as_r_does(
    run_r: RunR, tmp_path: Path
) -> None:
    times = pl.DataFrame({"start": [0] * 4, "stop": [3, 5, 9, 12], "event": [1, 1, 1, 0]})
    path = tmp_path / "times.csv"
    times.write_csv(path)
    ours = times.select(entry="start", exit="stop", is_event=pl.col("event") == 1)
    printed = run_r(MEDIAN.format(path=path, formula="Surv(stop, event) ~ 1"))
    assert estimate_curve(ours, 0.95).quantile() == float(printed.split()[0]) == 7.0
