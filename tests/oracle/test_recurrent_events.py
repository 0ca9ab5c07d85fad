"""Repeated events: the mean cumulative function and the Andersen-Gill model against R, live."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heliotrope.estimate.events.andersen_gill import (
    NO_EVENT,
    NO_FINITE_ESTIMATE,
    HazardModel,
    RiskRows,
    estimate_hazard_model,
)
from heliotrope.estimate.events.mean_cumulative import Spells, estimate_mean_cumulative

DATA = Path(__file__).parents[3] / "shared" / "data" / "statistics" / "survival"

RunR = Callable[[str], str]

COX = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
f <- coxph(Surv({start}, {stop}, {event}) ~ {terms} + cluster(id), data = d, ties = "efron",
           control = coxph.control(eps = 1e-13, iter.max = 50))
cat(summary(f)$coef[, c(1, 3, 4)], "\\n", f$loglik)
"""

MCF = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- subset(read.csv("{path}"), {subset})
f <- survfit(Surv({start}, {stop}, {event}) ~ 1, data = d, id = id)
k <- f$n.event > 0
write.table(cbind(f$time, f$n.risk, f$n.event, f$cumhaz, f$std.chaz)[k, ],
            row.names = FALSE, col.names = FALSE)
"""


def data(name: str) -> pl.DataFrame:
    path = DATA / name
    if not path.exists():
        message = f"the data file {name} of the shared statistics folder is missing"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return pl.read_csv(path, null_values="NA")


def rows_of(frame: pl.DataFrame, times: tuple[str, str, str], terms: list[str]) -> RiskRows:
    start, stop, event = times
    return RiskRows(
        frame["id"].to_numpy(),
        frame[start].to_numpy().astype(float),
        frame[stop].to_numpy().astype(float),
        (frame[event] == 1).to_numpy(),
        frame.select(pl.col(terms).cast(pl.Float64)).to_numpy(),
    )


def assert_equals_r(
    run_r: RunR, path: Path, times: tuple[str, str, str], terms: list[str], model: HazardModel
) -> None:
    start, stop, event = times
    script = COX.format(path=path, start=start, stop=stop, event=event, terms=" + ".join(terms))
    printed = [float(word) for word in run_r(script).split()]
    ours = [*model.coefficient, *model.naive, *model.robust, *model.log_likelihood]
    assert ours == pytest.approx(printed, rel=1e-6, abs=1e-8)


def test_bladder2_against_r_and_the_published_numbers(run_r: RunR) -> None:
    times, terms = ("start", "stop", "event"), ["rx", "number", "size"]
    model = estimate_hazard_model(rows_of(data("bladder2.csv"), times, terms))
    assert model.coefficient == pytest.approx([-0.464687, 0.174960, -0.043660], abs=5e-7)
    assert model.naive[0] == pytest.approx(0.199732, abs=5e-7)
    assert model.robust[0] == pytest.approx(0.265561, abs=5e-7)
    assert (model.events, model.clusters) == (112, 85)
    assert_equals_r(run_r, DATA / "bladder2.csv", times, terms, model)


def test_heart_with_a_time_dependent_transplant(run_r: RunR) -> None:
    times, terms = ("start", "stop", "event"), ["age", "surgery", "transplant", "year"]
    model = estimate_hazard_model(rows_of(data("heart.csv"), times, terms))
    assert model.coefficient == pytest.approx([0.0272, -0.6372, -0.0103, -0.1463], abs=5e-5)
    assert_equals_r(run_r, DATA / "heart.csv", times, terms, model)


def test_cgd_with_repeated_infections(run_r: RunR, tmp_path: Path) -> None:
    frame = data("cgd.csv").with_columns(treated=(pl.col("treat") == "rIFN-g").cast(pl.Int8))
    path = tmp_path / "cgd.csv"
    frame.write_csv(path)
    times, terms = ("tstart", "tstop", "status"), ["treated"]
    model = estimate_hazard_model(rows_of(frame, times, terms))
    assert model.coefficient[0] == pytest.approx(-1.0953, abs=5e-5)
    assert_equals_r(run_r, path, times, terms, model)


def test_drawn_rows_with_many_ties_and_delayed_entry(run_r: RunR, tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    start = generator.integers(0, 5, 150) * 10
    frame = pl.DataFrame(
        {
            "id": np.arange(150) % 40,
            "start": start,
            "stop": start + generator.integers(1, 6, 150) * 10,
            "event": generator.integers(0, 2, 150),
            "off": generator.integers(0, 2, 150),
            "dose": generator.normal(0, 1, 150),
        }
    )
    path = tmp_path / "drawn.csv"
    frame.write_csv(path)
    times, terms = ("start", "stop", "event"), ["off", "dose"]
    assert_equals_r(run_r, path, times, terms, estimate_hazard_model(rows_of(frame, times, terms)))


def test_the_error_for_few_children_is_that_of_leaving_each_out() -> None:
    times, terms = ("start", "stop", "event"), ["rx", "number", "size"]
    frame = data("bladder2.csv").filter(pl.col("id") <= 40)
    model = estimate_hazard_model(rows_of(frame, times, terms))
    moves = []
    for child in frame["id"].unique():
        others = estimate_hazard_model(rows_of(frame.filter(pl.col("id") != child), times, terms))
        moves.append(others.coefficient - model.coefficient)
    jackknife = np.sqrt((np.array(moves) ** 2).sum(axis=0))
    assert model.corrected == pytest.approx(jackknife, rel=0.06)
    assert (model.corrected > model.robust).all()


@pytest.mark.parametrize(
    ("name", "subset", "end"),
    [("bladder2.csv", "rx == 2", 1.652863), ("bladder2.csv", "TRUE", None)],
)
def test_mean_cumulative_function_of_bladder2(
    run_r: RunR, name: str, subset: str, end: float | None
) -> None:
    frame = data(name)
    frame = frame.filter(pl.col("rx") == 2) if end else frame
    events = frame.filter(pl.col("event") == 1)
    found = estimate_mean_cumulative(
        Spells(
            frame["id"].to_numpy(),
            frame["start"].to_numpy().astype(float),
            frame["stop"].to_numpy().astype(float),
            events["id"].to_numpy(),
            events["stop"].to_numpy().astype(float),
        )
    )
    script = MCF.format(path=DATA / name, subset=subset, start="start", stop="stop", event="event")
    expected = [[float(word) for word in line.split()] for line in run_r(script).splitlines()]
    ours = np.column_stack([found.days, found.at_risk, found.events, found.mean, found.error])
    assert ours == pytest.approx(np.array(expected), abs=1e-9)
    if end is not None:
        assert found.mean[-1] == pytest.approx(end, abs=5e-7)


def test_an_event_outside_every_spell_of_its_child_is_not_counted() -> None:
    spells = Spells(
        np.array([0, 0, 1]),
        np.array([0.0, 50, 0]),
        np.array([20.0, 90, 90]),
        np.array([0, 0, 0, 7]),
        np.array([10.0, 30, 90, 10]),
    )
    found = estimate_mean_cumulative(spells)
    assert found.days.tolist() == [10, 90]
    assert found.mean.tolist() == pytest.approx([0.5, 1.0])
    assert (found.children, found.children_with_event) == (2, 1)


def make_rows(is_event: list[bool], covariate: list[float]) -> RiskRows:
    n = len(is_event)
    return RiskRows(
        np.arange(n),
        np.zeros(n),
        np.arange(1.0, n + 1),
        np.array(is_event),
        np.array(covariate)[:, None],
    )


def test_no_event_and_no_finite_estimate_are_refused() -> None:
    none = estimate_hazard_model(make_rows([False] * 4, [0, 1, 0, 1]))
    assert none.refused == NO_EVENT
    one_sided = estimate_hazard_model(make_rows([True, False, True, False], [1, 0, 1, 0]))
    assert one_sided.refused == NO_FINITE_ESTIMATE
    constant = estimate_hazard_model(make_rows([True, False, True, False], [1, 1, 1, 1]))
    assert constant.refused == NO_FINITE_ESTIMATE
