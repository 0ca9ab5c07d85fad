"""The style sheet and the scripts: a closed list, no folder is served."""

from __future__ import annotations

from functools import cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.report.style import CHARTS, REPORT
from heliotrope.report.style import render_style as render_page_style
from heliotrope.workbench.pages import HERE

SCRIPTS = ("workbench.js",)
STYLE = "style.css"


@cache
def render_style() -> str:
    """Render the style sheet: the report's own, then what only the workbench has."""
    own = (HERE / "static" / "workbench.css").read_text(encoding="utf-8")
    return f"{render_page_style(CHARTS, REPORT)}\n{own}"


def send_static(request: Request) -> Response:
    """Send one of the files by its name."""
    name = request.path_params["name"]
    if name == STYLE:
        return Response(render_style(), media_type="text/css")
    if name in SCRIPTS:
        text = (HERE / "static" / name).read_text(encoding="utf-8")
        return Response(text, media_type="text/javascript")
    raise HTTPException(404)
