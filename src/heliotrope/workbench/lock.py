"""One workbench a folder: two would undo what they take for the rests of the other."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.report.language import _

LOCK_FILE = "workbench.lock"


def take_lock(folder: Path) -> IO[str]:
    """Lock a folder until the file that is returned is closed, or the process ends however.

    Errors: another workbench holds it: UserError.
    """
    file = (folder / LOCK_FILE).open("a", encoding="utf-8")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UserError(
            _("a folder that no other workbench uses"),
            Found(_("one is open"), os.fspath(folder.name)),
            _("use that one, end it, or name another folder with --workspace"),
            ExitCode.ENVIRONMENT,
        ) from None
    return file
