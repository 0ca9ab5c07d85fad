"""Read the files of a folder, or of a zip as one: nothing climbs out, nothing swells up."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from heliotrope.errors import Found, UserError

# What a packer adds beside the files themselves.
JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold unpacked, and how far it may swell.

    A member may be ``ratio`` times as large as packed; text packs at 5 to 30 times, an archive
    built to fill a disk at 1,000 times.
    """

    bytes_unpacked: int = 200 * 1024**3
    ratio: int = 200
    bytes_judged: int = 16 * 1024**2


@dataclass(frozen=True)
class Files:
    """The files of one source, in a folder or packed in a zip, by their name within it.

    name: how the study calls the folder, zip or single file.
    sizes: bytes of each file, unpacked.
    """

    name: str
    path: Path
    sizes: Mapping[str, int]
    is_packed: bool
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Return the names of the files, sorted."""
        return sorted(self.sizes)

    def place(self, member: str) -> tuple[str, str | None]:
        """Return file and sheet of a member, as findings and the trace name them."""
        if self.is_packed:
            return self.name, member
        if self.path.is_file():
            return self.name, None
        return (member if self.name == "." else f"{self.name}/{member}"), None

    @contextmanager
    def open(self, member: str) -> Iterator[IO[bytes]]:
        """Open one file for reading bytes; a packed one is unpacked on the way.

        Errors: a damaged member, once what is damaged is read: UserError.
        """
        if not self.is_packed:
            target = self.path if self.path.is_file() else self.path / member
            with target.open("rb") as stream:
                yield stream
            return
        try:
            with zipfile.ZipFile(self.path) as packed, packed.open(member) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise UserError(
                "a file that can be read to its end",
                Found(f"{member}: {error}", self.name),
                "export or copy the file again",
            ) from None

    def read(self, member: str) -> bytes:
        """Read one file whole. Errors: a damaged member: UserError."""
        try:
            with self.open(member) as stream:
                return stream.read()
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise UserError(
                "a file that can be read to its end",
                Found(f"{member}: {error}", self.name),
                "export or copy the file again",
            ) from None

    def hash(self, member: str) -> str:
        """Return the SHA-256 of one file, read in blocks."""
        if member not in self.hashes:
            with self.open(member) as stream:
                self.hashes[member] = hash_stream(stream)
        return self.hashes[member]

    def input_hashes(self) -> dict[str, str]:
        """Return the SHA-256 of what lies on the disk: the zip, or each file that was read."""
        if self.is_packed:
            with self.path.open("rb") as stream:
                return {self.name: hash_stream(stream)}
        return {self.place(member)[0]: self.hash(member) for member in sorted(self.hashes)}


def open_files(folder: Path, name: str, limits: Limits | None = None) -> Files:
    """List the files of a folder, a zip or a single file, named relative to the study's folder.

    Errors: nothing there, no zip, a member that would be written outside its folder, an archive
    that swells beyond ``limits``, a password: UserError.
    """
    path = folder / name
    if path.is_dir():
        found = {
            item.relative_to(path).as_posix(): item.stat().st_size
            for item in sorted(path.rglob("*"))
            if item.is_file() and not _is_junk(item.relative_to(path).as_posix())
        }
        return Files(name, path, found, is_packed=False)
    if not path.is_file():
        there = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
        raise UserError(
            f"the file or folder {name}",
            Found(f"nothing of that name; there are: {', '.join(there[:8]) or 'no files'}"),
            "correct `file` in study.toml, or put it there",
        )
    if not zipfile.is_zipfile(path):
        if path.suffix.casefold() == ".zip":
            raise UserError(
                "a zip archive", Found("a file that is none", name), "pack or download it again"
            )
        return Files(name, path, {path.name: path.stat().st_size}, is_packed=False)
    return Files(name, path, _list_members(path, name, limits or Limits()), is_packed=True)


def _list_members(path: Path, name: str, limits: Limits) -> dict[str, int]:
    with zipfile.ZipFile(path) as packed:
        members = [item for item in packed.infolist() if not item.is_dir()]
    for item in members:
        parts = PurePosixPath(item.filename.replace("\\", "/")).parts
        if item.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise UserError(
                "an archive whose files stay within it",
                Found(f"a file named {item.filename!r}", name),
                "do not open this archive; ask for a new export",
            )
        if item.flag_bits & 1:
            raise UserError(
                "an archive without a password",
                Found(f"{item.filename} is encrypted", name),
                "unpack it into a folder and name that folder",
            )
        _check_swelling(item, name, limits)
    total = sum(item.file_size for item in members)
    if total > limits.bytes_unpacked:
        raise UserError(
            f"at most {limits.bytes_unpacked / 1024**3:.0f} GiB unpacked",
            Found(f"{total / 1024**3:.0f} GiB", name),
            "unpack it into a folder and name that folder, if you trust it",
        )
    return {item.filename: item.file_size for item in members if not _is_junk(item.filename)}


def _check_swelling(item: zipfile.ZipInfo, name: str, limits: Limits) -> None:
    if item.file_size > limits.bytes_judged and item.file_size > limits.ratio * max(
        item.compress_size, 1
    ):
        raise UserError(
            f"files at most {limits.ratio} times as large as packed",
            Found(
                f"{item.filename}: {item.compress_size:,} bytes packed, "
                f"{item.file_size:,} unpacked",
                name,
            ),
            "do not open this archive; ask for a new export",
        )


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part in JUNK or part.startswith("._") for part in parts)


def hash_stream(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def check_files_unchanged(files: Files, hashes: Mapping[str, str]) -> None:
    """Stop if a file no longer is what was read."""
    again = Files(files.name, files.path, files.sizes, files.is_packed)
    for member in [] if files.is_packed else files.hashes:
        again.hash(member)
    for name, sha256 in again.input_hashes().items():
        refuse_changed(name, hashes.get(name), sha256)


def refuse_changed(name: str, before: str | None, now: str) -> None:
    """Stop if the hash of a file is no longer what it was: someone has saved it meanwhile."""
    if before != now:
        raise UserError(
            "files that stay the same while they are read",
            Found("its content changed during the run", name),
            "close the program that writes the file and run again",
        )
