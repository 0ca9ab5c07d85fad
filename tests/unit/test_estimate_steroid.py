"""The steroid dose before, during and after IVIG, worked out by hand for four children."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import make_results
from heliotrope.estimate.steroid import estimate_steroid
from heliotrope.records.results import TABLES

D0 = date(2020, 1, 1)


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = TABLES[name].create_empty().schema
    filled = [{column: row.get(column) for column in schema} for row in rows]
    return pl.DataFrame(filled, schema=schema)


def periods(child: str, *doses: tuple[int, int, float | None]) -> list[dict[str, Any]]:
    return [
        {
            "patient_id": child,
            "start_date": day(first),
            "end_date": day(last),
            "prednisone_mg_day": 20.0 * (dose if dose is not None else 1.0),
            "prednisone_mg_kg_day": dose,
        }
        for first, last, dose in doses
    ]


def regimen(child: str, observed: int = 800) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": 1,
        "first_infusion": day(0),
        "last_infusion": day(85),
        "last_course_start": day(84),
        "status": "discontinued",
        "observed_until": day(observed),
    }


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def results(rulebook: Rulebook) -> pl.DataFrame:
    """Ann tapers, ben is seen for 100 days only, cat has no medication, dov loses his weight."""
    tables = {
        "regimen": make(
            "regimen",
            [regimen("ann"), regimen("ben", observed=100), regimen("cat"), regimen("dov")],
        ),
        "steroid_period": make(
            "steroid_period",
            [
                *periods("ann", (-120, -1, 1.0), (0, 27, 0.8), (28, 60, 0.5), (61, 800, 0.1)),
                *periods("ben", (-10, 100, 0.4)),
                *periods("dov", (-200, 9, 1.0), (10, 800, None)),
            ],
        ),
        "steroid_pulse": make(
            "steroid_pulse",
            [{"patient_id": "ann", "start_date": day(-3), "end_date": day(-1), "drug": "x"}],
        ),
    }
    return make_results(estimate_steroid(Inputs.of(tables, {}, rulebook)))


def find(results: pl.DataFrame, analysis: str, variable: str, statistic: str) -> dict[str, Any]:
    found = results.filter(
        (pl.col("analysis") == analysis)
        & (pl.col("variable") == variable)
        & (pl.col("statistic") == statistic)
    )
    assert found.height == 1, f"{found.height} rows of {analysis}, {variable}, {statistic}"
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("point", "value", "n"),
    [
        ("before", 1.0, 3),
        ("week_6", 0.45, 2),
        ("week_16", 0.1, 1),
        ("last_on_regimen", 0.1, 1),
        ("after_180_days", 0.1, 1),
    ],
)
def test_dose_per_kg_at_each_point(results: pl.DataFrame, point: str, value: float, n: int) -> None:
    row = find(results, "steroid_dose", f"prednisone_mg_kg_day:{point}", "median")
    assert (row["value"], row["n_evaluable"]) == (pytest.approx(value), n)


def test_without_a_weight_the_dose_a_day_is_still_there(results: pl.DataFrame) -> None:
    assert find(results, "steroid_dose", "prednisone_mg_day:week_16", "median")["n_evaluable"] == 2


@pytest.mark.parametrize(("window", "total", "days"), [("during", 44.1, 113), ("after", 15.3, 153)])
def test_the_dose_added_up(results: pl.DataFrame, window: str, total: float, days: int) -> None:
    amount = find(results, "steroid_cumulative", f"prednisone_mg_kg:{window}", "median")
    mean = find(results, "steroid_cumulative", f"prednisone_mg_kg_day_mean:{window}", "median")
    assert (amount["value"], amount["n_evaluable"]) == (pytest.approx(total), 1)
    assert mean["value"] == pytest.approx(total / days)


def test_a_window_before_the_first_record_is_unknown(results: pl.DataFrame) -> None:
    before = find(results, "steroid_cumulative", "prednisone_mg_kg:before", "median")
    assert (before["value"], before["n_evaluable"]) == (pytest.approx(91.0), 2)


def test_pulses_stand_apart(results: pl.DataFrame) -> None:
    assert find(results, "steroid_pulses", "before", "proportion_exact")["value"] == 1 / 2
    assert find(results, "steroid_pulses", "during", "proportion_exact")["value"] == 0


def test_the_dose_fell(results: pl.DataFrame) -> None:
    fell = find(results, "steroid_change", "fell", "proportion_exact")
    assert (fell["value"], fell["n_evaluable"]) == (1.0, 1)
    change = find(results, "steroid_change", "percent_change", "median")
    assert change["value"] == pytest.approx(-90)


def test_time_to_half(results: pl.DataFrame) -> None:
    analysis = "steroid_time_to_50_percent"
    assert find(results, analysis, "at_risk_ever", "n")["value"] == 3
    assert find(results, analysis, "events", "n")["value"] == 1
    step = find(results, analysis, "day_28", "survival")
    assert (step["value"], step["n_evaluable"]) == (pytest.approx(0.5), 2)


def test_time_to_a_low_dose(results: pl.DataFrame) -> None:
    assert find(results, "steroid_time_to_low_dose", "day_61", "survival")["value"] == 0.5


def test_nothing_is_called_sparing(results: pl.DataFrame) -> None:
    printed = results.select(pl.concat_str("analysis", "variable", "formatted", separator=" "))
    assert not printed.to_series().str.contains("spar").any()
