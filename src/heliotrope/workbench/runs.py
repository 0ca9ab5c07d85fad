"""The pages of a run: what it found, its children in a table, its report and its files."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from heliotrope.report.language import _
from heliotrope.report.words import say, sentence
from heliotrope.run.summary import count_severities, say_found
from heliotrope.workbench.cohort_rows import COLUMNS, FILTERS, list_words
from heliotrope.workbench.desk import OpenRun, desk_of
from heliotrope.workbench.pages import show
from heliotrope.workbench.paging import Pages
from heliotrope.workbench.table_view import TableView

ROWS_A_PAGE = 50

# The words of which kind say a column's codes.
WORDS = {
    "pattern": "pattern_short",
    "durability": "durability",
    "steroid_effect": "steroid_effect",
    "worsened": "aggravation",
    "status": "status",
}


def show_run(request: Request) -> Response:
    """Show what a run found, in sentences, and the ways on."""
    run = desk_of(request).run(request.path_params["name"])
    tables = {name: run.tables.table(name) for name in ("response", "aggravation")}
    content = {
        "title": run.title,
        "run": run,
        "sentences": say_found(int(run.counts.get("children", 0)), tables),
        "findings": count_severities(run.tables.findings.select("severity").collect()),
        "study": desk_of(request).find_study_of(run.place.name),
    }
    return show(request, "run.html.j2", content)


def show_children(request: Request) -> Response:
    """Show the children of a run in a table, sorted, filtered and paged."""
    run = desk_of(request).run(request.path_params["name"])
    view = TableView.of(request, FILTERS, COLUMNS)
    view = view if view.sort else replace(view, sort="patient_id", is_descending=False)
    rows = view.choose(run.cohort.lazy(), ["patient_id"]).collect()
    pages = Pages.of(request, rows.height, ROWS_A_PAGE)
    content = {
        "title": _("Children"),
        "run": run,
        "view": view,
        "pages": pages,
        "rows": rows.slice(pages.first, ROWS_A_PAGE).to_dicts(),
        "columns": view.list_heads({name: _name(name) for name in COLUMNS}, pages),
        "say_code": say_code,
        "filters": [(name, _name(name), _list_choices(run, name)) for name in FILTERS],
    }
    return show(request, "children_table.html.j2", content)


def _list_choices(run: OpenRun, column: str) -> list[tuple[str, str]]:
    return [(word, say_code(column, word)) for word in list_words(run.cohort, column)]


def say_code(column: str, code: str | None) -> str:
    """Say the code of a column in words; nothing for nothing."""
    if code is None:
        return ""
    if code == "without_ivig":
        return _("without IVIG")
    if column == "responded":
        return {
            "confirmed": _("Improved, confirmed"),
            "unconfirmed": _("Improved at one visit"),
            "no": _("Not shown in these records"),
            "not_evaluable": _("Not evaluable"),
        }.get(code, sentence(code))
    return sentence(say(WORDS[column], code))


def _name(column: str) -> str:
    return {
        "patient_id": _("Child"),
        "regimen": _("Regimen"),
        "first_infusion": _("First infusion"),
        "courses": _("Courses"),
        "status": _("IVIG"),
        "responded": _("Response"),
        "pattern": _("Pattern"),
        "onset_by_day": _("Improved by day"),
        "durability": _("Durability"),
        "steroid_effect": _("Steroid dose"),
        "confounded": _("Confounded"),
        "worsened": _("After stopping"),
        "reactions": _("Reactions"),
    }[column]
