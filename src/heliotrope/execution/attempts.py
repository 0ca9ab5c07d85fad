"""Attempts at shards on a cluster: each writes under its own name, and the driver counts one.

A task may run twice: it was slow and a second copy was started, its executor died, it was retried.
So no task writes where a run looks for its parts. Each writes into a folder of its own and reports
what stands there; the driver moves the files of the attempt that it counts and deletes the rest.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.digests import Digests
from heliotrope.execution.jobs import Part, ShardJob
from heliotrope.execution.shards import ATTEMPTS, mark_done, part_path, write_whole

# How long the driver waits for a file that a task has written: a network's folder may lag behind.
SECONDS_TO_APPEAR = 30.0


@dataclass(frozen=True)
class AttemptName:
    """Which attempt at a shard: the try that Spark counts, and the number of its task."""

    shard: int
    attempt: int
    task: int

    @property
    def folder(self) -> str:
        """Return the name of its folder.

        >>> AttemptName(3, 1, 17).folder
        '00003-1-17'
        """
        return f"{self.shard:05}-{self.attempt}-{self.task}"


@dataclass(frozen=True)
class PartFile:
    """A part as an attempt wrote it: where it belongs, and what was written."""

    folder: str
    table: str
    size: int
    digest: int

    @property
    def name(self) -> str:
        """Return the name of the file within the attempt's folder."""
        return f"{self.folder}.{self.table}.parquet"


@dataclass(frozen=True)
class Manifest:
    """What one attempt reports: the files it wrote, or the fault that it ended with."""

    attempt: AttemptName
    files: tuple[PartFile, ...] = ()
    rows: int = 0
    fault: BaseException | None = None


def write_attempt(
    job: ShardJob,
    attempts: Path,
    name: AttemptName,
    evaluate: Callable[[ShardJob], Iterator[Part]],
) -> Manifest:
    """Evaluate a shard and write its parts into the folder of this attempt, one flat folder.

    Nothing above that folder is ever made here: an attempt that lives on when the run is over
    finds its folder gone and ends, and leaves nothing behind.
    Errors: the folder of attempts does not stand: FileNotFoundError.
    """
    folder = attempts / name.folder
    folder.mkdir()
    files, rows = list[PartFile](), 0
    for part in evaluate(job):
        path = folder / f"{part.folder}.{part.table}.parquet"
        digest = write_whole(part.rows, path)
        files.append(PartFile(part.folder, part.table, path.stat().st_size, digest))
        rows += pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return Manifest(name, tuple(files), rows)


@dataclass(frozen=True)
class AttemptFolder:
    """The folder of one job's attempts, within the run folder; only the driver makes and clears."""

    run: Path
    path: Path

    @classmethod
    def make(cls, run: Path) -> AttemptFolder:
        """Make an empty one. The name is new: attempts of an earlier job write elsewhere."""
        path = run / ATTEMPTS / uuid.uuid4().hex
        path.mkdir(parents=True)
        return cls(run, path)

    def count_begun(self, shards: Sequence[int]) -> Counter[int]:
        """Count how often each of some shards was begun."""
        begun = Counter(int(folder.name.partition("-")[0]) for folder in self.path.iterdir())
        return Counter({shard: begun[shard] for shard in shards if begun[shard]})

    def commit(self, manifest: Manifest) -> None:
        """Move the files of an attempt to where the run looks for them, and mark its shard.

        No file is read: the mark holds the digests that the task took of what it wrote.
        Errors: a file that does not appear here with the size that was written: UserError.
        """
        source = self.path / manifest.attempt.folder
        shard = manifest.attempt.shard
        for file in manifest.files:
            _await_file(source / file.name, file.size)
        digests: Digests = {}
        for file in manifest.files:
            place = part_path(Path(file.folder), file.table, shard)
            target = self.run / place
            target.parent.mkdir(parents=True, exist_ok=True)
            (source / file.name).replace(target)
            digests[place.as_posix()] = file.digest
        mark_done(self.run, shard, digests)

    def clear(self) -> None:
        """Delete what no attempt was counted for.

        The folder is renamed first: an attempt that still writes finds no folder of its name.
        """
        removed = self.path.with_name(f"{self.path.name}.removed")
        self.path.replace(removed)
        shutil.rmtree(removed, ignore_errors=True)


def clear_attempts(run: Path) -> None:
    """Delete all attempts of a run, those of an earlier, interrupted driver too."""
    folder = run / ATTEMPTS
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def _await_file(path: Path, size: int) -> None:
    end = time.monotonic() + SECONDS_TO_APPEAR
    while not (path.is_file() and path.stat().st_size == size):
        if time.monotonic() > end:
            raise UserError(
                "a run folder in which this machine sees what every executor writes",
                Found(f"a file of {size:,} bytes that a task wrote is not there", path.name),
                "put --out on storage that is shared as one file system",
                ExitCode.ENVIRONMENT,
            )
        time.sleep(0.2)
