"""A study reads no file outside its folder, whatever its study.toml or a link says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from heliotrope.errors import Found, UserError
from heliotrope.ingest.declared import FormSource, OmopSource, RedcapSource
from heliotrope.ingest.mapping import SourceMapping
from heliotrope.report.language import _
from heliotrope.study import STUDY_FILE, Study, read_study
from heliotrope.workbench.workspace import Place

MOST_FILES = 20_000


def read_confined_study(place: Place) -> Study:
    """Read what a study names; stop unless every file of it stands within its folder.

    Errors: a name that leads out of it, a link that does, a source that is a server, and those of
    ``read_study``: UserError. The workbench sends nothing anywhere; ``heliotrope run`` reads
    servers.
    """
    if place.path.is_dir():
        check_links(place.path, place.root)
    else:
        _check_within(place.path, place.root, place.path.name)
        _check_within(place.folder / STUDY_FILE, place.root, STUDY_FILE)
    study = read_study(place.path)
    check_named(study.sources, study.folder, place.root)
    others = [link.file for link in study.link]
    others += [] if study.definitions is None else [str(study.definitions)]
    for name in others:
        _check_file(study.folder, place.root, name)
    return study


def check_named(sources: Sequence[SourceMapping | FormSource], folder: Path, root: Path) -> None:
    """Stop unless every file that sources name stands within a folder, and none is a server."""
    for source in sources:
        is_server = (isinstance(source, OmopSource) and not source.file) or (
            isinstance(source, RedcapSource) and source.api is not None
        )
        if is_server:
            raise UserError(
                _("records in files"),
                Found(_("a source that is a server"), STUDY_FILE),
                _("the workbench calls no server: use `heliotrope run STUDY --out RUN` for it"),
            )
        for name in _list_named(source):
            _check_file(folder, root, name)


def _check_file(folder: Path, root: Path, name: str) -> None:
    path = folder / name
    _check_within(path, root, name)
    if path.is_dir():
        check_links(path, root)


def check_links(folder: Path, root: Path, only: str | None = None) -> None:
    """Stop if a link in a folder leads out of ``root``, or the folder holds too much to look at.

    ``only``: look at this file of it alone.
    """
    if only is not None:
        _check_within(folder / only, root, only)
        return
    seen = 0
    for directory, folders, files in os.walk(folder):
        for name in (*folders, *files):
            seen += 1
            path = Path(directory) / name
            if path.is_symlink():
                _check_within(path, root, name)
        if seen > MOST_FILES:
            raise UserError(
                _("a folder of at most {most} files").format(most=f"{MOST_FILES:,}"),
                Found(_("more"), folder.name),
                _("open the folder that holds the study alone"),
            )


def _list_named(source: SourceMapping | FormSource) -> Iterator[str]:
    yield source.file
    if isinstance(source, RedcapSource):
        yield from (name for name in (source.export, source.dictionary) if name)
    if isinstance(source, OmopSource):
        yield from source.concept_sets.values()


def _check_within(path: Path, root: Path, name: str) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise UserError(
            _("files that stand in the folder of the study"),
            Found(_("{name} leads out of it").format(name=name)),
            _("copy the file into the folder and name it there"),
        )
