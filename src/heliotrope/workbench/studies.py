"""The page of a study: its files, what is made of them, its check and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.report.language import _
from heliotrope.study import STUDY_FILE, Study
from heliotrope.workbench.checks import read_check
from heliotrope.workbench.confine import read_confined_study
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.jobs import Order
from heliotrope.workbench.pages import go_to, show, text_of
from heliotrope.workbench.receiving import KNOWN, add_files
from heliotrope.workbench.security import MOST_UPLOADED_BYTES
from heliotrope.workbench.workspace import Place

MOST_LISTED = 40


def show_study(request: Request) -> Response:
    """Show a study; one that cannot be read shows why, and the way to its mapping."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    study, fault = _try_to_read(place)
    files = _list_files(place)
    content = {
        "title": study.title if study else place.name,
        "place": place,
        "study": study,
        "sources": _list_sources(study) if study else (),
        "fault": fault,
        "files": files[:MOST_LISTED],
        "hidden": max(0, len(files) - MOST_LISTED),
        "has_mapping": (place.folder / STUDY_FILE).is_file(),
        "check": read_check(desk.workspace, place),
        "jobs": desk.jobs.list_of(place.name),
        "accepted": ",".join(sorted(KNOWN)),
        "most_bytes": MOST_UPLOADED_BYTES,
    }
    return show(request, "study.html.j2", content)


def _try_to_read(place: Place) -> tuple[Study | None, tuple[str, str, str] | None]:
    try:
        return read_confined_study(place), None
    except UserError as error:
        return None, (error.expected, str(error.found), error.to_do)


def _list_files(place: Place) -> list[tuple[str, int]]:
    """List files with their sizes in bytes."""
    if place.path.is_file():
        return [(place.path.name, place.path.stat().st_size)]
    found = (path for path in place.folder.rglob("*") if path.is_file())
    return sorted(
        (path.relative_to(place.folder).as_posix(), path.lstat().st_size)
        for path in found
        if not path.name.startswith(".")
    )


def _list_sources(study: Study) -> Sequence[dict[str, Any]]:
    return [
        {
            "file": source.file,
            "sheet": getattr(source, "sheet", None),
            "as": getattr(source, "table", None) or source.form,
        }
        for source in study.sources
    ]


def start_check(request: Request, form: FormData) -> Response:
    """Check a study beside the server."""
    del form
    desk = desk_of(request)
    job = desk.jobs.start(desk.study(request.path_params["name"]), Order("check"))
    return go_to(f"/jobs/{job.name}")


def start_run(request: Request, form: FormData) -> Response:
    """Run a study beside the server."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    options = {"model": bool(text_of(form, "model"))}
    job = desk.jobs.start(place, Order("run", options=options))
    return go_to(f"/jobs/{job.name}")


def add_to_study(request: Request, form: FormData) -> Response:
    """Add files to a study that was uploaded, or replace them."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    if place.is_opened:
        raise UserError(
            _("a study that was uploaded"),
            Found(_("one that was opened where it stands")),
            _("save the file into its folder"),
            ExitCode.USAGE,
        )
    files = [item for item in form.getlist("files") if isinstance(item, UploadFile)]
    sent = add_files(desk.workspace, place.name, files)
    desk.notices.append(_("Received: {names}.").format(names=", ".join(sent[:8])))
    return go_to(f"/studies/{place.name}")
