"""Read a text file of cells: find its encoding and separator, keep every cell as text."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.raw import REFUSED_SCHEMA, RawTable, no_refusals

SEPARATORS = (",", ";", "\t", "|")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
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
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(source.header_row - 1):
        text = text.partition("\n")[2]
    if not text.strip():
        raise UserError(
            "a header and rows",
            Found("an empty file", source.file),
            "export the file again, or remove it from the folder",
        )
    separator = format.separator or find_separator(text)
    header = _read_header(source, text, separator)
    quick = _read_plain(text, separator, len(header))
    cells, refused = (
        (quick, no_refusals())
        if quick is not None
        else _read_careful(source, text, separator, header)
    )
    return RawTable(
        file=source.file,
        sheet=None,
        sha256=source.sha256,
        header=header,
        cells=cells,
        first_row=source.header_row + 1,
        refused=refused,
        notes=notes,
    )


def decode(source: TextFile, encoding: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Turn bytes into text; a guessed encoding leaves a note."""
    if encoding is None:
        encoding = next((name for bom, name in _BOMS if source.content.startswith(bom)), None)
    if encoding is None and b"\x00" in source.content[:200]:
        encoding = "utf-16-le" if source.content[1:2] == b"\x00" else "utf-16-be"
    try:
        return source.content.decode(encoding or "utf-8").removeprefix("\ufeff"), ()
    except LookupError:
        raise UserError(
            "an encoding, e.g. utf-8, utf-16 or latin-1",
            Found(str(encoding), source.file),
            "correct `encoding` in study.toml",
        ) from None
    except UnicodeError as error:
        if encoding is not None:
            raise UserError(
                f"text in {encoding}",
                Found(f"bytes that are not: {error}", source.file),
                "declare the right encoding in study.toml, or export the file again as UTF-8",
            ) from None
    for guess in (_WINDOWS, _LATIN):
        try:
            text = source.content.decode(guess)
        except UnicodeError:
            continue
        return text, (("encoding_assumed", f"not UTF-8; read as {guess}"),)
    raise AssertionError("latin-1 decodes everything")


def find_separator(text: str) -> str:
    r"""Return the separator that cuts the header into most cells; a comma if none does.

    >>> find_separator("patient_id;date;value\nP01;2020-01-05;1,5")
    ';'
    """
    outside = "".join(text.partition("\n")[0].split('"')[::2])
    counts = {separator: outside.count(separator) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: counts[separator])


def _read_header(source: TextFile, text: str, separator: str) -> tuple[str, ...]:
    names = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    return check_header([name.strip() for name in names], source.file, None, source.header_row)


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


def _read_plain(text: str, separator: str, width: int) -> pl.DataFrame | None:
    """Read a file without quotes whose lines all have the header's number of cells."""
    if '"' in text or "\x00" in text:
        return None
    lines = pl.Series(text.rstrip("\n").split("\n")[1:], dtype=pl.String)
    if lines.is_empty():
        return pl.DataFrame(schema={str(number): pl.String for number in range(width)})
    if not (lines.str.count_matches(separator, literal=True) == width - 1).all():
        return None
    if width == 1:
        return pl.DataFrame({"0": lines})
    split = lines.str.split_exact(separator, width - 1).struct.unnest()
    return split.rename(dict(zip(split.columns, map(str, range(width)), strict=True)))


def _records(text: str, separator: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _read_careful(
    source: TextFile, text: str, separator: str, header: tuple[str, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read a file with quotes, or with rows of different length."""
    width = len(header)
    records = list(_records(text.rstrip("\n"), separator))[1:]
    if text.count('"') % 2:
        _check_quote_at_end(source, records)
    refused = []
    for number, record in enumerate(records):
        if len(record) == width or not any(cell.strip() for cell in record):
            continue
        rule = "row_cut" if len(record) < width else "row_too_long"
        extra = json.dumps(record[width:], ensure_ascii=False) if rule == "row_too_long" else None
        refused.append((number, rule, f"{len(record)} cells instead of {width}", extra))
    if text.count('"') % 2 and records and not (refused and refused[-1][0] == len(records) - 1):
        refused.append((len(records) - 1, "row_cut", "a quote that is never closed", None))
    if len(records) > 1 and len(refused) * 2 > len(records):
        raise UserError(
            f"rows of {width} cells, as in the header",
            Found(
                f"{len(refused)} of {len(records)} rows have another number, the first "
                f"{refused[0][2]}",
                source.file,
                row=refused[0][0] + source.header_row + 1,
            ),
            "declare the separator in study.toml, or export the file again",
        )
    columns = {
        str(column): [record[column] if column < len(record) else None for record in records]
        for column in range(width)
    }
    cells = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return cells, pl.DataFrame(refused, schema=REFUSED_SCHEMA, orient="row")


def _check_quote_at_end(source: TextFile, records: list[list[str]]) -> None:
    """Stop if a quote that is never closed has swallowed more than the last line."""
    if records and any("\n" in cell for cell in records[-1]):
        swallowed = max(cell.count("\n") for cell in records[-1])
        raise UserError(
            "every quote closed",
            Found(
                f"a quote that is never closed; it swallows {swallowed} further lines",
                source.file,
                row=len(records) + source.header_row,
            ),
            "close the quote in that row, or export the file again",
        )
