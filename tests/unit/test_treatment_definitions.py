"""The definitions of exposure, doses, reactions and indications refuse what would mislead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from heliotrope.definitions.dosing import DoseRule
from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.exposure import IvigExposure, MeasureInForce
from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.model import Definition
from heliotrope.definitions.safety import GradingSystem, ReactionWindows
from heliotrope.definitions.vocabulary import vocabularies_of

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def leave_a_gap(content: dict[str, Any]) -> None:
    content["schedules"][1]["min_days"] += 1


def end_too_early(content: dict[str, Any]) -> None:
    content["schedules"].pop()


def name_no_schedule(content: dict[str, Any]) -> None:
    content["regimen"]["monthly_label"] = "weekly"


def forget_other(content: dict[str, Any]) -> None:
    content["other_reason"] = "else"


def change_prednisone(content: dict[str, Any]) -> None:
    content["equivalents"][0]["mg"] = 6


def repeat_a_drug(content: dict[str, Any]) -> None:
    content["equivalents"].append(content["equivalents"][1])


def pulse_an_unknown_drug(content: dict[str, Any]) -> None:
    content["pulse"]["drugs"] = ["cortivazol"]


def turn_bands_round(content: dict[str, Any]) -> None:
    content["bands"] = content["bands"][::-1]


def repeat_a_term(content: dict[str, Any]) -> None:
    content["by_term"].append(content["by_term"][0])


def say_nothing(content: dict[str, Any]) -> None:
    content["other"]["windows"][0] |= {"hours": None, "days": None}


def read_an_unknown_criterion(content: dict[str, Any]) -> None:
    content["axes"][0]["choices"][0]["any_met"] = ["bad_mood"]


def invent_a_label(content: dict[str, Any]) -> None:
    content["axes"][0]["choices"][0]["label"] = "perhaps"


def add_a_field(content: dict[str, Any]) -> None:
    content["max_days"] = 1


FAULTS: list[tuple[str, type[Definition], Change, str]] = [
    ("ivig_exposure", IvigExposure, leave_a_gap, "min_days = 11"),
    ("ivig_exposure", IvigExposure, end_too_early, "longest interval"),
    ("ivig_exposure", IvigExposure, name_no_schedule, "monthly_label"),
    ("ivig_exposure", IvigExposure, forget_other, "other_reason"),
    ("gc_equiv_v1", GlucocorticoidRule, change_prednisone, "prednisone equals itself"),
    ("gc_equiv_v1", GlucocorticoidRule, repeat_a_drug, "one equivalent a drug"),
    ("gc_equiv_v1", GlucocorticoidRule, pulse_an_unknown_drug, "cortivazol"),
    ("gc_equiv_v1", GlucocorticoidRule, turn_bands_round, "fall from the highest"),
    ("reaction_windows", ReactionWindows, repeat_a_term, "fever"),
    ("reaction_windows", ReactionWindows, say_nothing, "hours, days or both"),
    ("ivig_indication", IvigIndication, read_an_unknown_criterion, "bad_mood"),
    ("ivig_indication", IvigIndication, invent_a_label, "not_evaluable"),
    ("weight_in_force", MeasureInForce, add_a_field, "max_days"),
]


@pytest.mark.parametrize(
    ("name", "kind", "change", "says"),
    FAULTS,
    ids=lambda part: getattr(part, "__name__", str(part))[:40],
)
def test_a_fault_in_a_definition_is_refused(
    name: str, kind: type[Definition], change: Change, says: str, rulebook: Rulebook
) -> None:
    content = rulebook.get(name, kind).model_dump(mode="json")
    kind.model_validate(content)
    change(content)
    with pytest.raises(ValidationError, match=says):
        kind.model_validate(content)


def test_every_steroid_has_an_equivalent_and_every_equivalent_a_drug(rulebook: Rulebook) -> None:
    rule = rulebook.get("gc_equiv_v1", GlucocorticoidRule)
    steroids = {drug.id for drug in drugs_of(rulebook).values() if drug.is_glucocorticoid}
    assert {item.drug for item in rule.equivalents} == steroids


def test_words_of_the_definitions_are_words_of_the_records(rulebook: Rulebook) -> None:
    words = {
        name: {word.id for word in item.words} for name, item in vocabularies_of(rulebook).items()
    }
    exposure = rulebook.get("ivig_exposure", IvigExposure)
    windows = rulebook.get("reaction_windows", ReactionWindows)
    indication = rulebook.get("ivig_indication", IvigIndication)
    assert {*exposure.stop_reasons, exposure.unknown_reason} == words["ivig_stop_reason"]
    assert {windows.event_kind, exposure.stop_event_kind} <= words["event_kind"]
    assert {axis.name for axis in indication.axes} <= words["indication"]
    assert indication.cytotoxic.stop_reason in words["medication_stop_reason"]


def test_measures_of_the_definitions_exist_in_the_unit_they_grade(rulebook: Rulebook) -> None:
    measures = measures_of(rulebook)
    grading = rulebook.get("ctcae_v5", GradingSystem)
    for term in grading.terms:
        for graded in term.measures:
            assert measures[graded.measure].unit == graded.unit
    indication = rulebook.get("ivig_indication", IvigIndication)
    for sign in (indication.induction.strength, indication.induction.swallowing):
        assert sign.measure in measures


def test_the_published_grades_are_spelled_out(rulebook: Rulebook) -> None:
    """Every step that is used has its published wording beside it."""
    for term in rulebook.get("ctcae_v5", GradingSystem).terms:
        steps = {str(step.grade) for measure in term.measures for step in measure.steps}
        assert steps <= set(term.wording)


def test_no_recalled_number_is_called_verified(rulebook: Rulebook) -> None:
    for name in ("ivig_exposure", "gc_equiv_v1", "reaction_windows", "ctcae_v5", "ivig_indication"):
        assert not rulebook.definitions[name].verified
    assert not rulebook.get("dose_rule", DoseRule).verified
