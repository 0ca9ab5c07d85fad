"""Frames on disk that grow batch by batch: one file for each bucket of a table."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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

    def _path(self, name: str, bucket: int) -> Path:
        return self.folder / f"{name}-{bucket:05}.frames"


def _read_all(path: Path) -> Iterator[pl.DataFrame]:
    with path.open("rb") as stream:
        while length := stream.read(_LENGTH):
            yield pl.read_ipc_stream(io.BytesIO(stream.read(int.from_bytes(length, "big"))))
