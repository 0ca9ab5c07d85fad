"""Cut the lines of a delimited text file into rows of cells, block by block."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.raw import REFUSED_SCHEMA, RawTable, no_refusals

# A line or cell that is longer than so many blocks: no table, or a quote that is never closed.
LONGEST_IN_BLOCKS = 4


class LineCutter:
    """Cuts block after block of a file; what only the whole file shows is judged at its end."""

    def __init__(self, place: RawTable, separator: str) -> None:
        self._place = place
        self._separator = separator
        self._width = len(place.header)
        self._rows = 0
        self._quotes = 0
        self._last: list[str] = []
        self._refused = 0
        self._first_refused: tuple[int, str] | None = None

    def cut(self, block: str, later: Iterator[str], skip: int = 0) -> RawTable:
        """Cut a block into a batch; a cell that goes on takes what it needs of ``later`` blocks.

        ``skip``: how many records stand before the first row: the header.
        """
        self._last = []
        cells, refused = self._cut_plain(block, skip), no_refusals()
        if cells is None:
            cells, refused = self._cut_careful(block, later, skip)
        start, self._rows = self._rows, self._rows + cells.height
        records = pl.int_range(start, self._rows, dtype=pl.Int64, eager=True)
        return replace(self._place, cells=cells, refused=refused, records=records)

    def close(self, batch: RawTable) -> RawTable:
        """Judge the file at its last batch, and return that.

        Errors: a quote that is never closed and swallows lines; most rows cut: UserError.
        """
        if self._quotes % 2:
            swallowed = max((cell.count("\n") for cell in self._last), default=0)
            if self._rows and swallowed:
                raise self._never_closed(self._rows, str(swallowed))
            batch = self._refuse_last(batch)
        if self._rows > 1 and self._refused * 2 > self._rows and self._first_refused:
            record, said = self._first_refused
            raise UserError(
                f"rows of {self._width} cells, as in the header",
                Found(
                    f"{self._refused} of {self._rows} rows have another number, the first {said}",
                    self._place.file,
                    row=record + self._place.first_row,
                ),
                "declare the separator in study.toml, or export the file again",
            )
        return batch

    def _refuse_last(self, batch: RawTable) -> RawTable:
        """Refuse the last row of a file in which a quote is never closed."""
        last = self._rows - 1
        if not self._rows or last in batch.refused["record"].tail(1):
            return batch
        refused = self._note([(last, "row_cut", "a quote that is never closed", None)])
        return replace(batch, refused=pl.concat([batch.refused, refused]))

    def _cut_plain(self, block: str, skip: int) -> pl.DataFrame | None:
        """Cut a block without quotes whose lines all have the header's number of cells."""
        if '"' in block or "\x00" in block:
            return None
        names = [str(number) for number in range(self._width)]
        lines = pl.Series(block.removesuffix("\n").split("\n")[skip:], dtype=pl.String)
        if lines.is_empty():
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        if not (lines.str.count_matches(self._separator, literal=True) == self._width - 1).all():
            return None
        if self._width == 1:
            return pl.DataFrame({"0": lines})
        split = lines.str.split_exact(self._separator, self._width - 1).struct.unnest()
        return split.rename(dict(zip(split.columns, names, strict=True)))

    def _cut_careful(
        self, block: str, later: Iterator[str], skip: int
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Cut a block with quotes, or with rows of different length."""
        longest = LONGEST_IN_BLOCKS * len(block) + 1
        csv.field_size_limit(max(csv.field_size_limit(), longest))
        lines, records, ended = _Lines(block, later), list[list[str]](), 0
        try:
            for record in csv.reader(lines, delimiter=self._separator):
                records.append(record)
                ended = lines.pulled
                if lines.is_at_end:
                    break
        except csv.Error:
            row = self._rows + len(records) - skip + 1
            raise self._never_closed(row, f"at least {lines.pulled - ended - 1}") from None
        self._quotes += lines.quotes
        records = records[skip:]
        self._last = records[-1] if records else []
        cells = {
            str(column): [record[column] if column < len(record) else None for record in records]
            for column in range(self._width)
        }
        frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
        return frame, self._note(self._find_cut(records))

    def _find_cut(self, records: list[list[str]]) -> Iterator[tuple[int, str, str, str | None]]:
        """Find the records with fewer or more cells than the header; blank lines are none."""
        for number, record in enumerate(records, start=self._rows):
            if len(record) == self._width or not any(cell.strip() for cell in record):
                continue
            said = f"{len(record)} cells instead of {self._width}"
            if len(record) < self._width:
                yield number, "row_cut", said, None
            else:
                extra = json.dumps(record[self._width :], ensure_ascii=False)
                yield number, "row_too_long", said, extra

    def _note(self, refused: Iterable[tuple[int, str, str, str | None]]) -> pl.DataFrame:
        rows = list(refused)
        if rows and self._first_refused is None:
            self._first_refused = (rows[0][0], rows[0][2])
        self._refused += len(rows)
        return pl.DataFrame(rows, schema=REFUSED_SCHEMA, orient="row")

    def _never_closed(self, number: int, swallowed: str) -> UserError:
        return UserError(
            "every quote closed",
            Found(
                f"a quote that is never closed; it swallows {swallowed} further lines",
                self._place.file,
                row=number + self._place.first_row - 1,
            ),
            "close the quote in that row, or export the file again",
        )


class _Lines:
    """The lines of a block, and of the blocks after it as long as a cell goes on in them."""

    def __init__(self, block: str, later: Iterator[str]) -> None:
        self._later = later
        self.quotes = 0
        self.pulled = 0
        self._open(block)

    def _open(self, block: str) -> None:
        self._text = io.StringIO(block, newline="")
        self._length = len(block)
        self.quotes += block.count('"')

    @property
    def is_at_end(self) -> bool:
        """Say whether the block is used up."""
        return self._text.tell() >= self._length

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline()
        if not line:
            self._open(next(self._later))
            line = self._text.readline()
        self.pulled += 1
        return line
