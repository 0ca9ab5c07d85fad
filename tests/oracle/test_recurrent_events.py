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


WITH_DEATH = """
options(digits = 15); suppressPackageStartupMessages(library(survival))
d <- read.csv("{path}")
dead <- survfit(Surv(start, stop, dead) ~ 1, data = d)
flare <- survfit(Surv(start, stop, event) ~ 1, data = d, id = id)
k <- flare$n.event > 0; t <- flare$time[k]
alive <- sapply(t, function(t) min(1, dead$surv[dead$time < t]))
write.table(cbind(t, cumsum(alive * flare$n.event[k] / flare$n.risk[k])),
            row.names = FALSE, col.names = FALSE)
"""


def draw_with_death(children: int) -> Spells:
    """Draw flares of children of whom some die, with many ties; some enter late."""
    generator = np.random.default_rng(11)
    start = 10.0 * generator.integers(0, 4, children)
    stop = start + 10.0 * generator.integers(2, 9, children)
    flares = [
        (child, day)
        for child in range(children)
        for day in np.arange(start[child] + 10, stop[child] + 1, 10)
        if generator.random() < 0.3
    ]
    dead = np.flatnonzero(generator.random(children) < 0.4)
    events = np.array([child for child, _ in flares]), np.array([day for _, day in flares])
    return Spells(np.arange(children), start, stop, *events, dead, stop[dead])


def test_flares_end_with_death_as_added_up_from_curves_of_r(run_r: RunR, tmp_path: Path) -> None:
    spells = draw_with_death(60)
    rows = []
    for child, first, last in zip(spells.child, spells.start, spells.stop, strict=True):
        days = spells.event_day[spells.event_child == child]
        ends = sorted({*days.tolist(), last})
        for begin, end in zip([first, *ends], ends, strict=False):
            is_dead = end == last and child in spells.dead_child
            rows.append((child, begin, end, int(end in days), int(is_dead)))
    columns = ["id", "start", "stop", "event", "dead"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(tmp_path / "rows.csv")
    script = WITH_DEATH.format(path=tmp_path / "rows.csv")
    expected = [[float(word) for word in line.split()] for line in run_r(script).splitlines()]
    found = estimate_mean_cumulative(spells)
    assert np.column_stack([found.days, found.mean]) == pytest.approx(np.array(expected), abs=1e-9)
    assert found.deaths == spells.dead_child.size
    assert (found.mean_of_living[-1] > found.mean[-1] + 0.1).all()


def test_flares_with_death_by_hand() -> None:
    """Four children: flares on days 10 and 20; one dies on day 10, after its flare of that day."""
    spells = Spells(
        np.arange(4),
        np.zeros(4),
        np.array([10.0, 30, 30, 30]),
        np.array([0, 1, 2]),
        np.array([10.0, 20, 20]),
        np.array([0, 9]),
        np.array([10.0, 20]),
    )
    found = estimate_mean_cumulative(spells)
    # Day 10: all alive, 1 of 4. Day 20: three quarters are alive, 2 of the 3 who are flare.
    assert found.mean.tolist() == pytest.approx([1 / 4, 1 / 4 + 3 / 4 * 2 / 3])
    assert found.mean_of_living.tolist() == pytest.approx([1 / 4, 1 / 4 + 2 / 3])
    assert found.deaths == 1  # the other death is of nobody observed
    # Without censoring it is the plain mean of flares, and so is its error.
    counts = np.array([1.0, 1, 1, 0])
    assert found.error[-1] == pytest.approx(np.sqrt(((counts - counts.mean()) ** 2).sum()) / 4)


def test_the_error_with_death_is_that_of_leaving_each_child_out() -> None:
    spells = draw_with_death(200)
    found = estimate_mean_cumulative(spells)
    moves = []
    for child in range(200):
        kept, flares, dead = (
            which != child for which in (spells.child, spells.event_child, spells.dead_child)
        )
        others = estimate_mean_cumulative(
            Spells(
                spells.child[kept],
                spells.start[kept],
                spells.stop[kept],
                spells.event_child[flares],
                spells.event_day[flares],
                spells.dead_child[dead],
                spells.death_day[dead],
            )
        )
        moves.append(others.mean[others.step_at(60) or 0])
    middle = np.array(moves) - np.mean(moves)
    step = found.step_at(60)
    assert step is not None
    assert found.error[step] == pytest.approx(np.sqrt((middle**2).sum()), rel=0.03)
