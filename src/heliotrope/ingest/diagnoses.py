"""Which coded concept a diagnosis is: by its system and code, else by its words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import polars as pl

from heliotrope.definitions.codes import CodeBook, CodedConcept, CodeList, make_code_book
from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.context import normalise_word

# What a classification adds behind a name: (disorder), an abbreviation.
_BRACKET = re.compile(r" *\([^()]*\)$")

# Diseases in which immunoglobulin is replacement.
_REPLACED_IN = ("primary_immunodeficiency",)

_TOLD = {"system": pl.String, "code": pl.String, "text": pl.String}


def diagnosis_concepts(rulebook: Rulebook) -> dict[str, CodedConcept]:
    """Return every coded diagnosis by its id."""
    return {
        concept.id: concept
        for item in rulebook.of_kind(CodeList)
        if item.about == "diagnosis"
        for concept in item.concepts
    }


def diagnosis_words(rulebook: Rulebook) -> dict[str, str]:
    """Return the concept that each title and synonym of a diagnosis means, words made plain."""
    return {
        normalise_word(word): concept.id
        for concept in diagnosis_concepts(rulebook).values()
        for word in (*concept.synonyms, concept.title)
    }


def find_words(text: str, words: Mapping[str, str]) -> str | None:
    """Return the concept that some words mean: all of them, or all but a last bracket.

    >>> words = {"dermatomyositis": "dermatomyositis"}
    >>> find_words("Dermatomyositis (disorder)", words), find_words("no dermatomyositis", words)
    ('dermatomyositis', None)
    """
    plain = normalise_word(text)
    return words.get(plain) or words.get(_BRACKET.sub("", plain))


def list_below(concepts: Iterable[str], rulebook: Rulebook) -> frozenset[str]:
    """Return some coded diagnoses with all that the code lists place below them."""
    listed = diagnosis_concepts(rulebook)
    below = set(concepts)
    while more := {item.id for item in listed.values() if item.parent in below} - below:
        below |= more
    return frozenset(below)


def list_diseases(rulebook: Rulebook) -> list[str]:
    """Return the coded diagnoses that say what immunoglobulin may treat: all but those it replaces.

    They are the diagnosis of a child; a primary immunodeficiency is not.
    """
    others = list_below(_REPLACED_IN, rulebook)
    return sorted(name for name in diagnosis_concepts(rulebook) if name not in others)


def name_diagnoses(diagnoses: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Add the coded ``concept`` of each diagnosis by its system and code, else by its words.

    Shapes: patient_id, date and any of system, code, text (String). A system that is not known, or
    a code in no list, gives null; words count where they are a title or a synonym of a concept,
    whole and not in part.
    """
    told = diagnoses.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in _TOLD.items()
        if name not in diagnoses.columns
    )
    book, words = make_code_book(rulebook), diagnosis_words(rulebook)
    distinct = told.select(list(_TOLD)).unique()
    found = [
        _find_concept(system, code, text, book, words)
        for system, code, text in distinct.iter_rows()
    ]
    named = distinct.with_columns(pl.Series("concept", found, dtype=pl.String))
    return told.join(
        named, on=list(_TOLD), how="left", nulls_equal=True, maintain_order="left"
    ).select(*diagnoses.columns, "concept")


def _find_concept(
    system: str | None,
    code: str | None,
    text: str | None,
    book: CodeBook,
    words: Mapping[str, str],
) -> str | None:
    if code and system and system.strip().casefold() in book.systems:
        coded = book.find(system, code)
        if coded is not None and coded.about == "diagnosis":
            return coded.concept
    return find_words(text, words) if text else None
