"""Two real adult patients of a 2018 trial: the calculator on a published table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliotrope.ingest.score_columns import ScoreTableOptions
from heliotrope.scoring.calculator import ScoreReport, score_file, score_text, score_values

TABLE = Path(__file__).parents[3] / "shared" / "data" / "published" / "two_trial_patients.csv"


@pytest.fixture(scope="module")
def table() -> Path:
    if not TABLE.exists():
        reason = f"the published table is not there: {TABLE.name} under ../shared/data/published"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return TABLE


@pytest.fixture(scope="module")
def report(table: Path) -> ScoreReport:
    return score_file(table)


def test_adult_thresholds_are_chosen_by_age(report: ScoreReport) -> None:
    assert [(score.patient, score.definition_id) for score in report.scores] == [
        ("A", "tis_adult"),
        ("B", "tis_adult"),
    ]


def test_bounds_and_reasons_without_an_upper_limit(report: ScoreReport) -> None:
    first, second = report.scores
    assert (first.score_lower, first.score_upper) == (52.5, 60)
    assert (first.category, first.category_lower, first.category_upper) == (
        "indeterminate",
        "moderate",
        "major",
    )
    assert (second.score_lower, second.score_upper) == (17.5, 25)
    assert (second.category, second.category_lower, second.category_upper) == (
        "indeterminate",
        "none",
        "minimal",
    )
    for score in report.scores:
        assert score.because == (
            "Most abnormal muscle enzyme: no upper limit of normal at baseline "
            "(0 to 7.5 points open)",
        )


def test_the_points_of_each_measure(report: ScoreReport) -> None:
    points = {
        score.patient: {part.component: part.points for part in score.components}
        for score in report.scores
    }
    assert points["A"] == {
        "physician_global": 20,
        "patient_global": 2.5,
        "strength": 10,
        "function": 0,
        "enzyme": None,
        "extramuscular": 20,
    }
    assert points["B"] == {
        "physician_global": 7.5,
        "patient_global": 2.5,
        "strength": 0,
        "function": 0,
        "enzyme": None,
        "extramuscular": 7.5,
    }


def test_a_strength_near_the_top_leaves_a_ceiling_under_major(report: ScoreReport) -> None:
    assert [score.score_max_attainable for score in report.scores] == [55, 40]


def test_with_an_upper_limit_both_are_decided(table: Path) -> None:
    report = score_file(table, options=ScoreTableOptions(upper_limits={"cpk": 200}))
    assert [(score.score_lower, score.category) for score in report.scores] == [
        (52.5, "moderate"),
        (17.5, "none"),
    ]
    assert all(score.flags == ("enzyme_floor",) for score in report.scores)


def test_children_s_thresholds_on_request(table: Path) -> None:
    report = score_file(table, options=ScoreTableOptions(population="jdm"))
    assert [(score.definition_id, score.category) for score in report.scores] == [
        ("tis_jdm_imacs", "moderate"),
        ("tis_jdm_imacs", "none"),
    ]


def test_activity_states(report: ScoreReport) -> None:
    states = {(item.patient, item.definition_id): item.state for item in report.states}
    assert states["A", "inactive_disease_2015"] == "not_met"
    assert states["A", "inactive_disease_2013"] == "not_evaluable", "a scale of 150, no CMAS"


def test_every_column_is_accounted_for(report: ScoreReport) -> None:
    assert "mmt8_0_150: read as mmt8, scale up to 150" in report.notes
    assert "cpk: read as creatine_kinase in U/L" in report.notes
    for unused in ("sex", "diagnosis", "disease_duration_years"):
        assert f"{unused}: not used" in report.notes


def test_pasted_or_named_they_get_the_same_answer(table: Path, report: ScoreReport) -> None:
    """The two patients by every other way in."""
    text = table.read_text(encoding="utf-8")
    assert score_text(text).scores == report.scores
    assert score_text(text.replace(",", "\t")).scores == report.scores
    header, *rows = [line.split(",") for line in text.split()]
    unused = {"patient", "sex", "diagnosis", "disease_duration_years", "timepoint"}
    visits = [
        {name: cell for name, cell in zip(header, row, strict=True) if name not in unused}
        for row in rows
    ]
    for number, known in enumerate(report.scores):
        before, after = visits[2 * number : 2 * number + 2]
        (found,) = score_values(before, [after]).scores
        assert found.components == known.components
        assert (found.score_lower, found.score_upper) == (known.score_lower, known.score_upper)
        assert (found.definition_id, found.category) == (known.definition_id, known.category)


def test_what_is_missing_for_the_next_degree(report: ScoreReport) -> None:
    steps = [
        (
            item.next_category.name,
            item.next_category.points_missing,
            item.next_category.is_attainable,
        )
        for item in report.scores
        if item.next_category is not None
    ]
    assert steps == [("major", 7.5, True), ("minimal", 2.5, True)]
