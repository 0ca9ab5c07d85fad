"""Landmarks, worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.landmarks import estimate_landmarks
from heliotrope.estimate.rows import make_results
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

D0 = date(2020, 1, 1)


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


VALUES = [
    ("ann", -30, "physician_global", 9.0),
    ("ann", -10, "physician_global", 6.0),
    ("ann", 0, "physician_global", 5.0),
    ("ann", 35, "physician_global", 4.0),
    ("ann", 49, "physician_global", 3.0),
    ("ann", 112, "physician_global", 2.0),
    ("ann", 336, "physician_global", 1.0),
    ("ann", 35, "weight", 30.0),
    ("ann", 35, "adl", 2.0),
    ("ben", 42, "physician_global", 8.0),
    ("ben", 141, "cmas", 40.0),
    ("eve", 42, "physician_global", 0.0),
]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def results(rulebook: Rulebook) -> pl.DataFrame:
    regimen = {
        "regimen": 1,
        "first_infusion": day(0),
        "last_infusion": day(84),
        "last_course_start": day(84),
        "observed_until": day(800),
    }
    scores = [
        ("ann", 42, 47.5, "moderate"),
        ("ben", 42, 20.0, "indeterminate"),
        ("ben", 112, 30.0, "minimal"),
        ("ann", 112, 10.0, "not_evaluable"),
    ]
    tables = {
        "regimen": make("regimen", [regimen | {"patient_id": c} for c in ("ann", "ben")]),
        "score": make(
            "score",
            [
                {
                    "patient_id": child,
                    "regimen": 1,
                    "date": day(number),
                    "definition_id": "tis_jdm_imacs",
                    "score_lower": lower,
                    "score_upper": lower + 10,
                    "category": category,
                }
                for child, number, lower, category in scores
            ],
        ),
    }
    records = {
        "assessment": make(
            "assessment",
            [
                {
                    "row_id": k,
                    "patient_id": child,
                    "date": day(number),
                    "measure": measure,
                    "value": value,
                }
                for k, (child, number, measure, value) in enumerate(VALUES)
            ],
        )
    }
    return make_results(estimate_landmarks(Inputs.of(tables, records, rulebook)))


def find(results: pl.DataFrame, analysis: str, variable: str, statistic: str) -> dict[str, Any]:
    found = results.filter(
        (pl.col("analysis") == analysis)
        & (pl.col("variable") == variable)
        & (pl.col("statistic") == statistic)
    )
    assert found.height == 1, f"{found.height} rows of {analysis}, {variable}, {statistic}"
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("variable", "value", "n"),
    [
        ("physician_global:baseline", 5.0, 1),
        ("physician_global:week_6", 6.0, 2),
        ("physician_global:week_16", 2.0, 1),
        ("physician_global:week_52", 1.0, 1),
        ("cmas:week_24", 40.0, 1),
    ],
)
def test_the_nearest_value_at_each_landmark(
    results: pl.DataFrame, variable: str, value: float, n: int
) -> None:
    row = find(results, "landmark", variable, "median")
    assert (row["value"], row["n_evaluable"]) == (value, n)


def test_no_value_within_the_tolerance_is_refused(results: pl.DataFrame) -> None:
    assert find(results, "landmark", "physician_global:week_24", "median")["refused"]


def test_change_needs_a_baseline(results: pl.DataFrame) -> None:
    change = find(results, "landmark_change", "physician_global:week_6", "median")
    assert (change["value"], change["n_evaluable"]) == (-1.0, 1)


def test_weights_and_undeclared_scales_are_left_out(results: pl.DataFrame) -> None:
    measures = set(results["variable"].str.split(":").list.first())
    assert measures.isdisjoint({"weight", "adl"})


def test_scores_and_nested_categories(results: pl.DataFrame) -> None:
    week_6 = "tis_jdm_imacs:week_6"
    assert find(results, "landmark_score", week_6, "median")["value"] == 33.75
    for category, reached, decided in (("minimal", 1, 1), ("moderate", 1, 2), ("major", 0, 2)):
        name = f"{week_6}:at_least_{category}"
        row = find(results, "landmark_score_category", name, "proportion_exact")
        assert (row["value"], row["n_evaluable"]) == (reached / decided, decided)
    undecided = f"{week_6}:at_least_minimal:undecided"
    assert find(results, "landmark_score_category", undecided, "n")["value"] == 1
    assert find(results, "landmark_score", "tis_jdm_imacs:week_16", "median")["n_evaluable"] == 1
