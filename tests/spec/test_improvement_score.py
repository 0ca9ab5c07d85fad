"""The total improvement score, from the first visit to the last word of its bounds."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.visit_frames import BASELINES, CHANGES, Pair, make_frames

from heliotrope.classify.scores import classify_scores
from heliotrope.definitions.load import Rulebook, read_rulebook

MEASURES = [
    "physician_global",
    "patient_global",
    "mmt8",
    "chaq",
    "creatine_kinase",
    "extramuscular_global",
]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def score(pairs: list[Pair], rulebook: Rulebook, definition_id: str) -> dict[str, object]:
    """Score one visit by one definition."""
    changes, baselines = make_frames(pairs)
    table = classify_scores(changes, baselines, rulebook).table
    return table.row(
        by_predicate=pl.col("definition_id") == definition_id,
        named=True,
    )


def test_the_enzyme_keeps_its_baseline_limit(rulebook: Rulebook) -> None:
    changes, baselines = make_frames([Pair("creatine_kinase", 1000, 400, 200)])
    moved = changes.with_columns(upper_limit=pl.lit(50.0))
    first, second = (
        classify_scores(frame, baselines, rulebook).table for frame in (changes, moved)
    )
    assert first.equals(second)


def test_nobody_vanishes(rulebook: Rulebook) -> None:
    changes, baselines = make_frames([Pair("weight", 20, 21, patient_id="weighed")])
    cohort = pl.DataFrame(
        {"patient_id": ["weighed", "empty", "untreated"], "regimen": [1, 1, None]},
        schema={"patient_id": pl.String, "regimen": pl.Int32},
    )
    classified = classify_scores(changes, baselines, rulebook, cohort)
    assert classified.table.is_empty()
    assert classified.nodes.height == 3 * 3
    assert set(classified.nodes["state"]) == {"not_evaluable"}
    assert set(classified.nodes["label"]) == {"not_evaluable"}
    assert classified.nodes["date"].is_null().all()


def test_no_rows_at_all_give_empty_frames_of_the_right_shape(rulebook: Rulebook) -> None:
    classified = classify_scores(
        pl.DataFrame(schema=CHANGES), pl.DataFrame(schema=BASELINES), rulebook
    )
    assert classified.table.is_empty()
    assert classified.nodes.is_empty()


def test_the_trace_names_the_cells_used_and_passed_over(rulebook: Rulebook) -> None:
    changes, baselines = make_frames(
        [Pair("mmt8", 40, 80), Pair("cmas", 20, 52), Pair("mmt_total", None, 200)]
    )
    nodes = classify_scores(changes, baselines, rulebook).nodes
    node = nodes.row(
        by_predicate=(pl.col("definition_id") == "tis_jdm_imacs") & (pl.col("node") == "strength"),
        named=True,
    )
    assert {(item["row_id"], item["role"], item["reason"]) for item in node["sources"]} == {
        (0, "used", None),
        (10_000_000, "used", None),
        (1, "rejected", "another_measure_preferred"),
        (10_000_001, "rejected", "another_measure_preferred"),
        (2, "rejected", "no_baseline"),
    }
