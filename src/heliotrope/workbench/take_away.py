"""What can be taken away of a run: made on demand, its size and its time said, then sent."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from heliotrope.report.language import _
from heliotrope.workbench.desk import Desk, OpenRun, desk_of
from heliotrope.workbench.downloads import AS_CSV, FILES, HEAD_BYTES, make_sandbox
from heliotrope.workbench.exports import (
    ENDINGS,
    KINDS_OF_FILES,
    Export,
    find_file,
    read_export,
    say_export,
)
from heliotrope.workbench.jobs import Order
from heliotrope.workbench.pages import go_to, show, text_of

RESOLUTIONS = (300, 600, 1200)
SHARE, SHARED_PAGE = "share", "report.html"
LONGEST_SITE = 80


@dataclass(frozen=True)
class Offer:
    """One line of the page: what it is, what stands ready, and whose rows are in it.

    is_of_children: rows of single children are in it.
    """

    what: str
    title: str
    about: str
    is_of_children: bool
    ready: Export | None


def show_take_away(request: Request) -> Response:
    """Show what can be taken away, what stands ready, and how large it is."""
    desk = desk_of(request)
    run = desk.run(request.path_params["name"])
    running = [job for job in desk.jobs.list_of(run.place.name) if job.is_running]
    content = {
        "title": _("To take away"),
        "run": run,
        "offers": [_offer(desk, run, what) for what in ENDINGS],
        "running": running,
        "resolutions": RESOLUTIONS,
        "sizes": _measure(run.place.path),
        "tables": [name for name in AS_CSV if name != "results"],
        "folder": desk.workspace.export_folder(run.place.name),
    }
    return show(request, "take_away.html.j2", content)


def _offer(desk: Desk, run: OpenRun, what: str) -> Offer:
    ready = find_ready(desk, run, what)
    with_children = what == "results" and ready is not None and ready.options.get("children")
    return Offer(
        what=what,
        title=say_export(what),
        about=_describe(what),
        is_of_children=what in ("adam", "trace") or bool(with_children),
        ready=ready,
    )


def _describe(what: str) -> str:
    return {
        "word": _(
            "A Word document in the order of a journal: answer, methods, tables, figures, "
            "references, checklists; to be edited."
        ),
        "figures": _(
            "The cohort's figures as SVG and PNG, 84 and 174 mm wide, each with its caption."
        ),
        "results": _("Every statistic as CSV and Parquet, with a codebook."),
        "adam": _(
            "ADSL, ADEX, ADLB, ADQS, ADTTE and ADAE with the book that says how each variable is "
            "derived."
        ),
        "trace": _("Why every decision came out as it did, down to the cell, with a codebook."),
        "share": _(
            "For other sites: small counts suppressed, then rounded; no path, date, name or row "
            "of a child. Read its report before you send it."
        ),
    }[what]


def _measure(folder: Path) -> Mapping[str, int]:
    """Measure the files of the run that are taken as they stand."""
    paths = ((name, folder / name) for name in FILES)
    return {name: path.stat().st_size for name, path in paths if path.is_file()}


def find_ready(desk: Desk, run: OpenRun, what: str) -> Export | None:
    """Find what stands ready of an export of this version of the run."""
    created = str(run.tables.manifest.get("created", ""))
    return read_export(desk.workspace, run.place.name, what, created)


def make(request: Request, form: FormData) -> Response:
    """Start to make an export."""
    desk, what = desk_of(request), request.path_params["what"]
    run = desk.run(request.path_params["name"])
    if what not in ENDINGS:
        raise HTTPException(404)
    job = desk.jobs.start(run.place, Order("export", what, _read_options(what, form)))
    return go_to(f"/jobs/{job.name}")


def _read_options(what: str, form: FormData) -> dict[str, Any]:
    """Read what the form of an export says; anything unknown is left out."""
    if what == "results" and text_of(form, "by_child"):
        return {"children": True}
    if what == "figures":
        wanted = text_of(form, "dots_per_inch")
        known = {str(number): number for number in RESOLUTIONS}
        return {"dots_per_inch": known.get(wanted, RESOLUTIONS[0])}
    site = text_of(form, "site").strip()[:LONGEST_SITE]
    return {"site": site} if what == SHARE and site else {}


def send_export(request: Request) -> Response:
    """Send a file that was made."""
    desk, what = desk_of(request), request.path_params["what"]
    run = desk.run(request.path_params["name"])
    return send_ready(desk, run, what if what in ENDINGS else "")


def send_ready(desk: Desk, run: OpenRun, what: str, label: str | None = None) -> Response:
    """Send the file of an export. Errors: it is not made, or no longer there: 404."""
    ready = find_ready(desk, run, what) if what else None
    if ready is None:
        raise HTTPException(404)
    path = find_file(desk.workspace.export_folder(run.place.name), ready)
    return FileResponse(path, media_type=KINDS_OF_FILES[path.suffix], filename=label or ready.file)


def show_shared_page(request: Request) -> Response:
    """Show the report of the shareable set as it would be sent, in a sandbox."""
    desk = desk_of(request)
    run = desk.run(request.path_params["name"])
    ready = find_ready(desk, run, SHARE)
    if ready is None:
        raise HTTPException(404)
    path = find_file(desk.workspace.export_folder(run.place.name), ready)
    with zipfile.ZipFile(path) as archive:
        text = archive.read(f"{path.stem}/{SHARED_PAGE}").decode("utf-8")
    return HTMLResponse(text, headers={"content-security-policy": make_sandbox(text[:HEAD_BYTES])})
