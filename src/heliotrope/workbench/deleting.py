"""A study or a run is deleted: first is shown what goes and what stays, then it goes."""

from __future__ import annotations

from typing import cast

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.report.language import _
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.jobs import Job
from heliotrope.workbench.pages import go_to, show, text_of
from heliotrope.workbench.removal import Removal, clear_away, find_removal, set_aside
from heliotrope.workbench.workspace import Kind

KINDS = {"studies": "study", "runs": "run"}


def show_deletion(request: Request) -> Response:
    """Show what would be deleted and what would stay; nothing is deleted yet."""
    desk = desk_of(request)
    place = desk.workspace.find(_find_kind(request), request.path_params["name"])
    if place is None:
        raise HTTPException(404)
    with desk.jobs.keep_idle(place.name) as busy:
        return _show(request, find_removal(desk, place), busy)


def delete(request: Request, form: FormData) -> Response:
    """Delete a study or run as it was shown.

    One that another tab has deleted, that is at work, or that has changed since it was shown is
    said to be so, and nothing is deleted.
    """
    desk, name = desk_of(request), request.path_params["name"]
    with desk.jobs.keep_idle(name) as busy:
        place = desk.workspace.find(_find_kind(request), name)
        if place is None:
            content = {"title": _("Deleted already"), "name": name}
            return show(request, "gone.html.j2", content, 404)
        removal = find_removal(desk, place)
        has_changed = text_of(form, "seen") != removal.seen
        if busy is not None or has_changed:
            return _show(request, removal, busy, has_changed=has_changed)
        aside = set_aside(desk, removal)
    clear_away(aside)
    said = _("Taken off the list: {name}.") if place.is_opened else _("Deleted: {name}.")
    desk.notices.append(said.format(name=name))
    return go_to("/")


def _find_kind(request: Request) -> Kind:
    return cast("Kind", KINDS[request.url.path.split("/")[1]])


def _show(
    request: Request, removal: Removal, busy: Job | None, *, has_changed: bool = False
) -> Response:
    place = removal.place
    title = _("Take {name} off the list?") if place.is_opened else _("Delete {name}?")
    content = {
        "title": title.format(name=place.name),
        "removal": removal,
        "place": place,
        "busy": busy,
        "has_changed": has_changed,
        "back": f"/{'runs' if place.kind == 'run' else 'studies'}/{place.name}",
    }
    return show(request, "delete.html.j2", content, 409 if has_changed else 200)
