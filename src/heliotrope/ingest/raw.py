"""A file or sheet as read: every cell as text, nothing interpreted yet."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

REFUSED_SCHEMA = {"record": pl.Int64, "rule": pl.String, "found": pl.String, "extra": pl.String}


def no_refusals() -> pl.DataFrame:
    """Return an empty frame of refused records."""
    return pl.DataFrame(schema=REFUSED_SCHEMA)


@dataclass(frozen=True)
class RawTable:
    """One source: its cells as text (columns named by their number), its place, its hash.

    ``refused``: records that are not rows of the table (cut off, too long), by record number.
    ``notes``: (rule, what was found) about the file as a whole.
    """

    file: str
    sheet: str | None
    sha256: str
    header: tuple[str, ...]
    cells: pl.DataFrame
    first_row: int
    refused: pl.DataFrame = field(default_factory=no_refusals)
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        """Return the file and sheet as a person names them."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file
