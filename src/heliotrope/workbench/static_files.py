"""The style sheet and the scripts: a closed list, no folder is served."""

from __future__ import annotations

from functools import cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.report.charts.palette_css import render_palette
from heliotrope.report.environment import TEMPLATES
from heliotrope.workbench.pages import HERE

SCRIPTS = ("workbench.js",)
STYLE = "style.css"


@cache
def render_style() -> str:
    """Render the style sheet: the report's own, then what only the workbench has."""
    report = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    own = (HERE / "static" / "workbench.css").read_text(encoding="utf-8")
    return render_palette() + report + own


def send_static(request: Request) -> Response:
    """Send one of the files by its name."""
    name = request.path_params["name"]
    if name == STYLE:
        return Response(render_style(), media_type="text/css")
    if name in SCRIPTS:
        text = (HERE / "static" / name).read_text(encoding="utf-8")
        return Response(text, media_type="text/javascript")
    raise HTTPException(404)
