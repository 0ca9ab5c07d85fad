"""The files of a study: which there are, read whole and hashed, in the order of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import hash_stream, refuse_changed
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.declared import FormSource
from heliotrope.ingest.mapping import Format, SourceMapping
from heliotrope.ingest.memory import check_memory
from heliotrope.ingest.raw import FileContent, RawTable
from heliotrope.ingest.tabular.columnar import SUFFIX, read_columnar
from heliotrope.ingest.tabular.delimited import TextFile, read_delimited
from heliotrope.ingest.tabular.workbook import SUFFIXES, Workbook, open_workbook, read_sheet

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})

# One file a table: text or Parquet.
TABLE_SUFFIXES = TEXT_SUFFIXES | {SUFFIX}

# A table of ours, and what REDCap calls the list of a project's events.
LIST_OF_EVENTS = "event"

# Sheets that the empty workbook carries beside the tables; they are no records.
OWN_SHEETS = frozenset({"read me", "dictionary", "words", "visits"})


@dataclass(frozen=True)
class Discovered:
    """What stands in a folder or workbook: the sources to read and the files left unread."""

    mappings: tuple[SourceMapping | FormSource, ...]
    unread: tuple[str, ...]


def holds_tables(path: Path) -> bool:
    """Say whether a folder holds tables under our names, or is or holds a workbook.

    A lone event.csv says nothing: REDCap calls its list of events so.
    """
    files = [path] if path.is_file() else [item for item in path.iterdir() if item.is_file()]
    names = set(TABLE_COLUMNS) - {LIST_OF_EVENTS}
    return any(
        item.suffix.casefold() in SUFFIXES
        or (item.suffix.casefold() in TABLE_SUFFIXES and item.stem.casefold() in names)
        for item in files
    )


def find_tables(path: Path) -> Discovered:
    """Find the canonical tables in a folder of text files, or in one workbook.

    Errors: an empty folder, tables both as text and as a workbook, several workbooks: UserError.
    """
    if path.is_file():
        return _find_sheets(path.parent, path)
    files = sorted(item for item in path.iterdir() if item.is_file() and item.name[0] not in ".~")
    tables = [
        item
        for item in files
        if item.suffix.casefold() in TABLE_SUFFIXES and item.stem.casefold() in TABLE_COLUMNS
    ]
    workbooks = [item for item in files if item.suffix.casefold() in SUFFIXES]
    _check_one_kind(path, tables, workbooks)
    if workbooks and not tables:
        return _find_sheets(path, workbooks[0])
    if not tables:
        names = ", ".join(f"{name}.csv" for name in TABLE_COLUMNS)
        listed = ", ".join(item.name for item in files[:8])
        raise UserError(
            f"at least one of {names}, or one workbook with such sheets",
            Found(f"files {listed}" if files else "an empty folder", path.name),
            "put the tables there, or name your own files in study.toml "
            "(`heliotrope init` writes an empty workbook)",
        )
    return Discovered(
        mappings=tuple(
            SourceMapping(file=item.name, table=item.stem.casefold())  # type: ignore[arg-type]
            for item in tables
        ),
        unread=tuple(
            item.name
            for item in files
            if item not in tables and item.suffix.casefold() in TABLE_SUFFIXES
        ),
    )


def _check_one_kind(path: Path, tables: Sequence[Path], workbooks: Sequence[Path]) -> None:
    stems = [item.stem.casefold() for item in tables]
    twice = [item.name for item in tables if stems.count(item.stem.casefold()) > 1]
    found = ", ".join(twice or [item.name for item in [*tables[:1], *workbooks]])
    if twice or len(workbooks) > 1 or (tables and workbooks):
        raise UserError(
            "the tables once: one text file a table, or one workbook",
            Found(found, path.name),
            "remove the copies, or name the files to be read in study.toml",
        )


def _find_sheets(folder: Path, path: Path) -> Discovered:
    sheets = open_workbook(_read_content(folder, path.name)).sheets
    tables = [name for name in sheets if name.strip().casefold() in TABLE_COLUMNS]
    if not tables:
        raise UserError(
            f"at least one sheet named {', '.join(TABLE_COLUMNS)}",
            Found(f"sheets {', '.join(sheets)}", path.name),
            "rename the sheets, or name them in study.toml",
        )
    return Discovered(
        mappings=tuple(
            SourceMapping(
                file=path.name,
                sheet=name,
                table=name.strip().casefold(),  # type: ignore[arg-type]
            )
            for name in tables
        ),
        unread=tuple(
            f"{path.name}, sheet {name}"
            for name in sheets
            if name not in tables and name.casefold() not in OWN_SHEETS
        ),
    )


def read_bytes(folder: Path, name: str) -> bytes:
    """Read a file whole, so that what is hashed is what is read.

    Errors: no such file, one that may not be read or that the memory does not hold: UserError.
    """
    with _open(folder, name) as stream:
        check_memory((folder / name).stat().st_size, name)
        return stream.read()


def hash_file(folder: Path, name: str) -> str:
    """Return the SHA-256 of a file, read piece by piece.

    Errors: no such file, one that may not be read: UserError.
    """
    with _open(folder, name) as stream:
        return hash_stream(stream)


@contextmanager
def _open(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a file of the study. Errors: no such file, one that may not be read: UserError."""
    try:
        with (folder / name).open("rb") as stream:
            yield stream
    except FileNotFoundError:
        there = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
        raise UserError(
            f"the file {name}",
            Found(f"no such file in {folder.name}; there are: {', '.join(there[:8]) or 'none'}"),
            "correct `file` in study.toml, or put the file there",
        ) from None
    except OSError as error:
        raise UserError(
            f"the file {name}",
            Found(f"it cannot be read: {error.strerror}"),
            "check that you may read the file and that no other program holds it",
        ) from None


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_unchanged(folder: Path, hashes: Mapping[str, str]) -> None:
    """Stop if a file no longer is what was read: someone has saved it meanwhile."""
    for name, sha256 in hashes.items():
        refuse_changed(name, sha256, hash_file(folder, name))


