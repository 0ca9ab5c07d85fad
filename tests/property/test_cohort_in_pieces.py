"""The estimates say the same of a cohort read piece by piece as of one that is held whole."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.cohort import estimate_inputs
from heliotrope.estimate.inputs import READ_IN_PIECES, Inputs
from heliotrope.estimate.pulse.records import read_cohort, read_definition
from heliotrope.estimate.registry_comparison import describe_activity
from heliotrope.ingest import read_records
from heliotrope.records.shard import Shard, shard_of
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

PIECES = 3
RULEBOOK = read_rulebook()


class Unread(dict[str, pl.DataFrame]):
    """Tables of which the largest cannot be read whole."""

    def __getitem__(self, name: str) -> pl.DataFrame:
        assert name not in READ_IN_PIECES, f"{name} is read whole"
        return super().__getitem__(name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """As many treated as untreated children, so that they are compared; and their tables."""
    folder = tmp_path_factory.mktemp("registry") / "study"
    write_simulated_study(SimulationOrder(70, 11, "csv", share_with_ivig=0.5), folder)
    shard = Shard.from_tables(read_records(read_study(folder), RULEBOOK).tables)
    return Inputs.of(evaluate(shard, RULEBOOK).tables, shard.tables(), RULEBOOK)


@pytest.fixture(scope="module")
def parted(whole: Inputs) -> Inputs:
    """The same children in pieces."""
    return part(whole, PIECES)


def part(whole: Inputs, pieces: int) -> Inputs:
    def select(children: Sequence[str]) -> Inputs:
        is_here = pl.col("patient_id").is_in(children)
        tables, records = (
            {name: rows.filter(is_here) for name, rows in all_of_them.items()}
            for all_of_them in (whole.tables, whole.records)
        )
        return replace(whole, tables=tables, records=records)

    everyone = whole.patients["patient_id"].to_list()
    groups = [
        [child for child in everyone if shard_of(child, pieces) == number]
        for number in range(pieces)
    ]
    return replace(
        whole,
        tables=Unread(whole.tables),
        records=Unread(whole.records),
        pieces=[partial(select, group) for group in groups],
    )


def test_every_estimate_is_the_same(whole: Inputs, parted: Inputs) -> None:
    results = estimate_inputs(whole)
    compared = results.filter(pl.col("analysis").str.starts_with("registry"))
    assert compared["value"].is_not_null().any(), "the children are compared"
    assert_frame_equal(estimate_inputs(parted), results, rel_tol=1e-9)


def test_a_piece_without_treated_children_or_with_one_child_changes_nothing(
    whole: Inputs,
) -> None:
    results = estimate_inputs(whole)
    assert_frame_equal(estimate_inputs(part(whole, 60)), results, rel_tol=1e-9)


def test_activity_is_described_the_same(whole: Inputs, parted: Inputs) -> None:
    """Where the comparison is refused, untreated children are described who are in no other row."""
    numbers = RULEBOOK.get(REGISTRY_COMPARISON, RegistryComparison)
    topic = whole.topic("registry_activity", REGISTRY_COMPARISON)
    rows = describe_activity(whole, topic, numbers)
    assert [row.value for row in rows].count(None) < len(rows)
    assert describe_activity(parted, topic, numbers) == rows


def test_the_pulse_model_sees_the_same_charts(whole: Inputs, parted: Inputs) -> None:
    model = read_definition(whole)
    seen = [
        pickle.dumps(read_cohort(inputs, model, model.conventions)) for inputs in (whole, parted)
    ]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", READ_IN_PIECES)
def test_a_large_table_is_never_read_whole(parted: Inputs, name: str) -> None:
    for read in (parted.record, parted.table):
        with pytest.raises(LookupError, match="piece by piece"):
            read(name)


def test_what_is_gathered_of_some_children_is_theirs_alone(whole: Inputs, parted: Inputs) -> None:
    some = whole.patients["patient_id"].head(20)
    held = parted.of_children(some, ["physician_global"])
    key = ["patient_id", "row_id"]
    is_wanted = (pl.col("measure") == "physician_global") & pl.col("patient_id").is_in(
        some.implode()
    )
    wanted = whole.record("assessment").filter(is_wanted)
    assert_frame_equal(held.record("assessment").sort(key), wanted.sort(key))
    assert held.table("regimen").height == whole.table("regimen").height
