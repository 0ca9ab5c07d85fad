"""What the report says, of the shipped example and of studies made to go wrong."""

from __future__ import annotations

import csv
import html
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.unit.vega_lite import check_spec

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import UserError
from heliotrope.pipeline import run_study
from heliotrope.report import section
from heliotrope.report.charts.timeline import draw_timeline
from heliotrope.report.explain_cells import SourceCells
from heliotrope.report.page import render_report
from heliotrope.report.read_child import read_children
from heliotrope.report.read_run import RunTables, find_parts
from heliotrope.study import read_study

EXAMPLES = Path(__file__).parents[2] / "examples"
SEVEN = EXAMPLES / "seven_children"
OWN_SCRIPTS = ("words of the charts", "Vega, packed", "the charts' script", "the page's script")


def text_of(page: str) -> str:
    """The words of a page, without its markup."""
    body = page.partition("<body>")[2]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture(scope="module")
def seven(seven_run: Path) -> tuple[Path, Rulebook, str]:
    page = (seven_run / "report.html").read_text(encoding="utf-8")
    return seven_run, read_study(SEVEN).read_rulebook(), page


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SEVEN, tmp_path / "study"))


def run_of(study: Path) -> str:
    run = study.parent / "run"
    run_study(study, run)
    return (run / "report.html").read_text(encoding="utf-8")


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


class TestTheAnswer:
    def test_the_headline_counts_the_confirmed_and_gives_the_interval(self, seven) -> None:
        words = text_of(seven[2])
        assert "6 of 7 children improved while receiving IVIG, confirmed at a later visit" in words
        assert "95 % confidence interval 42 to >99 %" in words

    def test_activity_and_steroid_are_rows_of_their_own(self, seven) -> None:
        words = text_of(seven[2])
        assert "Activity: did the children improve?" in words
        assert "In 2 of 7 the steroid dose fell during IVIG" in words

    def test_harm_by_coded_term_haemolysis_and_steroid_concepts(self, seven) -> None:
        words = text_of(seven[2])
        assert "Fever 10016558 fever 4 " in words
        assert "Proteinuria 10037032 proteinuria 2 " in words
        assert (
            "After no course a haemoglobin, an antiglobulin test or another sign of haemolysis is "
            "recorded (50 courses): nobody can tell."
        ) in words
        assert "Steroid-dependent disease before IVIG 6 of 7 86 %; 42 to >99 % 0 0" in words
        assert "Glucocorticoids stopped over the whole record 1 of 7" in words

    def test_every_section_stands_there_once(self, seven) -> None:
        ids = re.findall(r'<section id="([^"]+)"', seven[2])
        assert ids == [
            "answer",
            "publication",
            "who",
            "patterns",
            "swimmer",
            "every_child",
            "landmarks",
            "quick",
            "adjuvant",
            "lasting",
            "harm",
            "side_by_side",
            "literature",
            "children",
            "record",
            "findings",
            "checklists",
            "definitions",
            "manifest",
        ]

    def test_every_link_within_the_page_leads_somewhere(self, seven) -> None:
        targets = set(re.findall(r'id="([^"]+)"', seven[2]))
        assert set(re.findall(r'href="#([^"]+)"', seven[2])) <= targets


class TestWords:
    @pytest.mark.parametrize("phrase", ["responded to IVIG", "no benefit", " is safe", "was safe"])
    def test_what_a_report_never_says(self, seven, phrase: str) -> None:
        assert phrase.lower() not in text_of(seven[2]).lower()

    @pytest.mark.parametrize(
        "phrase",
        [
            "Research software: it evaluates records and does not advise a treatment or a dose.",
            "not validated against clinicians' judgement",
            "Improvement not shown in these records. Looked at: ",
            "No reaction recorded in 24 infusions (upper 95 % bound",
            "Invented records.",
            "not verified",
        ],
    )
    def test_what_a_report_always_says(self, seven, phrase: str) -> None:
        assert phrase in text_of(seven[2])


class TestBesideThePublication:
    def test_every_count_of_the_abstract_is_found_and_the_risk_set_explained(self, seven) -> None:
        words = text_of(seven[2])
        assert "9 of 9 counts are the same" in words
        assert re.search(r"monthly regimen stopped 4 of 6 = 4 of 5 The abstract counts", words)

    def test_a_study_that_names_no_publication_has_no_such_section(
        self, seven, tmp_path: Path
    ) -> None:
        run = Path(shutil.copytree(seven[0], tmp_path / "run"))
        rewrite(run / "manifest.json", '"compare_with": "series_1997"', '"compare_with": null')
        page = render_report(run, seven[1])
        assert 'id="publication"' not in page
        assert "Invented records." in page

    def test_a_difference_is_marked(self, seven, tmp_path: Path) -> None:
        run = Path(shutil.copytree(seven[0], tmp_path / "run"))
        is_rapid = (
            (pl.col("analysis") == "response_pattern")
            & (pl.col("variable") == "rapid")
            & (pl.col("statistic") == "n")
        )
        changed = pl.when(is_rapid).then(pl.lit(2.0)).otherwise("value").alias("value")
        results = pl.read_parquet(run / "results.parquet").with_columns(changed)
        results.write_parquet(run / "results.parquet")
        words = text_of(render_report(run, seven[1]))
        assert "8 of 9 counts are the same" in words
        assert "3 of 7 ≠ 2 of 7" in words


