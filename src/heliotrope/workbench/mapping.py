"""The mapping of a study: proposed, decided question by question, column by column, or as text."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.definitions.measure import measures_of
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.proposal.propose import propose_study
from heliotrope.ingest.proposal.render import render_proposal
from heliotrope.ingest.proposal.toml import quote
from heliotrope.report.language import _
from heliotrope.study import STUDY_FILE, check_study_file
from heliotrope.workbench.column_table import (
    COLUMN,
    MEASURE,
    SourceColumns,
    change_readings,
    list_source_columns,
    list_table_files,
)
from heliotrope.workbench.confine import check_links, check_named
from heliotrope.workbench.desk import Desk, desk_of
from heliotrope.workbench.pages import go_to, show, text_of
from heliotrope.workbench.questions import decide, list_questions
from heliotrope.workbench.saving import NEW, ConflictError, compute_revision, read_text, save_text
from heliotrope.workbench.workspace import Place

MOST_COLUMNS = 400


def show_mapping(request: Request) -> Response:
    """Show the mapping as it stands."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    return _show(request, desk, place, read_mapping(place))


def read_mapping(place: Place) -> str | None:
    """Read study.toml. Errors: a link in its place that leads out of the folder: UserError."""
    check_links(place.folder, place.root, only=STUDY_FILE)
    return read_text(place.folder / STUDY_FILE)


def _show(
    request: Request,
    desk: Desk,
    place: Place,
    text: str | None,
    fault: tuple[str, str, str] | None = None,
    typed: str | None = None,
) -> Response:
    """Show a text with its questions and columns; ``typed`` is what could not be saved."""
    tables, found = _list_tables(desk, place, text)
    content = {
        "title": _("Mapping"),
        "place": place,
        "text": typed if typed is not None else text,
        "revision": compute_revision(text),
        "fault": fault or found,
        "questions": list_questions(text or ""),
        "tables": tables,
        "files": list_table_files(place.folder),
        "table_names": list(TABLE_COLUMNS),
        "measures": sorted(
            ((name, item.title) for name, item in measures_of(desk.rulebook).items()),
            key=lambda item: item[1],
        ),
    }
    return show(request, "mapping.html.j2", content, 422 if fault else 200)


def _list_tables(
    desk: Desk, place: Place, text: str | None
) -> tuple[list[SourceColumns], tuple[str, str, str] | None]:
    """List the columns of a text's sources; what stops that is said."""
    if text is None:
        return [], None
    try:
        file = check_study_file(text)
        check_named(file.source, place.folder, place.root)
        return list_source_columns(file, place.folder, desk.rulebook), None
    except UserError as error:
        return [], (error.expected, str(error.found), error.to_do)


def propose(request: Request, form: FormData) -> Response:
    """Look at the files and propose a mapping; one that stands there is not touched."""
    del form
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    if read_mapping(place) is not None:
        raise UserError(
            _("a study without a mapping"),
            Found(_("one that has one"), STUDY_FILE),
            _("change it, or empty its text and save it first"),
            ExitCode.USAGE,
        )
    check_links(place.folder, place.root)
    proposal = propose_study(place.folder, [place.path], desk.rulebook)
    return store_mapping(request, place, render_proposal(proposal), NEW)


def save(request: Request, form: FormData) -> Response:
    """Save the text as it was typed."""
    place = desk_of(request).study(request.path_params["name"])
    return store_mapping(request, place, text_of(form, "text"), text_of(form, "revision"))


def answer_question(request: Request, form: FormData) -> Response:
    """Accept a question of the proposal, or leave it out."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    text, number = read_mapping(place) or "", text_of(form, "number")
    revision = text_of(form, "revision")
    questions = list_questions(text)
    if compute_revision(text) != revision or not number.isdecimal():
        return show_conflict(request, place, text, None)
    if int(number) >= len(questions):
        raise HTTPException(404)
    changed = decide(text, int(number), is_accepted=text_of(form, "answer") == "accept")
    return store_mapping(request, place, changed, revision)


def save_columns(request: Request, form: FormData) -> Response:
    """Change what the columns of one source are read as."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    text, revision = read_mapping(place) or "", text_of(form, "revision")
    if compute_revision(text) != revision:
        return show_conflict(request, place, text, None)
    tables, _fault = _list_tables(desk, place, text)
    number = text_of(form, "source")
    table = next((item for item in tables if str(item.number) == number), None)
    if table is None:
        raise HTTPException(404)
    wanted = {}
    for line in table.columns:
        reading = text_of(form, f"column-{line.number}")
        if f"column-{line.number}" in form and _is_known(desk, table, reading):
            wanted[line.number] = reading
    return store_mapping(request, place, change_readings(text, table, wanted), revision)


def add_source(request: Request, form: FormData) -> Response:
    """Read one more file, or sheet, into one of our tables; its columns are said afterwards."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    text, revision = read_mapping(place), text_of(form, "revision")
    if compute_revision(text) != revision:
        return show_conflict(request, place, text or "", None)
    files = list_table_files(place.folder)
    number, table = text_of(form, "file"), text_of(form, "table")
    if not number.isdecimal() or int(number) >= len(files) or table not in TABLE_COLUMNS:
        raise HTTPException(404)
    file, sheet = files[int(number)]
    lines = ["", "[[source]]", f"file = {quote(file)}"]
    lines += [f"sheet = {quote(sheet)}"] if sheet is not None else []
    lines += [f"table = {quote(table)}"]
    return store_mapping(request, place, (text or "") + "\n".join(lines), revision)


def _is_known(desk: Desk, table: SourceColumns, reading: str) -> bool:
    if reading.startswith(COLUMN):
        return reading.removeprefix(COLUMN) in table.ours
    if reading.startswith(MEASURE):
        return reading.removeprefix(MEASURE) in measures_of(desk.rulebook)
    return reading == ""


def store_mapping(
    request: Request, place: Place, text: str, revision: str, back: str | None = None
) -> Response:
    """Save a text that can be read as a study.toml; else show it again with what is wrong.

    ``back``: the page to go on to; left out, that of the mapping.
    """
    desk = desk_of(request)
    text = text.rstrip("\n") + "\n"
    try:
        check_study_file(text)
        save_text(place.folder / STUDY_FILE, text, revision)
    except ConflictError as conflict:
        return show_conflict(request, place, conflict.stored, text)
    except UserError as error:
        fault = (error.expected, str(error.found), error.to_do)
        return _show(request, desk, place, read_mapping(place), fault, text)
    desk.notices.append(_("Saved."))
    return go_to(back or f"/studies/{place.name}/mapping")


def show_conflict(request: Request, place: Place, stored: str, typed: str | None) -> Response:
    """Show both versions: what stands there now, and what was not saved."""
    content: dict[str, Any] = {
        "title": _("Changed meanwhile"),
        "place": place,
        "stored": stored,
        "typed": typed,
        "revision": compute_revision(stored),
    }
    return show(request, "conflict.html.j2", content, 409)
