"""Frames on disk that grow batch by batch: one file for each bucket of a table. Packed objects."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

_LENGTH = 8


@dataclass(frozen=True)
class Spool:
    """A folder of growing frames; what is added to one is read back in the same order."""

    folder: Path

    def add(self, name: str, bucket: int, frame: pl.DataFrame) -> None:
        """Add rows to a frame. Errors: OSError where the disk is full."""
        content = io.BytesIO()
        frame.write_ipc_stream(content, compression="lz4")
        with self._path(name, bucket).open("ab") as stream:
            stream.write(len(content.getbuffer()).to_bytes(_LENGTH, "big"))
            stream.write(content.getbuffer())

    def read(self, name: str, bucket: int) -> pl.DataFrame | None:
        """Read a frame whole; None where nothing was added."""
        path = self._path(name, bucket)
        return pl.concat(_read_all(path)) if path.is_file() else None

    def drop(self, bucket: int) -> None:
        """Delete all frames of a bucket."""
        for path in self.folder.glob(f"*-{bucket:05}.frames"):
            path.unlink()

    def _path(self, name: str, bucket: int) -> Path:
        return self.folder / f"{name}-{bucket:05}.frames"


def _read_all(path: Path) -> Iterator[pl.DataFrame]:
    with path.open("rb") as stream:
        while length := stream.read(_LENGTH):
            yield pl.read_ipc_stream(io.BytesIO(stream.read(int.from_bytes(length, "big"))))


def write_packed(path: Path, item: object) -> None:
    """Write an object that only this run reads again, its frames compressed.

    Errors: OSError where the disk is full.
    """
    with path.open("wb") as stream:
        _Packer(stream, protocol=pickle.HIGHEST_PROTOCOL).dump(item)


def read_packed(path: Path) -> Any:
    """Read an object that was written packed."""
    with path.open("rb") as stream:
        return pickle.load(stream)


class _Packer(pickle.Pickler):
    """Pickles as others do, but for frames: Polars would write them as large as they are held."""

    def reducer_override(self, item: object) -> tuple[Callable[[bytes], pl.DataFrame], Any] | Any:
        """Say how a frame is written; of all else that it is written as ever."""
        if not isinstance(item, pl.DataFrame):
            return NotImplemented
        content = io.BytesIO()
        item.write_ipc(content, compression="lz4")
        return _unpack, (content.getvalue(),)


def _unpack(content: bytes) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(content))
