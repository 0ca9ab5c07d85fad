"""Read the rows of a SAS transport file as text, block by block, whole columns at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np
import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.sdtm.transport_header import RECORD, TransportHeader, Variable

# Bytes of rows held as they stand in the file; text needs a few times as much.
BLOCK = 16 * 1024**2
# Numbers of a transport file have 53 to 56 binary digits: 15 decimal digits are certain.
DIGITS = 15

_BLANK = b" "
_SEPARATORS = (b"\x1e", b"\x1f", b"\x00")
_FIRST_LETTER_OF_MISSING = np.frombuffer(b"._ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)


def count_rows(header: TransportHeader, size: int, place: str) -> int:
    """Return how many rows a file of ``size`` bytes has.

    Rule: the rows are followed by blanks up to a whole record of 80 bytes, nothing else; a file
    that does not come out was cut off. A file cut off exactly behind a row, at a whole record,
    looks like a shorter one: the format counts no rows, so nothing can tell.
    Errors: a file that was cut off: UserError.
    """
    content = size - header.start
    rest = content % header.width
    if size % RECORD == 0 and rest < RECORD:
        return content // header.width
    raise cut_off(place, content // header.width, rest)


def cut_off(place: str, rows: int, rest: int) -> UserError:
    """Return the error for a file that ends within a row."""
    return UserError(
        "a SAS transport file with whole rows",
        Found(f"{rows:,} rows and {rest:,} bytes of another", place),
        "the file was cut off: export or copy it again and compare the size",
    )


def read_transport_rows(
    stream: IO[bytes], header: TransportHeader, size: int, place: str, encoding: str
) -> Iterator[pl.DataFrame]:
    """Give the rows block by block as text, columns named by their number, blanks as they are.

    stream: standing at the first row. Numbers have 15 digits, a missing one is null.
    Errors: a file cut off, more than one dataset: UserError; text that is not of the encoding:
    UnicodeDecodeError.
    """
    rows, left = count_rows(header, size, place), (size - header.start) % header.width
    at_once = max(1, BLOCK // header.width)
    for first in range(0, rows, at_once):
        here = min(at_once, rows - first)
        content = _take(stream, here * header.width, place, first, header.width)
        if b"HEADER RECORD*******MEMB" in content:
            raise UserError(
                "one dataset a file",
                Found("a second dataset behind the first", place),
                "write each dataset into a file of its own",
            )
        yield _read_block(_without_padding(content, header, first + here == rows), header, encoding)
    padding = _take(stream, left, place, rows, header.width)
    if padding.strip(_BLANK + b"\x00"):
        raise cut_off(place, rows, left)


def _take(stream: IO[bytes], size: int, place: str, row: int, width: int) -> bytes:
    try:
        content = stream.read(size)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise UserError(
            "a file that can be read to its end",
            Found(str(error), place),
            "export or copy the file again",
        ) from None
    if len(content) < size:
        raise cut_off(place, row + len(content) // width, len(content) % width)
    return content


def _without_padding(content: bytes, header: TransportHeader, is_last: bool) -> bytes:
    """Take off blanks that fill the last record and look like rows, where rows are short."""
    if not is_last:
        return content
    for _ in range((RECORD - 1) // header.width):
        if content[-header.width :].strip(_BLANK):
            break
        content = content[: -header.width]
    return content


def _read_block(content: bytes, header: TransportHeader, encoding: str) -> pl.DataFrame:
    table = np.frombuffer(content, dtype=np.uint8).reshape(-1, header.width)
    return pl.DataFrame(
        [
            _read_cells(table, item, encoding).alias(str(number))
            for number, item in enumerate(header.variables)
        ]
    )


def _read_cells(table: np.ndarray, item: Variable, encoding: str) -> pl.Series:
    cells = table[:, item.start : item.start + item.width]
    return read_numbers(cells) if item.is_number else _read_texts(cells, encoding)


def _read_texts(cells: np.ndarray, encoding: str) -> pl.Series:
    """Decode a whole column at once: a separator that no cell has is put behind each cell."""
    rows, width = cells.shape
    if not rows:
        return pl.Series(dtype=pl.String)
    plain = cells.tobytes()
    separator = next(item for item in _SEPARATORS if item not in plain)
    joined = np.empty((rows, width + 1), dtype=np.uint8)
    joined[:, :width] = cells
    joined[:, width] = separator[0]
    text = joined.tobytes()[:-1].decode(encoding)
    parts = pl.Series([text]).str.split(separator.decode("ascii")).explode()
    return parts.str.strip_chars_end(" \x00")


def read_numbers(cells: np.ndarray) -> pl.Series:
    """Read numbers of IBM's form (sign, power of 16, fraction), written as text.

    A cell narrower than 8 bytes lacks the end of its fraction. Missing (. , ._ , .A to .Z): null.

    >>> read_numbers(np.frombuffer(bytes.fromhex("4119000000000000"), np.uint8).reshape(1, 8))[0]
    '1.5625'
    """
    whole = np.zeros((cells.shape[0], 8), dtype=np.uint8)
    whole[:, : cells.shape[1]] = cells
    bits = whole.view(">u8").ravel().astype(np.uint64)
    fraction = (bits & np.uint64((1 << 56) - 1)).astype(np.float64)
    power = (whole[:, 0] & 0x7F).astype(np.int64) - 64
    sign = np.where(whole[:, 0] & 0x80, -1.0, 1.0)
    numbers = sign * np.ldexp(fraction, (4 * power - 56).astype(np.int32))
    is_missing = (fraction == 0) & np.isin(whole[:, 0], _FIRST_LETTER_OF_MISSING)
    column = pl.Series(np.where(is_missing, np.nan, numbers)).fill_nan(None)
    return write_numbers(column)


def write_numbers(numbers: pl.Series) -> pl.Series:
    """Write numbers as a person would: 15 digits at most, no empty decimals.

    >>> write_numbers(pl.Series([0.024999999999999998, 81.0, None])).to_list()
    ['0.025', '81', None]
    """
    distinct = numbers.drop_nulls().unique()
    texts = {number: f"{number:.{DIGITS}g}" for number in distinct.to_list()}
    return numbers.replace_strict(texts, default=None, return_dtype=pl.String)
