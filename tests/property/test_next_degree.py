"""The next degree of improvement: a component that is said to suffice does, by replay."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.classify.replay import grade, replay_score
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.records.finding_tables import Source
from heliotrope.report.explain_cells import ChildCells, SourceCells
from heliotrope.report.explain_degree import find_next_degree
from heliotrope.report.explain_nodes import TreeBuilder
from heliotrope.report.explanation import NextDegree
from heliotrope.report.say_node import Reading

RULEBOOK: Rulebook = read_rulebook()
SCORES = RULEBOOK.of_kind(ScoreDefinition)
NOTHING = ChildCells(SourceCells(Source.create_empty()), {}, {}, {})
PERCENT = st.none() | st.sampled_from([-20.0, 0, 2, 5, 5.5, 10, 15, 16, 25, 26, 30, 40, 41, 80])


def make_rows(definition: ScoreDefinition, percents: list[float | None]) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(
        ["reason", "operator", "threshold", "label", "date", "unit", "parent", "value", "points"]
    )
    rows = {"root": empty | {"node": "root", "trace_id": 0, "state": "met", "unit": "points"}}
    for number, (item, percent) in enumerate(zip(definition.components, percents, strict=True)):
        points = grade(item, percent)
        rows[item.id] = empty | {
            "node": item.id,
            "parent": "root",
            "trace_id": number + 1,
            "state": "not_evaluable" if points is None else "met" if points else "not_met",
            "value": percent,
            "unit": "%",
            "points": points,
        }
    return rows


def find(definition: ScoreDefinition, rows: dict[str, Any]) -> NextDegree | None:
    reading = Reading(definition, RULEBOOK)
    return find_next_degree(TreeBuilder(rows, reading, NOTHING).build(), rows, reading)


def lower_bound(definition: ScoreDefinition, rows: dict[str, Any]) -> float:
    return sum(grade(item, rows[item.id]["value"]) or 0 for item in definition.components)


@pytest.mark.parametrize("definition", SCORES, ids=lambda item: item.id)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_component_named_gives_the_missing_points_and_no_lower_band_does(
    definition: ScoreDefinition, data: st.DataObject
) -> None:
    percents = [data.draw(PERCENT) for _ in definition.components]
    rows = make_rows(definition, percents)
    degree = find(definition, rows)
    total = lower_bound(definition, rows)
    highest = max(item.at_least for item in definition.categories)
    if total >= highest:
        assert degree is None
        return
    assert degree is not None
    assert degree.points + degree.missing == degree.at_least
    assert degree.at_least == min(c.at_least for c in definition.categories if c.at_least > total)
    gains = {gain.node: gain for gain in degree.gains}
    for item in definition.components:
        now = grade(item, rows[item.id]["value"]) or 0.0
        reaches = now + degree.missing <= item.maximum
        assert (item.id in gains) == (now < item.maximum)
        if item.id not in gains:
            continue
        gain = gains[item.id]
        assert gain.suffices == reaches
        edge = item.edges[list(item.points).index(now + gain.more) - 1]
        assert gain.asked.startswith(f"over {edge:g} % better")
        on_edge = rows | {item.id: rows[item.id] | {"value": edge}}
        over_edge = rows | {item.id: rows[item.id] | {"value": edge + 0.1}}
        assert (lower_bound(definition, over_edge) >= degree.at_least) == reaches
        assert lower_bound(definition, on_edge) < degree.at_least


def test_the_replayed_state_follows_the_degree_that_was_reached() -> None:
    """The first degree is what the state of a score asks for."""
    definition = RULEBOOK.get("tis_jdm_imacs", ScoreDefinition)
    rows = make_rows(definition, [50.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    degree = find(definition, rows)
    assert degree is not None
    assert (degree.name, degree.points, degree.missing) == ("minimal", 20.0, 10.0)
    strength = next(gain for gain in degree.gains if gain.node == "strength")
    assert strength.suffices
    assert strength.asked == "over 2 % better"
    assert replay_score(list(rows.values()), definition).state == "not_met"
    better = rows | {"strength": rows["strength"] | {"value": 2.1}}
    assert replay_score(list(better.values()), definition).state == "met"


def test_the_value_at_the_visit_is_said_where_the_baseline_is_known() -> None:
    definition = RULEBOOK.get("tis_jdm_imacs", ScoreDefinition)
    rows = make_rows(definition, [30.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    cell = {"measure": "physician_global", "unit": "cm", "text": None, "value_qualifier": None}
    dates = pl.Series(["2020-01-01", "2020-06-01"]).str.to_date().to_list()
    assessments = {
        1: cell | {"row_id": 1, "date": dates[0], "value": 6.0},
        2: cell | {"row_id": 2, "date": dates[1], "value": 3.0},
    }
    used = [{"row_id": number, "role": "used", "reason": None} for number in (1, 2)]
    cells = ChildCells(NOTHING.places, {1: used}, assessments, {})
    reading = Reading(definition, RULEBOOK)
    degree = find_next_degree(TreeBuilder(rows, reading, cells).build(), rows, reading)
    assert degree is not None
    physician = next(gain for gain in degree.gains if gain.node == "physician_global")
    assert physician.asked == "over 40 % better, so under 2 cm"
