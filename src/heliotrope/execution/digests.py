"""Digests of the parts of a run while it is made, so that a damaged file is never taken for data.

Parquet as it is written here carries no checksum: of 400 parts with one flipped bit Polars read 270
as other values without an error, and some end the process that reads them. The digests stand beside
the parts until the run is whole: those of the records in one file, those of a shard's results in
its mark of being done. Whoever writes a part takes its digest, so that a mark says what was written
and not what somebody found there later; a driver that marks reads no part.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from heliotrope.errors import Found, UserError

RECORDS_DIGESTS = "digests_of_records.json"

DAMAGED = "missing or changed since it was written"

_BLOCK_BYTES = 1 << 20

Digests = dict[str, int]


def compute_digest(path: Path) -> int:
    """Compute the CRC-32 of a file.

    Errors: OSError for a file that is not there.
    """
    digest = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest = zlib.crc32(block, digest)
    return digest


def compute_digests(run: Path, parts: Iterable[Path]) -> Digests:
    """Compute the digest of every part, by its path within the run folder."""
    return {part.relative_to(run).as_posix(): compute_digest(part) for part in parts}


def write_digests(digests: Digests, path: Path) -> None:
    """Write digests, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(digests), encoding="utf-8")
    draft.replace(path)


def read_digests(path: Path) -> Digests:
    """Read digests; none where the file is not there or is itself damaged."""
    try:
        digests: Digests = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return digests


def find_damaged(run: Path, digests: Digests) -> list[str]:
    """List the parts that are missing, or not as they were when their digest was taken."""
    return [name for name, digest in digests.items() if not _is_whole(run / name, digest)]


def _is_whole(part: Path, digest: int) -> bool:
    try:
        return compute_digest(part) == digest
    except OSError:
        return False


def write_mark(mark: Path, digests: Digests) -> None:
    """Mark a piece of work as done: what its parts are stands in the mark."""
    mark.parent.mkdir(parents=True, exist_ok=True)
    write_digests(digests, mark)


def is_marked(run: Path, mark: Path) -> bool:
    """Say whether a piece of work was marked as done, and every part of it is as it was then."""
    digests = read_digests(mark)
    return bool(digests) and not find_damaged(run, digests)


def keep_digests_of_records(run: Path) -> None:
    """Note what the records of a run were when all of them had been written."""
    parts = sorted((run / "records").glob("*.parquet/part-*.parquet"))
    write_digests(compute_digests(run, parts), run / RECORDS_DIGESTS)


def check_record(part: Path, digests: Digests) -> None:
    """Hold a part of the records to the digest that was taken when it was written, if one was.

    Errors: UserError for a part that is missing or damaged.
    """
    digest = digests.get(part.relative_to(part.parents[2]).as_posix())
    if digest is not None and not _is_whole(part, digest):
        raise damaged_records(part, DAMAGED)


def damaged_records(part: Path, what: str) -> UserError:
    """Say that a part of the records cannot be used."""
    return UserError(
        "the records of every shard",
        Found(what, f"{part.parent.name}/{part.name}"),
        "run again with --resume: what is damaged is read from its sources anew",
    )
