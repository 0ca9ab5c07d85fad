"""What each file of SDTM datasets holds: its name, its columns, its rows block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.sdtm.dataset_json import (
    MARKS,
    JsonDataset,
    list_json_datasets,
    read_json_rows,
)
from heliotrope.ingest.sdtm.transport import count_rows, read_transport_rows
from heliotrope.ingest.sdtm.transport_header import read_transport_header
from heliotrope.ingest.tabular.delimited import TextFile, read_delimited

TRANSPORT = (".xpt", ".xport", ".v8xpt")
JSON = (".json", ".ndjson")
TEXT = (".csv",)

UTF8 = "utf-8"
WINDOWS = "cp1252"
LATIN = "latin-1"

Notes = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Content:
    """One dataset before its rows are read.

    blocks: gives the rows as text, block by block, in an encoding. rows: how many there are.
    refused: rows of a text file that are none. first_row: what the first is counted as.
    encoding: the one declared, if any. missing: words that mean 'not recorded', in lower case.
    """

    member: str
    name: str
    columns: tuple[tuple[str, str], ...]
    rows: int
    blocks: Callable[[str], Iterator[pl.DataFrame]]
    refused: pl.DataFrame | None = None
    first_row: int = 1
    notes: Notes = ()
    encoding: str | None = None
    missing: tuple[str, ...] = ()

    def read(self, encoding: str) -> Iterator[pl.DataFrame]:
        """Give the blocks of rows, cells trimmed, blank cells and missing words null."""
        trimmed = pl.all().str.strip_chars()
        is_there = trimmed != ""
        if self.missing:
            is_there &= ~trimmed.str.to_lowercase().is_in(self.missing)
        for block in self.blocks(encoding):
            yield block.select(pl.when(is_there).then(trimmed).name.keep())


def is_dataset_file(name: str) -> bool:
    """Say whether a file could hold SDTM datasets by the ending of its name."""
    return name.casefold().endswith((*TRANSPORT, *JSON, *TEXT))


def open_contents(files: Files, member: str, format: Format) -> list[Content]:
    """Find the datasets of one file; rows of a transport file are not read yet.

    Errors: those of the readers of each form of file.
    """
    missing = tuple(sorted({word.strip().casefold() for word in format.missing}))
    return [replace(item, missing=missing) for item in _open(files, member, format)]


def _open(files: Files, member: str, format: Format) -> list[Content]:
    ending = PurePosixPath(member).suffix.casefold()
    if ending in TRANSPORT:
        return [_open_transport(files, member, format)]
    if ending in JSON:
        if not _is_dataset_json(files, member):
            return []
        with files.open(member) as stream:
            found = list_json_datasets(stream, _say_place(files, member))
        return [_from_json(files, member, item) for item in found]
    return [_open_text(files, member, format)]


def _open_transport(files: Files, member: str, format: Format) -> Content:
    place = _say_place(files, member)
    with files.open(member) as stream:
        header = read_transport_header(stream, place)
    size = files.sizes[member]
    return Content(
        member,
        header.name or PurePosixPath(member).stem.upper(),
        tuple((item.name, item.label) for item in header.variables),
        count_rows(header, size, place),
        lambda encoding: _read_transport(files, member, encoding),
        encoding=format.encoding,
    )


def _read_transport(files: Files, member: str, encoding: str) -> Iterator[pl.DataFrame]:
    place = _say_place(files, member)
    with files.open(member) as stream:
        header = read_transport_header(stream, place)
        yield from read_transport_rows(stream, header, files.sizes[member], place, encoding)


def _is_dataset_json(files: Files, member: str) -> bool:
    with files.open(member) as stream:
        first = stream.read(8192).decode("utf-8", "replace")
    return any(mark in first for mark in MARKS) or '"columns"' in first


def _from_json(files: Files, member: str, found: JsonDataset) -> Content:
    return Content(
        member,
        found.name or PurePosixPath(member).stem.upper(),
        found.columns,
        found.rows,
        lambda _: _read_json(files, member, found),
    )


def _read_json(files: Files, member: str, found: JsonDataset) -> Iterator[pl.DataFrame]:
    with files.open(member) as stream:
        yield from read_json_rows(stream, found, _say_place(files, member))


def _open_text(files: Files, member: str, format: Format) -> Content:
    source = TextFile(_say_place(files, member), files.hash(member), files.read(member))
    raw = read_delimited(source, format)
    return Content(
        member,
        PurePosixPath(member).stem.upper(),
        tuple((name, "") for name in raw.header),
        raw.cells.height,
        lambda _: iter([raw.cells]),
        refused=raw.refused,
        first_row=raw.first_row,
        notes=raw.notes,
    )


def read_in_encoding(
    content: Content, take: Callable[[pl.DataFrame], None], begin_again: Callable[[], None]
) -> Notes:
    """Hand on every block in the declared encoding, else UTF-8, else Windows Latin-1, with a note.

    Text that turns out not to be UTF-8 in a later block is read from the beginning again.
    Errors: text that is not of the declared encoding: UserError.
    """
    encodings = (content.encoding,) if content.encoding else (UTF8, WINDOWS, LATIN)
    for encoding in encodings:
        try:
            for block in content.read(encoding):
                take(block)
        except UnicodeDecodeError:
            begin_again()
            continue
        except LookupError:
            break
        guessed = not content.encoding and encoding != UTF8
        said = (("encoding_assumed", f"not UTF-8; read as {encoding}"),) if guessed else ()
        return (*content.notes, *said)
    raise UserError(
        f"text in {content.encoding}",
        Found("bytes that are not, or no encoding of that name", content.member),
        "declare the right encoding in study.toml",
    )


def _say_place(files: Files, member: str) -> str:
    file, sheet = files.place(member)
    return file if sheet is None else f"{file}/{sheet}"
