"""Files that a browser sends: received beside the studies, looked at, then put in place whole."""

from __future__ import annotations

import os
import shutil
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from starlette.datastructures import UploadFile

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.archive import Limits, open_files
from heliotrope.report.language import _
from heliotrope.workbench.saving import flush_folder, say_unsaved
from heliotrope.workbench.workspace import Workspace

MOST_FILES = 2_000
LONGEST_FILE_NAME = 120
UNPACKED = Limits(bytes_unpacked=2 * 1024**3)
BLOCK = 1 << 20

KNOWN = frozenset(
    f".{suffix}"
    for suffix in (
        *("csv", "tsv", "txt", "xlsx", "xlsm", "xls", "xlsb", "ods", "zip", "toml", "xml", "json"),
        *("ndjson", "xpt", "parquet", "duckdb", "pdf", "md"),
    )
)
RESERVED = frozenset({"con", "prn", "aux", "nul"})


def receive_study(workspace: Workspace, files: Sequence[UploadFile], title: str) -> str:
    """Make a study of the files that were sent; return its name.

    A zip is unpacked, but nothing of it outside its folder and nothing that swells up; a folder
    that holds everything else is left out. All or nothing: the study stands there when every file
    is on the disk. Errors: no file, a file of no kind known here, too many, an archive that is
    refused, a full disk: UserError.
    """
    with _arriving(workspace) as arriving:
        folder = _receive(files, arriving)
        first = next((file.filename or "" for file in files if file.filename), "")
        name = workspace.make_name(title.strip() or PurePosixPath(first).stem)
        workspace.replace_study(name, folder)
    return name


def add_files(workspace: Workspace, name: str, files: Sequence[UploadFile]) -> list[str]:
    """Add files to a study, in the place of those of the same name; return their names.

    The study is made anew beside the old one and takes its place at the end.
    """
    old = workspace.folder / "studies" / name
    with _arriving(workspace) as arriving:
        folder = _receive(files, arriving)
        sent = sorted(_list_files(folder))
        for relative in _list_files(old):
            target = folder / relative
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(old / relative, target)
        workspace.replace_study(name, folder)
    return sent


@contextmanager
def _arriving(workspace: Workspace) -> Iterator[Path]:
    """Make a folder to receive into; whatever stops it, nothing is left."""
    folder = workspace.incoming / uuid.uuid4().hex
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        raise say_unsaved(error, _("the files sent")) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _receive(files: Sequence[UploadFile], arriving: Path) -> Path:
    """Write the files into a folder and return it; archives stay outside of it."""
    folder, packed = arriving / "files", arriving / "packed"
    folder.mkdir()
    packed.mkdir()
    named = [file for file in files if file.filename]
    if not named:
        raise UserError(
            _("a workbook, CSV files, a zip of them, or a REDCap export"),
            Found(_("no file")),
            _("choose one or several files"),
            ExitCode.USAGE,
        )
    for file in named:
        name = clean_name(file.filename or "")
        if PurePosixPath(name).suffix.casefold() not in KNOWN:
            raise UserError(
                _("a workbook, CSV files, a zip of them, or an export of a form known here"),
                Found(_("a file of another kind"), name),
                _("export the records as CSV or as a workbook"),
            )
        is_packed = name.casefold().endswith(".zip")
        target = (packed if is_packed else folder) / name
        _refuse_twice(target)
        file.file.seek(0)
        _write(file.file, target)
        if is_packed:
            _unpack(target, folder)
    flush_folder(folder)
    return folder


def _refuse_twice(target: Path) -> None:
    if target.exists():
        raise UserError(
            _("files with names of their own"),
            Found(_("two of the same name"), target.name),
            _("rename one, or send them one after the other"),
        )


def _write(source: IO[bytes], target: Path) -> None:
    with target.open("xb") as copy:
        shutil.copyfileobj(source, copy, BLOCK)
        copy.flush()
        os.fsync(copy.fileno())


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder."""
    packed = open_files(archive.parent, archive.name, UNPACKED)
    if len(packed.names) > MOST_FILES:
        raise UserError(
            _("at most {most} files").format(most=f"{MOST_FILES:,}"),
            Found(f"{len(packed.names):,}", archive.name),
            _("send only the records of the study"),
        )
    within = _find_common_folder(packed.names)
    for member in packed.names:
        parts = PurePosixPath(member.replace("\\", "/")).parts[len(within) :]
        target = folder.joinpath(*(clean_name(part) for part in parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        _refuse_twice(target)
        try:
            with packed.open(member) as content:
                _write(content, target)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            raise UserError(
                _("an archive that can be read to its end"),
                Found(_("a damaged file"), archive.name),
                _("pack or download it again"),
            ) from None


def _find_common_folder(names: Sequence[str]) -> tuple[str, ...]:
    """Find the folders that hold everything of an archive."""
    folders = [PurePosixPath(name.replace("\\", "/")).parts[:-1] for name in names]
    common = folders[0] if folders else ()
    for parts in folders:
        while parts[: len(common)] != common:
            common = common[:-1]
    return common


def clean_name(name: str) -> str:
    """Make a file's name harmless: no folder, no leading dot, nothing unprintable.

    >>> clean_name("../../.ssh/visits.csv"), clean_name(".hidden.csv"), clean_name("Arzt’s.csv")
    ('visits.csv', 'hidden.csv', 'Arzt’s.csv')
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(
        character
        if unicodedata.category(character)[0] != "C" and character not in '<>:"|?*'
        else "_"
        for character in unicodedata.normalize("NFC", last)
    )
    plain = shown.strip().lstrip(".").strip() or "file"
    stem, suffix = PurePosixPath(plain).stem, PurePosixPath(plain).suffix
    if stem.casefold() in RESERVED:
        stem = f"{stem}_"
    return stem[: LONGEST_FILE_NAME - len(suffix)] + suffix[:LONGEST_FILE_NAME]


def _list_files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix()


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
