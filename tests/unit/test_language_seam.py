"""Every text of a page goes through the language seam: what does not is named here, with why.

The pages are made in a language that writes ⟦…⟧ around every text it is asked for. What a person
sees outside of these marks must be data, a quotation of a definition or of a result row, or a
name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from tests.unit.workbench_client import visiting

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.report import language
from heliotrope.report.explain import open_run
from heliotrope.report.page import render_report
from heliotrope.report.review.write import ReviewOptions, write_review

QUOTED_SECTIONS = {
    "publication": "sentences of the abstract",
    "literature": "what the published series say",
    "findings": "words of the findings, which are cited by their rule",
    "checklists": "items of the reporting checklists",
    "definitions": "words of the definitions",
    "manifest": "names and values of the manifest",
}
QUOTED_CLASSES = {
    "trace": "words of the definitions and codes of the trace",
    "runs": "words of the definitions",
    "also": "words of the definitions",
    "answer-line": "words of the definitions",
    "cell": "names and values of the source",
    "sources-of": "names and values of the source",
    "compared": "values compared, with their units",
}
NAMES = (
    r"heliotrope|IVIG|Vega|JSON|CSV|Parquet|English|UTC|findings\.csv|MedDRA|CTCAE|kappa|"
    r"CK|ADL|CMAS|MMT8|CHAQ|TIS|prednisone"
)
UNITS = r"mg/kg/day|mg/day|mg/kg|g/kg|mL/kg/h|U/L|cm|kg|mg|g|h|x ULN|CI"
FILES = r"[\w.]+\.csv(, \S+ [\d-]+)*"
VOID = {"meta", "link", "br", "input", "img", "hr", "col", "line", "rect", "path", "circle"}
SPOKEN = ("aria-label", "title", "data-label", "alt", "placeholder")


class Marked(NullTranslations):
    """A language that marks every text it is asked for."""

    def gettext(self, message: str) -> str:
        """Mark a text."""
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Mark one or many."""
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        """Mark what stands behind a number."""
        del context
        return self.ngettext(msgid1, msgid2, n)


class Outside(HTMLParser):
    """Collects what a person sees outside of the marks, with the section it stands in."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[tuple[str, str, str]] = []
        self.depth = 0
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element; what is read aloud of it counts as seen."""
        given = dict(attrs)
        if tag not in VOID:
            self.stack.append((tag, given.get("id") or "", given.get("class") or ""))
        for name in SPOKEN:
            self._note(re.sub(r"⟦[^⟦⟧]*⟧", "", re.sub(r"⟦[^⟦⟧]*⟧", "", given.get(name) or "")))

    def handle_endtag(self, tag: str) -> None:
        """Come out of an element."""
        while self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep what stands outside of marks; a mark may hold elements."""
        if any(
            tag in ("script", "style", "code", "bdi", "h1", "title")
            for tag, _id, _class in self.stack
        ):
            return
        kept = []
        for letter in data:
            self.depth += (letter == "⟦") - (letter == "⟧")
            kept.append(letter if self.depth == 0 and letter != "⟧" else "")
        self._note("".join(kept))

    def _note(self, text: str) -> None:
        classes = {name for _tag, _id, given in self.stack for name in given.split()}
        sections = {name for tag, name, _class in self.stack if tag == "section"}
        if classes & set(QUOTED_CLASSES) or sections & set(QUOTED_SECTIONS):
            return
        if re.search(r"[A-Za-z]{2}", text):
            self.found.append((",".join(sorted(sections - {""})), " ".join(text.split())))


@pytest.fixture(scope="module")
def run(seven_run: Path) -> Path:
    """A run of the seven children."""
    return seven_run


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Speak the language that marks its texts."""
    monkeypatch.setattr(language, "_find_catalogue", lambda _language: Marked())
    with language.speaking("marked"):
        yield


