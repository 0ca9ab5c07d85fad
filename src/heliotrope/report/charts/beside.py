"""What stands beside a drawing: its specification, for the page's script, and its table."""

from __future__ import annotations

import base64
import gzip
import json

from markupsafe import Markup

from heliotrope.report.charts.spec import Spec, list_panels
from heliotrope.report.language import _


def pack_spec(spec: Spec) -> str:
    """Pack a specification for the page's script: small, since many rows are alike.

    An empty chart gives an empty text. Errors: a number that is not finite raises ValueError,
    since no reader of JSON would take it.
    """
    if not list_panels(spec):
        return ""
    text = json.dumps(spec, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def unpack_spec(packed: str) -> Spec:
    """Read a packed specification back."""
    read: Spec = json.loads(gzip.decompress(base64.b64decode(packed)))
    return read


def render_table(spec: Spec) -> Markup:
    """Render the table of a chart that has no other beside it, closed until it is asked for."""
    table = spec["usermeta"].get("table")
    if not table or not table["rows"]:
        return Markup("")
    head = Markup("").join(
        Markup('<th scope="col">{}</th>').format(name) for name in table["columns"]
    )
    rows = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup('<td dir="auto">{}</td>').format(cell) for cell in row)
        )
        for row in table["rows"]
    )
    return Markup(
        '<details class="values"><summary>{}</summary><div class="scroll" tabindex="0" '
        'role="group" aria-label="{}"><table class="compact"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div></details>"
    ).format(_("The chart as a table"), _("The chart as a table"), head, rows)
