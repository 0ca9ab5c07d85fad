"""Every listed single change gives another class, and no single change that does is left out.

The second half tries the changes anew: every leaf row of a decision is given values on, under and
over its threshold, and the decision is replayed; nothing of how the changes are found is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliotrope.classify.replay import find_replay
from heliotrope.classify.replay_response import decide
from heliotrope.classify.single_changes import RECALL, find_single_changes, list_regions
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.model import Definition
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.records.exact import compare
from heliotrope.study import read_study

SEVEN = Path(__file__).parents[2] / "examples" / "seven_children"
KEY = ["patient_id", "definition_id", "regimen", "date"]
EVERY = 7

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_study(SEVEN).read_rulebook()


@pytest.fixture(scope="module")
def decisions(rulebook: Rulebook, seven_run: Path) -> list[tuple[Definition, Rows]]:
    """Every decision about a regimen, and every seventh about a visit."""
    trace = pl.read_parquet(seven_run / "trace" / "trace.parquet")
    rows = trace.sort(KEY, nulls_last=False, maintain_order=True).iter_rows(named=True)
    found = []
    for number, (_, group) in enumerate(groupby(rows, key=itemgetter(*KEY))):
        nodes = {row["node"]: row for row in group}
        if len(nodes) > 1 and (nodes["root"]["date"] is None or number % EVERY == 0):
            found.append((rulebook.definitions[nodes["root"]["definition_id"]], nodes))
    return found


def classes(rows: Rows, definition: Definition) -> dict[str, Any]:
    replayed = find_replay(definition)(list(rows.values()), definition)
    found: dict[str, Any] = {"root": (replayed.state, replayed.label)}
    axes = getattr(definition, "axes", ())
    if axes and axes[0].name in rows:
        truths = {
            item.name: compare(rows[item.name]["value"], item.operator, item.threshold)
            for item in definition.criteria  # type: ignore[attr-defined]
        }
        found |= {name: label for name, (label, _) in decide(axes, truths).items()}
    return found


def with_value(rows: Rows, nodes: Sequence[str], value: float) -> Rows:
    return rows | {name: {**rows[name], "value": value, "reason": None} for name in nodes}


def shared_nodes(name: str, definition: Definition) -> list[str]:
    criteria = getattr(definition, "criteria", ())
    fact = next((item.fact for item in criteria if item.name == name), None)
    return [item.name for item in criteria if item.fact == fact] if fact else [name]


def leaves(rows: Rows, definition: Definition) -> Iterator[tuple[str, list[float]]]:
    """Name every row that compares and has nothing under it, with its thresholds."""
    parents = {row["parent"] for row in rows.values()}
    if isinstance(definition, ScoreDefinition):
        yield from ((item.id, list(item.edges)) for item in definition.components)
        return
    cuts = {
        node.id: [cut.threshold for cut in node.states]
        for node in getattr(definition, "nodes", ())
        if node.node == "cut_off_states"
    }
    for name, row in rows.items():
        is_bound = name.endswith("_upper") or f"{name}_upper" in rows
        if row["operator"] and name not in parents and row["reason"] != RECALL and not is_bound:
            yield name, cuts.get(name, [row["threshold"]])


def test_a_listed_change_gives_the_class_it_names(
    decisions: list[tuple[Definition, Rows]],
) -> None:
    tried = 0
    for definition, rows in decisions:
        for change in find_single_changes(rows.values(), definition):
            assert change.before != change.after
            if not change.asked or any(name not in rows for name in change.nodes):
                continue
            inside = [edge for operator, edge in change.asked if "=" in operator]
            edges = [edge for _, edge in change.asked]
            inside += [sum(edges) / 2] if len(edges) == 2 else [edges[0] - 0.5, edges[0] + 0.5]
            for value in inside:
                if not all(compare(value, operator, edge) for operator, edge in change.asked):
                    continue
                if any(name.endswith("_upper") for name in change.nodes):
                    continue
                after = classes(with_value(rows, change.nodes, value), definition)
                assert after["root"] == change.after.get("root", after["root"])
                for name, (label, _) in change.after.items():
                    assert name == "root" or after[name] == label
                tried += 1
    assert tried > 200


def test_no_single_change_that_gives_another_class_is_left_out(
    decisions: list[tuple[Definition, Rows]],
) -> None:
    found = 0
    for definition, rows in decisions:
        listed = find_single_changes(rows.values(), definition)
        before = classes(rows, definition)
        for name, thresholds in leaves(rows, definition):
            nodes = shared_nodes(name, definition)
            for value in [edge + step for edge in thresholds for step in (-0.5, 0, 0.5)]:
                if classes(with_value(rows, nodes, value), definition) == before:
                    continue
                covering = [
                    change
                    for change in listed
                    if name in change.nodes
                    and all(compare(value, operator, edge) for operator, edge in change.asked)
                ]
                assert covering, (definition.id, name, value)
                found += 1
    assert found > 200


def test_every_kind_of_decision_of_the_example_is_tried(
    decisions: list[tuple[Definition, Rows]],
) -> None:
    kinds = {definition.kind for definition, _ in decisions}
    assert {"response", "aggravation", "indication", "rule", "score"} <= kinds


CUTS = st.lists(
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.integers(-5, 5).map(float)),
    min_size=1,
    max_size=4,
)


@given(cuts=CUTS, value=st.integers(-14, 14).map(lambda number: number / 2))
def test_regions_part_the_numbers_without_gap_or_overlap(
    cuts: list[tuple[Any, float]], value: float
) -> None:
    holding = [
        region
        for region in list_regions(cuts)
        if all(compare(value, operator, edge) for operator, edge in region.asked)
    ]
    said = tuple(bool(compare(value, operator, edge)) for operator, edge in cuts)
    assert [region.truths for region in holding] == [said]


def test_the_shape_of_a_change(decisions: list[tuple[Definition, Rows]]) -> None:
    """What the seven children must show: an earlier onset would not do, a later one would."""
    definition, rows = next(
        (definition, rows)
        for definition, rows in decisions
        if definition.kind == "response" and rows["root"]["label"] == "rapid"
    )
    by_nodes: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for change in find_single_changes(rows.values(), definition):
        by_nodes.setdefault(change.nodes, []).append(change.after)
    onset = by_nodes["onset_by_rapid", "onset_by_intermediate", "onset_by_slow"]
    assert {after["pattern"][0] for after in onset} == {"ambiguous"}
    assert by_nodes["treatment_purpose",][0]["pattern"] == ("not_evaluable", "replacement_dose")
