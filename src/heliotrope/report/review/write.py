"""Writes the review of a child: the page, and where a browser is installed its PDF."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.report.exports.new_folder import cannot_write
from heliotrope.report.language import _
from heliotrope.report.read_run import RunTables
from heliotrope.report.review.browsers import find_browser
from heliotrope.report.review.page import GENERATOR, Paper, render_review
from heliotrope.report.review.print_pdf import cannot_print, print_pdf
from heliotrope.report.review.subject import open_subject
from heliotrope.report.section import ReportInput

LOOKED_AT = 2000
LONGEST_NAME = 40


@dataclass(frozen=True)
class ReviewOptions:
    """How a review is written.

    ``out``: the HTML file, or the PDF beside which it stands; left out: beside the run.
    ``browser``: the browser to print with; left out, one that is installed.
    """

    out: Path | None = None
    pdf: bool = True
    paper: Paper = "a4"
    browser: Path | None = None


@dataclass(frozen=True)
class WrittenReview:
    """The files of a review; ``sheets`` is how many pages the PDF has."""

    page: Path
    pdf: Path | None
    sheets: int | None


def write_review(
    run: RunTables, rulebook: Rulebook, patient_id: str, options: ReviewOptions
) -> WrittenReview:
    """Write the review of one child of a run, and print it; what asks for two sheets, smaller.

    Errors: a pseudonym unknown to the run; a file in the way that is no review (it is not
    overwritten); no browser, or one that fails (exit 4; the page is written and named).
    """
    subject = open_subject(ReportInput(run=run, rulebook=rulebook), patient_id)
    page = _name_page(run.folder, subject.child.patient_id, options.out)
    pdf = page.with_suffix(".pdf")
    _check_place(page, pdf if options.pdf else None)
    _write_page(page, render_review(subject, options.paper))
    if not options.pdf:
        return WrittenReview(page, None, None)
    browser = options.browser or find_browser()
    if browser is None:
        raise cannot_print(page, _("no such browser on the path or in its usual places"))
    sheets = print_pdf(browser, page, pdf)
    if sheets > 1:
        _write_page(page, render_review(subject, options.paper, is_dense=True))
        sheets = print_pdf(browser, page, pdf)
    return WrittenReview(page, pdf, sheets)


def _write_page(page: Path, text: str) -> None:
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot_write(page, error) from None


def _name_page(folder: Path, patient_id: str, out: Path | None) -> Path:
    if out is not None:
        return out.with_suffix(".html")
    run = folder.resolve()
    return run.with_name(f"{run.name}-review-{name_file(patient_id)}.html")


def name_file(patient_id: str) -> str:
    """Make a pseudonym part of a file name; one that had to be changed keeps a number of its own.

    >>> name_file("S01"), name_file("../a b")
    ('S01', 'a-b-75e96e29')
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", patient_id).strip("-")[:LONGEST_NAME]
    if plain == patient_id:
        return plain
    return f"{plain or 'child'}-{zlib.crc32(patient_id.encode('utf-8')):08x}"


def _check_place(page: Path, pdf: Path | None) -> None:
    """Refuse to overwrite what is not an earlier review."""
    if page.is_file():
        with page.open("rb") as opened:
            if f'content="{GENERATOR}'.encode() in opened.read(LOOKED_AT):
                return
    in_the_way = next((path for path in (page, pdf) if path is not None and path.exists()), None)
    if in_the_way is not None:
        raise UserError(
            _("a new file, or an earlier review to replace"),
            Found(_("another file is in the way"), file=str(in_the_way)),
            _("choose another name with --out"),
            ExitCode.USAGE,
        )
