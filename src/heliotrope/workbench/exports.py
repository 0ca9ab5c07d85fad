"""What can be made of a run to be taken away, and what of it stands ready.

::

    WORKSPACE/exports/RUN/RUN-adam.zip    the file
    WORKSPACE/exports/RUN/adam.json       when it was made, of which run, how large it is

Each is made on demand, in a process of its own, by the function that the command of the same name
calls. A file of an earlier version of the run is not offered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from heliotrope.report.language import _
from heliotrope.workbench.saving import save_text
from heliotrope.workbench.workspace import Workspace

# The end of each file's name; the beginning is the name of the run.
ENDINGS: Mapping[str, str] = {
    "word": "case-series.docx",
    "figures": "figures.zip",
    "results": "results.zip",
    "adam": "adam.zip",
    "trace": "trace.zip",
    "share": "share.zip",
}
REVIEW = "review"
KINDS_OF_FILES: Mapping[str, str] = {
    ".zip": "application/zip",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pdf": "application/pdf",
}


@dataclass(frozen=True)
class Export:
    """A file that was made of a run.

    made: when (UTC). run_created: of which version of the run. seconds: how long it took.
    options: what the form said, e.g. with the tables child by child.
    """

    what: str
    file: str
    bytes: int
    seconds: float
    made: str
    run_created: str
    options: Mapping[str, Any] = field(default_factory=dict)


def read_export(workspace: Workspace, run: str, what: str, run_created: str) -> Export | None:
    """Read what stands ready; None where nothing is whole, or it is of an earlier run."""
    folder = workspace.export_folder(run)
    try:
        export = Export(**json.loads(_about(folder, what).read_text("utf-8")))
        size = find_file(folder, export).stat().st_size
    except (OSError, ValueError, TypeError):
        return None
    is_whole = size == export.bytes and export.what == what
    return export if is_whole and export.run_created == run_created else None


def say_export(what: str) -> str:
    """Say what an export is."""
    return {
        "word": _("Case series for Word"),
        "figures": _("Figures for print"),
        "results": _("Results"),
        "adam": _("ADaM-shaped set"),
        "trace": _("Trace, as a supplement"),
        "share": _("Shareable set"),
        REVIEW: _("Review of a child"),
    }[what.partition("-")[0]]


def find_file(folder: Path, export: Export) -> Path:
    """Find the file of an export. Errors: it is none, or a link: FileNotFoundError."""
    path = folder / Path(export.file).name
    if path.is_symlink() or not path.is_file():
        raise FileNotFoundError(path.name)
    return path


def save_export(folder: Path, export: Export) -> None:
    """Save what is said of a file; it stands there already."""
    text = json.dumps(asdict(export), ensure_ascii=False, indent=1)
    save_text(_about(folder, export.what), text + "\n")


def _about(folder: Path, what: str) -> Path:
    return folder / f"{what}.json"
