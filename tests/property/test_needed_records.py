"""The estimates say the same from what they need of the records as from all of them."""

from __future__ import annotations

import pickle

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import read_rulebook
from heliotrope.estimate.cohort import estimate_all
from heliotrope.estimate.inputs import Inputs, derive_children
from heliotrope.estimate.needed import CohortRecords, gather_cohort, list_definitions
from heliotrope.estimate.pulse.records import read_cohort, read_definition
from heliotrope.ingest import read_records
from heliotrope.records.shard import Shard, shard_of
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

SHARDS = 3
RULEBOOK = read_rulebook()

Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shard, Tables]:
    """As many treated as untreated children, so that they are compared; and their tables."""
    folder = tmp_path_factory.mktemp("registry") / "study"
    write_simulated_study(SimulationOrder(70, 11, "csv", share_with_ivig=0.5), folder)
    study = read_study(folder)
    whole = Shard.from_tables(read_records(study, RULEBOOK).tables)
    return whole, dict(evaluate(whole, RULEBOOK).tables)


def part(whole: Shard) -> list[Shard]:
    parts = []
    for number in range(SHARDS):
        is_here = pl.col("patient_id").map_elements(
            lambda child, number=number: shard_of(child, SHARDS) == number, pl.Boolean
        )
        parts.append(
            Shard.from_tables({name: rows.filter(is_here) for name, rows in whole.tables().items()})
        )
    return parts


def need(whole: Shard, tables: Tables) -> tuple[CohortRecords, Tables]:
    treated = tables["regimen"]["patient_id"].implode()
    is_needed = pl.col("definition_id").is_in(list_definitions(RULEBOOK))
    states = tables["state"].filter(is_needed | pl.col("patient_id").is_in(treated))
    return gather_cohort(part(whole), RULEBOOK), {**tables, "state": states}


def test_every_estimate_is_the_same_from_less(registry: tuple[Shard, Tables]) -> None:
    whole, tables = registry
    cohort, fewer = need(whole, tables)
    assert cohort.records["assessment"].height < whole.assessment.height
    assert fewer["state"].height < tables["state"].height
    results = estimate_all(tables, whole.tables(), RULEBOOK)
    compared = results.filter(pl.col("analysis").str.starts_with("registry"))
    assert compared["value"].is_not_null().any(), "the children are compared"
    again = estimate_all(fewer, cohort.records, RULEBOOK, None, cohort.patients)
    assert_frame_equal(again, results, rel_tol=1e-9)


def test_every_child_is_listed_with_its_days(registry: tuple[Shard, Tables]) -> None:
    whole, tables = registry
    cohort, _ = need(whole, tables)
    assert_frame_equal(cohort.patients, derive_children(whole))


def test_the_pulse_model_sees_the_same_charts(registry: tuple[Shard, Tables]) -> None:
    whole, tables = registry
    cohort, fewer = need(whole, tables)
    seen = []
    for inputs in (
        Inputs.of(tables, whole.tables(), RULEBOOK),
        Inputs.of(fewer, cohort.records, RULEBOOK, cohort.patients),
    ):
        model = read_definition(inputs)
        seen.append(pickle.dumps(read_cohort(inputs, model, model.conventions)))
    assert seen[0] == seen[1]
