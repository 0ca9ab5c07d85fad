"""Read what a SAS transport file (XPT, version 5 or 8) says of itself before its rows."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from heliotrope.errors import Found, UserError

# SAS technical notes TS-140 (version 5) and "Record Layout of a SAS Version 8 or 9 Data Set in
# SAS Transport Format": everything stands in records of 80 bytes.
RECORD = 80
NAMESTRS = (140, 136)

_MARK = b"HEADER RECORD*******"
_NUMBER = 1
_COMPRESSED = b"**COMPRESSED**"
_SAS_DATASET = b"\x00" * 12 + b"\xc2\xea\x81\x60"


@dataclass(frozen=True)
class Variable:
    """One column: its name and label, whether it is a number, and where it stands in a row."""

    name: str
    label: str
    is_number: bool
    start: int
    width: int


@dataclass(frozen=True)
class TransportHeader:
    """What stands before the rows; ``start`` is where they begin, ``width`` one row's bytes."""

    version: int
    name: str
    label: str
    variables: tuple[Variable, ...]
    start: int

    @property
    def width(self) -> int:
        """Return how many bytes a row has."""
        return max(item.start + item.width for item in self.variables)


class _Records:
    """The records of a file, one after another, counted."""

    def __init__(self, stream: IO[bytes], place: str) -> None:
        self.stream, self.place, self.read_so_far = stream, place, 0

    def take(self, bytes_wanted: int = RECORD) -> bytes:
        """Return the next bytes. Errors: the file ends before: UserError."""
        content = self.stream.read(bytes_wanted)
        self.read_so_far += len(content)
        if len(content) < bytes_wanted:
            raise UserError(
                "a SAS transport file with its whole header",
                Found(f"its end after {self.read_so_far:,} bytes", self.place),
                "the file was cut off: export or copy it again",
            )
        return content

    def take_until(self, *names: bytes) -> bytes:
        """Return the next header record of one of these kinds; other records are passed."""
        for _ in range(10_000):
            record = self.take()
            if record.startswith(_MARK) and record[20:28].strip() in names:
                return record
        raise _not_transport(self.place, "no header of columns")


def read_transport_header(stream: IO[bytes], place: str) -> TransportHeader:
    """Read the header of the first dataset of a transport file; the stream then stands at its rows.

    Errors: another kind of file, or one cut off within its header: UserError.
    """
    records = _Records(stream, place)
    first = records.take()
    if not first.startswith(_MARK) or first[20:28].strip() not in (b"LIBRARY", b"LIBV8"):
        raise _not_transport(place, _say_kind(first))
    version = 8 if first[20:28].strip() == b"LIBV8" else 5
    member = records.take_until(b"MEMBER", b"MEMBV8")
    size = _read_number(member[74:78], place)
    if size not in NAMESTRS:
        raise _not_transport(place, f"descriptions of columns of {size} bytes")
    records.take_until(b"DSCRPTR", b"DSCPTV8")
    about, more = records.take(), records.take()
    name = about[8:40] if version == 8 else about[8:16]
    columns = records.take_until(b"NAMESTR", b"NAMSTV8")
    count = _read_number(columns[48:58], place)
    whole = -(-count * size // RECORD) * RECORD
    content = records.take(whole)
    described = [
        _read_variable(content[at : at + size], version) for at in range(0, count * size, size)
    ]
    if version == 8:
        described = _read_long_labels(records, described)
    else:
        records.take_until(b"OBS")
    return TransportHeader(
        version, _text(name).upper(), _text(more[32:72]), tuple(described), records.read_so_far
    )


def _read_variable(content: bytes, version: int) -> Variable:
    kind, _, width = struct.unpack(">hhh", content[:6])
    (start,) = struct.unpack(">l", content[84:88])
    long_name = _text(content[88:120]) if version == 8 else ""
    return Variable(
        long_name or _text(content[8:16]), _text(content[16:56]), kind == _NUMBER, start, width
    )


def _read_long_labels(records: _Records, variables: list[Variable]) -> list[Variable]:
    """Read labels of more than 40 letters, which stand apart, up to the rows."""
    record = records.take_until(b"OBSV8", b"LABELV8", b"LABELV9")
    if record[20:28].strip() == b"OBSV8":
        return variables
    sizes = ">hhh" if record[20:28].strip() == b"LABELV8" else ">hhhhh"
    count = _read_number(record[48:58], records.place)
    labels: dict[int, str] = {}
    taken = 0
    for _ in range(count):
        head = records.take(struct.calcsize(sizes))
        number, name, label, *formats = struct.unpack(sizes, head)
        content = records.take(name + label + sum(formats))
        labels[number] = _text(content[name : name + label])
        taken += len(head) + len(content)
    records.take(-taken % RECORD)
    records.take_until(b"OBSV8")
    return [
        Variable(item.name, labels.get(number, item.label), item.is_number, item.start, item.width)
        for number, item in enumerate(variables, start=1)
    ]


def _read_number(digits: bytes, place: str) -> int:
    text = digits.strip(b"! ").decode("ascii", "replace")
    if not text.isdigit():
        raise _not_transport(place, f"{text!r} where a number belongs")
    return int(text)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace").strip(" \x00")


def _say_kind(first: bytes) -> str:
    if first.startswith(_COMPRESSED):
        return "a file of PROC CPORT, which only SAS reads"
    if first.startswith(_SAS_DATASET):
        return "a SAS dataset (sas7bdat)"
    return f"a file that begins with {first[:16]!r}"


def _not_transport(place: str, found: str) -> UserError:
    return UserError(
        "a SAS transport file of version 5 or 8",
        Found(found, place),
        "write it with the XPORT engine or %loc2xpt, or export Dataset-JSON or CSV",
    )
