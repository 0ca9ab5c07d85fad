"""The resources of a file one after another: lines of NDJSON, or entries of a bundle."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, cast

import msgspec

from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files, Limits
from heliotrope.ingest.fhir.resources import Bundle, Kind

LINES = (".ndjson", ".jsonl")
WHOLE = (".json",)
GZIP = ".gz"

_BLOCK = 8 << 20
# One resource of this size holds a picture or a whole book, nothing that is read here.
_LONGEST_LINE = 256 << 20
_HEAD = 1 << 16
# How far resources swell that were packed, at most.
_SWELL = 20

_KIND = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"(\w+)"')
_KIND_ANYWHERE = re.compile(rb'"resourceType"\s*:\s*"\w+"')
_POSITION = re.compile(r"\(byte (\d+)\)")

_kind = msgspec.json.Decoder(Kind)
_bundle = msgspec.json.Decoder(Bundle)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One resource as it stands in a file.

    record: the number of its line or entry, from 0. kind: its resource type, None for an entry
    without a resource. damage: why it cannot be read at all, None if it can.
    """

    record: int
    kind: str | None
    content: bytes | msgspec.Raw
    full_url: str | None = None
    damage: str | None = None


def suffix_of(name: str) -> str:
    """Return the ending of a file name, gz aside, in lower case."""
    return PurePosixPath(name.casefold().removesuffix(GZIP)).suffix


def list_members(files: Files) -> list[str]:
    """Return the files that may hold resources, sorted."""
    return [name for name in files.names if suffix_of(name) in (*LINES, *WHOLE)]


def count_bytes(files: Files, members: Iterable[str]) -> int:
    """Say how large some files may be unpacked: what is packed once more swells by so much."""
    swell = {True: _SWELL, False: 1}
    return sum(files.sizes[member] * swell[member.casefold().endswith(GZIP)] for member in members)


def holds_resources(files: Files, member: str) -> bool:
    """Say whether the beginning of a file reads as FHIR."""
    with _open(files, member) as stream:
        try:
            head = stream.read(_HEAD)
        except (OSError, EOFError):
            return False
    return _KIND_ANYWHERE.search(head) is not None


def read_entries(files: Files, member: str) -> Iterator[Entry]:
    """Give the resources of one file, the damaged ones among them.

    Rule: lines are read a block at a time; a bundle is read whole. Errors: a bundle that is no
    JSON, with its line; a packed file that is damaged or swells up: UserError.
    """
    try:
        if suffix_of(member) in LINES:
            with _open(files, member) as stream:
                yield from _read_lines(_split_lines(stream, files, member))
            return
        with _open(files, member) as stream:
            content = b"".join(_blocks(stream, files, member))
    except (OSError, EOFError) as error:
        raise UserError(
            "a file that can be read to its end",
            Found(f"{member}: {error}", files.name),
            "export or copy the file again",
        ) from None
    yield from _read_whole(content.removeprefix(b"\xef\xbb\xbf"), files, member)


@contextmanager
def _open(files: Files, member: str) -> Iterator[IO[bytes]]:
    with files.open(member) as stream:
        if member.casefold().endswith(GZIP):
            with gzip.open(stream) as unpacked:
                yield cast(IO[bytes], unpacked)
        else:
            yield stream


def _blocks(stream: IO[bytes], files: Files, member: str) -> Iterator[bytes]:
    """Read block by block; what swells up like a bomb is refused."""
    limits, size, read = Limits(), max(files.sizes[member], 1), 0
    is_packed = member.casefold().endswith(GZIP)
    while block := stream.read(_BLOCK):
        read += len(block)
        if is_packed and read > max(limits.bytes_judged, limits.ratio * size):
            raise UserError(
                f"files at most {limits.ratio} times as large as packed",
                Found(f"{member}: more than {read:,} bytes unpacked", files.name),
                "do not open this file; ask for a new export",
            )
        yield block


def _split_lines(stream: IO[bytes], files: Files, member: str) -> Iterator[bytes]:
    rest = b""
    for block in _blocks(stream, files, member):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            raise UserError(
                "one resource a line",
                Found(f"{member}: a line of more than {_LONGEST_LINE:,} bytes", files.name),
                "export it again as NDJSON, or name a bundle .json",
            )
    yield rest


def _read_lines(lines: Iterator[bytes]) -> Iterator[Entry]:
    for record, line in enumerate(lines):
        if record == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        found = _KIND.match(line)
        if found is not None:
            yield Entry(record, found[1].decode(), line)
        elif line and not line.isspace():
            yield _find_kind(record, line)


def _find_kind(record: int, content: bytes | msgspec.Raw, url: str | None = None) -> Entry:
    found = _KIND.match(content)
    if found is not None:
        return Entry(record, found[1].decode(), content, url)
    try:
        kind = _kind.decode(content).resource_type
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Entry(record, None, content, url, damage=str(error))
    damage = None if kind else "no resourceType"
    return Entry(record, kind, content, url, damage)


def _read_whole(content: bytes, files: Files, member: str) -> Iterator[Entry]:
    try:
        bundle = _bundle.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        lines = content.split(b"\n")
        if "trailing" in str(error) and _KIND.match(lines[0]):
            yield from _read_lines(iter(lines))
            return
        raise _say_damaged(content, error, files, member) from None
    if bundle.resource_type != "Bundle":
        yield _find_kind(0, content)
        return
    for record, entry in enumerate(bundle.entry):
        method = entry.request.method if entry.request else None
        if not memoryview(entry.resource).nbytes or method == "DELETE":
            yield Entry(record, None, b"", entry.full_url)
        else:
            yield _find_kind(record, entry.resource, entry.full_url)


def _say_damaged(content: bytes, error: Exception, files: Files, member: str) -> UserError:
    """Say where a bundle stops being JSON."""
    found = _POSITION.search(str(error))
    position = int(found[1]) if found else len(content)
    line = content.count(b"\n", 0, position) + 1
    file, sheet = files.place(member)
    return UserError(
        "a bundle in JSON, whole",
        Found(f"line {line}: {error}", file, sheet, line),
        "export or copy the file again; it may have been cut off",
    )
