"""How much the definition matters: the section's figures, and that they agree with the rest."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.side_by_side import DEFINITIONS_SIDE_BY_SIDE, SideBySide
from heliotrope.definitions.validate import check_definitions
from heliotrope.pipeline import run_study
from heliotrope.report.find_results import Results
from heliotrope.report.read_run import RunTables
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.side_by_side import QuestionTable, build_side_by_side

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def modern(modern_run: Path) -> Path:
    return modern_run


@pytest.fixture(scope="module")
def seven(seven_run: Path) -> Path:
    return seven_run


def build(run: Path, rulebook: Rulebook) -> list[QuestionTable]:
    section = build_side_by_side(ReportInput(run=RunTables(run), rulebook=rulebook))
    assert section is not None
    return list(section.content["tables"])


def test_shares_and_agreement_of_the_modern_cohort(modern: Path, rulebook: Rulebook) -> None:
    improved, inactive = build(modern, rulebook)
    lines = {line.lane: line for line in improved.lines}
    first = lines["Response, confirmed"]
    assert (first.share.text, first.undecided, first.agreement, first.kappa) == (
        "18 of 22",
        1,
        "",
        "",
    )
    score = lines["IMACS score, week 24"]
    assert (score.share.text, score.undecided, score.agreement, score.kappa) == (
        "13 of 16",
        7,
        "13 of 15",
        "0.42 (−0.24 to 1.00)",
    )
    assert lines["PRINTO score, week 16"].kappa == "no kappa: one class only"
    assert improved.range == (
        "From 4 % (Inactive disease 2015: 1 of 23) to 100 % (PRINTO score, week 16: 9 of 9)."
    )
    (visits,) = inactive.visits
    assert "the same at 392 of 393 visits" in visits
    assert "counting the 30 children, not the visits); kappa 0.86 (0.58 to 1.00)." in visits


def test_the_section_says_what_the_rest_of_the_report_says(modern: Path) -> None:
    results = Results(pl.read_parquet(modern / "results.parquet"))
    for reading, analysis, variable in (
        ("improved:response_confirmed", "responded", "confirmed"),
        ("improved:response_ever", "responded", "ever_improved"),
        ("inactive:inactive_2015", "state_reached", "inactive_disease_2015"),
        ("inactive:inactive_2013", "state_reached", "inactive_disease_2013"),
        ("inactive:inactive_cmas", "state_reached", "inactive_by_cmas"),
        *(
            (
                f"improved:score_{core_set}_week_{week}",
                "landmark_score_category",
                f"tis_jdm_{core_set}:week_{week}:at_least_minimal",
            )
            for core_set in ("imacs", "printo")
            for week in (16, 24)
        ),
    ):
        here = results.share("definition_reading", reading)
        assert here.is_given
        assert here == results.share(analysis, variable), reading


def test_definitions_that_could_judge_nobody_are_named_not_counted(
    seven: Path, rulebook: Rulebook
) -> None:
    improved, inactive = build(seven, rulebook)
    assert [line.share.text for line in improved.lines] == ["6 of 7", "6 of 7"]
    assert "PRINTO 20 % definition of improvement, week 24" in improved.unjudged
    assert improved.range == "No two definitions could judge 5 children or more."
    assert inactive.lines == []
    assert inactive.chart is None
    assert inactive.visits == [
        "Visit by visit, Clinically inactive disease, revised 2015 and Clinically inactive "
        "disease, PRINTO 2013: no visit could be judged by both."
    ]


def test_a_cohort_without_ivig_has_no_such_section(tmp_path: Path, rulebook: Rulebook) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "patient.csv").write_text("patient_id,sex\nP1,female\n", encoding="utf-8")
    run_study(study, tmp_path / "run")
    report = ReportInput(run=RunTables(tmp_path / "run"), rulebook=rulebook)
    assert build_side_by_side(report) is None


def test_a_definition_that_classes_nobody_cannot_stand_there(rulebook: Rulebook) -> None:
    plan = rulebook.get(DEFINITIONS_SIDE_BY_SIDE, SideBySide)
    content = plan.model_dump()
    content["questions"][0]["readings"][0]["definition"] = "reaction_windows"
    wrong = SideBySide.model_validate(content)
    faults = check_definitions(
        Rulebook({**rulebook.definitions, plan.id: wrong}, rulebook.settings)
    )
    assert [fault.found for fault in faults] == ["reaction_windows"]
