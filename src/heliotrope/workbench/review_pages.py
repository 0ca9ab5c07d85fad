"""The review of one child: looked at, saved, printed as PDF."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from heliotrope.report.review.page import render_review
from heliotrope.report.review.subject import open_subject
from heliotrope.report.review.write import name_file
from heliotrope.report.section import ReportInput
from heliotrope.workbench.child import describe_child, find_child
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.downloads import HEAD_BYTES, make_sandbox
from heliotrope.workbench.exports import REVIEW
from heliotrope.workbench.jobs import Order
from heliotrope.workbench.pages import go_to, show, text_of
from heliotrope.workbench.take_away import find_ready, send_ready

PAPERS = ("a4", "letter")


def name_review(patient_id: str) -> str:
    """Name the review of a child among the exports of a run: the same child, the same name."""
    return f"{REVIEW}-{hashlib.sha256(patient_id.encode()).hexdigest()[:16]}"


def show_print(request: Request) -> Response:
    """Show the ways to look at the review, to save and to print it."""
    desk = desk_of(request)
    run, patient_id = find_child(request)
    content = {
        "query": urlencode({"id": patient_id}),
        "ready": find_ready(desk, run, name_review(patient_id)),
        "papers": PAPERS,
    }
    return show(
        request, "review_ways.html.j2", describe_child(run, patient_id, "review", **content)
    )


def show_review(request: Request) -> Response:
    """Show the review itself; it is a file of its own, as the report is."""
    run, patient_id = find_child(request)
    subject = open_subject(ReportInput(run.tables, run.rulebook), patient_id)
    text = render_review(subject)
    headers = {"content-security-policy": make_sandbox(text[:HEAD_BYTES])}
    if request.query_params.get("save") == "1":
        label = f"{run.place.name}-{REVIEW}-{name_file(patient_id)}.html"
        headers["content-disposition"] = f'attachment; filename="{label}"'
    return HTMLResponse(text, headers=headers)


def make_pdf(request: Request, form: FormData) -> Response:
    """Start to print the review of a child as PDF, with an installed browser."""
    desk = desk_of(request)
    run, patient_id = find_child(request)
    paper = text_of(form, "paper")
    options = {"patient_id": patient_id, "paper": paper if paper in PAPERS else PAPERS[0]}
    job = desk.jobs.start(run.place, Order("export", name_review(patient_id), options))
    return go_to(f"/jobs/{job.name}")


def send_pdf(request: Request) -> Response:
    """Send the PDF that was made."""
    run, patient_id = find_child(request)
    label = f"{run.place.name}-{REVIEW}-{name_file(patient_id)}.pdf"
    return send_ready(desk_of(request), run, name_review(patient_id), label)
