"""The one-page review in each situation: what it says, what it never says, what it points to."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from heliotrope.errors import ExitCode, UserError
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.report.explain import open_run
from heliotrope.report.review.drugs import _order_drugs
from heliotrope.report.review.page import Review, build_review, render_review
from heliotrope.report.review.subject import open_subject
from heliotrope.report.section import ReportInput
from heliotrope.report.style import REVIEW, render_style
from heliotrope.run.verification import read_rulebook_of

QUICK = RunOptions(model=False)
HOSTILE = '<script>alert("x")</script>\u202e=1+1'
DECISION = "Continuing or stopping IVIG is a clinical decision."


@pytest.fixture(scope="module")
def seven(seven_run: Path) -> Path:
    """A run of the seven children."""
    return seven_run


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of children who lack things: everything, IVIG, a baseline; one with a hostile name."""
    study = tmp_path_factory.mktemp("odd") / "study"
    study.mkdir()
    children = ["bare", "untreated", "blind", "twice", '"' + HOSTILE.replace('"', '""') + '"']
    (study / "patient.csv").write_text("patient_id,sex\n" + "".join(f"{c},\n" for c in children))
    infusions = [
        (child, start + dt.timedelta(days=28 * number))
        for child, start, courses in (
            ("blind", dt.date(2020, 1, 1), 4),
            ("twice", dt.date(2018, 1, 1), 3),
            ("twice", dt.date(2020, 1, 1), 3),
            (children[-1], dt.date(2020, 1, 1), 3),
        )
        for number in range(courses)
    ]
    (study / "infusion.csv").write_text(
        "patient_id,date,dose,dose_unit,route,product\n"
        + "".join(f"{child},{date},2,g/kg,iv,{'x' * 10_000}\n" for child, date in infusions)
    )
    (study / "assessment.csv").write_text(
        "patient_id,date,measure,value,unit\n"
        "untreated,2020-01-01,mmt8,60,none\nuntreated,2020-06-01,mmt8,70,none\n"
        "twice,2020-03-30,mmt8,70,none\n"
    )
    run = study.parent / "run"
    run_study(study, run, QUICK)
    return run


def build(run: Path, patient_id: str) -> tuple[Review, str]:
    """Build the page and its text, without tags."""
    tables = open_run(run)
    subject = open_subject(ReportInput(tables, read_rulebook_of(tables.manifest)), patient_id)
    html = render_review(subject)
    body = html[html.index("<body>") :]
    return build_review(subject), re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def answer_of(lines: object, question: str) -> str:
    return next(f"{line.answer} {line.because}" for line in lines if line.question == question)  # type: ignore[attr-defined]


def test_a_child_who_improved_is_shown_with_figures_dates_and_cells(seven: Path) -> None:
    review, text = build(seven, "S01")
    assert "Improved while receiving IVIG, confirmed at a later visit" in text
    assert "6 courses, 1991-10-21 to 1992-03-13; stopped (planned, after improvement)" in text
    assert "1.78 (1.74-1.82) g/kg, median (range)" in text
    kinase = next(line for line in review.measures.lines if line.measure == "creatine_kinase")
    assert kinase.baseline is not None
    assert (kinase.baseline.text, kinase.baseline.when) == ("1420", "1991-10-18")
    assert kinase.best_change == "−1180 (−83 %)"
    steroid = review.drugs.lines[0]
    assert (steroid.then.text, steroid.now.text) == (
        "25 mg/day (1.2 mg/kg/day)",
        "15 mg/day (0.66 mg/kg/day)",
    )
    place = next(column for column in review.sources if "assessment.csv" in column.place)
    assert (kinase.baseline.mark, "row 21") in place.marks
    assert DECISION in text


def test_improvement_not_shown_names_visits_measures_and_other_treatment(seven: Path) -> None:
    review, text = build(seven, "S06")
    answer = answer_of(review.response, "Did the child improve?")
    assert answer.startswith("Improvement not shown in these records. Looked at: ")
    for part in ("visits on IVIG that could be judged", "measures: ", "other treatment: "):
        assert part in answer
    assert "no benefit" not in text
    assert "How fast?" not in text


