"""Write new files for a study, and never over what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from heliotrope.errors import ExitCode, Found, UserError


def refuse_existing(folder: Path, names: Iterable[str]) -> None:
    """Stop if a folder holds one of the files that would be written."""
    for name in names:
        if (folder / name).exists():
            raise UserError(
                "a new or empty folder",
                Found(f"{name} is already there", folder.name),
                "choose another folder; nothing was overwritten",
                ExitCode.USAGE,
            )


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Make a folder to write into; say in words that it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            "a folder that can be written",
            Found(f"{error.strerror}", folder.name),
            "choose another folder, or ask for the right to write there",
            ExitCode.ENVIRONMENT,
        ) from None
