"""One column of a mapping: what stands in it, how it is read, and what can be said of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.errors import UserError
from heliotrope.ingest.context import IGNORE, make_context
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.tabular.sources import merge_formats
from heliotrope.study import StudyFile, check_study_file
from heliotrope.workbench.column_reading import ColumnReading, find_spec, judge_dates, read_samples
from heliotrope.workbench.column_settings import (
    AS_IT_STANDS,
    ColumnSettings,
    Wanted,
    apply_settings,
    find_settings,
    is_meaning,
)
from heliotrope.workbench.column_table import ColumnLine, SourceColumns, list_source_columns
from heliotrope.workbench.confine import check_named
from heliotrope.workbench.desk import Desk, desk_of
from heliotrope.workbench.mapping import read_mapping, show_conflict, store_mapping
from heliotrope.workbench.pages import number_of, show, text_of
from heliotrope.workbench.saving import compute_revision
from heliotrope.workbench.workspace import Place

CONTEXT_LINES = 2
NOWHERE = -1


@dataclass(frozen=True)
class OpenColumn:
    """A column of a study.toml: its source, what is said of it now, the file as read."""

    file: StudyFile
    table: SourceColumns
    line: ColumnLine
    settings: ColumnSettings


def show_column(request: Request) -> Response:
    """Show a column as it is read now."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    return _show(request, place, read_mapping(place) or "")


def save_column(request: Request, form: FormData) -> Response:
    """Save what was said of a column, or show what would become of it."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    text, revision = read_mapping(place) or "", text_of(form, "revision")
    if compute_revision(text) != revision:
        return show_conflict(request, place, text, None)
    column = _open(request, desk, place, text)
    wanted = _read_form(form, column)
    try:
        changed = apply_settings(text, column.table, column.line, column.settings, wanted)
        check_study_file(changed)
    except UserError as error:
        fault = (error.expected, str(error.found), error.to_do)
        return _show(request, place, text, fault=fault)
    if text_of(form, "action") == "preview":
        return _show(request, place, text, changed)
    about = f"source={column.table.number}&column={column.line.number}"
    back = f"/studies/{place.name}/mapping/column?{about}"
    return store_mapping(request, place, changed, revision, back)


def _read_form(form: FormData, column: OpenColumn) -> Wanted:
    """Read a form; what is no unit, order or word of the column is left out."""
    settings = column.settings
    unit, order = text_of(form, "unit"), text_of(form, "order")
    may_ignore = column.line.ours is not None
    codes = {}
    for code in settings.codes:
        said = text_of(form, f"code-{code.key}").strip()
        is_asked = f"code-{code.key}" in form
        if is_asked and is_meaning(said, settings.words, may_ignore=may_ignore):
            codes[code.text] = said
    return Wanted(
        unit=unit if "unit" in form and unit in ("", *settings.units) else None,
        order=order if "order" in form and order in ("", *settings.orders) else None,
        codes=codes,
    )


def _open(request: Request, desk: Desk, place: Place, text: str) -> OpenColumn:
    """Open the column of an address. Errors: there is none: 404; files that are not read."""
    source, column = (number_of(request, name, NOWHERE) for name in ("source", "column"))
    file = check_study_file(text)
    check_named(file.source, place.folder, place.root)
    table = next(iter(list_source_columns(file, place.folder, desk.rulebook, source)), None)
    lines = [] if table is None else table.columns
    line = next((item for item in lines if item.number == column), None)
    if table is None or line is None:
        raise HTTPException(404)
    (words,) = desk.rulebook.of_kind(MappingWords)
    settings = find_settings(table, line, make_context(desk.rulebook), words.doubt)
    return OpenColumn(file, table, line, settings)


def _show(
    request: Request,
    place: Place,
    stored: str,
    changed: str | None = None,
    fault: tuple[str, str, str] | None = None,
) -> Response:
    """Show a column; ``changed``: the text that would be saved, shown as if it were."""
    desk = desk_of(request)
    column = _open(request, desk, place, stored if changed is None else changed)
    table, line = column.table, column.line
    context = make_context(desk.rulebook)
    spec = find_spec(table, line)
    is_date = spec is not None and spec.reads == "date"
    content = {
        "title": line.header[:200],
        "place": place,
        "table": table,
        "line": line,
        "settings": column.settings,
        "reading": _read(column, desk),
        "dates": judge_dates(line, context.date_words) if is_date else None,
        "declared": column.settings.order or _find_format(column).date_format,
        "measure": context.measures.get(line.measure or ""),
        "revision": compute_revision(stored),
        "query": f"source={table.number}&column={line.number}",
        "difference": list(list_difference(stored, changed)) if changed is not None else None,
        "fault": fault,
        "as_it_stands": AS_IT_STANDS,
        "ignore": IGNORE if line.ours is not None else None,
    }
    return show(request, "column.html.j2", content, 422 if fault else 200)


def _read(column: OpenColumn, desk: Desk) -> ColumnReading | None:
    """Read samples; none of a column that names persons, and of one that is not read."""
    line = column.line
    if line.read_as == "" or line.ours == "patient_id" or line.profile.is_identifying:
        return None
    context = make_context(desk.rulebook)
    return read_samples(column.table, line, _find_format(column), context)


def _find_format(column: OpenColumn) -> Format:
    return merge_formats(column.table.source, column.file.format)


def list_difference(before: str, after: str) -> Iterator[tuple[str, str]]:
    """List the lines that change, with two lines around them: the sign, and the line.

    >>> list(list_difference("a\\nb\\n", "a\\nc\\n"))
    [(' ', 'a'), ('-', 'b'), ('+', 'c')]
    """
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT_LINES
    )
    for line in list(lines)[2:]:
        if not line.startswith("@@"):
            yield line[0], line[1:]
