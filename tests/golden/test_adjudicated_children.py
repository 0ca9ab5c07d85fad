"""The seven children with labels of clinicians, invented here and shipped nowhere."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.pipeline import run_study
from heliotrope.run.verification import verify_run

SEVEN = Path(__file__).parents[2] / "examples" / "seven_children"
NOT_VALIDATED = "not validated against clinicians' judgement"
EVIL = "Dr <script>alert(1)</script>"

AGREEING = {
    "S01": "rapid",
    "S02": "slow maintained",
    "S03": "rapid",
    "S04": "rapid",
    "S05": "first courses only",
    "S06": "no response",
    "S07": "slow_maintained",
}
SECOND = AGREEING | {"S04": "intermediate", "S07": "slow"}


def text_of(page: str) -> str:
    body = page.partition("<body>")[2]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def write_labels(study: Path, *raters: tuple[str, dict[str, str]]) -> None:
    lines = ["patient_id,regimen,rater,pattern"]
    for rater, labels in raters:
        lines += [f'{child},1,"{rater}",{label}' for child, label in labels.items()]
    (study / "adjudication.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SEVEN, tmp_path / "study"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two raters who differ from the rules and from each other on two children."""
    folder = tmp_path_factory.mktemp("judged")
    study = Path(shutil.copytree(SEVEN, folder / "study"))
    write_labels(study, (EVIL, AGREEING), ("Zed, MD", SECOND))
    run_study(study, folder / "run")
    return folder / "run", (folder / "run" / "report.html").read_text(encoding="utf-8")


def run_of(study: Path) -> str:
    run_study(study, study.parent / "run")
    return (study.parent / "run" / "report.html").read_text(encoding="utf-8")


def test_no_example_brings_labels() -> None:
    assert not list(SEVEN.parent.rglob("adjudication.csv"))


def test_labels_that_agree_throughout(study: Path) -> None:
    write_labels(study, ("R1", AGREEING))
    words = text_of(run_of(study))
    assert (
        "The patterns agree with the clinicians' own labels in 7 of 7 "
        "(100 %; 95 % CI 59 to 100 %), kappa 1.00 (no interval: full agreement). "
        "Only 7 labelled regimens: too few to call the patterns validated."
    ) in words
    assert "Rules and clinicians agree on every labelled regimen" in words


def test_two_raters_and_the_open_labels(judged: tuple[Path, str]) -> None:
    words = text_of(judged[1])
    assert "The patterns agree with the clinicians' own labels in 5 of 5" in words
    assert "Only 5 labelled regimens" in words
    assert "Settled: 5 by all its raters alike; 2 open: the raters differ." in words
    assert "Rater 1 and rater 2 same label 5 of 7 71 %" in words
    assert "Rater 2 with the rules same pattern, of all labels 5 of 7 71 % (29 to 96 %)" in words


def test_the_results_hold_the_kappas(judged: tuple[Path, str]) -> None:
    """Between raters: 5 of 7 agree; by chance (3x2 + 2x1 + 1x1 + 1x1)/49 = 10/49."""
    results = pl.read_parquet(judged[0] / "results.parquet").filter(statistic="kappa")
    between = results.filter(group="rater_1_and_rater_2").row(0, named=True)
    assert between["value"] == pytest.approx((5 / 7 - 10 / 49) / (1 - 10 / 49))
    first = results.filter(group="rater_1", variable="pattern").row(0, named=True)
    assert (first["value"], first["n_evaluable"]) == (1.0, 7)


def test_each_difference_is_listed_with_what_decided_and_its_cells(
    judged: tuple[Path, str],
) -> None:
    section = judged[1].partition('<section id="agreement"')[2].partition("</section>")[0]
    assert re.findall(r'<h4><a href="#child-\d">Child <bdi>(S\d\d)</bdi></a>', section) == [
        "S04",
        "S07",
    ]
    words = text_of(f"<body>{section}")
    fourth, seventh = words.partition("Child S07")[::2]
    assert "The rules say Improved within days" in fourth
    assert "Rater 1: Improved within days; Rater 2: Improved within six weeks" in fourth
    assert re.search(r"First improved visit.* 3 days .*assessment\.csv, row \d+", fourth)
    assert "First visit improved: sets the onset, 1992-09-10" in fourth
    assert re.search(r"Longest stretch at half .* instead of .* \(then: Improved slowly\)", seventh)


def test_raters_are_never_named_and_nothing_of_them_runs(judged: tuple[Path, str]) -> None:
    run, page = judged
    assert not re.search(r"<script[^>]*>\s*alert", page)
    assert "Zed, MD" not in page
    section = page.partition('<section id="agreement"')[2].partition("</section>")[0]
    assert "alert" not in section
    results = pl.read_parquet(run / "results.parquet")
    text = " ".join(str(value) for row in results.iter_rows() for value in row)
    assert "Zed" not in text
    assert "alert" not in text


def test_labels_change_no_class_and_the_run_still_holds(judged: tuple[Path, str]) -> None:
    assert verify_run(judged[0]).is_verified
    response = pl.read_parquet(judged[0] / "tables" / "response.parquet")
    assert response["pattern"].to_list() == [
        "rapid",
        "slow_maintained",
        "rapid",
        "rapid",
        "transient",
        "none",
        "slow_maintained",
    ]


def test_raters_who_agree_on_nobody_validate_nothing(study: Path) -> None:
    write_labels(study, ("a", {"S01": "rapid"}), ("b", {"S01": "late"}))
    words = text_of(run_of(study))
    assert NOT_VALIDATED in words
    assert "1 open: the raters differ" in words


def test_labels_of_children_without_a_regimen_validate_nothing(study: Path) -> None:
    write_labels(study, ("a", {"S99": "rapid"}))
    words = text_of(run_of(study))
    assert NOT_VALIDATED in words
    assert "0 of 7 regimens labelled, 1 label of no recorded regimen left out" in words


def test_the_agreed_label_counts(study: Path) -> None:
    write_labels(study, ("a", AGREEING), ("b", SECOND), ("Consensus", {"S04": "rapid"}))
    words = text_of(run_of(study))
    assert "in 6 of 6" in words
    assert "1 by an agreed label" in words
    assert "Agreed label: Improved within days" in words


def test_a_child_without_a_page_brings_its_whole_trace(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliotrope.report.section.CHILD_PAGES", 3)
    monkeypatch.setattr("heliotrope.report.section.EXAMPLE_PAGES", 2)
    write_labels(study, ("a", SECOND))
    page = run_of(study)
    section = page.partition('<section id="agreement"')[2].partition("</section>")[0]
    assert "<h4>Child <bdi>S04</bdi></h4>" in section
    assert "The whole decision, down to the cell" in section


def test_without_labels_report_and_terminal_say_that_nothing_is_validated(study: Path) -> None:
    def said(out: str) -> str:
        done = CliRunner().invoke(
            app, ["run", str(study), "--out", str(study.parent / out), "--no-model"]
        )
        assert done.exit_code == 0
        return re.sub(r"\s+", " ", done.stdout)

    assert NOT_VALIDATED in said("first")
    page = (study.parent / "first" / "report.html").read_text(encoding="utf-8")
    assert text_of(page).count(NOT_VALIDATED) >= 2
    assert 'id="agreement"' not in page
    write_labels(study, ("a", AGREEING))
    labelled = said("second")
    assert NOT_VALIDATED not in labelled
    assert "not validated beyond this study's own labels" in labelled
