"""Arrays of a simulated cohort, and those that the program makes of its written records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.records import Cohort, read_cohort, read_definition
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.records.canonical import CANONICAL
from heliotrope.simulate.cohort import write_csv
from heliotrope.simulate.known_truth.charts import SeenChart, View, read_charts, round_values
from heliotrope.simulate.known_truth.cohort import KnownCohort, simulate_known_truth
from heliotrope.simulate.known_truth.records import make_known_tables

CHILDREN = 30


@pytest.fixture(scope="module")
def simulated() -> KnownCohort:
    return simulate_known_truth(CHILDREN, seed=3)


@pytest.fixture(scope="module")
def rebuilt(simulated: KnownCohort, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Written as CSV, read, evaluated, and handed to the model."""
    folder = tmp_path_factory.mktemp("known")
    study, run = folder / "study", folder / "run"
    write_csv(make_known_tables(simulated), study)
    run_study(study, run, RunOptions(model=False))
    inputs = Inputs.of(_read(run / "tables"), _read(run / "records"), read_rulebook())
    model = read_definition(inputs)
    conventions = model.conventions.model_copy(update={"history_days": 10_000})
    return read_cohort(inputs, model, conventions)


def _read(folder: Path) -> dict[str, pl.DataFrame]:
    names = {path.stem for path in folder.glob("*.parquet")} & (set(CANONICAL) | _tables())
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in sorted(names)}


def _tables() -> set[str]:
    from heliotrope.records.results import TABLES

    return set(TABLES)


def _charts(cohort: KnownCohort) -> dict[str, SeenChart]:
    charts = read_charts(cohort, View(has_never_started=False))
    return {f"P{chart.number:07}": chart for chart in charts}


def test_the_same_children_come_back(simulated: KnownCohort, rebuilt: Cohort) -> None:
    assert list(rebuilt.data.children) == list(_charts(simulated))
    names = [measure.name for measure in rebuilt.data.measures]
    assert sorted(names) == sorted(measure.id for measure in simulated.truth.measures)
    assert names[0] == "physician_global"


def test_visits_values_and_infusions_come_back(simulated: KnownCohort, rebuilt: Cohort) -> None:
    data = rebuilt.data
    places = [[each.id for each in simulated.truth.measures].index(m.name) for m in data.measures]
    for row, (child, chart) in enumerate(_charts(simulated).items()):
        assert data.children[row] == child
        is_visit = data.is_visit[row]
        np.testing.assert_array_equal(data.visit_day[row][is_visit], chart.visit_day)
        expected = round_values(simulated, chart.value)[:, places]
        np.testing.assert_allclose(data.value[row][is_visit], expected, atol=1e-9)
        is_given = data.dose[row] > 0
        np.testing.assert_array_equal(data.infusion_day[row][is_given], chart.infusion_day)
        np.testing.assert_allclose(data.dose[row][is_given], chart.dose)


def test_the_felt_steroid_comes_back_but_for_its_centre(
    simulated: KnownCohort, rebuilt: Cohort
) -> None:
    """The program averages doses by the day, the simulation from visit to visit: close, and the
    centre is the cohort's mean rather than a constant."""
    pairs = [
        (value, true)
        for row, chart in enumerate(_charts(simulated).values())
        for value, true in zip(
            rebuilt.data.steroid[row][rebuilt.data.is_visit[row]], chart.steroid, strict=True
        )
    ]
    found, true = np.asarray(pairs).T
    difference = found - true
    assert np.abs(difference - np.median(difference)).max() < 0.02
