"""The style of every page: one typeface that travels with the page, one palette, one sheet.

A page opens offline and looks the same everywhere, so the typeface stands in the page itself:
Source Sans 3 (the unchanged Latin part, SIL Open Font License, beside this module in ``fonts``).
Its figures have one width, so that numbers stand under each other. Letters that it lacks come
from the reader's own system.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from pathlib import Path

from markupsafe import Markup

from heliotrope.report.charts.palette_css import render_palette

ROOM = Path(__file__).parent
TYPEFACE = ROOM / "fonts" / "source-sans-3-latin.woff2"
BASE, CHARTS, REPORT = "base.css", "charts.css", "report.css"
REVIEW, SHARED = "review.css", "shared.css"


@cache
def render_style(*sheets: str) -> Markup:
    """Render the typeface, the palette and some sheets of ``templates`` as one style sheet.

    ``base.css`` holds the tokens and the elements (headings, tables, details, print) that every
    page shares; what is particular to a page stands in a sheet of its own.
    """
    texts = [(ROOM / "templates" / name).read_text(encoding="utf-8") for name in (BASE, *sheets)]
    return Markup("\n").join(map(Markup, (_render_typeface(), render_palette(), *texts)))


def _render_typeface() -> str:
    encoded = b64encode(TYPEFACE.read_bytes()).decode("ascii")
    return (
        "@font-face{font-family:Heliotrope;font-style:normal;font-weight:200 900;"
        f'font-display:block;src:url(data:font/woff2;base64,{encoded}) format("woff2")}}'
    )
