"""Why a regimen counts as stopped: the trace says the same as the table, and can be replayed."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.drawn_records import draw, make_shard, make_table

from heliotrope.classify.exposure import trace_exposure
from heliotrope.classify.replay import replay
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import Derived, derive_all

INFUSIONS = """
    patient_id | day | route | dose | dose_unit
    silent     | 0   | iv    | 2    | g/kg
    silent     | 28  | iv    | 2    | g/kg
    stopped    | 0   | iv    | 2    | g/kg
    switched   | 0   | iv    | 2    | g/kg
    switched   | 14  | sc    | 5    | g
    low        | 0   | iv    | 0.4  | g/kg
    low        | 28  | iv    | 0.4  | g/kg
    again      | 0   | iv    | 2    | g/kg
    again      | 99  | iv    | 2    | g/kg
    unknown    | 0   | iv    | -    | g
"""

STATUS = {
    ("silent", 1): "discontinued",
    ("stopped", 1): "discontinued",
    ("switched", 1): "switched_to_sc",
    ("low", 1): "ongoing",
    ("again", 1): "discontinued",
    ("again", 2): "ongoing",
    ("unknown", 1): "discontinued",
}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def derived(rulebook: Rulebook) -> Derived:
    children = {"silent": 98, "stopped": 20, "switched": 20, "low": 90, "again": 100}
    shard = make_shard(
        patient=make_table(
            "patient",
            [
                *({"patient_id": name, "seen_to": day} for name, day in children.items()),
                {"patient_id": "unknown", "seen_to": 70},
                {"patient_id": "untreated", "seen_to": 50},
            ],
        ),
        infusion=draw("infusion", INFUSIONS),
        event=make_table("event", [{"patient_id": "stopped", "day": 7, "kind": "ivig_stopped"}]),
    )
    return derive_all(shard, rulebook, 28)


def test_the_trace_says_what_the_table_says(derived: Derived, rulebook: Rulebook) -> None:
    table = {(row["patient_id"], row["regimen"]): row for row in derived.regimens.to_dicts()}
    assert {key: row["status"] for key, row in table.items()} == STATUS
    nodes = trace_exposure(derived, rulebook)
    for name in ("status", "purpose"):
        labels = {
            (row["patient_id"], row["regimen"]): row["label"]
            for row in nodes.filter(pl.col("node") == name).to_dicts()
        }
        assert labels == {key: row[name] for key, row in table.items()}
    assert table["low", 1]["purpose"] == "replacement_dose"


def test_a_child_without_immunoglobulin_has_one_root(derived: Derived, rulebook: Rulebook) -> None:
    nodes = trace_exposure(derived, rulebook).filter(pl.col("patient_id") == "untreated")
    assert nodes.select("node", "state", "reason").rows() == [("root", "not_reached", "no_ivig")]


def test_the_trace_can_be_replayed(derived: Derived, rulebook: Rulebook) -> None:
    trace, _ = number_trace([trace_exposure(derived, rulebook)]).spell()
    for decision in trace.partition_by("patient_id", "regimen"):
        root = decision.filter(pl.col("node") == "root").row(0, named=True)
        assert replay(decision.to_dicts(), rulebook).agrees_with(root)


def test_a_flipped_value_changes_the_status(derived: Derived, rulebook: Rulebook) -> None:
    silent = trace_exposure(derived, rulebook).filter(pl.col("patient_id") == "silent").to_dicts()
    flipped = [{**row, "value": 69.0} if row["node"] == "silent_days" else row for row in silent]
    again = replay(flipped, rulebook)
    assert again.label == "ongoing"
    assert again.contradictions
