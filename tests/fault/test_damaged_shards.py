"""A part of a run that is no longer what was written is called damaged, never taken for data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.example_studies import find_example
from heliotrope.execution.digests import keep_digests_of_records
from heliotrope.execution.jobs import ShardJob
from heliotrope.execution.local import run_shards
from heliotrope.execution.shards import (
    DONE,
    PARTS,
    TRACE,
    check_parts,
    is_done,
    part_path,
    read_parts,
    read_shard,
    write_shards,
)
from heliotrope.ingest.read import read_records
from heliotrope.study import read_study

SHARDS = 2


def silent(step: str, done: int, total: int) -> None:
    del step, done, total


def jobs_of(run: Path) -> list[ShardJob]:
    rulebook = read_rulebook()
    return [ShardJob(run, shard, rulebook) for shard in range(SHARDS)]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seven children in two shards, written and evaluated."""
    run = tmp_path_factory.mktemp("evaluated") / "run.partial"
    study = read_study(find_example("seven_children"))
    write_shards(read_records(study, study.read_rulebook()).tables, run / "records", SHARDS)
    keep_digests_of_records(run)
    run_shards(jobs_of(run), 1, silent)
    return run


@pytest.fixture
def run(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(evaluated, tmp_path / "run.partial"))


def flip_a_bit(part: Path) -> None:
    """Flip a bit in the middle: Polars may read other values, refuse, or end the process."""
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 1
    part.write_bytes(content)


def cut_short(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-100])


DAMAGES = pytest.mark.parametrize("damage", [flip_a_bit, cut_short, Path.unlink])


@DAMAGES
def test_damaged_records_are_not_evaluated(run: Path, damage: object) -> None:
    part = part_path(run / "records", "assessment", 1)
    damage(part)  # type: ignore[operator]
    with pytest.raises(UserError) as caught:
        read_shard(run / "records", 1)
    assert str(caught.value) == (
        "Expected: the records of every shard\n"
        "Found:    missing or changed since it was written "
        "(assessment.parquet/part-00001.parquet)\n"
        "To do:    run again with --resume: what is damaged is read from its sources anew"
    )
    assert read_shard(run / "records", 0).assessment.height > 0


@DAMAGES
@pytest.mark.parametrize("part", ["parts/response", "trace/trace_source"])
def test_a_shard_with_a_damaged_part_counts_as_not_done(
    run: Path, damage: object, part: str
) -> None:
    path = run / f"{part}.parquet" / "part-00001.parquet"
    damage(path)  # type: ignore[operator]
    assert [is_done(run, shard) for shard in range(SHARDS)] == [True, False]


def test_a_damaged_part_is_not_merged_and_is_made_again(run: Path, evaluated: Path) -> None:
    check_parts(run)
    flip_a_bit(part_path(run / PARTS, "response", 0))
    with pytest.raises(UserError) as caught:
        check_parts(run)
    assert "(response.parquet/part-00000.parquet)" in str(caught.value)
    assert "run again with --resume: the shard is evaluated again" in str(caught.value)
    told: list[int] = []
    run_shards(jobs_of(run), 1, lambda _, done, __: told.append(done))
    assert told == [1, 2]
    again = read_parts(run / PARTS, "response")
    assert again.equals(read_parts(evaluated / PARTS, "response"))


@DAMAGES
def test_a_run_with_a_damaged_trace_is_not_finished(run: Path, damage: object) -> None:
    """Nothing reads the trace before the run is finished; all that is read later is looked at."""
    damage(part_path(run / TRACE, "trace_source", 1))  # type: ignore[operator]
    with pytest.raises(UserError) as caught:
        check_parts(run)
    assert "(trace_source.parquet/part-00001.parquet)" in str(caught.value)


def test_damaged_records_are_not_estimated_from(run: Path) -> None:
    flip_a_bit(part_path(run / "records", "assessment", 0))
    with pytest.raises(UserError, match="what is damaged is read from its sources anew"):
        check_parts(run)


def test_a_mark_that_cannot_be_read_marks_nothing(run: Path) -> None:
    (run / DONE / "00000").write_text('{"parts/response.parq')
    (run / DONE / "00001").write_text("")
    assert [is_done(run, shard) for shard in range(SHARDS)] == [False, False]
