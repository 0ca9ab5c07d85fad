"""The report in a sandbox of its own, and the files of a run to take away."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from heliotrope.run.findings import write_csv_safely
from heliotrope.workbench.desk import OpenRun, desk_of

REPORT = "report.html"
HEAD_BYTES = 4096
HASH = re.compile(r"'sha256-[A-Za-z0-9+/=]{44}'")

# What may be taken away whole, as it stands in the run folder; a closed list.
FILES: Mapping[str, str] = {
    "report.html": "text/html",
    "manifest.json": "application/json",
    "results.parquet": "application/vnd.apache.parquet",
    "findings.parquet": "application/vnd.apache.parquet",
    "findings.csv": "text/csv",
}
AS_CSV = ("results", "response", "aggravation", "reaction", "course", "regimen")


def show_report(request: Request) -> Response:
    """Show the report as the file that it is.

    It brings its own style and scripts. The sandbox gives it an origin of its own: it can read
    nothing of the workbench, and nothing but the scripts whose hashes stand in it may run.
    """
    run = desk_of(request).run(request.path_params["name"])
    path = run.place.path / REPORT
    if not path.is_file() or path.is_symlink():
        raise HTTPException(404)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).decode("utf-8", "ignore")
    headers = {"content-security-policy": make_sandbox(head)}
    return FileResponse(path, media_type="text/html", headers=headers)


def make_sandbox(head: str) -> str:
    """Write the policy of a page that is a file of its own; ``head`` names its scripts' hashes."""
    hashes = HASH.findall(head)
    policy = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        *([f"script-src {' '.join(hashes)}"] if hashes else []),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox",
    ]
    return "; ".join(policy)


def send_file(request: Request) -> Response:
    """Send a file of a run, or one of its tables as CSV."""
    run = desk_of(request).run(request.path_params["name"])
    name = request.path_params["file"]
    stem, _, suffix = name.partition(".")
    label = f"{run.place.name}-{name}"
    if suffix == "csv" and stem in AS_CSV:
        headers = {"content-disposition": f'attachment; filename="{label}"'}
        content = _write_csv(run, stem)
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
    path = run.place.path / name
    if name not in FILES or not path.is_file() or path.is_symlink():
        raise HTTPException(404)
    return FileResponse(path, media_type=FILES[name], filename=label)


def _write_csv(run: OpenRun, stem: str) -> bytes:
    table = run.tables.results if stem == "results" else run.tables.table(stem)
    lists = [name for name, dtype in table.schema.items() if dtype == pl.List]
    flat = table.with_columns(pl.col(name).list.join("; ") for name in lists)
    content = io.BytesIO()
    write_csv_safely(flat, content)
    return content.getvalue()
