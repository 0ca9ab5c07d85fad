"""The last check of a study: its findings as they stand in the workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliotrope.workbench.work import CHECK_FILE, FINDINGS
from heliotrope.workbench.workspace import Place, Workspace


@dataclass(frozen=True)
class Check:
    """What a check found; ``is_old``: a file of the study has changed since."""

    content: Mapping[str, Any]
    findings: Path
    is_old: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings of each severity."""
        found: Mapping[str, int] = self.content["counts"]
        return found


def read_check(workspace: Workspace, place: Place) -> Check | None:
    """Read the last check of a study; None where there is none that is whole."""
    folder = workspace.check_folder(place.name)
    try:
        content = json.loads((folder / CHECK_FILE).read_text("utf-8"))
        made = (folder / CHECK_FILE).stat().st_mtime
    except (OSError, ValueError):
        return None
    if not (folder / FINDINGS).is_file():
        return None
    return Check(content, folder / FINDINGS, _find_newest(place) > made)


def _find_newest(place: Place) -> float:
    """Find when a file of the study last changed; files are replaced by rename, so folders too."""
    files = [place.folder, *place.folder.iterdir()] if place.path.is_dir() else [place.path]
    return max((path.lstat().st_ctime for path in files), default=0.0)
