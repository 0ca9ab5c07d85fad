"""Every address of the workbench, and the function that answers it.

The functions are named, not imported: what a page needs is loaded when it is first looked at, so
that the workbench is there at once. ``preload`` loads it all while the browser opens.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from heliotrope.report.language import _
from heliotrope.workbench.saving import say_unsaved

Answer = Callable[[Request], Awaitable[Response]]

PAGES: dict[str, str] = {
    "/": "home.show_home",
    "/studies/{name}": "studies.show_study",
    "/studies/{name}/mapping": "mapping.show_mapping",
    "/studies/{name}/mapping/column": "column_page.show_column",
    "/studies/{name}/findings": "findings.show_study_findings",
    "/studies/{name}/findings/{form}": "findings.show_study_findings",
    "/runs/{name}/findings": "findings.show_run_findings",
    "/runs/{name}/findings/{form}": "findings.show_run_findings",
    "/runs/{name}": "runs.show_run",
    "/runs/{name}/children": "runs.show_children",
    "/runs/{name}/child": "child.show_child",
    "/runs/{name}/child/trace": "child.show_trace",
    "/runs/{name}/child/review": "review_pages.show_review",
    "/runs/{name}/child/print": "review_pages.show_print",
    "/runs/{name}/child/review.pdf": "review_pages.send_pdf",
    "/runs/{name}/child/other": "child.show_other_definition",
    "/runs/{name}/report": "downloads.show_report",
    "/runs/{name}/files/{file}": "downloads.send_file",
    "/runs/{name}/take-away": "take_away.show_take_away",
    "/runs/{name}/exports/{what}": "take_away.send_export",
    "/runs/{name}/shared": "take_away.show_shared_page",
    "/runs/{name}/definitions": "comparing.show_two_definitions",
    "/studies/{name}/delete": "deleting.show_deletion",
    "/runs/{name}/delete": "deleting.show_deletion",
    "/compare": "comparing.show_two_runs",
    "/definitions": "definition_pages.show_definitions",
    "/definitions/{id}": "definition_pages.show_definition",
    "/calculator": "calculator.show_calculator",
    "/jobs/{name}": "progress.show_job",
    "/jobs/{name}/events": "progress.send_events",
    "/static/{name}": "static_files.send_static",
}

FORMS: dict[str, str] = {
    "/upload": "home.upload",
    "/open": "home.open_by_path",
    "/example": "home.take_example",
    "/calculator": "calculator.compute_scores",
    "/language": "home.choose_language",
    "/studies/{name}/check": "studies.start_check",
    "/studies/{name}/run": "studies.start_run",
    "/studies/{name}/files": "studies.add_to_study",
    "/studies/{name}/mapping": "mapping.save",
    "/studies/{name}/mapping/propose": "mapping.propose",
    "/studies/{name}/mapping/answer": "mapping.answer_question",
    "/studies/{name}/mapping/columns": "mapping.save_columns",
    "/studies/{name}/mapping/column": "column_page.save_column",
    "/studies/{name}/mapping/sources": "mapping.add_source",
    "/runs/{name}/exports/{what}": "take_away.make",
    "/runs/{name}/child/print": "review_pages.make_pdf",
    "/studies/{name}/delete": "deleting.delete",
    "/runs/{name}/delete": "deleting.delete",
    "/jobs/{name}/cancel": "progress.cancel_job",
}

MOST_FILES, MOST_FIELDS, MOST_FIELD_BYTES = 500, 20_000, 4 * 1024**2


def make_routes() -> list[BaseRoute]:
    """List the addresses; GET changes nothing, POST carries a form."""
    pages = [Route(path, _getting(name), methods=["GET"]) for path, name in PAGES.items()]
    forms = [Route(path, _posting(name), methods=["POST"]) for path, name in FORMS.items()]
    return [*pages, *forms]


def preload() -> None:
    """Load what every page needs."""
    for name in (*PAGES.values(), *FORMS.values()):
        find_function(name)


def find_function(name: str) -> Callable[..., Any]:
    """Load a function of the workbench by its name."""
    module, _, function = name.partition(".")
    found: Callable[..., Any] = getattr(import_module(f"heliotrope.workbench.{module}"), function)
    return found


def _getting(name: str) -> Answer:
    """Make an endpoint of a function that is loaded when it is first asked."""

    async def endpoint(request: Request) -> Response:
        function = await run_in_threadpool(find_function, name)
        if inspect.iscoroutinefunction(function):
            answer: Response = await function(request)
            return answer
        return await run_in_threadpool(function, request)

    return endpoint


def _posting(name: str) -> Answer:
    """Make an endpoint of a function that takes a form; it runs beside the server's loop."""

    async def endpoint(request: Request) -> Response:
        function = await run_in_threadpool(find_function, name)
        try:
            form = await request.form(
                max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES
            )
        except OSError as error:  # the disk is full before everything has arrived
            raise say_unsaved(error, _("the files sent")) from None
        try:
            return await run_in_threadpool(function, request, form)
        finally:
            await form.close()

    return endpoint
