"""Every decision of a rule about the drawn children is found again; a flipped leaf is noticed."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

import pytest
from tests.spec.case_children import make_children
from tests.spec.case_files import list_chapters, read_chapter

from heliotrope.classify.evaluate import evaluate
from heliotrope.classify.replay import replay
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.rule import PREVIOUS_VISIT, CutOffStates, RuleDefinition

Row = dict[str, Any]
Key = tuple[Any, ...]

RULEBOOK = read_rulebook()
RULES = [item.id for item in RULEBOOK.of_kind(RuleDefinition) if item.id in set(list_chapters())]


@cache
def decide_all() -> dict[str, list[list[Row]]]:
    """Evaluate the drawn children of every rule together; group the trace into decisions."""
    cases = [case for name in RULES for case in read_chapter(name) if not case.settings.measures]
    trace = evaluate(make_children(cases, RULEBOOK), RULEBOOK).trace
    decisions: dict[Key, list[Row]] = defaultdict(list)
    for row in trace.iter_rows(named=True):
        if row["definition_id"] in RULES:
            key = ("patient_id", "regimen", "definition_id", "date")
            decisions[tuple(row[name] for name in key)].append(row)
    by_rule: dict[str, list[list[Row]]] = defaultdict(list)
    for key, rows in decisions.items():
        by_rule[key[2]].append(rows)
    return by_rule


def find_root(rows: list[Row]) -> Row:
    return next(row for row in rows if row["node"] == "root")


def flip(row: Row) -> Row:
    """Put a leaf's number on the other side of its threshold, or what the visit before said."""
    if row["node"] == PREVIOUS_VISIT:
        return {**row, "state": "not_met" if row["state"] == "met" else "met"}
    wants_more = row["operator"] in (">", ">=")
    step = 1 if wants_more is (row["state"] != "met") else -1
    state = "not_met" if row["state"] == "met" else "met"
    return {**row, "value": row["threshold"] + step, "state": state, "reason": None}


@pytest.mark.parametrize("definition_id", RULES)
def test_every_decision_is_found_again(definition_id: str) -> None:
    decisions = decide_all()[definition_id]
    assert len(decisions) > len(read_chapter(definition_id)) / 2
    for rows in decisions:
        found = replay(rows, RULEBOOK)
        assert found.agrees_with(find_root(rows)), (find_root(rows)["patient_id"], found)


@pytest.mark.parametrize("definition_id", RULES)
@pytest.mark.parametrize("state", ["met", "not_met"])
def test_a_flipped_leaf_changes_a_decision(definition_id: str, state: str) -> None:
    """For each answer a rule can give there is a child in whom one leaf turns it around."""
    decisive = set()
    for rows in decide_all()[definition_id]:
        if find_root(rows)["state"] != state:
            continue
        for place, row in enumerate(rows):
            if row["operator"] is not None or row["node"] == PREVIOUS_VISIT:
                changed = replay([*rows[:place], flip(row), *rows[place + 1 :]], RULEBOOK)
                if changed.state != state:
                    decisive.add(row["node"])
    assert decisive, f"no leaf of {definition_id} decides {state}"


@pytest.mark.parametrize("definition_id", RULES)
def test_a_leaf_that_contradicts_its_number_is_noticed(definition_id: str) -> None:
    """The recorded state of a leaf is turned around and its number left: never in agreement."""
    leaves = {node.id for node in RULEBOOK.get(definition_id, RuleDefinition).answers}
    turned = 0
    for rows in decide_all()[definition_id]:
        for place, row in enumerate(rows):
            if row["node"] in leaves and row["value"] is not None and row["node"] != "root":
                state = "not_met" if row["state"] == "met" else "met"
                changed = [*rows[:place], {**row, "state": state}, *rows[place + 1 :]]
                assert not replay(changed, RULEBOOK).agrees_with(find_root(rows))
                turned += 1
    assert turned or leaves == {"root"}


@pytest.mark.parametrize("definition_id", ["jdmai1_activity", "jdmai2_activity"])
def test_a_class_that_contradicts_its_number_is_noticed(definition_id: str) -> None:
    root = RULEBOOK.get(definition_id, RuleDefinition).root
    assert isinstance(root, CutOffStates)
    named = [rows[0] for rows in decide_all()[definition_id] if rows[0]["label"]]
    assert {row["label"] for row in named} == set(root.labels)
    for row in named:
        assert replay([row], RULEBOOK).agrees_with(row)
        for other in set(root.labels) - {row["label"]}:
            assert not replay([row], RULEBOOK).agrees_with({**row, "label": other})
