"""One simulated cohort as plain tables and as SDTM: read back, both say the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.records.shard import Shard
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

CHILDREN = 12


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, rulebook: Rulebook) -> dict[str, Ingested]:
    folder: Path = tmp_path_factory.mktemp("cohort")
    found = {}
    for form in ("csv", "sdtm"):
        write_simulated_study(SimulationOrder(CHILDREN, 4, form), folder / form)
        found[form] = read_records(read_study(folder / form), rulebook)
    return found


def without_cells(rows: pl.DataFrame) -> pl.DataFrame:
    kept = rows.drop(name for name in rows.columns if "row_id" in name)
    lists = [name for name, kind in kept.schema.items() if isinstance(kind, pl.List)]
    return kept.sort([name for name in kept.columns if name not in lists])


def test_every_record_comes_back(read: dict[str, Ingested]) -> None:
    for name, rows in read["csv"].tables.items():
        assert_frame_equal(without_cells(rows), without_cells(read["sdtm"].tables[name]))
    assert read["sdtm"].tables["infusion"].height > CHILDREN
    assert read["sdtm"].quarantine["assessment"].is_empty()


def test_every_row_of_every_dataset_was_used(read: dict[str, Ingested]) -> None:
    accounting = read["sdtm"].accounting
    assert accounting.filter(pl.col("rows_in") != pl.col("rows_used")).is_empty()
    assert accounting.height >= 12


def test_derived_tables_responses_and_trace_are_the_same(
    read: dict[str, Ingested], rulebook: Rulebook
) -> None:
    plain, sdtm = (
        evaluate(Shard.from_tables(read[form].tables), rulebook) for form in ("csv", "sdtm")
    )
    assert plain.tables["response"].height > 0
    for name, rows in plain.tables.items():
        assert_frame_equal(without_cells(rows), without_cells(sdtm.tables[name]))
    assert_frame_equal(without_cells(plain.trace), without_cells(sdtm.trace))
