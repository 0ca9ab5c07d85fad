"""The first page: what is there, and how a study comes in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.example_studies import find_example
from heliotrope.report.language import _, list_languages
from heliotrope.workbench.checks import read_check
from heliotrope.workbench.confine import check_links
from heliotrope.workbench.desk import Desk, desk_of
from heliotrope.workbench.languages import COOKIE
from heliotrope.workbench.pages import go_to, show, text_of
from heliotrope.workbench.receiving import KNOWN, receive_study
from heliotrope.workbench.security import MOST_UPLOADED_BYTES
from heliotrope.workbench.workspace import Place

EXAMPLES = ("seven_children", "modern_cohort")


def show_home(request: Request) -> Response:
    """Show studies and runs, and the ways in."""
    desk = desk_of(request)
    content = {
        "title": _("Studies"),
        "studies": [_describe(desk, place) for place in desk.workspace.list_places("study")],
        "runs": desk.list_runs(),
        "root": desk.workspace.root,
        "accepted": ",".join(sorted(KNOWN)),
        "most_bytes": MOST_UPLOADED_BYTES,
        "examples": EXAMPLES,
    }
    return show(request, "home.html.j2", content)


def _describe(desk: Desk, place: Place) -> dict[str, Any]:
    jobs = desk.jobs.list_of(place.name)
    return {
        "place": place,
        "check": read_check(desk.workspace, place),
        "job": next((job for job in jobs if job.is_running), None),
        "runs": sum(job.kind == "run" and job.status == "done" for job in jobs),
    }


def upload(request: Request, form: FormData) -> Response:
    """Make a study of the files that were sent."""
    files = [item for item in form.getlist("files") if isinstance(item, UploadFile)]
    name = receive_study(desk_of(request).workspace, files, text_of(form, "title"))
    return go_to(f"/studies/{name}")


def open_by_path(request: Request, form: FormData) -> Response:
    """Open a study or run where it stands."""
    text = text_of(form, "path").strip()
    if not text or "\0" in text:
        raise UserError(
            _("the path of a study or run"),
            Found(_("nothing")),
            _("write the path of its folder or workbook"),
            ExitCode.USAGE,
        )
    desk = desk_of(request)
    path = Path(text)
    whole = path if path.is_absolute() else desk.workspace.root / path
    if (whole / "manifest.json").is_file():
        check_links(whole, desk.workspace.root)
    place = desk.workspace.open_path(whole, is_trusted=False)
    return go_to(f"/{'runs' if place.kind == 'run' else 'studies'}/{place.name}")


def take_example(request: Request, form: FormData) -> Response:
    """Copy an example study into the workspace."""
    name = text_of(form, "example")
    if name not in EXAMPLES:
        name = EXAMPLES[0]
    workspace = desk_of(request).workspace
    study = workspace.make_name(name)
    shutil.copytree(find_example(name), workspace.incoming / study)
    workspace.replace_study(study, workspace.incoming / study)
    return go_to(f"/studies/{study}")


def choose_language(request: Request, form: FormData) -> Response:
    """Remember the language of the pages in a cookie."""
    del request
    language = text_of(form, "language")
    back = text_of(form, "back")
    response = go_to(back if back.startswith("/") and not back.startswith("//") else "/")
    if language in list_languages():
        response.set_cookie(COOKIE, language, httponly=True, samesite="strict", path="/")
    return response
