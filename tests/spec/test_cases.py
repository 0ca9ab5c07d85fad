"""Every case of the specification: what each definition must say of each drawn child."""

from __future__ import annotations

from collections import defaultdict

import pytest
from tests.spec.case_answers import agree, evaluate_all, find_answers
from tests.spec.case_files import Case, list_chapters, read_all, read_chapter

from heliotrope.classify.replay import replay
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


@pytest.mark.parametrize("definition_id", list_chapters())
def test_every_decision_of_a_chapter_replays_from_its_trace(definition_id: str) -> None:
    for case in read_chapter(definition_id):
        said = evaluate_all()[case.patient_id]
        decisions: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
        for row in said.trace.get(case.patient_id, []):
            decisions[row["regimen"], row["date"]].append(row)
        for rows in decisions.values():
            roots = [row for row in rows if row["node"] == "root"]
            for root in roots:
                assert replay(rows, said.rulebook).agrees_with(root), case.patient_id
