"""What the codes and texts of resources mean in our words, each distinct one looked up once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from heliotrope.definitions.codes import About, CodeBook, Coded, CodeList, make_code_book
from heliotrope.definitions.drug_text import ANOTHER_DRUG, NOT_SYSTEMIC, find_drug
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.diagnoses import diagnosis_words, find_words
from heliotrope.ingest.fhir.resources import Coding, Concept
from heliotrope.ingest.procedures import says_given

IMMUNOGLOBULIN = "immunoglobulin"

Key = tuple[tuple[tuple[str | None, str | None, str | None], ...], str | None]

Meaning = TypeVar("Meaning")

_ROUTE_ENDING = re.compile(r"\s+(?:route|use|administration)$", re.IGNORECASE)


@dataclass(frozen=True)
class DrugFound:
    """A drug we follow, or a text that names one and has to be judged.

    text: what the drug cell is to say. drug: the canonical name where it is certain. route: the
    one that the code implies. name: how the source calls it.
    """

    text: str
    drug: str | None
    route: str | None
    name: str

    @property
    def is_immunoglobulin(self) -> bool:
        """Say whether this is human normal immunoglobulin."""
        return self.drug == IMMUNOGLOBULIN


class Cached(dict[Key, Meaning | None], Generic[Meaning]):
    """The meaning of each distinct concept, found when it is first met."""

    def __init__(self, find: Callable[[Key], Meaning | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, key: Key) -> Meaning | None:
        found = self[key] = self._find(key)
        return found


def key_of(concept: Concept) -> Key:
    """Return what makes a concept the same as another."""
    # a list is made faster than a generator, and there is one of these for each resource
    codes = [(item.system, item.code, item.display) for item in concept.coding]
    return tuple(codes), concept.text


def say_concept(concept: Concept | None) -> str | None:
    """Write a concept as a person reads it: its text, then its codes.

    >>> say_concept(Concept(coding=[Coding("http://loinc.org", "2157-6")], text="CK"))
    'CK (http://loinc.org|2157-6)'
    """
    if concept is None:
        return None
    codes = "; ".join(f"{item.system or ''}|{item.code or ''}" for item in concept.coding)
    name = name_concept(concept)
    if not codes:
        return name
    return f"{name} ({codes})" if name else codes


def name_concept(concept: Concept | None) -> str | None:
    """Return the words of a concept: its text, else how a code is shown, else a code."""
    if concept is None:
        return None
    shown = (item.display for item in concept.coding if item.display)
    codes = (item.code for item in concept.coding if item.code)
    return concept.text or next(shown, None) or next(codes, None)


class Words:
    """Everything that is looked up for resources.

    ``local``: a site's own codes (system|code) or words of measures, as study.toml gives them.
    """

    def __init__(self, context: ReadContext, local: Mapping[str, str]) -> None:
        self.context = context
        self.local = {normalise_word(word): meaning for word, meaning in local.items()}
        self.titles = diagnosis_words(context.rulebook)
        self.book: CodeBook = make_code_book(context.rulebook)
        self.antibodies = {
            concept.id: concept.title.removesuffix(" antibody")
            for item in context.rulebook.of_kind(CodeList)
            if item.about == "antibody"
            for concept in item.concepts
        }
        self.measures = Cached[str](self._find_measure)
        self.antibody = Cached[str](self._find_antibody)
        self.drugs = Cached[DrugFound](self._find_drug)
        self.terms = Cached[str](self._find_term)
        self.diagnoses = Cached[str](self._find_diagnosis)
        self.texts = Cached[str](lambda key: say_concept(Concept(_codings(key), key[1])))

    def find_code(self, codings: Iterable[Coding], *about: About) -> Coded | None:
        """Return what the first known code means; a system that is not known says nothing."""
        for item in codings:
            if item.system and item.code and item.system.strip().casefold() in self.book.systems:
                coded = self.book.find(item.system, item.code)
                if coded is not None and coded.about in about:
                    return coded
        return None

    def says_given(self, concept: Concept) -> bool:
        """Say whether a procedure gives something, by all of its names."""
        return says_given(_names(key_of(concept)), self.context)

    def find_route(self, concept: Concept | None) -> str | None:
        """Return the route a concept means, else its own words."""
        if concept is None:
            return None
        coded = self.find_code(concept.coding, "route")
        if coded is not None:
            return coded.concept
        name = name_concept(concept)
        return None if name is None else _ROUTE_ENDING.sub("", name)

    def _find_diagnosis(self, key: Key) -> str | None:
        coded = self.find_code(_codings(key), "diagnosis")
        if coded is not None:
            return coded.concept
        titles = (find_words(name, self.titles) for name in _names(key))
        return next((title for title in titles if title), None)

    def _find_measure(self, key: Key) -> str | None:
        own = [f"{system or ''}|{code}" for system, code, _ in key[0] if code]
        declared = (self.local.get(normalise_word(word)) for word in [*own, *_names(key)])
        if (meaning := next((word for word in declared if word), None)) is not None:
            return self.context.measure_lookup.find(meaning)
        coded = self.find_code(_codings(key), "measure")
        if coded is not None:
            return coded.concept
        found = (self.context.measure_lookup.find(name) for name in _names(key))
        return next((name for name in found if name), None)

    def _find_antibody(self, key: Key) -> str | None:
        """Return the antibody a test is for; blank where the test is for any of them."""
        coded = self.find_code(_codings(key), "antibody")
        if coded is not None:
            return self.antibodies[coded.concept]
        is_any = any(normalise_word(name) == "myositis specific antibody" for name in _names(key))
        return "" if is_any else None

    def _find_drug(self, key: Key) -> DrugFound | None:
        coded = self.find_code(_codings(key), "drug")
        names = _names(key)
        shown = names[0] if names else ""
        for name in names:
            match = find_drug(name, self.context.drug_names)
            if match is not None and match.refused in (NOT_SYSTEMIC, ANOTHER_DRUG):
                return DrugFound(name, None, None, shown)
        if coded is not None:
            return DrugFound(coded.concept, coded.concept, coded.route, shown)
        for name in names:
            drug = self.context.drug_lookup.find(name)
            if drug is not None:
                return DrugFound(name, drug, None, shown)
            match = find_drug(name, self.context.drug_names)
            if match is not None:
                return DrugFound(name, match.drug, match.route, shown)
        return None

    def _find_term(self, key: Key) -> str | None:
        coded = self.find_code(_codings(key), "adverse_event", "graded_term")
        if coded is not None:
            return coded.concept
        names = _names(key)
        return names[0] if names else None


def _codings(key: Key) -> list[Coding]:
    return [Coding(system, code, display) for system, code, display in key[0]]


def _names(key: Key) -> list[str]:
    """Return the words of a concept: its text, how its codes are shown, and codes of no system."""
    codings, text = key
    shown = [display for _, _, display in codings if display]
    return list(dict.fromkeys([*([text] if text else []), *shown]))
