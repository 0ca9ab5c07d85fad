"""What is taken away of a run is what the commands write; size, time and age are said."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.errors import UserError
from heliotrope.report.adam.write import write_adam
from heliotrope.report.exports.results import write_results
from heliotrope.report.exports.trace import write_trace_supplement
from heliotrope.report.exports.word import manuscript
from heliotrope.report.figures import write_figures as figures_module
from heliotrope.report.figures.write_figures import FigureOptions
from heliotrope.report.read_run import RunTables
from heliotrope.report.review import write as review_module
from heliotrope.run.verification import read_rulebook_of
from heliotrope.workbench.exports import ENDINGS
from heliotrope.workbench.make_export import make_export

RUN = "/runs/seven-1"


@pytest.fixture
def work(seven_run: Path, tmp_path: Path) -> Path:
    """A workspace of its own with a finished run."""
    shutil.copytree(seven_run, tmp_path / "work" / "runs" / "seven-1")
    return tmp_path / "work"


@pytest.fixture
def visitor(work: Path) -> Iterator[Visitor]:
    with visiting(work) as one:
        yield one


def order(work: Path, what: str, **options: object) -> dict[str, object]:
    run = work / "runs" / "seven-1"
    out = work / "exports" / "seven-1" / what
    return {"kind": "export", "what": what, "path": str(run), "root": str(run), "out": str(out),
            "options": options, "language": "en"}  # fmt: skip


def list_packed(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {Path(name).name: archive.read(name) for name in archive.namelist()}


def test_it_is_made_from_the_page_of_the_run_and_its_size_and_time_are_said(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.get(f"{RUN}/take-away")
    assert page.text.count("Make it</button>") == len(ENDINGS)
    assert visitor.get(f"{RUN}/exports/results").status_code == 404
    page = visitor.wait(visitor.post(f"{RUN}/exports/results", data={"by_child": "1"}))
    assert page.url.path == f"{RUN}/take-away"
    assert re.search(r"ZIP, \d+ kB; made 20\d\d-\d\d-\d\d \d\d:\d\d UTC in [\d.]+ s", page.text)
    answer = visitor.get(f"{RUN}/exports/results")
    assert answer.headers["content-disposition"] == 'attachment; filename="seven-1-results.zip"'
    tables = RunTables(visitor.workspace.folder / "runs" / "seven-1")
    write_results(tables, tmp_path / "command", with_children=True)
    assert list_packed(answer.content) == {
        path.name: path.read_bytes() for path in (tmp_path / "command").iterdir()
    }


@pytest.mark.parametrize("what", ["adam", "trace"])
def test_it_is_what_the_command_writes(what: str, work: Path, tmp_path: Path) -> None:
    make_export(order(work, what))
    tables = RunTables(work / "runs" / "seven-1")
    if what == "adam":
        write_adam(tables, read_rulebook_of(tables.manifest), tmp_path / "command")
    else:
        write_trace_supplement(tables, tmp_path / "command")
    with visiting(work) as one:
        packed = list_packed(one.get(f"{RUN}/exports/{what}").content)
    written = {path.name: path.read_bytes() for path in (tmp_path / "command").iterdir()}
    assert packed.keys() == written.keys()
    times = ".zip", ".xpt"
    assert {n: c for n, c in packed.items() if not n.endswith(times)} == {
        n: c for n, c in written.items() if not n.endswith(times)
    }


def test_the_shareable_set_is_read_before_it_is_sent(work: Path) -> None:
    make_export(order(work, "share", site="Ward <7>"))
    with visiting(work) as one:
        packed = list_packed(one.get(f"{RUN}/exports/share").content)
        assert set(packed) == {"results.parquet", "manifest.json", "report.html"}
        assert json.loads(packed["manifest.json"])["site"] == "Ward <7>"
        page = one.get(f"{RUN}/shared")
        assert page.content == packed["report.html"]
        assert "sandbox" in page.headers["content-security-policy"]
        assert not (work / "runs" / "seven-1" / "share").exists()


def test_the_word_document_and_the_figures_come_from_their_commands(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FigureOptions] = []

    def write(_run: Path, folder: Path, _rulebook: object, options: FigureOptions) -> list[Path]:
        asked.append(options)
        folder.mkdir()
        (folder / "swimmer-single.svg").write_text("<svg/>")
        return []

    monkeypatch.setattr(figures_module, "write_figures", write)
    monkeypatch.setattr(manuscript, "draw_figures", lambda *_: ())
    assert make_export(order(work, "figures", dots_per_inch=600))["file"] == "seven-1-figures.zip"
    assert [(item.dots_per_inch, item.columns) for item in asked] == [(600, ("single", "double"))]
    make_export(order(work, "word"))
    with visiting(work) as one:
        document = one.get(f"{RUN}/exports/word")
        assert document.headers["content-type"].startswith("application/vnd.openxml")
        assert "word/document.xml" in zipfile.ZipFile(io.BytesIO(document.content)).namelist()


def test_the_review_is_printed_saved_and_named_after_the_child(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def print_pdf(_browser: Path, _page: Path, pdf: Path) -> int:
        pdf.write_bytes(b"%PDF-1.4\n%%EOF")
        return 1

    monkeypatch.setattr(review_module, "find_browser", lambda: Path("chromium"))
    monkeypatch.setattr(review_module, "print_pdf", print_pdf)
    with visiting(work) as one:
        assert "Make the PDF" in one.get(f"{RUN}/child/print?id=S01").text
        assert one.get(f"{RUN}/child/review.pdf?id=S01").status_code == 404
        from heliotrope.workbench.review_pages import name_review

        make_export(order(work, name_review("S01"), patient_id="S01", paper="letter"))
        assert "Download the PDF" in one.get(f"{RUN}/child/print?id=S01").text
        sent = one.get(f"{RUN}/child/review.pdf?id=S01")
        assert 'filename="seven-1-review-S01.pdf"' in sent.headers["content-disposition"]
        assert sent.content.startswith(b"%PDF")
        assert one.get(f"{RUN}/child/review.pdf?id=S02").status_code == 404
        saved = one.get(f"{RUN}/child/review?id=S02&save=1")
        assert 'filename="seven-1-review-S02.html"' in saved.headers["content-disposition"]


def test_without_a_browser_it_says_so_and_leaves_nothing(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_module, "find_browser", lambda: None)
    with pytest.raises(UserError, match="Chromium"):
        make_export(order(work, "review-1", patient_id="S01"))
    assert list((work / "exports" / "seven-1").iterdir()) == []


def test_a_file_of_an_earlier_run_or_a_torn_one_is_not_offered(work: Path) -> None:
    make_export(order(work, "results"))
    path = work / "exports" / "seven-1" / "seven-1-results.zip"
    whole = path.read_bytes()
    with visiting(work) as one:
        path.write_bytes(whole[:-1])
        assert one.get(f"{RUN}/exports/results").status_code == 404
        path.write_bytes(whole)
        assert one.get(f"{RUN}/exports/results").status_code == 200
        manifest = work / "runs" / "seven-1" / "manifest.json"
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**content, "created": "2030-01-01T00:00:00+00:00"}))
        assert one.get(f"{RUN}/exports/results").status_code == 404


@pytest.mark.parametrize("name", ["nonsense", "..%2f..%2fruns", "review-1", "results.json"])
def test_nothing_else_is_made_or_sent(visitor: Visitor, name: str) -> None:
    assert visitor.post(f"{RUN}/exports/{name}").status_code in (404, 405)
    assert visitor.get(f"{RUN}/exports/{name}").status_code == 404
    assert list((visitor.workspace.folder / "exports").iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_not_sent(work: Path) -> None:
    make_export(order(work, "results"))
    path = work / "exports" / "seven-1" / "seven-1-results.zip"
    other = work / "other.zip"
    path.rename(other)
    path.symlink_to(other)
    with visiting(work) as one:
        assert one.get(f"{RUN}/exports/results").status_code == 404
