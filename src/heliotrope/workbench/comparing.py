"""Two definitions over a run, and one definition in two runs: who changes class, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from heliotrope.comparison.between_runs import (
    ChangeBetweenRuns,
    NodeInBoth,
    compare_two_runs,
    list_comparable,
)
from heliotrope.comparison.compare import compare_run
from heliotrope.definitions.comparable import ComparisonOptions, find_units
from heliotrope.errors import UserError
from heliotrope.report.language import _
from heliotrope.workbench.changes import (
    CHANGES_A_PAGE,
    ChangeLine,
    ChangePage,
    list_changes,
    say_word,
)
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.pages import number_of, show
from heliotrope.workbench.paging import Pages

NO_WEEK = -1


def show_two_definitions(request: Request) -> Response:
    """Show where two definitions class the children of a run differently."""
    run = desk_of(request).run(request.path_params["name"])
    query = request.query_params
    first, second = query.get("first", ""), query.get("second", "")
    week = number_of(request, "week", NO_WEEK)
    page = ChangePage.of(request)
    fault = compared = None
    if first and second:
        options = ComparisonOptions(week=None if week == NO_WEEK else week)
        try:
            ids = [first, second]
            comparison = compare_run(run.place.path, ids, options, excerpt=page.excerpt)
            compared = list_changes(comparison)
        except UserError as error:
            fault = (error.expected, str(error.found), error.to_do)
    known = [name for name in run.tables.traced_definitions() if name in run.rulebook.definitions]
    definitions = [run.rulebook.definitions[name] for name in known]
    content = {
        "title": _("Two definitions"),
        "run": run,
        "definitions": [(item.id, item.title) for item in definitions if find_units(item)],
        "first": first,
        "second": second,
        "week": query.get("week", ""),
        "compared": compared,
        "page": page,
        "pages": _find_pages(request, page, compared.classes) if compared else None,
        "fault": fault,
    }
    return _show(request, "two_definitions.html.j2", content)


def show_two_runs(request: Request) -> Response:
    """Show who changes class between two runs under one definition."""
    desk, query = desk_of(request), request.query_params
    names = (query.get("first", ""), query.get("second", ""))
    page = ChangePage.of(request)
    chosen = query.get("definition", "")
    content: dict[str, Any] = {
        "title": _("Compare runs"),
        "runs": desk.list_runs(),
        "names": names,
        "chosen": chosen,
        "definitions": [],
        "compared": None,
        "lines": [],
        "fault": None,
        "page": page,
    }
    if all(names):
        first, second = (desk.run(name) for name in names)
        found = list_comparable(first.tables, second.tables, second.rulebook)
        content["definitions"] = [(item.id, item.title) for item in found]
        if chosen:
            paths = (first.place.path, second.place.path)
            try:
                compared = compare_two_runs(*paths, chosen, page.excerpt)
            except UserError as error:
                content["fault"] = (error.expected, str(error.found), error.to_do)
            else:
                lines = [make_line(change, compared.node_words) for change in compared.changes]
                pages = _find_pages(request, page, compared.classes)
                content |= {"compared": compared, "lines": lines, "pages": pages}
    return _show(request, "two_runs.html.j2", content)


def _show(request: Request, template: str, content: Mapping[str, Any]) -> Response:
    """Show a page of changes; an address beyond the last page leads to the last one."""
    pages, page = content.get("pages"), content["page"]
    if pages is not None and pages.number != page.number:
        return RedirectResponse(f"{request.url.path}{pages.link(pages.number)}", 303)
    return show(request, template, content)


def _find_pages(
    request: Request, page: ChangePage, classes: Sequence[tuple[str, str, int]]
) -> Pages:
    return Pages.of(request, page.count(classes), CHANGES_A_PAGE)


def make_line(change: ChangeBetweenRuns, words: Mapping[str, str]) -> ChangeLine:
    """Make a line of a change between two runs."""
    return ChangeLine(
        patient_id=change.patient_id,
        regimen=change.regimen,
        date=change.date,
        first=say_word(change.first),
        second=say_word(change.second),
        reason="" if change.is_decisive else _("not one criterion alone; these differ:"),
        nodes=[_say_node(node, words) for node in change.nodes],
    )


def _say_node(node: NodeInBoth, words: Mapping[str, str]) -> str:
    """Say a criterion in both runs: what was found, and what came of it."""
    name = words.get(node.node, say_word(node.node))
    return f"{name}: {_say_row(node.first)} → {_say_row(node.second)}"


def _say_row(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return _("not asked")
    state = (row["label"] or row["state"]).replace("_", " ")
    if row["value"] is None:
        return f"{state} ({row['reason'].replace('_', ' ')})" if row["reason"] else state
    unit = f" {row['unit']}" if row["unit"] and row["unit"] != "none" else ""
    asked = ""
    if row["threshold"] is not None and row["operator"]:
        asked = f" {row['operator']} {row['threshold']:g}"
    return f"{round(row['value'], 4):g}{unit}{asked}: {state}"
