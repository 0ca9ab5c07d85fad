"""A run without workers whose process ends: the next one says where it was, and is not ended."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from tests.fault.stopped_runs import RESUME, STUDY, assert_same_run
from tests.fault.test_run_faults import DeadlyRulebook, ignore

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.execution import local, shards
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import evaluate_job, run_shards
from heliotrope.execution.shards import AT_WORK, DONE, KILLERS, PARTS, write_shards
from heliotrope.ingest.read import read_records
from heliotrope.ingest.tabular import large
from heliotrope.pipeline import run_study
from heliotrope.run.intake import INTAKE
from heliotrope.study import read_study

SHARDS = 3

# No line of it is guarded: a worker that loaded it would run the study again.
KILLED_AT_THE_SECOND = """
import os, signal, sys
from pathlib import Path
from heliotrope.execution import local, shards
from heliotrope.ingest.tabular import large
from heliotrope.pipeline import run_study
from heliotrope.run import intake

def kill_at_the_second(do):
    def act(job):
        if str(job) == "shard 1":
            os.kill(os.getpid(), signal.SIGKILL)
        do(job)
    return act

shards.PATIENTS_A_SHARD = 3
large.LARGE = 1
{module}.{name} = kill_at_the_second({module}.{name})
run_study(Path(sys.argv[1]), Path(sys.argv[2]))
"""

WITHOUT_A_GUARD = """
from heliotrope.execution.pool import WorkerPool
print("begun", flush=True)
print(WorkerPool(bytearray, 2).run([1, 2, 3], lambda: None))
"""


@pytest.fixture(autouse=True)
def _three_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PATIENTS_A_SHARD", 3)


@pytest.mark.usefixtures("each_shard_once", "without_a_page")
@pytest.mark.parametrize(
    ("module", "name", "step", "done"),
    [
        ("local", "evaluate_job", "evaluate", DONE),
        ("intake", "read_job", "reading children", f"{INTAKE}/{DONE}"),
    ],
)
def test_a_killed_run_names_the_shard_it_was_at_and_ends_like_any_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seven_run_in_shards: Path,
    module: str,
    name: str,
    step: str,
    done: str,
) -> None:
    monkeypatch.setattr(large, "LARGE", 1)
    run, partial = tmp_path / "run", tmp_path / "run.partial"
    script = KILLED_AT_THE_SECOND.format(module=module, name=name)
    command = [sys.executable, "-c", script, str(STUDY), str(run)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (partial / AT_WORK).read_text() == "shard 1"
    assert [path.name for path in (partial / done).iterdir()] == ["00000"]
    told: list[tuple[str, int, int]] = []
    run_study(STUDY, run, RESUME, lambda *step: told.append(step))
    assert (f"{step} (shard 1 was at work when the last run ended)", 1, SHARDS) in told
    assert_same_run(run, seven_run_in_shards)


def cut(folder: Path) -> None:
    study = read_study(STUDY)
    write_shards(read_records(study, study.read_rulebook()).tables, folder / "records", SHARDS)


def test_a_shard_that_ends_it_again_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    cut(tmp_path)
    (tmp_path / AT_WORK).write_text("shard 1")
    good, deadly = read_rulebook(), DeadlyRulebook()
    jobs = [
        ShardJob(tmp_path, number, deadly if number == 1 else good)  # type: ignore[arg-type]
        for number in range(SHARDS)
    ]
    with pytest.raises(UserError, match="shard 1 ended its process"):
        run_shards(jobs, 1, ignore)
    assert pl.read_csv(tmp_path / KILLERS)["shard"].unique().to_list() == [1]
    assert sorted(path.name for path in (tmp_path / DONE).iterdir()) == ["00000", "00002"]
    assert not (tmp_path / AT_WORK).exists()


def lack_memory_in_the_first_process(job: ShardJob) -> None:
    if multiprocessing.parent_process() is None and job.shard == 1:
        raise MemoryError
    evaluate_job(job)


def test_a_shard_without_memory_is_evaluated_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(tmp_path)
    monkeypatch.setattr(local, "evaluate_job", lack_memory_in_the_first_process)
    book = read_rulebook()
    told: list[int] = []
    jobs = [ShardJob(tmp_path, number, book) for number in range(SHARDS)]
    run_shards(jobs, 1, lambda _, done, __: told.append(done))
    assert told == [0, 1, 2, 3]
    assert len(list((tmp_path / PARTS / "state.parquet").iterdir())) == SHARDS
    assert not (tmp_path / AT_WORK).exists()


def test_an_error_that_is_said_leaves_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: ShardJob) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(local, "evaluate_job", fail)
    with pytest.raises(OSError, match="Input/output"):
        run_shards([ShardJob(tmp_path, 0, read_rulebook())], 1, ignore)
    assert not (tmp_path / AT_WORK).exists()


def test_workers_do_not_run_the_script_again_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_A_GUARD)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "begun\n[]\n"


def test_workers_load_the_script_where_what_they_do_stands_in_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    lines = WITHOUT_A_GUARD.replace("bytearray", "double").strip().splitlines()
    guarded = "\n".join(f"    {line}" for line in lines[1:])
    double = "def double(number):\n    return 2 * number\n"
    script.write_text(f"{lines[0]}\n{double}if __name__ == '__main__':\n{guarded}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "begun\n[]\n"
