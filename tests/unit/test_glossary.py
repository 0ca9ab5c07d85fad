"""Every word that the definitions can put into a table stands in the glossary."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import heliotrope
from heliotrope.definitions.load import read_rulebook
from heliotrope.records.columns import STATES

PACKAGE = Path(heliotrope.__file__).parent
GLOSSARY = PACKAGE.parents[1] / "GLOSSARY.md"

WORD_KEYS = {"label", "reason", "mark", "floor_mark", "word", "reasons", "flag_word"}


def _words(content: Any, key: str = "") -> Iterator[str]:
    """Find the words a definition's decision tables and marks can give."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _words(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from _words(value, key)
    elif isinstance(content, str) and key in WORD_KEYS:
        yield content


def _tables() -> list[tuple[str, str]]:
    kinds = {"response", "aggravation", "rule", "score"}
    definitions = read_rulebook().definitions.values()
    chosen = [item for item in definitions if item.kind in kinds]
    found = {(item.id, word) for item in chosen for word in _words(item.model_dump(mode="json"))}
    return sorted(found)


@pytest.mark.parametrize(("definition", "word"), _tables())
def test_a_word_of_a_definition_is_explained(definition: str, word: str) -> None:
    assert f"`{word}`" in GLOSSARY.read_text(encoding="utf-8"), f"{word} of {definition}"


@pytest.mark.parametrize("word", STATES)
def test_the_states_are_explained(word: str) -> None:
    assert f"`{word}`" in GLOSSARY.read_text(encoding="utf-8")


def _flags() -> list[str]:
    """Find every flag the code can set: the keys given to ``collect_flags``."""
    flags: set[str] = set()
    texts = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    for text in (text for text in texts if "collect_flags" in text):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "collect_flags":
                keys = [
                    key
                    for item in ast.walk(node)
                    if isinstance(item, ast.Dict)
                    for key in item.keys
                ]
                flags |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return sorted(flags)


def test_the_flags_are_found_in_the_code() -> None:
    assert {"low_dose", "baseline_low", "small_reference"} <= set(_flags())


@pytest.mark.parametrize("flag", _flags())
def test_a_flag_is_explained(flag: str) -> None:
    assert f"`{flag}`" in GLOSSARY.read_text(encoding="utf-8")
