"""A file or sheet as read: every cell as text, nothing interpreted yet."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from heliotrope.records.place import name_place

REFUSED_SCHEMA = {"record": pl.Int64, "rule": pl.String, "found": pl.String, "extra": pl.String}


def no_refusals() -> pl.DataFrame:
    """Return an empty frame of refused records."""
    return pl.DataFrame(schema=REFUSED_SCHEMA)


@dataclass(frozen=True)
class FileContent:
    """A file in memory, and the SHA-256 of what was read."""

    file: str
    sha256: str
    content: bytes


@dataclass(frozen=True)
class RawTable:
    """One source: its cells as text (columns named by their number), its place, its hash.

    file, sheet: the file, and the sheet of a workbook or the member of an archive.
    ``refused``: records that are not rows of the table (cut off, too long), by record number.
    ``notes``: (rule, what was found) about the file as a whole.
    ``records``: the record number of each row held, where a reader holds only some of them
    (null: all, from 0). ``passed_over``: how many rows it did not hold, by the rule that says why;
    these rows are read, counted and left where they are.
    ``missing``: words that mean 'not recorded', in lower case, for readers that look at cells
    before the common way does. ``on_disk``: rows that are read and used, and not held here.
    """

    file: str
    sheet: str | None
    sha256: str
    header: tuple[str, ...]
    cells: pl.DataFrame
    first_row: int
    refused: pl.DataFrame = field(default_factory=no_refusals)
    notes: tuple[tuple[str, str], ...] = ()
    records: pl.Series | None = None
    passed_over: tuple[tuple[str, int], ...] = ()
    missing: tuple[str, ...] = ()
    on_disk: int = 0

    @property
    def place(self) -> str:
        """Return the file and sheet (or member of an archive) as a person names them."""
        return name_place(self.file, self.sheet)

    @property
    def rows_in(self) -> int:
        """Return how many rows the source has, those passed over included."""
        return self.cells.height + self.on_disk + sum(rows for _, rows in self.passed_over)

    def numbered(self) -> pl.DataFrame:
        """Return the cells with their ``record`` number (Int64) in front."""
        if self.records is None:
            return self.cells.with_row_index("record").with_columns(pl.col("record").cast(pl.Int64))
        return self.cells.clone().insert_column(0, self.records.cast(pl.Int64).alias("record"))

    def rows_of(self, records: list[int]) -> pl.DataFrame:
        """Return the rows of some records, in the order of their numbers, ``record`` in front."""
        return self.numbered().filter(pl.col("record").is_in(records)).sort("record")
