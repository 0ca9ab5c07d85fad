"""The findings of a check or a run, row by row: filtered, paged, downloaded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.report.language import _
from heliotrope.run.findings import SEVERITIES, write_csv_safely
from heliotrope.workbench.checks import read_check
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.pages import number_of, show
from heliotrope.workbench.paging import Pages
from heliotrope.workbench.table_view import TableView

ROWS_A_PAGE = 100
FILTERS = ("severity", "rule", "table", "file")
SEARCHED = ("found", "column", "expected")


def show_study_findings(request: Request) -> Response:
    """Show what the last check of a study found."""
    desk = desk_of(request)
    place = desk.study(request.path_params["name"])
    check = read_check(desk.workspace, place)
    if check is None:
        content = {"title": _("Findings"), "place": place}
        return show(request, "no_check.html.j2", content)
    about = {"place": place, "run": None, "check": check}
    return _answer(request, pl.scan_parquet(check.findings, glob=False), about)


def show_run_findings(request: Request) -> Response:
    """Show what a run found."""
    run = desk_of(request).run(request.path_params["name"])
    return _answer(request, run.tables.findings, {"place": run.place, "run": run, "check": None})


def _answer(request: Request, findings: pl.LazyFrame, about: Mapping[str, Any]) -> Response:
    view = TableView.of(request, FILTERS)
    chosen = view.choose(findings, SEARCHED)
    if request.path_params.get("form") == "csv":
        return _send_csv(chosen.collect(), about["place"].name)
    if request.path_params.get("form"):
        raise HTTPException(404)
    pages = Pages.of(request, chosen.select(pl.len()).collect().item(), ROWS_A_PAGE)
    rows = chosen.slice(pages.first, ROWS_A_PAGE).collect().to_dicts()
    choices = {name: _list_choices(findings, name) for name in FILTERS}
    content = {
        "title": _("Findings"),
        **about,
        "rows": rows,
        "pages": pages,
        "view": view,
        "choices": choices,
        "number": number_of(request, "page"),
    }
    return show(request, "findings.html.j2", content)


def _list_choices(findings: pl.LazyFrame, name: str) -> list[tuple[str, int]]:
    counted = findings.group_by(name).len().drop_nulls(name).collect()
    found = {row[0]: int(row[1]) for row in counted.iter_rows()}
    order = [word for word in SEVERITIES if word in found] if name == "severity" else sorted(found)
    return [(word, found[word]) for word in order]


def _send_csv(findings: pl.DataFrame, name: str) -> Response:
    """Send findings for a spreadsheet; nothing in them is run as a formula."""
    content = io.BytesIO()
    write_csv_safely(findings, content)
    headers = {"content-disposition": f'attachment; filename="{name}-findings.csv"'}
    return Response(content.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
