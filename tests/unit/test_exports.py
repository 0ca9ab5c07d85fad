"""What leaves a run: results and trace with their codebooks, a case series for Word."""

from __future__ import annotations

import base64
import builtins
import re
import zipfile
from pathlib import Path
from typing import Any

import docx
import polars as pl
import pytest
from docx.oxml.ns import qn
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.errors import ExitCode, UserError
from heliotrope.example_studies import find_example
from heliotrope.records.finding_tables import Source
from heliotrope.records.results import TABLES, Result
from heliotrope.records.trace_tables import Trace, TraceSource
from heliotrope.report.explain import open_run
from heliotrope.report.exports.results import write_results
from heliotrope.report.exports.spreadsheet import make_plain
from heliotrope.report.exports.trace import write_trace_supplement
from heliotrope.report.exports.word.manuscript import find_figures, write_word
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.patterns import build_patterns
from heliotrope.run.verification import read_rulebook_of

WHITE_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def run(seven_run: Path) -> Path:
    """A run of the seven children."""
    return seven_run


@pytest.fixture(scope="module")
def word(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Word document of that run with one picture."""
    folder = tmp_path_factory.mktemp("word")
    (folder / "swimmer.png").write_bytes(base64.b64decode(WHITE_PIXEL))
    (folder / "swimmer.txt").write_text("Each child's course\nSeven lanes, one a child.")
    tables = open_run(run)
    figures = find_figures(folder)
    return write_word(tables, read_rulebook_of(tables.manifest), folder / "a.docx", figures)


def read_codebook(path: Path) -> dict[str, set[str]]:
    frame = pl.read_csv(path)
    return {
        str(key[0]): set(rows["column"])
        for key, rows in frame.partition_by("table", as_dict=True).items()
    }


def test_results_are_all_there_and_every_column_is_explained(run: Path, tmp_path: Path) -> None:
    write_results(open_run(run), tmp_path / "out", with_children=True)
    stored = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert_frame_equal(stored, pl.read_parquet(run / "results.parquet"))
    plain = pl.read_csv(tmp_path / "out" / "results.csv", infer_schema=False)
    assert plain.height == stored.height
    assert plain["refused"].null_count() < plain.height
    books = read_codebook(tmp_path / "out" / "codebook.csv")
    assert books["results"] == set(Result.column_names())
    assert {name: books[name] for name in TABLES} == {
        name: set(schema.column_names()) for name, schema in TABLES.items()
    }
    said = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "Invented records" in said
    assert "not validated" in said
    for name in Result.column_names():
        assert f"`{name}`" in said


def test_without_children_no_pseudonym_leaves(run: Path, tmp_path: Path) -> None:
    written = write_results(open_run(run), tmp_path / "out")
    assert {path.name for path in written} == {
        "README.md",
        "codebook.csv",
        "results.csv",
        "results.parquet",
    }
    for path in written:
        assert not re.search(rb"\bS0[1-7]\b", path.read_bytes()), path.name


def test_the_trace_joins_as_its_readme_says(run: Path, tmp_path: Path) -> None:
    write_trace_supplement(open_run(run), tmp_path / "out")
    trace, links, source = (
        pl.read_parquet(tmp_path / "out" / f"{name}.parquet")
        for name in ("trace", "trace_source", "source")
    )
    with zipfile.ZipFile(tmp_path / "out" / "trace_csv.zip") as archive:
        for name, frame in (("trace", trace), ("trace_source", links), ("source", source)):
            plain = pl.read_csv(archive.read(f"{name}.csv"), infer_schema=False)
            assert (plain.height, plain.columns) == (frame.height, frame.columns)
    cells = links.join(trace, on="trace_id").with_columns(
        source=(pl.col("row_id") // 2**48).cast(pl.Int32),
        column=(pl.col("row_id") % 2**16).cast(pl.Int32),
    )
    found = cells.join(source, on=["source", "column"])
    assert cells.height == found.height > 0
    books = read_codebook(tmp_path / "out" / "codebook.csv")
    assert books == {
        "trace": set(Trace.column_names()),
        "trace_source": set(TraceSource.column_names()),
        "source": set(Source.column_names()),
    }


def test_a_spreadsheet_runs_nothing() -> None:
    frame = pl.DataFrame({"text": ["=HYPERLINK(1)", "+1", "-1", "@a", "\ta", "fine", None]})
    assert make_plain(frame)["text"].to_list() == [
        "'=HYPERLINK(1)",
        "'+1",
        "'-1",
        "'@a",
        "'\ta",
        "fine",
        None,
    ]


@pytest.mark.parametrize("what", ["results", "trace", "word"])
def test_nothing_that_is_there_is_overwritten(run: Path, tmp_path: Path, what: str) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(
            app, ["export", what, str(run), "--out", str(there)], catch_exceptions=False
        )
    assert caught.value.exit_code == ExitCode.USAGE
    assert list(there.iterdir()) == []


def list_tables(document: Any) -> dict[str, Any]:
    """The tables of a document by their captions."""
    captions = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    titles = [caption for caption in captions if caption.startswith("Table")]
    assert len(titles) == len(document.tables)
    return dict(zip(titles, document.tables, strict=True))


def test_word_stands_in_the_order_of_a_journal(word: Path) -> None:
    document = docx.Document(str(word))
    assert document.paragraphs[0].style.name == "Title"
    headings = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert headings == [
        "Summary",
        "Methods",
        "Results",
        "Data quality",
        "References of the definitions",
        "Reporting checklists",
    ]
    text = "\n".join(p.text for p in document.paragraphs)
    assert "Invented records" in text
    assert "28 days before" in text
    assert "jdm_ivig_response 0.1.0" in text
    assert "10.1002/art.40060" in text
    assert not re.search(r"\b(safe|because of IVIG|NaN|None)\b", text)
    assert str(find_example("seven_children")) not in text


def test_word_tables_repeat_their_header_and_hold_the_numbers_of_the_run(
    run: Path, word: Path
) -> None:
    tables = list_tables(docx.Document(str(word)))
    for table in tables.values():
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
    patterns = next(table for title, table in tables.items() if "Response patterns" in title)
    opened = open_run(run)
    report = ReportInput(opened, read_rulebook_of(opened.manifest))
    lines = build_patterns(report).content["lines"]
    assert [[cell.text for cell in row.cells][:2] for row in patterns.rows[1:]] == [
        [line.name, str(line.count)] for line in lines
    ]
    children = next(table for title, table in tables.items() if "Each child" in title)
    assert [row.cells[0].text for row in children.rows[1:]] == [f"S0{n}" for n in range(1, 8)]


def test_word_captions_are_numbered_by_fields_and_pictures_have_texts(word: Path) -> None:
    document = docx.Document(str(word))
    fields = [
        field.get(qn("w:instr")).split()[1]
        for field in document.element.body.iter(qn("w:fldSimple"))
    ]
    assert fields.count("Table") == len(document.tables)
    assert fields.count("Figure") == 1
    picture = document.inline_shapes[0]._inline.docPr
    assert picture.get("descr") == "Seven lanes, one a child."
    assert picture.get("title") == "Each child's course"


def test_without_python_docx_the_word_is_how_to_install_it(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name == "docx":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    tables = open_run(run)
    with pytest.raises(UserError, match="pip install") as caught:
        write_word(tables, read_rulebook_of(tables.manifest), tmp_path / "a.docx")
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert list(tmp_path.iterdir()) == []


def test_of_a_figure_in_both_widths_the_wide_one_is_taken_with_its_caption(tmp_path: Path) -> None:
    for name in ("a-double", "b-double", "b-single", "c-single"):
        (tmp_path / f"{name}.png").write_bytes(base64.b64decode(WHITE_PIXEL))
    (tmp_path / "b-double.txt").write_text("Swimmer\nLanes. Seven.\n", encoding="utf-8")
    found = [(item.path.name, item.title, item.alternative) for item in find_figures(tmp_path)]
    assert found == [
        ("a-double.png", "a double", "a double"),
        ("b-double.png", "Swimmer", "Lanes. Seven."),
        ("c-single.png", "c single", "c single"),
    ]
