"""The document in the order of a journal: answer, methods, results, findings, references, list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.report.exports.new_folder import cannot_write
from heliotrope.report.exports.word import tables
from heliotrope.report.exports.word.children import MOST_CHILDREN, make_children_table
from heliotrope.report.exports.word.document import WordDocument
from heliotrope.report.exports.word.methods import list_methods, list_references
from heliotrope.report.exports.word.pieces import WordFigure
from heliotrope.report.figures.write_figures import FigureOptions, write_figures
from heliotrope.report.language import _, get_language
from heliotrope.report.read_run import RunTables
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.answer import build_answer
from heliotrope.report.sections.publication import is_synthetic
from heliotrope.report.words import RESEARCH_ONLY

PICTURE_TYPES = (".png",)
NARROW = "single"
WIDE = "double"


def write_word(
    run: RunTables, rulebook: Rulebook, path: Path, figures: Sequence[WordFigure] = ()
) -> Path:
    """Write the tables, the methods and the checklists of a run as a Word document.

    No identifier but the pseudonyms of the source; no path of the machine. Figures are pictures
    that were made before (`find_figures`).
    Errors: python-docx not installed (exit 4); the file is there already; it cannot be written.
    """
    check_new_file(path)
    report = ReportInput(run=run, rulebook=rulebook)
    title = report.study("title") or report.study("id") or _("IVIG evaluation")
    document = WordDocument(str(title), get_language())
    _write_answer(document, report)
    _write_methods(document, report)
    _write_results(document, report, figures)
    _write_back_matter(document, report)
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        document.save(partial)
        partial.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        partial.unlink(missing_ok=True)
    return path


def check_new_file(path: Path) -> None:
    """Refuse a file that is there already, before anything is drawn for it."""
    if path.exists():
        raise UserError(
            _("a file that is not there yet"),
            Found(_("it exists already"), file=str(path)),
            _("choose another name with --out"),
            ExitCode.USAGE,
        )


def find_figures(folder: Path) -> Sequence[WordFigure]:
    """Find the pictures (PNG) in a folder, in the order of their names.

    A text file of the same name holds the caption in its first line and the alternative text in
    the rest, as `heliotrope export figures` writes it; without it the file's name has to do. Of a
    figure that was written in both widths the wide one is taken.
    """
    if not folder.is_dir():
        raise UserError(
            _("a folder with PNG pictures"), str(folder), _("give the folder that holds them")
        )
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_TYPES)
    names = {path.stem for path in pictures}
    twice = {f"{stem.removesuffix(WIDE)}{NARROW}" for stem in names if stem.endswith(f"-{WIDE}")}
    return [_read_figure(path) for path in pictures if path.stem not in twice]


def draw_figures(run: Path, rulebook: Rulebook, folder: Path) -> Sequence[WordFigure]:
    """Draw the figures of a run for the document; none where the drawing package is missing."""
    try:
        written = write_figures(run, folder, rulebook, FigureOptions(columns=(WIDE,)))
    except UserError as error:
        if error.exit_code == ExitCode.ENVIRONMENT:
            return ()
        raise
    return [_read_figure(path) for path in written if path.suffix in PICTURE_TYPES]


def _read_figure(picture: Path) -> WordFigure:
    """Read what stands beside a picture: its caption, and what it shows."""
    beside = picture.with_suffix(".txt")
    words = beside.read_text(encoding="utf-8") if beside.is_file() else ""
    caption, _newline, rest = words.strip().partition("\n")
    caption = caption or picture.stem.replace("_", " ").replace("-", " ")
    return WordFigure(picture, caption, rest.strip() or caption)


def _write_answer(document: WordDocument, report: ReportInput) -> None:
    if is_synthetic(report):
        document.paragraph(
            _("Invented records: this document is an illustration and no evidence."),
            style="Intense Quote",
        )
    document.paragraph(
        _("Draft from a run of heliotrope, to be edited by the authors. {notice}").format(
            notice=_(RESEARCH_ONLY)
        ),
        style="Note",
    )
    document.heading(_("Summary"))
    content = build_answer(report).content
    document.paragraph(content["headline"].striptags())
    for answer in content["answers"]:
        share = answer.share
        interval = f" ({share.percent}; {share.interval})" if share and share.is_given else ""
        document.paragraph(f"{answer.answer.striptags()}{interval}.", style="List Bullet")
    document.paragraph(
        _("There was no comparator: what was seen while receiving IVIG need not be its effect.")
    )


def _write_methods(document: WordDocument, report: ReportInput) -> None:
    document.heading(_("Methods"))
    for text in list_methods(report):
        document.paragraph(text)


def _write_results(
    document: WordDocument, report: ReportInput, figures: Sequence[WordFigure]
) -> None:
    document.heading(_("Results"))
    if not report.treated:
        document.paragraph(_("No child of these records received intravenous immunoglobulin."))
        return
    document.heading(_("Who was treated, and why"), 2)
    document.table(tables.make_table_1(report))
    document.table(tables.make_reasons(report))
    document.heading(_("Response while receiving IVIG"), 2)
    document.table(tables.make_patterns(report))
    if len(report.treated) > MOST_CHILDREN:
        document.paragraph(
            _("{n} children: the answers per child are exported apart.").format(
                n=f"{len(report.treated):,}"
            )
        )
    document.table(make_children_table(report))
    document.table(tables.make_landmarks(report))
    document.heading(_("Steroid dose"), 2)
    document.table(tables.make_steroid(report))
    document.heading(_("After stopping"), 2)
    document.table(tables.make_after_stopping(report))
    document.heading(_("Reactions"), 2)
    safety = tables.make_safety(report)
    document.table(safety)
    if not safety.rows:
        document.paragraph(_say_no_reaction(report))
    if figures:
        document.heading(_("Figures"), 2)
    for figure in figures:
        document.figure(figure)


def _say_no_reaction(report: ReportInput) -> str:
    from heliotrope.report.sections.harm import build_harm

    content = build_harm(report).content
    return str(content["none_recorded"] or content["refused"] or "")


def _write_back_matter(document: WordDocument, report: ReportInput) -> None:
    document.heading(_("Data quality"), 1)
    document.table(tables.make_findings(report))
    document.table(tables.make_refusals(report))
    document.heading(_("References of the definitions"), 1)
    for reference in list_references(report):
        document.paragraph(reference, style="List Number")
    document.table(tables.make_definitions(report))
    checklists = tables.make_checklists(report)
    if checklists:
        document.heading(_("Reporting checklists"), 1)
    for checklist in checklists:
        document.table(checklist)
