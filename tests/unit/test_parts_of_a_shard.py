"""What a shard leaves on disk, made while it is written, is what its evaluation says."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.example_studies import find_example
from heliotrope.execution.shards import TRACE, read_parts
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard
from heliotrope.study import read_study


@pytest.fixture(scope="module")
def whole(seven_run: Path) -> Evaluation:
    """The evaluation of the one shard of a run, held."""
    records = seven_run / "records"
    shard = Shard.from_tables({name: read_parts(records, name) for name in CANONICAL})
    return evaluate(shard, read_study(find_example("seven_children")).read_rulebook())


def test_trace_and_cells_on_disk_are_those_of_the_evaluation(
    seven_run: Path, whole: Evaluation
) -> None:
    assert_frame_equal(read_parts(seven_run / TRACE, "trace"), whole.trace)
    assert_frame_equal(read_parts(seven_run / TRACE, "trace_source"), whole.trace_source)


def test_tables_on_disk_are_those_of_the_evaluation(seven_run: Path, whole: Evaluation) -> None:
    for name, table in whole.tables.items():
        assert_frame_equal(pl.read_parquet(seven_run / "tables" / f"{name}.parquet"), table)


def test_chapters_are_numbered_one_after_another_each_of_one_definition(whole: Evaluation) -> None:
    chapters = [chapter for chapter in whole.numbered.make_chapters() if chapter.rows.height]
    named = [chapter.rows["definition_id"].unique().to_list() for chapter in chapters]
    assert all(len(names) == 1 for names in named)
    assert named == sorted(named)
    numbers = pl.concat(chapter.rows["trace_id"] for chapter in chapters)
    assert numbers.to_list() == list(range(whole.trace.height))
    for chapter in chapters:
        assert chapter.sources["trace_id"].is_in(chapter.rows["trace_id"].implode()).all()
