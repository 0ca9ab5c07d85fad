"""Replay must find every class again, and must notice when a decisive leaf is changed."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from tests.spec.visit_frames import Pair, make_frames

from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.classify.replay import find_category, grade, replay
from heliotrope.classify.scores import classify_scores
from heliotrope.classify.states import classify_states
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import ScoreDefinition

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def decision_of(nodes: pl.DataFrame, definition_id: str, day: date | None = None) -> list[Row]:
    rows = nodes.filter(pl.col("definition_id") == definition_id).drop("sources")
    return rows.filter(pl.col("date") == day).to_dicts() if day else rows.to_dicts()


def change(rows: list[Row], node: str, **columns: Any) -> list[Row]:
    """Change one row of a decision."""
    assert any(row["node"] == node for row in rows)
    return [{**row, **columns} if row["node"] == node else row for row in rows]


def classify_inactive(rulebook: Rulebook, **values: float) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"measure": list(values), "value": [float(value) for value in values.values()]}
    ).with_columns(patient_id=pl.lit("child"), date=date(2020, 1, 1), row_id=pl.lit(1, pl.Int64))
    patients = pl.DataFrame({"patient_id": ["child"], "birth_date": [None]}).cast(
        {"birth_date": pl.Date}
    )
    return classify_states(frame, patients, rulebook).nodes


@pytest.mark.parametrize(
    ("leaf", "value"),
    [("creatine_kinase", 151.0), ("cmas", 47.0), ("physician_global", 0.3)],
)
def test_flipping_a_decisive_leaf_changes_the_state(
    rulebook: Rulebook, leaf: str, value: float
) -> None:
    """Three of four met, the fourth failed: each of the three decides."""
    nodes = classify_inactive(rulebook, creatine_kinase=100, cmas=50, mmt8=70, physician_global=0)
    rows = decision_of(nodes, "inactive_disease_2013")
    assert replay(rows, rulebook).state == "met"
    assert replay(change(rows, leaf, value=value, state="not_met"), rulebook).state == "not_met"
    assert replay(change(rows, leaf, value=None, state="not_evaluable"), rulebook).state == (
        "not_evaluable"
    )


def test_flipping_a_leaf_that_does_not_decide_changes_nothing(rulebook: Rulebook) -> None:
    nodes = classify_inactive(rulebook, creatine_kinase=100, cmas=50, mmt8=70, physician_global=0)
    rows = decision_of(nodes, "inactive_disease_2013")
    assert replay(change(rows, "mmt8", value=80.0, state="met"), rulebook).state == "met"


def test_a_state_that_contradicts_its_value_is_reported(rulebook: Rulebook) -> None:
    nodes = classify_inactive(rulebook, creatine_kinase=100, cmas=50, mmt8=70, physician_global=0)
    rows = decision_of(nodes, "inactive_disease_2013")
    (root,) = [row for row in rows if row["node"] == "root"]
    changed = replay(change(rows, "cmas", state="not_met"), rulebook)
    assert changed.contradictions == ("cmas: recorded not_met, found met",)
    assert not changed.agrees_with(root)


def test_what_the_trace_says_of_root_and_inner_nodes_is_not_used(rulebook: Rulebook) -> None:
    nodes = classify_inactive(rulebook, creatine_kinase=100, cmas=50, mmt8=80, physician_global=0)
    rows = decision_of(nodes, "inactive_disease_2015")
    lying = change(rows, "root", state="not_met")
    assert replay(lying, rulebook).state == "met"


def make_score(rulebook: Rulebook, strength: float = 66) -> list[Row]:
    """Test vector 11, exactly on the threshold of 30 points."""
    pairs = [
        Pair("physician_global", 6, 4),
        Pair("patient_global", 6, 5.5),
        Pair("mmt8", 60, strength),
        Pair("chaq", 1.5, 1.25),
        Pair("creatine_kinase", 300, 300, 200),
        Pair("extramuscular_global", 2, 2),
    ]
    return decision_of(classify_scores(*make_frames(pairs), rulebook).nodes, "tis_jdm_imacs")


@pytest.mark.parametrize("component", ["physician_global", "strength", "function"])
def test_flipping_a_component_on_the_threshold_changes_the_degree(
    rulebook: Rulebook, component: str
) -> None:
    rows = make_score(rulebook)
    whole = replay(rows, rulebook)
    assert (whole.state, whole.label, whole.contradictions) == ("met", "minimal", ())
    changed = replay(change(rows, component, value=0.0, points=0.0), rulebook)
    assert (changed.state, changed.label) == ("not_met", "none")


def test_taking_a_component_away_opens_the_bounds(rulebook: Rulebook) -> None:
    rows = make_score(rulebook)
    for component, expected in (
        ("function", ("not_evaluable", "indeterminate")),
        ("physician_global", ("not_evaluable", "not_evaluable")),
        ("strength", ("not_evaluable", "not_evaluable")),
    ):
        found = replay(change(rows, component, value=None, points=None), rulebook)
        assert (found.state, found.label) == expected, component


def test_points_that_contradict_their_percent_are_reported(rulebook: Rulebook) -> None:
    rows = make_score(rulebook)
    changed = replay(change(rows, "strength", points=20.0), rulebook)
    assert changed.contradictions == ("strength: recorded 20.0 points, found 10.0",)


def test_confirmed_deterioration_needs_both_visits(rulebook: Rulebook) -> None:
    changes, _ = make_frames(
        [
            Pair("extramuscular_global", 1, 3, day=10),
            Pair("extramuscular_global", 1, 3, day=20),
        ]
    )
    definition = rulebook.get("confirmed_deterioration", RuleDefinition)
    nodes = classify_deterioration(changes, definition).nodes
    first = decision_of(nodes, definition.id, date(2020, 1, 11))
    second = decision_of(nodes, definition.id, date(2020, 1, 21))
    assert (replay(first, rulebook).state, replay(second, rulebook).state) == ("not_met", "met")
    assert replay(change(second, "previous_visit", state="not_met"), rulebook).state == "not_met"
    leaf = "extramuscular_global_2_cm"
    assert replay(change(second, leaf, value=0.0, state="not_met"), rulebook).state != "met"


def test_a_floor_that_was_missed_is_replayed_as_not_met(rulebook: Rulebook) -> None:
    pairs = [Pair(name, 0.2, 0.4) for name in ("physician_global", "patient_global")]
    changes, _ = make_frames(
        [*pairs, Pair("chaq", 1, 1), Pair("mmt8", 80, 80), Pair("extramuscular_global", 0.1, 0.1)]
    )
    definition = rulebook.get("confirmed_deterioration", RuleDefinition)
    nodes = classify_deterioration(changes, definition, {"physician_global": 1.0}).nodes
    rows = decision_of(nodes, definition.id)
    (root,) = [row for row in rows if row["node"] == "root"]
    assert replay(rows, rulebook).agrees_with(root)
    (leaf,) = [row for row in rows if row["node"] == "physician_global_30_percent"]
    assert (leaf["state"], leaf["reason"], leaf["value"]) == ("not_met", "small_reference", 100)


@pytest.mark.parametrize(
    "definition_id",
    [
        "tis_jdm_imacs",
        "tis_jdm_printo",
        "tis_adult",
        "inactive_disease_2013",
        "inactive_disease_2015",
        "confirmed_deterioration",
    ],
)
def test_a_decision_without_leaves_is_not_evaluable(rulebook: Rulebook, definition_id: str) -> None:
    root = {"definition_id": definition_id, "node": "root", "state": "not_evaluable"}
    assert replay([root], rulebook).state == "not_evaluable"


def test_a_kind_without_decisions_cannot_be_replayed(rulebook: Rulebook) -> None:
    with pytest.raises(TypeError, match="cannot be replayed"):
        replay([{"definition_id": "measures_enzyme", "node": "root"}], rulebook)


def test_bands_are_open_below_and_closed_above(rulebook: Rulebook) -> None:
    definition = rulebook.get("tis_jdm_imacs", ScoreDefinition)
    physician = definition.components[0]
    found = [grade(physician, percent) for percent in (-50, 5, 5.1, 15, 25, 40, 40.1, None)]
    assert found == [0, 0, 7.5, 7.5, 15, 17.5, 20, None]
    degrees = [find_category(definition, points) for points in (0, 27.5, 30, 45, 67.5, 70, 100)]
    assert degrees == ["none", "none", "minimal", "moderate", "moderate", "major", "major"]