def list_quoted(run: Path, rulebook: Rulebook) -> set[str]:
    """List the words that are quoted: of definitions, of result rows, of the records."""
    quoted: set[str] = set()

    def gather(content: object) -> None:
        if isinstance(content, str):
            quoted.update((content.lower(), content.replace("_", " ").lower()))
        elif isinstance(content, dict):
            for value in content.values():
                gather(value)
        elif isinstance(content, (list, tuple)):
            for value in content:
                gather(value)

    for definition in rulebook.definitions.values():
        gather(definition.model_dump(mode="json"))
    results = pl.read_parquet(run / "results.parquet")
    for name in ("analysis", "variable", "formatted", "refused", "group"):
        gather(results[name].drop_nulls().to_list())
    for path in (*run.rglob("tables/*.parquet"), *run.rglob("records/*.parquet")):
        table = pl.read_parquet(path)
        for column in table.columns:
            if table[column].dtype == pl.String:
                gather(table[column].drop_nulls().unique().to_list())
    return quoted


def find_unmarked(html: str, quoted: set[str]) -> set[tuple[str, str]]:
    """Find what a person sees that neither went through the seam nor is quoted."""
    parser = Outside()
    parser.feed(html)
    longest = sorted((text for text in quoted if len(text) > 1), key=len, reverse=True)
    alternatives = "|".join(re.escape(text) for text in longest)
    known = re.compile(rf"(?<!\w)(?:{FILES}|{alternatives}|{NAMES}|{UNITS})(?!\w)", re.IGNORECASE)
    left = set()
    for section, text in set(parser.found):
        rest = known.sub("", text.replace("−", "-").replace("–", "-").lower())
        if re.search(r"[a-z]{2}", rest):
            left.add((section, text))
    return left


@pytest.mark.usefixtures("marked")
def test_every_text_of_a_report_goes_through_the_seam(run: Path) -> None:
    rulebook = read_rulebook()
    left = find_unmarked(render_report(run, rulebook), list_quoted(run, rulebook))
    assert not left, "\n".join(map(str, sorted(left)))


@pytest.mark.usefixtures("marked")
def test_every_text_of_a_review_goes_through_the_seam(run: Path, tmp_path: Path) -> None:
    rulebook = read_rulebook()
    quoted = list_quoted(run, rulebook)
    for name in ("S01", "S06"):
        out = tmp_path / f"{name}.html"
        options = ReviewOptions(out=out, pdf=False, paper="a4", browser=None)
        write_review(open_run(run), rulebook, name, options)
        left = find_unmarked(out.read_text(encoding="utf-8"), quoted)
        assert not left, "\n".join(map(str, sorted(left)))


WORKBENCH_PAGES = (
    "/",
    "/calculator",
    "/compare",
    "/definitions",
    "/nothing",
    "/runs/seven",
    "/runs/seven/children",
    "/runs/seven/findings",
    "/runs/seven/definitions",
    "/runs/seven/child?id=S01",
    "/runs/seven/child/trace?id=S01",
    "/runs/seven/child/other?id=S01",
    "/runs/seven/child/other?id=S01&first=inactive_disease_2013&second=inactive_disease_2015",
)


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("address", WORKBENCH_PAGES)
def test_every_text_of_the_workbench_goes_through_the_seam(
    run: Path, tmp_path: Path, address: str
) -> None:
    (tmp_path / "runs").mkdir()
    shutil.copytree(run, tmp_path / "runs" / "seven")
    with visiting(tmp_path) as visitor:
        html = visitor.get(address).text
    left = find_unmarked(html, list_quoted(run, read_rulebook()) | {"seven"})
    assert not left, "\n".join(map(str, sorted(left)))


def test_a_text_past_the_seam_is_found() -> None:
    html = "<section id='who'><p>⟦Who⟧ was <b>⟦treated⟧</b></p><td data-label='Said'>CK 3</td>"
    assert find_unmarked(html, set()) == {("who", "was"), ("who", "Said")}
