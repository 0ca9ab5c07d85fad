"""The one error a person sees: what was expected, what was found and where, what to do."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

PACKAGE = Path(__file__).parent


class ExitCode(IntEnum):
    """The exit codes of the command line, a public contract."""

    DONE = 0
    USAGE = 2
    DATA = 3
    ENVIRONMENT = 4


@dataclass(frozen=True)
class Found:
    """Where something unexpected stands and what it is; parts that are unknown are None."""

    value: str
    file: str | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        named = {"sheet": self.sheet, "row": self.row, "column": self.column}
        place = ", ".join(
            ([self.file] if self.file else [])
            + [f"{name} {part}" for name, part in named.items() if part is not None]
        )
        return f"{self.value} ({place})" if place else self.value


class UserError(Exception):
    """A fault in what the user gave us, said in three lines and without a traceback.

    >>> print(UserError("a column 'date'", Found("date_of_visit", "visits.csv", row=1),
    ...                 "rename the column or map it in study.toml"))
    Expected: a column 'date'
    Found:    date_of_visit (visits.csv, row 1)
    To do:    rename the column or map it in study.toml
    """

    def __init__(
        self,
        expected: str,
        found: Found | str,
        to_do: str,
        exit_code: ExitCode = ExitCode.DATA,
    ) -> None:
        self.expected = expected
        self.found = found if isinstance(found, Found) else Found(found)
        self.to_do = to_do
        self.exit_code = exit_code
        super().__init__(expected, str(self.found), to_do)

    def __str__(self) -> str:
        return f"Expected: {self.expected}\nFound:    {self.found}\nTo do:    {self.to_do}"


def locate_fault(error: BaseException) -> str:
    """Name the last line of our own code that an error went through; it names no patient.

    >>> locate_fault(KeyError("child 7"))
    'an unknown place'
    """
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if PACKAGE in Path(frame.filename).parents
    ]
    if not ours:
        return "an unknown place"
    last = ours[-1]
    return f"{Path(last.filename).relative_to(PACKAGE).as_posix()}, line {last.lineno}"
