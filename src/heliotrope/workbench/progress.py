"""The page of a check or run at work: live with a script, by itself every two seconds without."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from heliotrope.report.language import _
from heliotrope.workbench.desk import Desk, desk_of
from heliotrope.workbench.exports import REVIEW, say_export
from heliotrope.workbench.jobs import Job
from heliotrope.workbench.pages import go_to, show

SECONDS_BETWEEN = 0.25
SECONDS_RELOAD = 2


def show_job(request: Request) -> Response:
    """Show what a job is at, or what became of it."""
    desk = desk_of(request)
    job = _find(desk, request.path_params["name"])
    if job.status == "done":
        return go_to(_find_result(job))
    content = {
        "title": say_job(job),
        "job": job,
        "step": say_step(job),
        "said": say_status(job),
        "back": f"/runs/{job.study}" if job.kind == "export" else f"/studies/{job.study}",
        "seconds": SECONDS_RELOAD if job.is_running else None,
    }
    return show(request, "job.html.j2", content)


async def send_events(request: Request) -> Response:
    """Send a job's progress as events, until it ends or the browser leaves."""
    desk = desk_of(request)
    job = _find(desk, request.path_params["name"])
    return StreamingResponse(_list_events(desk, job), media_type="text/event-stream")


async def _list_events(desk: Desk, job: Job) -> AsyncIterator[str]:
    said = ""
    while True:
        now = desk.jobs.find(job.name) or job
        text = json.dumps(_describe(now))
        if text != said:
            said = text
            yield f"data: {text}\n\n"
        if not now.is_running or desk.is_stopping:
            return
        await asyncio.sleep(SECONDS_BETWEEN)


def _describe(job: Job) -> dict[str, Any]:
    return {"step": say_step(job), "done": job.done, "total": job.total, "status": job.status}


def cancel_job(request: Request, form: FormData) -> Response:
    """End a job."""
    del form
    desk = desk_of(request)
    job = _find(desk, request.path_params["name"])
    desk.jobs.cancel(job.name)
    desk.jobs.wait(job.name, 5)
    return go_to(f"/jobs/{job.name}")


def _find(desk: Desk, name: str) -> Job:
    job = desk.jobs.find(name)
    if job is None:
        raise HTTPException(404)
    return job


def _find_result(job: Job) -> str:
    match job.kind:
        case "check":
            return f"/studies/{job.study}/findings"
        case "run":
            return f"/runs/{job.name}"
        case "export":
            options = job.result.get("options", {})
            child = options.get("patient_id") if job.what.startswith(REVIEW) else None
            about = f"/runs/{job.study}/child/print?{urlencode({'id': child})}"
            return about if child is not None else f"/runs/{job.study}/take-away#{job.what}"


def say_job(job: Job) -> str:
    """Say what a job does."""
    if job.kind == "export":
        return _("{export}: {run}").format(export=say_export(job.what), run=job.study)
    text = _("Check of {study}") if job.kind == "check" else _("Run of {study}")
    return text.format(study=job.study)


def say_status(job: Job) -> str:
    """Say what became of a job."""
    if job.kind == "export" and job.status == "failed":
        return _("Nothing was made")
    return {
        "running": _("At work"),
        "done": _("Done"),
        "failed": _("Stopped at a fault of the study"),
        "cancelled": _("Cancelled; nothing of it was kept"),
        "killed": _("Its process was ended from outside; nothing of it was kept"),
        "interrupted": _("Interrupted when the workbench ended; nothing of it was kept"),
    }[job.status]


def say_step(job: Job) -> str:
    """Say the step that a job is at."""
    words = {
        "": _("Starting"),
        "read": _("Reading the files"),
        "evaluate": _("Evaluating the children"),
        "merge": _("Putting the tables together"),
        "estimate": _("Estimating"),
        "report": _("Writing the report"),
        "write": _("Writing the files"),
    }
    return words.get(job.step) or job.step[:1].upper() + job.step[1:]
