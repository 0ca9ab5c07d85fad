"""The scripts of the charts, for a page to carry once, and the hashes its policy must name.

The page's script shows a mark's value and source cell beside the pointer or the keyboard, and
opens a chart in Vega to zoom and to save it. Vega is carried packed and is unpacked when a chart
is first opened; it reads expressions without ``eval``. A page without scripts loses neither
drawing nor table.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from markupsafe import Markup

from heliotrope.report.charts.spec import PALETTE
from heliotrope.report.language import _

FOLDER = Path(__file__).parent
VEGA = FOLDER / "vega"


def render_chart_scripts() -> Markup:
    """Render what a page with charts carries at its end: words, Vega as data, the script."""
    words = {
        "open": _("Zoom or save"),
        "close": _("Back to the whole chart"),
        "closer": _("Zoom in"),
        "wider": _("Zoom out"),
        "earlier": _("Earlier"),
        "later": _("Later"),
        "svg": _("Save as SVG"),
        "png": _("Save as PNG"),
        "failed": _("This browser cannot open the chart; the drawing and the table stay."),
        "palette": PALETTE,
    }
    text = json.dumps(words, ensure_ascii=True).replace("<", "\\u003c")
    return Markup(
        '<script type="application/json" id="chart-words">{}</script>\n'
        '<script type="application/gzip" id="vega">{}</script>\n'
        "<script>{}</script>\n"
    ).format(Markup(text), _pack_vega(), Markup(_read_script()))


def list_script_hashes() -> tuple[str, ...]:
    """List the sources that a content security policy must allow: ``'sha256-...'``, quoted."""
    digest = base64.b64encode(hashlib.sha256(_read_script().encode()).digest()).decode()
    known = json.loads((VEGA / "vega.json").read_text(encoding="utf-8"))
    return (f"'sha256-{digest}'", f"'sha256-{known['sha256']}'")


@cache
def _read_script() -> str:
    return (FOLDER / "chart.js").read_text(encoding="utf-8")


@cache
def _pack_vega() -> str:
    return base64.b64encode((VEGA / "vega.js.gz").read_bytes()).decode()
