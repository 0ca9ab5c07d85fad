"""The validator: silent on what is shipped, and it finds each fault that is planted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.model import Definition
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.validate import check_definitions

IMACS = "tis_jdm_imacs"
INACTIVE = "inactive_disease_2015"
WORSENING = "confirmed_deterioration"


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def edit(definition: Definition, path: str, value: Any) -> Definition:
    """Change one field, given by its path, e.g. ``components.0.edges``."""
    content = definition.model_dump()
    place: Any = content
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for parent in parents:
        if isinstance(place[parent], tuple):
            place[parent] = list(place[parent])
        place = place[parent]
    place[last] = value
    return type(definition).model_validate(content)


def check_edited(rulebook: Rulebook, definition_id: str, path: str, value: Any) -> list[str]:
    """Check the rulebook with one field of one definition changed."""
    edited = edit(rulebook.definitions[definition_id], path, value)
    changed = replace(rulebook, definitions={**rulebook.definitions, definition_id: edited})
    return [str(fault) for fault in check_definitions(changed)]


def test_shipped_definitions_are_sound(rulebook: Rulebook) -> None:
    assert [str(fault) for fault in check_definitions(rulebook)] == []
    assert len(rulebook.of_kind(ScoreDefinition)) == 3
    assert len(rulebook.of_kind(RuleDefinition)) >= 30


@pytest.mark.parametrize(
    ("definition_id", "path", "value", "fault"),
    [
        (IMACS, "components.0.edges", [5, 25, 15, 40], "bands increase: physician_global"),
        (IMACS, "components.0.edges", [-5, 5, 15, 25], "bands increase: physician_global"),
        (IMACS, "components.0.points", [0, 15, 7.5, 17.5, 20], "points never fall"),
        (IMACS, "components.0.points", [2.5, 7.5, 15, 17.5, 20], "points never fall"),
        (IMACS, "components.0.points", [0, 7.5, 15, 17.5, 22.5], "maxima sum to 100: 102.5"),
        (IMACS, "categories.1.at_least", 75, "degrees increase within the score"),
        (IMACS, "categories.2.at_least", 101, "degrees increase within the score"),
        (IMACS, "components.1.id", "physician_global", "a name of its own"),
        (IMACS, "components.0.candidates.0.measure", "no_such", "every measure exists: no_such"),
        (IMACS, "components.0.candidates.0.better", "high", "direction of the measure"),
        (IMACS, "components.3.candidates.0.denominator", 30, "denominator is the measure's range"),
        (INACTIVE, "root.of.0.measure", "no_such", "every measure exists: no_such"),
        (INACTIVE, "root.essential", [], None),
        (INACTIVE, "root.of.0.operator", ">=", "operator fits the direction"),
        (INACTIVE, "root.of.0.unit", "mg", "unit of the measure"),
        (WORSENING, "root.of.of.1.better", "high", "direction of the measure"),
    ],
)  # fmt: skip
def test_each_fault_is_found(
    rulebook: Rulebook, definition_id: str, path: str, value: Any, fault: str | None
) -> None:
    found = check_edited(rulebook, definition_id, path, value)
    if fault is None:
        assert found == []
    else:
        assert any(fault in each for each in found), found
        assert all(each.startswith(f"{definition_id}: ") for each in found)


def test_a_score_that_requires_nothing_could_classify_nothing(rulebook: Rulebook) -> None:
    definition = rulebook.definitions[IMACS]
    for number in (0, 2):
        definition = edit(definition, f"components.{number}.required", False)
    changed = replace(rulebook, definitions={**rulebook.definitions, IMACS: definition})
    assert any("everything is missing" in str(fault) for fault in check_definitions(changed))


def test_a_rule_that_answers_without_any_record_is_found(rulebook: Rulebook) -> None:
    definition = rulebook.get(INACTIVE, RuleDefinition)
    empty = definition.root.model_copy(update={"count": 0, "essential": ()})
    changed = definition.model_copy(update={"root": empty})
    faults = check_definitions(
        replace(rulebook, definitions={**rulebook.definitions, INACTIVE: changed})
    )
    assert any("no class when everything is missing" in str(fault) for fault in faults)


def test_verified_is_refused_where_a_number_was_only_recalled(rulebook: Rulebook) -> None:
    definition = rulebook.definitions[IMACS]
    claimed = definition.model_copy(update={"verified": True, "sources": definition.sources[:1]})
    faults = check_definitions(
        replace(rulebook, definitions={**rulebook.definitions, IMACS: claimed})
    )
    assert any("verified rests on what was read: flag R" in str(fault) for fault in faults)


@pytest.mark.parametrize(
    ("definition_id", "path", "value"),
    [
        (IMACS, "verified", True),
        (IMACS, "components.0.edges", [5, 15, 25]),
        (IMACS, "components.0.candidates.0.denominator_upper_limits", 3),
        (INACTIVE, "sources", []),
        (INACTIVE, "root.count", 4),
        (INACTIVE, "root.count", 0),
        (INACTIVE, "root.id", "top"),
        (INACTIVE, "root.of.0.id", "cmas"),
        (INACTIVE, "root.of.0.quantity", "worsening"),
        (INACTIVE, "root.of.0.threshold_is", 3),
        (WORSENING, "root.of.node", "confirmed"),
    ],
)
def test_what_one_file_can_know_of_itself_is_refused_at_once(
    rulebook: Rulebook, definition_id: str, path: str, value: Any
) -> None:
    with pytest.raises(ValidationError):
        edit(rulebook.definitions[definition_id], path, value)


def test_no_shipped_number_is_silently_unverified(rulebook: Rulebook) -> None:
    for score in rulebook.of_kind(ScoreDefinition):
        assert not score.verified, "the multiples of the upper limit are recalled"
    assert rulebook.definitions["inactive_disease_2013"].verified
    assert rulebook.definitions[INACTIVE].verified
    assert not rulebook.definitions[WORSENING].verified
