"""The workbench as an application: its addresses, and the layers around them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heliotrope.errors import UserError, locate_fault
from heliotrope.report.language import _
from heliotrope.workbench.addresses import make_routes
from heliotrope.workbench.desk import Desk
from heliotrope.workbench.jobs import Jobs
from heliotrope.workbench.keys import Keys
from heliotrope.workbench.languages import Speaking
from heliotrope.workbench.security import Guard, TooLargeError, say_too_large
from heliotrope.workbench.workspace import Workspace


def make_application(workspace: Workspace, keys: Keys, language: str | None = None) -> ASGIApp:
    """Make the application over a workspace; what a killed one left is put in order first.

    ``language``: that of the pages until a person chooses one; None: what the browser asks for.

    Errors: a workspace that cannot be written: UserError.
    """
    notices = workspace.prepare()
    jobs = Jobs(workspace)
    jobs.recover()
    desk = Desk(workspace, keys, jobs, notices)

    @asynccontextmanager
    async def run_until_stopped(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        desk.is_stopping = True
        jobs.stop()

    app = Starlette(
        routes=make_routes(),
        middleware=[Middleware(Quiet)],
        lifespan=run_until_stopped,
        exception_handlers={UserError: _answer_fault, HTTPException: _answer_refusal},
    )
    app.router.redirect_slashes = False
    app.state.desk = desk
    return Guard(Speaking(app, language), keys)


def _answer_fault(request: Request, error: Exception) -> Response:
    from heliotrope.workbench.pages import show_fault

    return show_fault(request, error)


def _answer_refusal(request: Request, error: Exception) -> Response:
    from heliotrope.workbench.pages import show_refusal

    return show_refusal(request, error)


class Quiet:
    """The layer that keeps faults out of logs: an error's own text could name a patient."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a fault of the program is said by its kind and place alone."""
        has_begun = False

        async def send_noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except TooLargeError:
            await say_too_large(scope["path"]).make_response()(scope, receive, send_noted)
        except ClientDisconnect:
            _note_interrupted(scope)
        except Exception as error:
            said = f"{type(error).__name__} in {locate_fault(error)}"
            sys.stderr.write(f"heliotrope: a fault of its own: {said}\n")
            if not has_begun and scope["type"] == "http":
                text = _("A fault of the workbench: {said}. Please report it; it names no patient.")
                response = PlainTextResponse(text.format(said=said), 500)
                await response(scope, receive, send_noted)


def _note_interrupted(scope: Scope) -> None:
    desk = scope["app"].state.desk
    desk.notices.append(_("An upload was interrupted; nothing of it was kept."))
