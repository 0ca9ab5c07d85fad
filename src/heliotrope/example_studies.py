"""Where the example studies lie: in the wheel, or at the root of the repository."""

from __future__ import annotations

from pathlib import Path

from heliotrope.errors import ExitCode, UserError

PACKAGE = Path(__file__).parent


def find_example(name: str) -> Path:
    """Find the folder of an example study, e.g. ``seven_children``.

    Errors: an installation without its examples (exit 4).

    >>> find_example("seven_children").name
    'seven_children'
    """
    for examples in (PACKAGE / "examples", PACKAGE.parent.parent / "examples"):
        if (examples / name).is_dir():
            return examples / name
    raise UserError(
        f"the example study '{name}' beside the program",
        "this installation does not carry it",
        "install heliotrope again, from its wheel or its repository",
        ExitCode.ENVIRONMENT,
    )