def _read_content(folder: Path, name: str) -> FileContent:
    content = read_bytes(folder, name)
    return FileContent(name, hash_bytes(content), content)


def read_raw_tables(
    folder: Path, mappings: Sequence[SourceMapping], study_format: Format
) -> dict[tuple[str, str | None], RawTable]:
    """Read each file or sheet once, whatever the number of mappings that use it.

    Errors: two mappings that disagree on how the file is written: UserError.
    """
    check_formats(mappings, study_format)
    tables: dict[tuple[str, str | None], RawTable] = {}
    contents: dict[str, FileContent] = {}
    workbooks: dict[str, Workbook] = {}
    for mapping in mappings:
        key = (mapping.file, mapping.sheet)
        if key in tables:
            continue
        if mapping.file not in contents:
            contents[mapping.file] = _read_content(folder, mapping.file)
        content = contents[mapping.file]
        if Path(mapping.file).suffix.casefold() in SUFFIXES:
            if mapping.file not in workbooks:
                workbooks[mapping.file] = open_workbook(content)
            workbook = workbooks[mapping.file]
            sheet = mapping.sheet or workbook.sheets[0]
            tables[key] = read_sheet(workbook, sheet, mapping.header_row)
        else:
            tables[key] = _read_one(mapping, content, merge_formats(mapping, study_format))
    return tables


def check_formats(mappings: Iterable[SourceMapping], study_format: Format) -> None:
    """Stop if two mappings disagree on how one file is written."""
    formats: dict[tuple[str, str | None], tuple[str | None, str | None, int]] = {}
    for mapping in mappings:
        format = merge_formats(mapping, study_format)
        wanted = (format.encoding, format.separator, mapping.header_row)
        if formats.setdefault((mapping.file, mapping.sheet), wanted) != wanted:
            raise UserError(
                "one encoding, separator and header row for a file",
                Found("two [[source]] entries that differ", mapping.file, mapping.sheet),
                "write the same in both, or leave it out of both",
            )


def merge_formats(mapping: SourceMapping, study_format: Format) -> Format:
    """Return the format of a source: its own words first, then the study's."""
    own = {
        name: getattr(mapping, name)
        for name in Format.model_fields
        if name in mapping.model_fields_set
    }
    return Format(**{**study_format.model_dump(), **own})


def _read_one(mapping: SourceMapping, source: FileContent, format: Format) -> RawTable:
    if Path(mapping.file).suffix.casefold() == SUFFIX:
        return read_columnar(source)
    text = TextFile(source.file, source.sha256, source.content, mapping.header_row)
    return read_delimited(text, format)
