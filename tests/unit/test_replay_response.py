"""The classes of both examples are found again from their traces; a changed leaf is noticed."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from heliotrope.classify.replay import replay
from heliotrope.definitions.load import Rulebook
from heliotrope.run.manifest import read_manifest
from heliotrope.run.verification import read_rulebook_of, replay_trace

RESPONSE = "jdm_ivig_response"
DECISION = ["patient_id", "regimen", "definition_id", "date"]

Row = dict[str, Any]


def trace_of(run: Path) -> tuple[pl.DataFrame, Rulebook]:
    trace = pl.read_parquet(run / "trace" / "trace.parquet")
    return trace, read_rulebook_of(read_manifest(run))


@pytest.fixture(scope="module")
def seven(seven_run: Path) -> tuple[pl.DataFrame, Rulebook]:
    return trace_of(seven_run)


@pytest.fixture(scope="module")
def modern(modern_run: Path) -> tuple[pl.DataFrame, Rulebook]:
    return trace_of(modern_run)


def disagreements(trace: pl.DataFrame, rulebook: Rulebook) -> list[str]:
    return [what for agrees, what in replay_trace(trace, rulebook) if not agrees]


def test_the_seven_children_are_replayed(seven: tuple[pl.DataFrame, Rulebook]) -> None:
    assert disagreements(*seven) == []


def test_the_modern_cohort_is_replayed(modern: tuple[pl.DataFrame, Rulebook]) -> None:
    assert disagreements(*modern) == []


def decisions(trace: pl.DataFrame, definition_id: str, *, whole: bool) -> list[list[Row]]:
    """Take the decisions of a definition: about whole regimens, or about visits."""
    rows = trace.filter(
        (pl.col("definition_id") == definition_id)
        & (pl.col("date").is_null() if whole else pl.col("date").is_not_null())
    ).sort(DECISION, maintain_order=True)
    return [
        list(group) for _, group in groupby(rows.iter_rows(named=True), key=itemgetter(*DECISION))
    ]


def flip(rows: list[Row], node: str) -> list[Row]:
    """Move the value of a criterion across its threshold, so that its truth is the other one."""
    changed = []
    for row in rows:
        if row["node"] != node:
            changed.append(row)
            continue
        up = row["operator"] in (">=", ">")
        is_met = row["state"] == "met"
        step = -1 if up == is_met else 1
        state = "not_met" if is_met else "met"
        changed.append({**row, "value": row["threshold"] + step, "state": state})
    return changed


def test_flipping_any_criterion_of_a_seven_child_regimen_is_noticed(
    seven: tuple[pl.DataFrame, Rulebook],
) -> None:
    """A value moved without its state contradicts itself, whether it decides or not."""
    trace, rulebook = seven
    flipped = 0
    for rows in decisions(trace, RESPONSE, whole=True):
        (root,) = [row for row in rows if row["node"] == "root"]
        for row in rows:
            if row["operator"] is None or row["value"] is None:
                continue
            moved = flip(rows, row["node"])
            moved = [{**new, "state": old["state"]} for new, old in zip(moved, rows, strict=True)]
            assert not replay(moved, rulebook).agrees_with(root)
            flipped += 1
    assert flipped > 100


def test_flipping_a_tier_of_an_improved_visit_changes_it(
    seven: tuple[pl.DataFrame, Rulebook],
) -> None:
    """The charts of 1997 know tier C alone: without one of two items met it is not met."""
    trace, rulebook = seven
    flipped = 0
    for rows in decisions(trace, RESPONSE, whole=False):
        (root,) = [row for row in rows if row["node"] == "root"]
        met = [row for row in rows if row["parent"] == "function" and row["state"] == "met"]
        items = next((row["value"] for row in rows if row["node"] == "tier_c"), None)
        if root["state"] != "met" or not met or items != 2:
            continue
        assert replay(flip(rows, met[0]["node"]), rulebook).state == "not_met"
        flipped += 1
    assert flipped > 2


def test_an_aggravation_outside_its_window_is_none(
    modern: tuple[pl.DataFrame, Rulebook],
) -> None:
    trace, rulebook = modern
    flipped = 0
    for rows in decisions(trace, "aggravation_after_discontinuation", whole=True):
        (root,) = [row for row in rows if row["node"] == "root"]
        if root["state"] == "met":
            assert replay(flip(rows, "event_in_window"), rulebook).state != "met"
            flipped += 1
    assert flipped == 8
