"""Reporting checklists: filled from rows that exist, left to the author where none does."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from calibration.sparing_world import World, make_clinic, write_tables
from pydantic import ValidationError

from heliotrope.definitions.checklist import Checklist, ChecklistAnswer, ChecklistItem
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.steroid_sparing import STEROID_SPARING, SteroidSparing
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import make_results
from heliotrope.estimate.sparing.estimate import estimate_rule_and_spared
from heliotrope.report.find_results import Results
from heliotrope.report.read_run import RunTables, look_up
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.checklists import ChecklistTable, ItemLine, build_checklists

EXAMPLES = Path(__file__).parents[2] / "examples"

NAMES = ("seven_children", "modern_cohort")


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def reports(seven_run: Path, modern_run: Path, rulebook: Rulebook) -> dict[str, ReportInput]:
    runs = zip(NAMES, (seven_run, modern_run), strict=True)
    return {name: ReportInput(run=RunTables(run), rulebook=rulebook) for name, run in runs}


@pytest.fixture(scope="module")
def spared(rulebook: Rulebook) -> pl.DataFrame:
    """Result rows of a simulated clinic large enough for the estimate of the steroid spared."""
    quick = rulebook.get(STEROID_SPARING, SteroidSparing)
    model = quick.model.model_copy(update={"bootstrap_replicates": 20, "simulated_paths": 400})
    definitions = {
        **rulebook.definitions,
        STEROID_SPARING: quick.model_copy(update={"model": model}),
    }
    clinic = make_clinic(World(), 60, np.random.default_rng(4))
    inputs = Inputs.of(*write_tables(clinic, World()), replace(rulebook, definitions=definitions))
    return make_results(estimate_rule_and_spared(inputs))


def checklists(rulebook: Rulebook) -> list[Checklist]:
    return [item for item in rulebook.definitions.values() if isinstance(item, Checklist)]


def answers(rulebook: Rulebook) -> list[tuple[str, ChecklistAnswer]]:
    return [
        (f"{checklist.id} {item.number}", answer)
        for checklist in checklists(rulebook)
        for item in checklist.items
        for answer in item.answers
    ]


def has_source(report: ReportInput, answer: ChecklistAnswer) -> bool:
    if answer.manifest:
        return look_up(report.run.manifest, *answer.manifest) is not None
    if answer.analysis is None:
        return True
    row = (answer.analysis, str(answer.variable), str(answer.statistic), answer.group)
    return report.results.row(*row) is not None


def line_of(report: ReportInput, checklist: str, number: str) -> ItemLine:
    tables: list[ChecklistTable] = build_checklists(report).content["tables"]
    table = next(table for table in tables if table.checklist.id == checklist)
    return next(line for line in table.lines if line.number == number)


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_read_from_something_the_run_holds(
    name: str, reports: dict[str, ReportInput], rulebook: Rulebook, spared: pl.DataFrame
) -> None:
    """Rows of an estimate that the examples are too small for exist where it is made."""
    where_made = Results(spared)
    missing = [
        (item, answer.analysis, answer.variable)
        for item, answer in answers(rulebook)
        if not has_source(reports[name], answer)
        and where_made.row(
            str(answer.analysis), str(answer.variable), str(answer.statistic), answer.group
        )
        is None
    ]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_place_is_a_section_of_the_report(
    name: str, reports: dict[str, ReportInput], rulebook: Rulebook
) -> None:
    page = (reports[name].run.folder / "report.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'<section id="([^"]+)"', page))
    tables: list[ChecklistTable] = build_checklists(reports[name]).content["tables"]
    said = [one for table in tables for line in table.lines for one in line.said]
    for one in said:
        assert one.section in anchors or f"Result row {one.row}" in page
    assert len({one.section for one in said} & anchors) > 6
    part = page.partition('<section id="checklists"')[2].partition("</section>")[0]
    assert part.count("<details") == len(checklists(rulebook))
    assert "<details open" not in part


@pytest.mark.parametrize("name", NAMES)
def test_the_page_prints_what_the_row_says(name: str, reports: dict[str, ReportInput]) -> None:
    report = reports[name]
    row = report.results.row("responded", "confirmed", "proportion_exact")
    assert row is not None
    line = line_of(report, "strobe_record", "13a")
    assert line.said[2].text.endswith(f"{row['formatted']}.")
    page = (report.run.folder / "report.html").read_text(encoding="utf-8")
    assert f"who could be evaluated: {row['formatted']}." in html.unescape(page)
    assert line_of(report, "strobe_record", "RECORD 1.1").said[0].text == (
        "The run read 6 source files."
    )


def test_a_refused_estimate_is_said_with_its_reason_and_is_no_answer(
    reports: dict[str, ReportInput],
) -> None:
    line = line_of(reports["seven_children"], "target_2025", "13")
    assert [one.is_refused for one in line.said] == [True, True]
    assert "not estimated (7 children received IVIG" in line.said[0].text
    assert "not estimated (no value of physician global" in line.said[1].text
    assert not line.is_answered
    # What holds only of an estimate that was made is not said at all.
    assert line_of(reports["seven_children"], "target_2025", "7f").said == []
    assert line_of(reports["seven_children"], "target_2025", "7f").for_author == "For the author."


def with_results(report: ReportInput, results: pl.DataFrame) -> ReportInput:
    changed = replace(report)
    changed.__dict__["results"] = Results(results)
    return changed


def test_an_estimate_that_was_made_fills_the_items_of_the_trial(
    reports: dict[str, ReportInput], spared: pl.DataFrame
) -> None:
    report = with_results(reports["seven_children"], spared)
    line = line_of(report, "target_2025", "7f")
    assert line.is_answered
    assert line.for_author is None
    effect = line_of(report, "target_2025", "13").said[0]
    assert effect.row == "steroid_sparing, spared_mg_kg_day"
    assert not effect.is_refused


def test_without_its_row_an_item_is_for_the_author(reports: dict[str, ReportInput]) -> None:
    report = reports["seven_children"]
    empty = with_results(report, report.run.results.clear())
    tables: list[ChecklistTable] = build_checklists(empty).content["tables"]
    for table in tables:
        for line, item in zip(table.lines, table.checklist.items, strict=True):
            read_from_rows = [answer for answer in item.answers if answer.analysis is not None]
            assert len(line.said) == len(item.answers) - len(read_from_rows)
            if not line.said:
                assert line.for_author == (item.for_author or "For the author.")


def test_a_run_that_holds_nothing_says_only_what_the_program_always_does(
    tmp_path: Path, rulebook: Rulebook
) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    empty = ReportInput(run=RunTables(tmp_path), rulebook=rulebook)
    tables: list[ChecklistTable] = build_checklists(empty).content["tables"]
    said = [one.text for table in tables for line in table.lines for one in line.said]
    always = {answer.says for _, answer in answers(rulebook)} - {
        answer.says for _, answer in answers(rulebook) if answer.analysis or answer.manifest
    }
    assert set(said) == always


def test_what_only_the_author_knows_is_never_filled(reports: dict[str, ReportInput]) -> None:
    for checklist, numbers in (
        ("target_2025", ("2", "15", "16", "17", "18", "20", "21")),
        ("strobe_record", ("2", "3", "18", "21", "22", "RECORD 12.1")),
        ("care_2013", ("5b", "5c", "11d", "12", "13")),
    ):
        for number in numbers:
            line = line_of(reports["modern_cohort"], checklist, number)
            assert line.said == []
            assert line.for_author


def test_no_checklist_calls_itself_read(rulebook: Rulebook) -> None:
    found = checklists(rulebook)
    assert {item.id for item in found} == {"target_2025", "strobe_record", "care_2013"}
    for item in found:
        assert not item.verified
        assert all(source.flag != "V" for source in item.sources)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"says": "A number: {found}.", "section": "who"}, "needs a result row"),
        ({"says": "A number.", "section": "who", "manifest": ("inputs",)}, "write {found}"),
        ({"says": "A number: {found}.", "analysis": "cohort", "section": "who"}, "named by"),
        ({"says": "A sentence."}, "it stands in"),
    ],
)
def test_an_answer_that_is_read_from_nowhere_is_refused(
    content: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ChecklistAnswer.model_validate(content)


def test_an_item_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="say what the author adds"):
        ChecklistItem(number="1", topic="Title", asks="Name the study's design.")