class TestDownToTheCell:
    def test_the_row_named_holds_the_value_that_was_used(self, seven) -> None:
        page = seven[2].partition('id="child-1"')[2].partition('id="child-2"')[0]
        cells = re.findall(
            r"(\d{4}-\d\d-\d\d) strength grade (\d) <i>assessment.csv, row (\d+), column value",
            page,
        )
        with (SEVEN / "assessment.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert cells
        for date, value, row in cells:
            source = rows[int(row) - 2]
            assert (source["patient_id"], source["date"], source["measure"], source["value"]) == (
                "S01",
                date,
                "strength_grade",
                value,
            )

    def test_every_child_has_a_page_with_a_chart_that_is_named(self, seven) -> None:
        for number in range(1, 8):
            assert f'id="child-{number}"' in seven[2]
            assert f'role="img" aria-label="Timeline of child S0{number}:' in seven[2]

    def test_vega_lite_accepts_a_timeline(self, seven) -> None:
        import vl_convert

        run = RunTables(seven[0])
        (child,) = read_children(run, ["S04"])
        spec = draw_timeline(child, seven[1], SourceCells(run.sources))
        check_spec(spec)
        svg = vl_convert.vegalite_to_svg(spec, vl_version="6.4")
        assert svg.startswith("<svg")
        assert "NaN" not in svg


class TestHostileText:
    def test_html_and_formulas_in_records_are_shown_never_run(self, study: Path) -> None:
        evil = "<script>alert(1)</script>"
        for path in study.glob("*.csv"):
            path.write_text(
                path.read_text(encoding="utf-8").replace("S01,", "S<img src=x onerror=x>1,"),
                encoding="utf-8",
            )
        rewrite(study / "study.toml", "Seven children", f"{evil}Seven children")
        rewrite(study / "event.csv", "disease flare", f"=HYPERLINK(1){evil}")
        page = run_of(study)
        assert page.count("<script") == len(OWN_SCRIPTS)
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "=HYPERLINK(1)" in page

    def test_the_page_forbids_scripts_and_loads_nothing(self, seven) -> None:
        assert "default-src 'none'" in seven[2]
        assert not re.findall(r'(?:src|href)="(?!#|https://(?:doi|pubmed|pmc)\.)', seven[2])


@pytest.fixture(scope="module")
def thin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the report says of the seven children without reactions, the first without a weight."""
    study = Path(shutil.copytree(SEVEN, tmp_path_factory.mktemp("thin") / "study"))
    for name, left_out in (("event", r".*adverse_event"), ("assessment", r"S01,[^,]*,weight,")):
        lines = (study / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not re.match(left_out, line)]
        assert len(kept) < len(lines)
        (study / f"{name}.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return text_of(run_of(study))


class TestOtherStudies:
    def test_without_ivig_the_report_says_so_and_ends_well(self, study: Path) -> None:
        for name in ("infusion", "event", "indication"):
            (study / f"{name}.csv").unlink()
        words = text_of(run_of(study))
        assert "No child of 7 children in these records was given IVIG" in words
        assert "no infusion is recorded, so there is nothing to divide by" in words.lower()

    def test_without_reactions_the_bound_is_printed(self, thin: str) -> None:
        assert "No reaction recorded in 178 infusions (upper 95 % bound" in thin

    def test_without_a_weight_the_child_page_says_what_to_record(self, thin: str) -> None:
        assert "Weigh the child at every infusion" in thin.partition("What to record")[2]

    def test_children_beyond_the_limit_are_counted_not_drawn(
        self, seven, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(section, "CHILD_PAGES", 6)
        monkeypatch.setattr(section, "EXAMPLE_PAGES", 3)
        page = render_report(seven[0], seven[1])
        assert 'id="child-3"' in page
        assert 'id="child-4"' not in page
        assert "Pages of the first 3 children" in text_of(page)

    def test_a_local_definition_is_marked_as_such(self, seven) -> None:
        run, rulebook, _ = seven
        name = "jdm_ivig_response"
        local = rulebook.definitions[name].model_copy(update={"is_local": True})
        overlaid = Rulebook({**rulebook.definitions, name: local}, rulebook.settings)
        words = text_of(render_report(run, overlaid))
        assert f"local definitions: {name}" in words

    def test_a_folder_without_manifest_is_refused_in_three_lines(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="manifest"):
            _ = RunTables(tmp_path).manifest


class TestParts:
    def test_a_table_is_found_however_it_was_split(self, tmp_path: Path) -> None:
        names = [
            "trace.parquet",
            "trace-00001.parquet",
            "trace/shard=3/part.parquet",
            "trace_source.parquet",
            "trace_source/shard=3/part.parquet",
        ]
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            pl.DataFrame({"a": [1]}).write_parquet(tmp_path / name)
        assert len(find_parts(tmp_path, "trace")) == 3
        assert len(find_parts(tmp_path, "trace_source")) == 2

    def test_the_same_run_gives_the_same_page(self, seven) -> None:
        run, rulebook, page = seven
        assert render_report(run, rulebook) == page
