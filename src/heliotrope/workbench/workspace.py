"""The folder that holds everything the workbench knows, as plain files.

::

    WORKSPACE/studies/NAME/      the files of a study that was uploaded, and its study.toml
    WORKSPACE/opened/NAME.json   a study or run that was opened where it stands: its folder
    WORKSPACE/checks/NAME/       the findings of the last check of a study
    WORKSPACE/runs/NAME-1/       run folders
    WORKSPACE/exports/NAME/      what was made of a run to be taken away
    WORKSPACE/jobs/NAME-1.json   what became of each check, run and export
    WORKSPACE/incoming/          uploads on their way; emptied at every start
    WORKSPACE/deleted/           what is being deleted; emptied at every start

Names are made here and hold nothing but letters, digits and hyphens; an address that names
anything else names nothing. A link that stands in a place of one of these is no study and no run.
"""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.report.language import _
from heliotrope.workbench.saving import UNSAVED, save_text, say_unsaved

Kind = Literal["study", "run"]

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_NAME = 60
FOLDERS = ("studies", "opened", "checks", "runs", "exports", "jobs", "incoming", "deleted")
REPLACED = ".replaced"


@dataclass(frozen=True)
class Place:
    """A study or run: its name in addresses, its folder, and the folder its files may not leave.

    is_opened: it stands where its owner keeps it; the workbench adds nothing but study.toml.
    """

    name: str
    kind: Kind
    path: Path
    root: Path
    is_opened: bool

    @property
    def folder(self) -> Path:
        """The folder in which its files stand."""
        return self.path if self.path.is_dir() else self.path.parent


@dataclass(frozen=True)
class Workspace:
    """The folder of the workbench. ``root``: where studies may be opened from by their path."""

    folder: Path
    root: Path

    def prepare(self) -> list[str]:
        """Make the folders, finish or undo what a killed workbench left; say what was undone."""
        try:
            for name in FOLDERS:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            said = [
                _("An upload was interrupted when the workbench ended; nothing of it was kept.")
                for item in self._clear("incoming")
            ]
            list(self._clear("deleted"))
            for old in (self.folder / "studies").glob(f"*{REPLACED}"):
                whole = old.with_name(old.name.removesuffix(REPLACED))
                if whole.exists():
                    shutil.rmtree(old)
                else:
                    old.rename(whole)
            for name in ("runs", "exports/*"):
                for partial in self.folder.glob(f"{name}/*.partial"):
                    shutil.rmtree(partial)
            for name in ("studies/*", "exports/*", "opened", "jobs"):
                for unsaved in self.folder.glob(f"{name}/{UNSAVED}*"):
                    unsaved.unlink()
        except OSError as error:
            raise say_unsaved(error, self.folder.name) from None
        return said[:1]

    def _clear(self, name: str) -> Iterator[str]:
        for item in sorted((self.folder / name).iterdir()):
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
            yield item.name

    def list_places(self, kind: Kind) -> list[Place]:
        """List the studies or runs, in the order of their names."""
        home = self.folder / ("studies" if kind == "study" else "runs")
        names = {item.name for item in home.iterdir()}
        names |= {item.stem for item in (self.folder / "opened").glob("*.json")}
        found = (self.find(kind, name) for name in sorted(names))
        return [place for place in found if place is not None]

    def find(self, kind: Kind, name: str) -> Place | None:
        """Find a study or run by its name; None for anything that is no such name."""
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            return None
        home = self.folder / ("studies" if kind == "study" else "runs") / name
        if home.is_dir() and not home.is_symlink():
            return Place(name, kind, home, home, is_opened=False)
        opened = self._read_opened(name)
        if opened is None or opened.get("kind") != kind:
            return None
        path = Path(opened["path"])
        if not path.exists():
            return None
        folder = path if path.is_dir() else path.parent
        return Place(name, kind, path, Path(opened.get("root", folder)), is_opened=True)

    def _read_opened(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads(self.opened_file(name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return (
            content if isinstance(content, dict) and isinstance(content.get("path"), str) else None
        )

    def open_path(self, path: Path, *, is_trusted: bool) -> Place:
        """Remember a study or run where it stands; the same path gets the same name.

        ``is_trusted``: it was named in the terminal. One named in a page must stand within
        ``root``, links followed. Errors: nothing there, or outside: UserError.
        """
        whole = path.expanduser().resolve()
        root = self.root.resolve()
        if not is_trusted and not whole.is_relative_to(root):
            raise UserError(
                _("a folder within {root}").format(root=root),
                Found(_("a path outside of it")),
                _("upload the files, or start the workbench with the path: heliotrope serve PATH"),
                ExitCode.USAGE,
            )
        if not whole.exists():
            raise UserError(
                _("a study or run that exists"),
                Found(_("nothing at {name}").format(name=path.name)),
                _("check the path"),
                ExitCode.USAGE,
            )
        kind: Kind = "run" if (whole / "manifest.json").is_file() else "study"
        for place in self.list_places(kind):
            if place.path.resolve() == whole:
                return place
        name = self.make_name(whole.stem if whole.is_file() else whole.name, kind)
        folder = whole if whole.is_dir() else whole.parent
        within = root if folder.is_relative_to(root) and not is_trusted else folder
        content = {"kind": kind, "path": str(whole), "root": str(within)}
        save_text(self.opened_file(name), json.dumps(content, indent=1) + "\n")
        return Place(name, kind, whole, within, is_opened=True)

    def make_name(self, title: str, kind: Kind = "study") -> str:
        """Make a name that no study or run has yet, out of a title.

        >>> Workspace(Path("none"), Path(".")).make_name("Ward 7: Kinder (2020)")
        'ward-7-kinder-2020'
        """
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
        stem = "-".join(re.findall(r"[a-z0-9]+", plain))[: LONGEST_NAME - 20].strip("-") or kind
        number, name = 1, stem
        while self._is_taken(name):
            number += 1
            name = f"{stem}-{number}"
        return name

    def make_job_name(self, study: str, kind: str) -> str:
        """Make a name for the next check or run of a study."""
        number = 1
        while self._is_taken(f"{study}-{kind}-{number}"):
            number += 1
        return f"{study}-{kind}-{number}"

    def _is_taken(self, name: str) -> bool:
        return any(
            (self.folder / place).exists()
            for place in (
                *(f"{folder}/{name}" for folder in ("studies", "runs", "checks", "exports")),
                *(f"{folder}/{name}.json" for folder in ("opened", "jobs")),
            )
        )

    def replace_study(self, name: str, prepared: Path) -> Path:
        """Put a prepared folder in the place of a study, or make it one; all of it or nothing."""
        home = self.folder / "studies" / name
        replaced = home.with_name(f"{name}{REPLACED}")
        if home.exists():
            home.rename(replaced)
        prepared.rename(home)
        shutil.rmtree(replaced, ignore_errors=True)
        return home

    @property
    def incoming(self) -> Path:
        """Where uploads arrive."""
        return self.folder / "incoming"

    def opened_file(self, name: str) -> Path:
        """Where it stands where something opened by its path is."""
        return self.folder / "opened" / f"{name}.json"

    def check_folder(self, study: str) -> Path:
        """Where the findings of a study's last check stand."""
        return self.folder / "checks" / study

    def export_folder(self, run: str) -> Path:
        """Where the files stand that were made of a run to be taken away."""
        return self.folder / "exports" / run

    def run_folder(self, name: str) -> Path:
        """Where a new run goes."""
        return self.folder / "runs" / name

    def job_file(self, name: str) -> Path:
        """Where it stands what became of a job."""
        return self.folder / "jobs" / f"{name}.json"
