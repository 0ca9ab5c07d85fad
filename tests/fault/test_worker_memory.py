"""A worker that runs out of memory takes nothing with it: its shard is named, the rest is done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.example_studies import find_example
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import run_shards
from heliotrope.execution.pool import WorkerPool
from heliotrope.execution.shards import KILLERS, PARTS, is_done, read_shard, write_shards
from heliotrope.ingest.read import read_records
from heliotrope.records.shard import list_children
from heliotrope.study import read_study

MORE_THAN_ANY_MACHINE = 1 << 50
SCARCE_BYTES = 8 << 20
LONG = 60

# What a worker does that unpacks such a rulebook: from then on it may take no more than a little.
UNPACK = f"""(lambda resource, held: resource.setrlimit(
    resource.RLIMIT_AS, (held + {SCARCE_BYTES}, held + {SCARCE_BYTES})))(
    __import__("resource"),
    int(open("/proc/self/statm").read().split()[0]) * __import__("resource").getpagesize(),
) or book"""


class ScarceMemory:
    """A rulebook that leaves the process which unpacks it a few megabytes to take."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book

    def __reduce__(self) -> tuple[object, tuple[str, dict[str, Rulebook]]]:
        return eval, (UNPACK, {"book": self._book})


def test_a_job_without_memory_is_set_aside_and_the_others_are_done() -> None:
    finished: list[int] = []
    sizes = [10, MORE_THAN_ANY_MACHINE, 20, 30]
    fatal = WorkerPool(bytearray, 2).run(sizes, lambda: finished.append(1))
    assert fatal == [MORE_THAN_ANY_MACHINE]
    assert len(finished) == len(sizes)


DRIVES_TWO = """
import sys
from pathlib import Path
from tests.fault.test_worker_memory import say_and_sleep
from heliotrope.execution.pool import WorkerPool
WorkerPool(say_and_sleep, 2).run([Path(sys.argv[1])] * 4, lambda: None)
"""


def say_and_sleep(folder: Path) -> None:
    """Say who works, in a file that is whole at once, and work on for long."""
    (folder / str(os.getpid())).touch()
    time.sleep(LONG)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that is soon so."""
    end = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_workers_end_with_the_process_that_drives_them(tmp_path: Path) -> None:
    """A worker that lived on would write into the folder in which the run is resumed."""
    driver = subprocess.Popen([sys.executable, "-c", DRIVES_TWO, str(tmp_path)])
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    driver.kill()
    driver.wait()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    wait_until(lambda: not any(is_alive(worker) for worker in workers))


def is_alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_panic_is_no_error_of_the_run_but_an_error_is() -> None:
    """A panic of Polars is no Exception and cannot be sent home; GeneratorExit stands in for it."""
    panics = "raise GeneratorExit"
    assert WorkerPool(exec, 2).run(["pass", panics, "pass"], lambda: None) == [panics]
    with pytest.raises(ZeroDivisionError):
        WorkerPool(exec, 2).run(["pass", "1 / 0"], lambda: None)


def test_the_shard_that_needs_too_much_is_named_and_later_done(tmp_path: Path) -> None:
    """It is the one left of two: it must not be evaluated in the process that drives the run."""
    study, told = read_study(find_example("seven_children")), list[int]()
    write_shards(read_records(study, study.read_rulebook()).tables, tmp_path / "records", 2)
    book = read_rulebook()
    good, scarce = ShardJob(tmp_path, 0, book), ShardJob(tmp_path, 1, ScarceMemory(book))  # type: ignore[arg-type]
    children = list_children(read_shard(tmp_path / "records", 1).tables()).sort()
    run_shards([good], 1, lambda *_: None)
    with pytest.raises(UserError) as caught:
        run_shards([good, scarce], 2, lambda *_: None)
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    said = f"shard 1 ended its process (out of memory, or killed): {len(children)} children"
    assert said in str(caught.value)
    named = pl.read_csv(tmp_path / KILLERS, schema={"shard": pl.Int32, "patient_id": pl.String})
    assert named["patient_id"].to_list() == children.to_list()
    assert [is_done(tmp_path, shard) for shard in (0, 1)] == [True, False]
    run_shards([good, ShardJob(tmp_path, 1, book)], 1, lambda _, done, __: told.append(done))
    assert told == [1, 2]
    parts = list((tmp_path / PARTS / "state.parquet").iterdir())
    assert sorted(part.name for part in parts) == ["part-00000.parquet", "part-00001.parquet"]
