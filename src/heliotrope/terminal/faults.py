"""What a person is told when something goes wrong that no rule foresaw."""

from __future__ import annotations

import errno
import os
import traceback

from heliotrope.errors import ExitCode, Found, UserError, locate_fault

OWN_FAULT = 1

SHOW_TRACEBACK = "HELIOTROPE_TRACEBACK"

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def describe_fault(error: BaseException) -> tuple[str, int]:
    """Turn any error into a message and an exit code.

    A disk, permission or memory fault is the environment's (exit 4), whoever noticed it: Polars
    says of a full disk that a Parquet file is out of specification. Anything else is a fault of
    the program (exit 1): the message names the kind of error and the line of code, never the
    error's own text, which could hold a patient's data. HELIOTROPE_TRACEBACK=1 shows it all.

    >>> print(describe_fault(KeyError("child 7"))[0])
    heliotrope stopped at a fault of its own: KeyError in an unknown place.
    ...
    """
    if isinstance(error, UserError):
        return str(error), error.exit_code
    if _is_disk_full(error):
        return str(_full_disk(error)), ExitCode.ENVIRONMENT
    if isinstance(error, OSError):
        return str(_environment_fault(error)), ExitCode.ENVIRONMENT
    if isinstance(error, MemoryError):
        fault = UserError("enough memory", "none was left", "close other programs, or use more")
        return str(fault), ExitCode.ENVIRONMENT
    lines = [
        f"heliotrope stopped at a fault of its own: {type(error).__name__} in "
        f"{locate_fault(error)}.",
        "No finished run folder was written; your files are unchanged.",
        "Please report it with this message, the version and the command; it names no patient.",
    ]
    if os.environ.get(SHOW_TRACEBACK):
        lines.append("".join(traceback.format_exception(error)))
    else:
        lines.append(
            f"For a developer: {SHOW_TRACEBACK}=1 shows the whole traceback "
            "(it may hold patient data: do not send it)."
        )
    return "\n".join(lines), OWN_FAULT


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _DISK_FULL
    return any(os.strerror(number) in str(error) for number in _DISK_FULL)


def _full_disk(error: BaseException) -> UserError:
    name = getattr(error, "filename", None)
    return UserError(
        "enough free space where the command writes",
        Found("the disk is full", file=str(name) if name else None),
        "free space, then give the command again; `heliotrope run` with --resume goes on from "
        "what was already done",
    )


def _environment_fault(error: OSError) -> UserError:
    reason = error.strerror or type(error).__name__
    return UserError(
        "a file or folder that can be read and written",
        Found(reason, file=str(error.filename) if error.filename else None),
        "check the path, the permissions and the free space, then run the command again",
    )
