"""Where an export goes: a new folder that is either whole or not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliotrope.errors import ExitCode, Found, UserError


@contextmanager
def make_new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into; it gets its name only when everything is written.

    A folder that is there already is never overwritten, and a write that fails leaves nothing.
    Errors: UserError where the folder exists or cannot be written.
    """
    if folder.exists():
        raise UserError(
            "a folder that is not there yet",
            Found("it exists already", file=str(folder)),
            "choose another name with --out, or remove the folder",
            ExitCode.USAGE,
        )
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def cannot_write(path: Path, error: OSError) -> UserError:
    """Say that a file or folder cannot be written, and why."""
    return UserError(
        "a place that can be written",
        Found(error.strerror or type(error).__name__, file=str(path)),
        "check the path, the permissions and the free space, or choose another with --out",
        ExitCode.ENVIRONMENT,
    )
