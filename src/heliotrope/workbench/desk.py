"""What every page needs: the workspace, the jobs, the keys, and the runs that are open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from heliotrope.workbench.jobs import Jobs
from heliotrope.workbench.keys import Keys
from heliotrope.workbench.workspace import Place, Workspace

if TYPE_CHECKING:
    import polars as pl

    from heliotrope.definitions.load import Rulebook
    from heliotrope.report.read_run import RunTables

MOST_OPEN = 4


@dataclass(frozen=True)
class OpenRun:
    """A run that somebody looks at, with what its pages read again and again."""

    place: Place
    tables: RunTables

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rulebook as the run's study would be read now."""
        from heliotrope.run.verification import read_rulebook_of

        return read_rulebook_of(self.tables.manifest)

    @cached_property
    def cohort(self) -> pl.DataFrame:
        """One row a child and regimen."""
        from heliotrope.workbench.cohort_rows import read_cohort

        return read_cohort(self.tables)

    @property
    def title(self) -> str:
        """The title of its study."""
        title = self._look_up("study").get("title")
        return title if isinstance(title, str) else self.place.name

    @property
    def created(self) -> str:
        """When it was made."""
        created = self.tables.manifest.get("created")
        return created[:16].replace("T", " ") if isinstance(created, str) else ""

    @property
    def counts(self) -> Mapping[str, Any]:
        """How many children, with IVIG and in all."""
        return self._look_up("counts")

    def _look_up(self, name: str) -> Mapping[str, Any]:
        found = self.tables.manifest.get(name)
        return found if isinstance(found, Mapping) else {}


@dataclass
class Desk:
    """The state of one workbench; everything that must outlive it stands in the workspace."""

    workspace: Workspace
    keys: Keys
    jobs: Jobs
    notices: list[str] = field(default_factory=list)
    is_stopping: bool = False
    _open: OrderedDict[tuple[Path, int], OpenRun] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def rulebook(self) -> Rulebook:
        """The shipped definitions."""
        from heliotrope.definitions.load import read_rulebook

        return read_rulebook()

    def study(self, name: str) -> Place:
        """Find a study by its name in an address. Errors: none of that name: 404."""
        return self._find("study", name)

    def run(self, name: str) -> OpenRun:
        """Find a run by its name in an address, and keep it open.

        Errors: none of that name, or one that is not finished: 404.
        """
        from heliotrope.report.explain import open_run

        place = self._find("run", name)
        manifest = place.path / "manifest.json"
        if not manifest.is_file():
            raise HTTPException(404)
        key = (place.path, manifest.stat().st_mtime_ns)
        with self._lock:
            if key not in self._open:
                self._open[key] = OpenRun(place, open_run(place.path))
                while len(self._open) > MOST_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key]

    def list_runs(self) -> list[OpenRun]:
        """List the finished runs."""
        from heliotrope.report.read_run import RunTables

        return [
            OpenRun(place, RunTables(place.path))
            for place in self.workspace.list_places("run")
            if (place.path / "manifest.json").is_file()
        ]

    def list_runs_of(self, study: str) -> list[Place]:
        """List the finished runs that this workbench made of a study."""
        jobs = [job for job in self.jobs.list_of(study) if job.kind == "run"]
        found = (self.workspace.find("run", job.name) for job in jobs)
        return [place for place in found if place is not None]

    def find_study_of(self, run: str) -> Place | None:
        """Find the study that a run was made of here; None for one opened by its path."""
        job = self.jobs.find(run)
        return self.workspace.find("study", job.study) if job is not None else None

    def close(self, place: Place) -> None:
        """Close a run that is no longer there."""
        with self._lock:
            for key in [key for key in self._open if key[0] == place.path]:
                del self._open[key]

    def _find(self, kind: Any, name: str) -> Place:
        place = self.workspace.find(kind, name)
        if place is None:
            raise HTTPException(404)
        return place

    def take_notices(self) -> list[str]:
        """Give what is to be said once, and forget it."""
        with self._lock:
            taken, self.notices = self.notices, []
        return taken


def desk_of(request: Request) -> Desk:
    """Return the desk that a request is answered at."""
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk
