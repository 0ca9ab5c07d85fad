"""Read a table that is too large to be held: in batches, again and again, never whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.mapping import Format, SourceMapping
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.tabular.columnar import SUFFIX, read_columnar_batches
from heliotrope.ingest.tabular.delimited import find_encoding, read_batches, read_blocks
from heliotrope.ingest.tabular.layout import name_children, stage
from heliotrope.ingest.tabular.sources import hash_file

# A table of so many bytes as text is read in batches, where that is possible.
LARGE = 32 << 20
# Bytes that a cell of a Parquet file counts for: it is held as text.
BYTES_A_CELL = 8
# How much of a table is held at once: characters of a text file, rows of a Parquet file.
BLOCK = 16 << 20
BATCH = 250_000

_BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class LargeTable:
    """A file whose rows stay on disk, and the mappings that lay them out.

    raw: its place and hash; no rows. size: its bytes.
    """

    raw: RawTable
    path: Path
    size: int
    mappings: tuple[SourceMapping, ...]
    formats: tuple[Format, ...]
    encoding: str | None = None

    def batches(self, tell: Callable[[int], None] = lambda _: None) -> Iterator[RawTable]:
        """Read the rows from the first on; ``tell`` hears how many bytes are read.

        Errors: what makes the file as a whole untrustworthy: UserError.
        """
        if self.encoding is None:
            rows = 0
            for batch in read_columnar_batches(self.raw, self.path, BATCH):
                rows += batch.cells.height
                yield batch
                tell(min(self.size, rows * len(batch.header) * BYTES_A_CELL))
            return
        with self.path.open("rb") as stream:
            text = io.TextIOWrapper(stream, self.encoding, newline=None)
            blocks = read_blocks(text, self.raw, BLOCK)
            for batch in read_batches(self.raw, blocks, self.formats[0]):
                yield batch
                tell(stream.tell())

    def lay_out(self, batch: RawTable, context: ReadContext) -> tuple[Staged, ...]:
        """Lay a batch out by each mapping. Errors: those of ``stage``."""
        pairs = zip(self.mappings, self.formats, strict=True)
        return tuple(stage(batch, mapping, format, context) for mapping, format in pairs)

    def find_children(self, batch: RawTable, context: ReadContext) -> pl.Series:
        """Return the child that each row of a batch names; all mappings take it from one cell."""
        return name_children(batch, self.mappings[0], self.formats[0], context)


def is_large(path: Path, large_from: int) -> bool:
    """Say whether a table is so large that it is read in batches.

    A file that is not there, or no Parquet file, is not; who reads it says what is wrong.
    """
    try:
        if path.suffix.casefold() != SUFFIX:
            return path.stat().st_size >= large_from
        scan = pl.scan_parquet(path, glob=False)
        cells = scan.select(pl.len()).collect().item() * len(scan.collect_schema())
    except (OSError, pl.exceptions.PolarsError):
        return False
    return bool(cells * BYTES_A_CELL >= large_from)


def names_one_child(mappings: Sequence[SourceMapping]) -> bool:
    """Say whether all mappings of a file take the child of a row from the same cell."""
    child = "patient_id"
    ways = {
        (
            mapping.columns.get(child),
            mapping.constants.get(child),
            tuple(mapping.codes.get(child, {}).items()),
        )
        for mapping in mappings
    }
    return len(ways) == 1


def open_large(
    folder: Path, mappings: Sequence[SourceMapping], formats: Sequence[Format]
) -> LargeTable:
    """Hash a file and find its encoding: it is read through once, and nothing held.

    Errors: bytes that are no text: UserError.
    """
    name, header_row = mappings[0].file, mappings[0].header_row
    path = folder / name
    sha256, size = hash_file(folder, name), path.stat().st_size
    is_text = path.suffix.casefold() != SUFFIX
    raw = RawTable(name, None, sha256, (), pl.DataFrame(), header_row + 1 if is_text else 1)
    table = LargeTable(raw, path, size, tuple(mappings), tuple(formats))
    if not is_text:
        return table
    encoding = find_encoding(name, formats[0].encoding, partial(_read_bytes, path))
    return replace(table, encoding=encoding.name, raw=replace(raw, notes=encoding.notes))


def _read_bytes(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BYTES_AT_ONCE):
            yield block
