"""A disk that is really full: it is said, nothing half-written counts, freed space is enough."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.errors import ExitCode
from heliotrope.example_studies import find_example
from heliotrope.execution import shards
from heliotrope.execution.shards import is_done, mark_done, part_path, write_part
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.records.results import TABLES
from heliotrope.terminal.faults import describe_fault

STUDY = find_example("seven_children")
DISK_KIB = 8192
TO_DO = "free space, then give the command again; `heliotrope run` with --resume goes on"


class SmallDisk:
    """A disk of a few megabytes in memory, most of it taken by one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def leave(self, kib: int) -> None:
        """Leave so much free of what was free at first."""
        self._filler.unlink(missing_ok=True)
        free = os.statvfs(self.folder)
        taken = free.f_bavail * free.f_frsize - kib * 1024
        self._filler.write_bytes(bytes(max(0, taken)))

    def empty(self) -> None:
        """Free what the one file took."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount a small disk; without the right to, a loud skip, in CI a failure."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        message = f"a full disk needs the right to mount one: {mounted.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    yield SmallDisk(folder)
    subprocess.run(["umount", str(folder)], check=True)


def say_fault(run: Path) -> str:
    """Run until the disk is full; give what the person is told."""
    with pytest.raises((OSError, pl.exceptions.PolarsError)) as caught:
        run_study(STUDY, run)
    assert not run.exists()
    message, code = describe_fault(caught.value)
    assert code == ExitCode.ENVIRONMENT
    return message


def test_a_part_that_does_not_fit_is_no_part(disk: SmallDisk) -> None:
    disk.leave(64)
    run, frame = disk.folder / "run.partial", pl.DataFrame({"row": range(100_000)})
    with pytest.raises((OSError, pl.exceptions.PolarsError)) as caught:
        write_part(frame, run / "parts", "state", 0)
    assert "the disk is full" in describe_fault(caught.value)[0]
    assert not part_path(run / "parts", "state", 0).exists()
    disk.leave(0)
    with pytest.raises(OSError, match="No space left"):
        mark_done(run, 0, {"parts/state.parquet/part-00000.parquet": 1})
    assert not is_done(run, 0)
    disk.empty()
    digest = write_part(frame, run / "parts", "state", 0)
    mark_done(run, 0, {"parts/state.parquet/part-00000.parquet": digest})
    assert is_done(run, 0)
    assert len(list(run.rglob("*"))) == len(["parts", "state.parquet", "part", "done", "00000"])


@pytest.mark.usefixtures("each_shard_once")
def test_a_run_that_filled_its_disk_goes_on_when_there_is_room(
    disk: SmallDisk, seven_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "PATIENTS_A_SHARD", 2)
    run, partial = disk.folder / "run", disk.folder / "run.partial"
    disk.leave(60)
    assert "Found:    the disk is full" in say_fault(run)
    assert not partial.exists(), "records that do not stand whole are of no use"
    disk.leave(400)
    assert TO_DO in say_fault(run)
    done = [is_done(partial, shard) for shard in range(4)]
    assert True in done
    assert False in done
    disk.empty()
    run_study(STUDY, run, RunOptions(resume=True))
    for name in (*(f"tables/{table}" for table in TABLES), "results", "findings"):
        assert_frame_equal(
            *(pl.read_parquet(each / f"{name}.parquet") for each in (run, seven_run))
        )
    assert not list(run.rglob("*.draft"))
