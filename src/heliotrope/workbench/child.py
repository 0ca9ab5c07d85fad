"""The pages of one child: timeline and answers, the whole trace, and another definition."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.comparison.child_tables import ChildTables
from heliotrope.comparison.compare import compare_run
from heliotrope.comparison.excerpt import Excerpt
from heliotrope.definitions.comparable import ComparisonOptions, find_units
from heliotrope.errors import UserError
from heliotrope.report.charts.scripts import list_script_hashes, render_chart_scripts
from heliotrope.report.explain import explain_patient
from heliotrope.report.language import _
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.child import build_children
from heliotrope.workbench.changes import join_visits, list_changes
from heliotrope.workbench.desk import OpenRun, desk_of
from heliotrope.workbench.pages import make_pages, show
from heliotrope.workbench.security import POLICY
from heliotrope.workbench.styles import move_styles

MOST_CHANGES = 2_000
RESPONSE = "jdm_ivig_response"


@dataclass(frozen=True)
class ChildReport(ReportInput):
    """What the report's sections read, for one child."""

    patient_id: str

    @cached_property
    def treated(self) -> list[str]:
        """The child alone."""
        return [self.patient_id]

    @cached_property
    def shown(self) -> list[str]:
        """The child alone."""
        return [self.patient_id]


def show_child(request: Request) -> Response:
    """Show the child's page as the report has it, and what stands about it in the cohort."""
    run, patient_id = find_child(request)
    nonce = secrets.token_urlsafe(16)
    content: dict[str, Any] = {"style": "", "nonce": nonce, "section": None, "scripts": ""}
    if _has_ivig(run, patient_id):
        section = build_children(ChildReport(run.tables, run.rulebook, patient_id))
        moved = move_styles(_render(section))
        content["style"], content["section"] = Markup(moved.style), Markup(moved.html)
        content["scripts"] = render_chart_scripts()
    response = show(request, "child.html.j2", describe_child(run, patient_id, "child", **content))
    response.headers["content-security-policy"] = _make_policy(nonce)
    return response


def _make_policy(nonce: str) -> str:
    """Allow the sheet of this page by its number, and the charts' own scripts by their hashes."""
    styles = POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")
    scripts = " ".join(list_script_hashes())
    return styles.replace("script-src 'self'", f"script-src 'self' {scripts}")


def _render(section: Section) -> str:
    """Render a section of the report."""
    return make_pages().get_template(section.template).render(content=section.content)


def show_trace(request: Request) -> Response:
    """Show everything that was decided of the child, down to the cells of the source files."""
    run, patient_id = find_child(request)
    chosen = request.query_params.get("definition") or None
    known = _list_definitions(run, patient_id)
    if chosen is not None and chosen not in known:
        raise HTTPException(404)
    explanation = explain_patient(
        run.place.path, patient_id, chosen, visits=chosen is not None, rulebook=run.rulebook
    )
    content = {
        "explanation": explanation,
        "chosen": chosen or "",
        "definitions": [(name, run.rulebook.definitions[name].title) for name in known],
    }
    return show(request, "trace.html.j2", describe_child(run, patient_id, "trace", **content))


def show_other_definition(request: Request) -> Response:
    """Show what changes for the child under another definition, and which criterion decides."""
    run, patient_id = find_child(request)
    definitions = run.rulebook.definitions
    known = [name for name in _list_definitions(run, patient_id) if find_units(definitions[name])]
    query = request.query_params
    usual = RESPONSE if RESPONSE in known else ""
    first, second = query.get("first", usual), query.get("second", "")
    fault = compared = None
    if first and second:
        try:
            ids = [first, second]
            options = _read_options(request)
            excerpt = Excerpt(MOST_CHANGES)
            compared = list_changes(compare_run(run.place.path, ids, options, patient_id, excerpt))
        except UserError as error:
            fault = (error.expected, str(error.found), error.to_do)
    content = {
        "definitions": [(name, definitions[name].title) for name in known],
        "first": first,
        "second": second,
        "week": query.get("week", ""),
        "compared": compared,
        "lines": join_visits(compared.lines) if compared else (),
        "fault": fault,
    }
    return show(
        request, "other_definition.html.j2", describe_child(run, patient_id, "other", **content)
    )


def _read_options(request: Request) -> ComparisonOptions:
    week = request.query_params.get("week", "")
    return ComparisonOptions(week=int(week) if week.isascii() and week.isdecimal() else None)


def find_child(request: Request) -> tuple[OpenRun, str]:
    """Find run and child of an address. Errors: a child the run does not know: 404."""
    run = desk_of(request).run(request.path_params["name"])
    patient_id = request.query_params.get("id", "")
    if run.cohort.filter(run.cohort["patient_id"] == patient_id).is_empty():
        raise HTTPException(404)
    return run, patient_id


def _has_ivig(run: OpenRun, patient_id: str) -> bool:
    rows = run.cohort.filter(run.cohort["patient_id"] == patient_id)
    return rows["regimen"].drop_nulls().len() > 0


def _list_definitions(run: OpenRun, patient_id: str) -> Sequence[str]:
    found = ChildTables(run.tables.folder, patient_id).traced_definitions()
    return [name for name in found if name in run.rulebook.definitions]


def describe_child(run: OpenRun, patient_id: str, here: str, **content: Any) -> dict[str, Any]:
    title = _("Child {name}").format(name=patient_id)
    return {"title": title, "run": run, "patient_id": patient_id, "here": here, **content}
