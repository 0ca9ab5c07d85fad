"""Files saved whole or not at all, and never over what somebody else saved meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.report.language import _

NEW = ""
UNSAVED = ".saving-"


class ConflictError(Exception):
    """Somebody saved another version meanwhile: ``stored`` is what stands there now."""

    def __init__(self, stored: str) -> None:
        self.stored = stored
        super().__init__("a newer version stands there")


def compute_revision(text: str | None) -> str:
    """Name a version of a text; of one that does not exist, ``NEW``.

    >>> compute_revision(None), len(compute_revision("id = 'ward'"))
    ('', 32)
    """
    return NEW if text is None else hashlib.sha256(text.encode()).hexdigest()[:32]


def read_text(path: Path) -> str | None:
    """Read a text file; None where there is none."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UserError(
            _("a text in UTF-8"), Found(_("other bytes"), path.name), _("save it as UTF-8")
        ) from None


def save_text(path: Path, text: str, revision: str | None = None) -> None:
    """Save a text whole: when this returns, it is on the disk.

    It is written beside the file, flushed to the disk and put in its place by one rename; whoever
    kills the program leaves the old version or the new one. ``revision``: the version that was
    edited; left out, whatever stands there is replaced.
    Errors: another version stands there: ConflictError, nothing is written. A disk that is full or
    a folder that cannot be written: UserError, the old version stays.
    """
    if revision is not None:
        stored = read_text(path)
        if compute_revision(stored) != revision:
            raise ConflictError(stored or "")
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNSAVED)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        flush_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise say_unsaved(error, path.name) from None


def flush_folder(folder: Path) -> None:
    """Flush the names of a folder to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def say_unsaved(error: OSError, name: str) -> UserError:
    """Say why something could not be saved; what was saved before still stands."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            _("room on the disk"),
            Found(_("the disk is full"), name),
            _("free some space and try again; what was saved before is unchanged"),
            ExitCode.ENVIRONMENT,
        )
    return UserError(
        _("a folder that can be written"),
        Found(error.strerror or type(error).__name__, name),
        _("check the rights to the folder of the workbench; what was saved before is unchanged"),
        ExitCode.ENVIRONMENT,
    )
