"""The drawn children reach every state and label that any node of any shipped rule can reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conftest import SHOWN
from tests.spec.rule_coverage import list_decisions, measure_coverage, write_report

from heliotrope.definitions.model import Definition


@pytest.mark.parametrize("definition", list_decisions(), ids=lambda item: item.id)
def test_every_state_of_every_node_is_reached(definition: Definition) -> None:
    missing = [
        f"{item.node} {item.kind}: {', '.join(sorted(item.missing))}"
        for item in measure_coverage(definition)
        if item.missing
    ]
    assert not missing, f"draw a child in tests/spec/cases/{definition.id}.md"


@pytest.mark.parametrize("definition", list_decisions(), ids=lambda item: item.id)
def test_no_state_is_reached_that_the_validator_rules_out(definition: Definition) -> None:
    assert not [item for item in measure_coverage(definition) if item.unforeseen]


def test_the_report_names_every_definition(record_property: Callable[[str, str], None]) -> None:
    report = write_report()
    record_property(SHOWN, report)
    for definition in list_decisions():
        assert definition.id in report
