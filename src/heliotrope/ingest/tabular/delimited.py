"""Read a text file of cells: find its encoding and separator, keep every cell as text.

A file is read block by block, each of whole lines, into batches of rows: one block and one batch
where it is held whole.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.tabular.lines import LONGEST_IN_BLOCKS, LineCutter

SEPARATORS = (",", ";", "\t", "|")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARK = "\ufeff"
_WINDOWS = "cp1252"
_LATIN = "latin-1"


@dataclass(frozen=True)
class TextFile:
    """A text file in memory and where its header stands."""

    file: str
    sha256: str
    content: bytes
    header_row: int = 1


def read_delimited(source: TextFile, format: Format) -> RawTable:
    """Read a delimited text file into a raw table.

    Encoding: as declared; else a byte order mark, UTF-8, UTF-16 without a mark, Windows Latin-1
    (the last with a note). Separator: as declared; else the one of comma, semicolon, tab and bar
    that cuts the header into most cells.
    Cut rows: a record with fewer or more cells than the header is refused, whole. A quote that is
    never closed swallows what follows: refused if that is the last line, else the file cannot be
    trusted.
    Errors: no text, no header, undecodable, a header name twice: UserError.
    """
    text, notes = decode(source, format.encoding)
    place = RawTable(
        source.file, None, source.sha256, (), pl.DataFrame(), source.header_row + 1, notes=notes
    )
    blocks = read_blocks(io.StringIO(text, newline=None), place, len(text) + 1)
    return join_batches(list(read_batches(place, blocks, format)))


def read_blocks(stream: io.TextIOBase, place: RawTable, size: int) -> Iterator[str]:
    """Give the text of a file from its header on in blocks of whole lines, about ``size`` long.

    Every block but the last ends with the end of a line; blank lines at the end of the file are
    left out. Line ends must be translated to a line feed. Errors: no line end in several blocks:
    UserError, since the whole file would be held.
    """
    text = stream.read(1).removeprefix(_MARK)
    for _ in range(place.first_row - 2):
        if text != "\n":
            stream.readline()
        text = ""
    while True:
        chunk = stream.read(size)
        text += chunk
        if len(chunk) < size:
            break
        # the last line with something in it may go on in the next block
        end = text.rstrip("\n").rfind("\n") + 1
        if end:
            yield text[:end]
            text = text[end:]
        elif len(text.rstrip("\n")) > LONGEST_IN_BLOCKS * size:
            raise UserError(
                "rows, each on a line of its own",
                Found(f"a line of more than {len(text):,} characters", place.file),
                "declare the right encoding in study.toml, or export the file again",
            )
    if text := text.rstrip("\n"):
        yield text


def read_batches(place: RawTable, blocks: Iterator[str], format: Format) -> Iterator[RawTable]:
    """Read the blocks of a file into batches of rows, one at least; ``place`` says which file.

    Errors: those of ``read_delimited``; some are known only at the end.
    """
    first = next(blocks, "")
    if not first.strip():
        raise UserError(
            "a header and rows",
            Found("an empty file", place.file),
            "export the file again, or remove it from the folder",
        )
    separator = format.separator or find_separator(first)
    place = replace(place, header=_read_header(place, first, separator))
    cutter = LineCutter(place, separator)
    batch = cutter.cut(first, blocks, skip=1)
    for block in blocks:
        yield batch
        batch = cutter.cut(block, blocks)
    yield cutter.close(batch)


def join_batches(batches: Sequence[RawTable]) -> RawTable:
    """Put the batches of a file together, as one table held whole."""
    return replace(
        batches[0],
        cells=pl.concat([batch.cells for batch in batches]),
        refused=pl.concat([batch.refused for batch in batches]),
        records=None,
    )


def decode(source: TextFile, encoding: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Turn bytes into text; a guessed encoding leaves a note."""
    found = find_encoding(source.file, encoding, lambda: iter([source.content]))
    return source.content.decode(found.name).removeprefix(_MARK), found.notes


@dataclass(frozen=True)
class Encoding:
    """How the bytes of a file are text; a guess leaves a note."""

    name: str
    notes: tuple[tuple[str, str], ...] = ()


def find_encoding(
    file: str, declared: str | None, open_blocks: Callable[[], Iterator[bytes]]
) -> Encoding:
    """Find the encoding of a file by decoding all of it; ``open_blocks`` gives its bytes anew.

    Errors: an encoding that is not known, bytes that are no text in it: UserError.
    """
    head = next(open_blocks(), b"")
    certain = declared or next((name for bom, name in _BOMS if head.startswith(bom)), None)
    if certain is None and b"\x00" in head[:200]:
        certain = "utf-16-le" if head[1:2] == b"\x00" else "utf-16-be"
    for name in [certain] if certain else ["utf-8", _WINDOWS, _LATIN]:
        try:
            decoder = codecs.getincrementaldecoder(name)()
            for block in open_blocks():
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except LookupError:
            raise UserError(
                "an encoding, e.g. utf-8, utf-16 or latin-1",
                Found(name, file),
                "correct `encoding` in study.toml",
            ) from None
        except UnicodeError as error:
            if certain is None:
                continue
            raise UserError(
                f"text in {name}",
                Found(f"bytes that are not: {error}", file),
                "declare the right encoding in study.toml, or export the file again as UTF-8",
            ) from None
        is_guess = name in (_WINDOWS, _LATIN) and certain is None
        said = (("encoding_assumed", f"not UTF-8; read as {name}"),) if is_guess else ()
        return Encoding(name, said)
    raise AssertionError("latin-1 decodes everything")


def find_separator(text: str) -> str:
    r"""Return the separator that cuts the header into most cells; a comma if none does.

    >>> find_separator("patient_id;date;value\nP01;2020-01-05;1,5")
    ';'
    """
    outside = "".join(text.partition("\n")[0].split('"')[::2])
    counts = {separator: outside.count(separator) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: counts[separator])


def _read_header(place: RawTable, text: str, separator: str) -> tuple[str, ...]:
    names = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    stripped = [name.strip() for name in names]
    return check_header(stripped, place.file, None, place.first_row - 1)


def check_header(
    names: list[str], file: str, sheet: str | None, header_row: int
) -> tuple[str, ...]:
    """Check that a header has names and no name twice; a nameless column keeps its number."""
    if not any(names):
        raise UserError(
            "a header with column names",
            Found("an empty header", file, sheet, header_row),
            "put the column names in the first row, or set header_row in study.toml",
        )
    numbered = [name or f"(column {number + 1})" for number, name in enumerate(names)]
    twice = [name for number, name in enumerate(numbered) if name in numbered[:number]]
    if twice:
        raise UserError(
            "each column name once",
            Found(f"'{twice[0]}' twice", file, sheet, header_row, twice[0]),
            "rename or remove one of the two columns",
        )
    return tuple(numbered)