def test_a_confounded_child_says_by_what(tmp_path: Path, seven: Path) -> None:
    changed = Path(shutil.copytree(seven, tmp_path / "run"))
    path = changed / "tables" / "response.parquet"
    response = pl.read_parquet(path).with_columns(
        confounded=pl.lit(value=True), confounded_by=pl.lit(["methotrexate"], pl.List(pl.String))
    )
    response.write_parquet(path)
    review, _ = build(changed, "S01")
    assert answer_of(review.response, "Another explanation?") == "Yes: confounded. Methotrexate."


def test_a_child_without_ivig_and_a_child_without_anything(odd: Path) -> None:
    review, text = build(odd, "untreated")
    assert "No intravenous immunoglobulin is recorded for this child." in text
    line = review.measures.lines[0]
    assert (line.baseline, line.latest) != (None, None)
    assert line.latest_change == "+10"
    _, text = build(odd, "bare")
    assert "No measure of disease activity is recorded as a number" in text
    assert "no drug is recorded at all" in text
    assert DECISION in text


def test_a_child_who_cannot_be_judged_says_what_is_missing(odd: Path) -> None:
    review, text = build(odd, "blind")
    assert "Cannot be evaluated from these records" in text
    assert "Cannot be seen in these records" in text
    missing = [line.question for line in review.missing]
    assert "Improved?" in missing
    assert "Core set, measured neither before nor on IVIG" in missing
    assert not re.search(r"\b(None|nan|null)\b", text)


def test_the_latest_regimen_comes_first_and_the_others_in_a_line(odd: Path) -> None:
    review, _ = build(odd, "twice")
    assert ("IVIG regimen", "2") in review.facts
    assert "2020-01-01 to 2020-02-26" in review.exposure[0].answer
    assert len([line for line in review.missing if line.question == "Improved?"]) == 1
    assert review.others.startswith("1: 2018-01-01 to 2018-02-26, 3 courses; ")


def test_drugs_taken_now_stand_before_those_that_ended() -> None:
    days = [dt.date(2020, 6, 1), dt.date(2019, 1, 1)]
    periods = pl.DataFrame(
        {
            "drug": ["azathioprine", "ciclosporin", "methotrexate"],
            "start_date": [dt.date(2017, 1, 1), dt.date(2018, 1, 1), dt.date(2020, 1, 1)],
            "end_date": [dt.date(2017, 6, 1), dt.date(2019, 1, 1), None],
        }
    )
    assert _order_drugs(periods, days) == ["methotrexate", "ciclosporin", "azathioprine"]


def test_a_hostile_name_is_text_and_a_long_one_is_cut(odd: Path) -> None:
    tables = open_run(odd)
    report = ReportInput(tables, read_rulebook_of(tables.manifest))
    html = render_review(open_subject(report, HOSTILE))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<bdi>" in html
    assert len(html) - len(render_style(REVIEW)) < 33_000


@pytest.mark.parametrize(("asked", "named"), [("S0l", True), ("nobody at all", False)])
def test_an_unknown_child_names_only_near_pseudonyms(seven: Path, asked: str, named: bool) -> None:
    with pytest.raises(UserError, match="one of the 7 children") as caught:
        build(seven, asked)
    assert caught.value.exit_code == ExitCode.DATA
    found = re.findall(r"S0\d", caught.value.to_do)
    assert (0 < len(found) <= 3) if named else found == []


def test_no_figure_of_the_model_reaches_the_page(tmp_path: Path, seven: Path) -> None:
    changed = Path(shutil.copytree(seven, tmp_path / "run"))
    path = changed / "results.parquet"
    results = pl.read_parquet(path).with_columns(
        formatted=pl.when(pl.col("analysis").str.starts_with("agreement"))
        .then("formatted")
        .otherwise(pl.lit("8675309")),
        value=pl.lit(8675309.0),
        refused=pl.lit(None, pl.String),
    )
    results.filter(pl.col("analysis") != "agreement").write_parquet(path)
    _, text = build(changed, "S01")
    assert "8675309" not in text


def test_definitions_that_changed_since_the_run_are_refused(tmp_path: Path, seven: Path) -> None:
    changed = Path(shutil.copytree(seven, tmp_path / "run"))
    manifest = changed / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    sha256 = open_run(seven).manifest["definitions"][0]["sha256"]
    manifest.write_text(text.replace(sha256, "0" * 64), encoding="utf-8")
    with pytest.raises(UserError, match="changed since"):
        build(changed, "S01")
