"""The shareable set of a run, ``RUN/share``: what may be pooled, and a person may read first.

Written on request only: sharing is a decision of a person, and bounding every hidden count takes
longer than evaluating seven children.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from heliotrope.definitions.disclosure import (
    DISCLOSURE_CONTROL,
    DisclosureControl,
    DisclosureLimits,
    ShareSettings,
)
from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, DescriptiveEstimates
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError
from heliotrope.report.disclosure.children import make_rows_per_child
from heliotrope.report.disclosure.control import control_results
from heliotrope.report.disclosure.shared_page import render_shared_page
from heliotrope.report.read_run import RunTables, look_up

RESULTS_FILE = "results.parquet"
MANIFEST_FILE = "manifest.json"
REPORT_FILE = "report.html"
CHILDREN_FILE = "children.parquet"

FROM_DEFINITION = ("id", "version", "kind", "verified", "local", "sha256")


@dataclass(frozen=True)
class ShareOptions:
    """How to share: where, under which name, with a page to read, with a row a child.

    ``secret``: reads the site's secret, asked only where the study wants a row a child.
    """

    out: Path | None = None
    site: str | None = None
    secret: bytes | None = None


@dataclass(frozen=True)
class ShareSummary:
    """What was written: folder, rows in and out, suppressed rows, limits, rows per child."""

    folder: Path
    site: str
    rows_of_run: int
    rows_shared: int
    rows_suppressed: int
    limits: DisclosureLimits
    children: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        return {
            "folder": str(self.folder),
            "site": self.site,
            "rows_of_run": self.rows_of_run,
            "rows_shared": self.rows_shared,
            "rows_suppressed": self.rows_suppressed,
            "limits": self.limits.model_dump(),
            "rows_per_child": self.children is not None,
        }


def share_run(run: Path, rulebook: Rulebook, options: ShareOptions) -> ShareSummary:
    """Write the shareable set of a finished run, and return what was written.

    ``RUN/share`` (or another new folder): ``results.parquet`` after disclosure control,
    ``manifest.json`` without paths, names or inputs, ``report.html`` with everything in it, to be
    read before it is sent. A former ``RUN/share`` is replaced. Errors: no finished run, an analysis
    without a class, limits that hide nothing, rows per child without a secret: UserError.
    """
    tables = RunTables(run)
    control = rulebook.get(DISCLOSURE_CONTROL, DisclosureControl)
    settings = _read_settings(tables.manifest)
    limits = _choose_limits(settings, control)
    days = rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).after_stopping.printed_days
    results = tables.results
    shared = control_results(results, control, limits, days)
    children = _hide_children(tables, settings, options)
    folder = options.out or run / "share"
    partial = _open_folder(folder, is_default=options.out is None)
    shared.write_parquet(partial / RESULTS_FILE)
    if children is not None:
        children.write_parquet(partial / CHILDREN_FILE)
    site = options.site or settings.site or str(look_up(tables.manifest, "study", "id"))
    manifest = make_share_manifest(tables.manifest, control, limits, site, partial)
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (partial / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
    page = render_shared_page(shared, manifest)
    (partial / REPORT_FILE).write_text(page, encoding="utf-8")
    _close_folder(partial, folder)
    return ShareSummary(
        folder=folder,
        site=site,
        rows_of_run=results.height,
        rows_shared=shared.filter(pl.col("refused").is_null()).height,
        rows_suppressed=shared.filter(pl.col("refused").is_not_null()).height,
        limits=limits,
        children=None if children is None else children.height,
    )


def make_share_manifest(
    manifest: Mapping[str, Any],
    control: DisclosureControl,
    limits: DisclosureLimits,
    site: str,
    folder: Path,
) -> dict[str, Any]:
    """Describe a shared set: versions, definitions, limits; no path, no input, no exact count."""
    results = (folder / RESULTS_FILE).read_bytes()
    return {
        "heliotrope": manifest.get("heliotrope"),
        "shared": datetime.now(UTC).isoformat(timespec="seconds"),
        "site": site,
        "synthetic": bool(look_up(manifest, "study", "synthetic")),
        "settings": look_up(manifest, "study", "settings"),
        "definitions": [
            {key: item.get(key) for key in FROM_DEFINITION}
            for item in manifest.get("definitions", [])
        ],
        "rulebook_sha256": manifest.get("rulebook_sha256"),
        "disclosure_control": {"version": control.stamp, "sha256": control.sha256},
        "limits": limits.model_dump(),
        "rows_per_child": (folder / CHILDREN_FILE).is_file(),
        "results_sha256": hashlib.sha256(results).hexdigest(),
    }


def _read_settings(manifest: Mapping[str, Any]) -> ShareSettings:
    """Read what the study decided; a run of before there were such settings decided nothing."""
    return ShareSettings.model_validate(look_up(manifest, "study", "share") or {})


def _choose_limits(settings: ShareSettings, control: DisclosureControl) -> DisclosureLimits:
    try:
        return settings.choose_limits(control.limits)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(
            "limits in [share] of study.toml that hide small counts",
            Found(message),
            "leave rounding_base out, or set it to least_count or more, and run the study again",
        ) from None


def _hide_children(
    tables: RunTables, settings: ShareSettings, options: ShareOptions
) -> pl.DataFrame | None:
    """Make the rows per child where the study asks for them; the secret must then be given."""
    if not settings.rows_per_child:
        return None
    if options.secret is None:
        raise UserError(
            "the site's secret, since the study shares a row a child",
            Found("none"),
            "set HELIOTROPE_SITE_SECRET or name a file with --secret-file",
        )
    return make_rows_per_child(tables, options.secret)


def _open_folder(folder: Path, *, is_default: bool) -> Path:
    """Make an empty folder to write in; only ``RUN/share`` may be replaced."""
    if folder.exists() and not is_default:
        raise UserError(
            "a folder that does not exist yet",
            Found(f"{folder.name} exists"),
            "choose another name for --out",
        )
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _close_folder(partial: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
