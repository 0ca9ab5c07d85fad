"""Concept sets: of ATLAS as JSON, or our own code lists as TOML, in place of a shipped list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliotrope.definitions.codes import CodeList
from heliotrope.definitions.load import read_definition
from heliotrope.errors import Found, UserError
from heliotrope.ingest.omop.store import CdmStore, as_number


@dataclass(frozen=True)
class ConceptItem:
    """One line of a concept set, by id, or by system and code."""

    concept_id: int | None
    system: str | None
    code: str | None
    name: str
    has_descendants: bool
    is_excluded: bool


def read_concept_set(folder: Path, file: str) -> tuple[ConceptItem, ...]:
    """Read a concept set: the JSON that ATLAS exports, or a code list of ours.

    A code list has no ids: its codes are looked up in CONCEPT, with what is below each.
    Errors: no such file, neither of the two, an item without an id: UserError.
    """
    path = folder / file
    if not path.is_file():
        raise UserError(
            f"the concept set {file} beside study.toml",
            Found("no file of that name"),
            "correct [source.concept_sets], or export the concept set from ATLAS into the folder",
        )
    if path.suffix.casefold() == ".toml":
        definition = read_definition(path)
        if not isinstance(definition, CodeList):
            raise UserError(
                'a code list (kind = "codes")',
                Found(f"kind = {definition.kind!r}", file),
                "name a code list, or a concept set of ATLAS",
            )
        return tuple(
            ConceptItem(None, code.system, code.code, concept.title, True, False)
            for concept in definition.concepts
            for code in concept.codes
        )
    return tuple(_read_item(item, file) for item in _read_items(path, file))


def _read_items(path: Path, file: str) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise UserError(
            "a concept set as ATLAS exports it", Found(str(error), file), "export it again as JSON"
        ) from None
    if isinstance(content, dict) and isinstance(content.get("expression"), dict):
        content = content["expression"]
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, list) or not items:
        raise UserError(
            "a concept set with `items`",
            Found("no items", file),
            "export the concept set expression from ATLAS as JSON",
        )
    return items


def _read_item(item: Any, file: str) -> ConceptItem:
    concept: Mapping[str, Any] = item.get("concept", {}) if isinstance(item, dict) else {}
    number = concept.get("CONCEPT_ID")
    if not isinstance(number, int):
        raise UserError(
            "a CONCEPT_ID in every item of a concept set",
            Found(f"{number!r}", file),
            "export the concept set expression from ATLAS again",
        )
    return ConceptItem(
        number,
        concept.get("VOCABULARY_ID"),
        concept.get("CONCEPT_CODE"),
        str(concept.get("CONCEPT_NAME", number)),
        bool(item.get("includeDescendants", False)),
        bool(item.get("isExcluded", False)),
    )


def resolve_concepts(
    items: Iterable[ConceptItem], store: CdmStore, has_concepts: bool
) -> tuple[set[int], set[int], set[int]]:
    """Return the ids of a concept set: included, those with descendants, excluded."""
    included, spread, excluded = set[int](), set[int](), set[int]()
    for item in items:
        numbers = {item.concept_id} if item.concept_id is not None else set[int]()
        if item.concept_id is None and has_concepts:
            rows = store.look_up(
                "concept",
                {"concept_code": {str(item.code)}, "vocabulary_id": {str(item.system)}},
            )
            numbers = set(rows.select(as_number("concept_id")).to_series().to_list())
        if item.is_excluded:
            excluded |= numbers | (_below(numbers, store) if item.has_descendants else set())
        else:
            included |= numbers
            spread |= numbers if item.has_descendants else set()
    return included - excluded, spread - excluded, excluded


def _below(numbers: set[int], store: CdmStore) -> set[int]:
    if "concept_ancestor" not in store.columns:
        return set()
    rows = store.look_up("concept_ancestor", {"ancestor_concept_id": set(map(str, numbers))})
    return set(rows.select(as_number("descendant_concept_id")).to_series().to_list())
