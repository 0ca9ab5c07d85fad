"""A Word document with real styles: headings, numbered captions, repeated header rows, pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heliotrope.errors import ExitCode, UserError
from heliotrope.report.exports.word.pieces import WordFigure, WordTable
from heliotrope.report.language import _

FONT = "Calibri"
BODY_POINTS, TABLE_POINTS, NOTE_POINTS = 10.5, 8.5, 8.5
INK = "1F1B24"
RULE = "8A8494"
PICTURE_CM = 16.0
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def open_word() -> Any:
    """Import python-docx; without it the error says how to install it (exit 4)."""
    try:
        import docx
    except ImportError:
        raise UserError(
            _("the package python-docx, which writes Word files"),
            _("it is not installed"),
            "python -m pip install 'heliotrope[word]'",
            ExitCode.ENVIRONMENT,
        ) from None
    return docx


class WordDocument:
    """Writes paragraphs, tables and figures in order; captions are numbered by Word's own fields.

    Texts of a source are written as text: no field, no link, no markup comes of them; characters
    that XML cannot hold are left out.
    """

    def __init__(self, title: str, language: str) -> None:
        self._docx = open_word()
        self._document = self._docx.Document()
        self._tables = self._figures = 0
        self._set_styles(language)
        self._document.core_properties.title = clean(title)
        self._document.core_properties.author = "heliotrope"
        self._document.core_properties.comments = ""
        self._document.add_paragraph(clean(title), style="Title")

    def heading(self, text: str, level: int = 1) -> None:
        """Add a heading."""
        self._document.add_heading(clean(text), level)

    def paragraph(self, text: str, *, style: str | None = None) -> None:
        """Add a paragraph; an empty text adds nothing."""
        if text:
            self._document.add_paragraph(clean(text), style=style)

    def table(self, table: WordTable) -> None:
        """Add a table with its caption above, header row repeated on every page, note below."""
        if not table.rows:
            return
        self._turn(is_wide=table.is_wide)
        self._tables += 1
        self._caption(_("Table"), self._tables, table.title)
        grid = self._document.add_table(rows=1, cols=len(table.header), style="Table Grid")
        grid.autofit = True
        _set_borders(grid)
        for cell, text in zip(grid.rows[0].cells, table.header, strict=True):
            self._fill(cell, text, is_bold=True)
        _repeat_header(grid.rows[0])
        for row in table.rows:
            cells = grid.add_row().cells
            if len(row) == 1:
                self._fill(cells[0].merge(cells[-1]), row[0], is_bold=True)
                continue
            for cell, text in zip(cells, row, strict=True):
                self._fill(cell, text)
        for line in grid.rows:
            _keep_whole(line)
        self.paragraph(table.note, style="Note")
        self._turn(is_wide=False)

    def figure(self, figure: WordFigure) -> None:
        """Add a picture with its alternative text and its caption below."""
        self._figures += 1
        shape = self._document.add_picture(str(figure.path), width=self._docx.shared.Cm(PICTURE_CM))
        properties = shape._inline.docPr
        properties.set("descr", clean(figure.alternative))
        properties.set("title", clean(figure.title))
        self._document.paragraphs[-1].paragraph_format.keep_with_next = True
        self._caption(_("Figure"), self._figures, figure.title)

    def save(self, path: Path) -> None:
        """Write the file."""
        self._document.save(str(path))

    def _fill(self, cell: Any, text: str, *, is_bold: bool = False) -> None:
        paragraph = cell.paragraphs[0]
        paragraph.style = self._document.styles["Table Text"]
        paragraph.add_run(clean(text)).bold = is_bold

    def _caption(self, word: str, number: int, title: str) -> None:
        paragraph = self._document.add_paragraph(f"{word} ", style="Caption")
        _add_field(paragraph, f"SEQ {'Table' if word == _('Table') else 'Figure'}", str(number))
        paragraph.add_run(f". {clean(title)}")
        paragraph.paragraph_format.keep_with_next = word == _("Table")

    def _turn(self, *, is_wide: bool) -> None:
        """Begin a section on its side, or upright again, where the sheet lies otherwise."""
        section = self._document.sections[-1]
        if (section.page_width > section.page_height) == is_wide:
            return
        new = self._document.add_section()
        new.orientation = (
            self._docx.enum.section.WD_ORIENT.LANDSCAPE
            if is_wide
            else self._docx.enum.section.WD_ORIENT.PORTRAIT
        )
        new.page_width, new.page_height = section.page_height, section.page_width

    def _set_styles(self, language: str) -> None:
        shared = self._docx.shared
        section = self._document.sections[0]
        section.page_width, section.page_height = shared.Cm(21.0), shared.Cm(29.7)
        for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
            setattr(section, side, shared.Cm(2.2))
        styles = self._document.styles
        paragraph_type = self._docx.enum.style.WD_STYLE_TYPE.PARAGRAPH
        normal = styles["Normal"]
        normal.font.name, normal.font.size = FONT, shared.Pt(BODY_POINTS)
        normal.paragraph_format.space_after = shared.Pt(6)
        _set_language(normal, language)
        for name, points in (("Table Text", TABLE_POINTS), ("Note", NOTE_POINTS)):
            style = styles.add_style(name, paragraph_type)
            style.base_style = normal
            style.font.size = shared.Pt(points)
            style.paragraph_format.space_after = shared.Pt(0 if name == "Table Text" else 10)
        styles["Note"].paragraph_format.space_before = shared.Pt(3)
        for name in ("Title", "Heading 1", "Heading 2", "Caption"):
            style = styles[name]
            style.font.name = FONT
            style.font.color.rgb = shared.RGBColor.from_string(INK)
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
                fonts.attrib.pop(_name(theme), None)
        styles["Title"].font.size = shared.Pt(20)
        styles["Caption"].font.size = shared.Pt(9.5)
        styles["Caption"].paragraph_format.space_before = shared.Pt(10)


def clean(text: str) -> str:
    """Leave out what XML cannot hold.

    >>> clean("fever\\x00 and chills")
    'fever and chills'
    """
    return _NOT_XML.sub("", text)


def _name(tag: str) -> str:
    from docx.oxml.ns import qn

    return str(qn(f"w:{tag}"))


def _element(tag: str, **attributes: str) -> Any:
    from docx.oxml import OxmlElement

    element = OxmlElement(f"w:{tag}")
    for name, value in attributes.items():
        element.set(_name(name), value)
    return element


def _add_field(paragraph: Any, instruction: str, shown: str) -> None:
    """Add a field that Word counts itself; ``shown`` is what stands there until it does."""
    field = _element("fldSimple", instr=f" {instruction} \\* ARABIC ")
    run = _element("r")
    text = _element("t")
    text.text = shown
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


def _repeat_header(row: Any) -> None:
    row._tr.get_or_add_trPr().append(_element("tblHeader", val="true"))


def _keep_whole(row: Any) -> None:
    row._tr.get_or_add_trPr().append(_element("cantSplit", val="true"))


def _set_borders(grid: Any) -> None:
    """Rule above, below and between the rows; no upright lines, as journals print tables."""
    borders = _element("tblBorders")
    for side, size in (("top", "8"), ("bottom", "8"), ("insideH", "2")):
        borders.append(_element(side, val="single", sz=size, color=RULE))
    for side in ("left", "right", "insideV"):
        borders.append(_element(side, val="nil"))
    grid._tbl.tblPr.append(borders)


def _set_language(style: Any, language: str) -> None:
    properties = style.element.get_or_add_rPr()
    known: Sequence[Any] = properties.findall(_name("lang"))
    for item in known:
        properties.remove(item)
    code = "en-GB" if language == "en" else language.replace("_", "-")
    properties.append(_element("lang", val=code, eastAsia=code))
