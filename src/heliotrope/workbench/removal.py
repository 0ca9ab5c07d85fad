"""What goes when a study or a run is deleted, what stays, and how it goes.

Everything is first moved aside by one rename each, then removed: whoever kills the workbench finds
it whole or gone, and the next start removes the rest. No link is followed: a link goes, what it
leads to stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliotrope.errors import Found, UserError
from heliotrope.report.language import _, ngettext
from heliotrope.workbench.desk import Desk
from heliotrope.workbench.saving import flush_folder, say_unsaved
from heliotrope.workbench.workspace import Place, Workspace


@dataclass(frozen=True)
class Part:
    """A file or folder that goes: how many files, how large, how many links (not followed)."""

    title: str
    path: Path
    files: int
    size: int
    links: int


@dataclass(frozen=True)
class Removal:
    """What goes in this order, and what stays.

    seen: names what was shown; when a file comes or goes meanwhile, it is another.
    """

    place: Place
    parts: Sequence[Part]
    stays: Sequence[str]
    seen: str


def find_removal(desk: Desk, place: Place) -> Removal:
    """Find what is deleted with a study or run, and say what stays."""
    workspace = desk.workspace
    named = (
        [(_("What was made of it to be taken away"), workspace.export_folder(place.name))]
        if place.kind == "run"
        else [(_("Its last check"), workspace.check_folder(place.name))]
    )
    named.append(_name_itself(workspace, place))
    parts = [_measure(title, path) for title, path in named if os.path.lexists(path)]
    return Removal(place, parts, _list_what_stays(desk, place), _compute_seen(parts))


def _name_itself(workspace: Workspace, place: Place) -> tuple[str, Path]:
    """Name what makes it a study or run of the workbench."""
    if place.is_opened:
        return _("The note of where it stands"), workspace.opened_file(place.name)
    if place.kind == "run":
        return _("The run: its report, tables, results and trace"), place.path
    return _("The files of the study, and its mapping"), place.path


def _measure(title: str, path: Path) -> Part:
    found = list(_walk(path))
    links = sum(stat.S_ISLNK(item.st_mode) for _name, item in found)
    size = sum(item.st_size for _name, item in found if not stat.S_ISLNK(item.st_mode))
    return Part(title, path, len(found) - links, size, links)


def _walk(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """List the files and links below a path, or the file itself; no link is followed."""
    if not path.is_dir() or path.is_symlink():
        yield path.name, path.lstat()
        return
    for directory, folders, files in os.walk(path):
        linked = [name for name in folders if (Path(directory) / name).is_symlink()]
        for name in (*linked, *files):
            found = Path(directory) / name
            yield str(found), found.lstat()


def _compute_seen(parts: Sequence[Part]) -> str:
    found = sorted((name, item.st_size) for part in parts for name, item in _walk(part.path))
    return hashlib.sha256(repr(found).encode()).hexdigest()[:32]


def _list_what_stays(desk: Desk, place: Place) -> list[str]:
    stays = []
    if place.is_opened:
        said = _("Every file of it, where it stands: {path}")
        stays.append(said.format(path=place.path))
    if place.kind == "study":
        runs = [run.name for run in desk.list_runs_of(place.name)]
        said = ngettext(
            "Its run, which is deleted on its own page: %(names)s",
            "Its %(num)s runs, each deleted on its own page: %(names)s",
            len(runs),
        )
        stays += [said % {"num": len(runs), "names": ", ".join(runs)}] if runs else []
    elif (study := desk.find_study_of(place.name)) is not None:
        stays.append(_("Its study: {name}").format(name=study.name))
    return stays


def set_aside(desk: Desk, removal: Removal) -> list[Path]:
    """Move what was found aside, and forget its jobs; return what is left to remove.

    Errors: a folder that cannot be changed, or that a link has taken the place of: UserError; what
    was not moved aside stays as it was.
    """
    for part in removal.parts:
        _check_is_ours(desk.workspace, part.path)
    name = removal.place.name
    desk.jobs.forget(name)
    aside = [_move(desk.workspace, part.path) for part in removal.parts]
    if removal.place.kind == "run":
        desk.jobs.forget_one(name)
    desk.close(removal.place)
    return aside


def _check_is_ours(workspace: Workspace, path: Path) -> None:
    """Stop at a link, and at what a link of a folder above leads to."""
    home = path.parent.resolve()
    if path.is_symlink() or not home.is_relative_to(workspace.folder.resolve()):
        raise UserError(
            _("a folder of the workbench"),
            Found(_("a link in its place"), path.name),
            _("remove the link by hand; nothing was deleted"),
        )


def _move(workspace: Workspace, path: Path) -> Path:
    """Move a file or folder of the workspace aside."""
    aside = workspace.folder / "deleted" / uuid.uuid4().hex
    try:
        path.rename(aside)
        flush_folder(path.parent)
    except OSError as error:
        raise say_unsaved(error, path.name) from None
    return aside


def clear_away(aside: Sequence[Path]) -> None:
    """Remove what was moved aside; what cannot be removed now goes at the next start."""
    for path in aside:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
