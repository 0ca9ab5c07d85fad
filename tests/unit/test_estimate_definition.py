"""The families that are counted are the classes that the response can give."""

from __future__ import annotations

import pytest

from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, DescriptiveEstimates, Family
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.records.judgement_tables import Response

NULL_IN_THE_TABLE = "not_applicable"


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def families(rulebook: Rulebook) -> tuple[Family, ...]:
    return rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).families


def test_every_family_is_a_column_of_the_response(rulebook: Rulebook) -> None:
    assert {family.column for family in families(rulebook)} <= set(Response.column_names())


def test_every_class_of_an_axis_is_counted_and_no_other(rulebook: Rulebook) -> None:
    (definition,) = rulebook.of_kind(ResponseDefinition)
    axes = {axis.name: {choice.label for choice in axis.choices} for axis in definition.axes}
    compared = 0
    for family in families(rulebook):
        if family.column not in axes:
            continue
        counted = {*family.categories, *family.left_out}
        assert counted - axes[family.column] == set(), family.analysis
        assert axes[family.column] - counted <= {NULL_IN_THE_TABLE}, family.analysis
        compared += 1
    assert compared >= 5


def test_the_landmarks_are_those_of_the_design(rulebook: Rulebook) -> None:
    numbers = rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates)
    assert numbers.landmarks.weeks == (6, 16, 24, 52)
    assert numbers.landmarks.tolerance_weeks == 4
    assert numbers.level == 0.95
    assert not numbers.verified
