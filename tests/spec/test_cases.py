"""Every case of the specification: what each definition must say of each drawn child."""

from __future__ import annotations

import pytest
from tests.spec.case_answers import agree, find_answers
from tests.spec.case_files import Case, list_chapters, read_all

from heliotrope.definitions.load import read_rulebook


@pytest.mark.parametrize("case", read_all(), ids=lambda case: case.patient_id)
def test_case(case: Case) -> None:
    answers = find_answers(case)
    assert answers, "a case expects something"
    wrong = {
        column: f"{found}, expected {expected}"
        for column, (found, expected) in answers.items()
        if not agree(found, expected)
    }
    assert not wrong


def test_a_chapter_belongs_to_a_definition() -> None:
    assert set(list_chapters()) <= set(read_rulebook().definitions)
