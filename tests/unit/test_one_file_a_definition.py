"""A rule, a score or a measure is one TOML file: counted here, Python names none of them."""

from __future__ import annotations

import io
import tokenize
from functools import cache
from pathlib import Path

import heliotrope
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.measure import measures_of

SOURCE = Path(heliotrope.__file__).parent
RULEBOOK = read_rulebook()

# Where it is decided, derived or estimated: what a dose is divided by, and a unit of events. In
# estimates "weight" is the weight of a row, not of a child.
DECIDING = ("classify", "definitions", "derive", "estimate", "scoring")
MEASURES_NAMED = {
    "weight": {"derive", "estimate"},
    "height": {"derive"},
    "temperature": {"definitions"},
}


@cache
def find_names(path: Path) -> set[str]:
    """Collect the strings of a module that could name something, docstrings apart."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {
        token.string.strip("\"'")
        for token in tokens
        if token.type == tokenize.STRING and not token.string.startswith('"""')
    }


def find_rooms(names: set[str]) -> dict[str, set[str]]:
    """Say which rooms name which of some ids."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0]
        for name in find_names(path) & names:
            found.setdefault(name, set()).add(room)
    return found


def test_no_python_names_a_rule_or_a_score() -> None:
    ids = {item.id for item in RULEBOOK.definitions.values() if item.kind in ("rule", "score")}
    assert len(ids) > 20
    assert find_rooms(ids) == {}


def test_no_decision_rests_on_a_measure_that_python_names() -> None:
    measures = set(measures_of(RULEBOOK))
    assert len(measures) >= 100
    found = {name: rooms.intersection(DECIDING) for name, rooms in find_rooms(measures).items()}
    assert {name: rooms for name, rooms in found.items() if rooms} == MEASURES_NAMED
