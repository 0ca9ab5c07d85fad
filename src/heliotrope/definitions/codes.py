"""Codes of measures, drugs, diagnoses, antibodies and adverse events, keyed by system and code.

A code alone says nothing: 2157-6 is creatine kinase in LOINC and a group of people in the race
codes of another system. So nothing here can be looked up without naming the system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.model import Definition, Flag, Frozen
from heliotrope.definitions.safety import GradingSystem
from heliotrope.errors import Found, UserError

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

About = Literal[
    "measure", "drug", "diagnosis", "antibody", "adverse_event", "graded_term", "race", "route"
]


class CodeSystem(Frozen):
    """One code system and the names other formats give it."""

    id: str = Field(pattern=r"^[A-Za-z0-9]+$")
    title: str
    aliases: tuple[str, ...] = ()


class CodeSystems(Definition):
    """Every code system that is known, with its names."""

    kind: Literal["code_systems"]
    systems: tuple[CodeSystem, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _a_name_means_one_system(self) -> CodeSystems:
        seen: dict[str, str] = {}
        for system in self.systems:
            for name in (system.id, *system.aliases):
                if seen.setdefault(name.casefold(), system.id) != system.id:
                    raise ValueError(f"'{name}' names {seen[name.casefold()]} and {system.id}")
        return self


class ConceptCode(Frozen):
    """One code of a concept."""

    system: str
    code: str = Field(min_length=1)
    flag: Flag
    is_billable: bool = Field(default=True, description="false: a heading, not used on a claim")
    covers_below: bool = Field(default=False, description="codes that begin with this one, too")
    note: str | None = None


class CodedConcept(Frozen):
    """Something with codes. ``parent`` is the concept it is a kind of.

    ``synonyms``: other words that mean it, whole; a source without codes is read by them.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=2)
    synonyms: tuple[str, ...] = ()
    parent: str | None = None
    is_juvenile: bool = Field(default=False, description="a diagnosis of childhood")
    codes: tuple[ConceptCode, ...] = Field(min_length=1)


class CodeList(Definition):
    """The codes of one sort of concept."""

    kind: Literal["codes"]
    about: About
    concepts: tuple[CodedConcept, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> CodeList:
        names = [concept.id for concept in self.concepts]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: each concept once")
        lost = {item.parent for item in self.concepts if item.parent} - set(names)
        if lost:
            raise ValueError(f"{self.id}: unknown parent {', '.join(sorted(lost))}")
        return self

    @model_validator(mode="after")
    def _a_word_means_one_concept(self) -> CodeList:
        seen: dict[str, str] = {}
        for concept in self.concepts:
            for word in (concept.title, *concept.synonyms):
                if seen.setdefault(word.casefold(), concept.id) != concept.id:
                    raise ValueError(f"'{word}' names {seen[word.casefold()]} and {concept.id}")
        return self


@dataclass(frozen=True)
class Coded:
    """What a code means: the system and code asked for, the concept, and how sure the list is.

    ``is_legacy``: the system has replaced this code; ``current`` is what replaced it.
    ``route`` is the one a drug code implies. A heading that ``covers_below`` stands for the codes
    that begin with it.
    """

    system: str
    code: str
    about: About
    concept: str
    flag: Flag
    is_legacy: bool = False
    current: str | None = None
    route: str | None = None
    covers_below: bool = False


@dataclass(frozen=True)
class CodeBook:
    """Every code of a rulebook, by system and code."""

    codes: Mapping[tuple[str, str], Coded]
    systems: Mapping[str, str]

    def find(self, system: str | None, code: str) -> Coded | None:
        """Return what a code means in a system, or None if the lists do not have it.

        The system may be named as LOINC, as in FHIR or as in OMOP. Errors: no system, or one that
        is not known: UserError; a code is never looked up by itself.
        """
        if system is None or not system.strip():
            raise UserError(
                "a code with its system",
                Found(f"'{code}' without a system"),
                f"name the system: {self._suggest(code)}",
            )
        name, wanted = self.find_system(system), _normalise(code)
        exact = self.codes.get((name, wanted))
        return exact or next(
            (
                coded
                for length in range(len(wanted) - 1, 0, -1)
                if (coded := self.codes.get((name, wanted[:length]))) and coded.covers_below
            ),
            None,
        )

    def find_system(self, name: str) -> str:
        """Return the id of a system by any of its names."""
        found = self.systems.get(name.strip().casefold())
        if found is None:
            known = ", ".join(sorted(set(self.systems.values())))
            raise UserError(
                "a known code system",
                Found(f"'{name}'"),
                f"use one of {known}, or their names in FHIR and OMOP",
            )
        return found

    def codes_of(self, concept: str, system: str, about: About | None = None) -> tuple[str, ...]:
        """Return every code of a concept in a system, current and legacy, in order."""
        name = self.find_system(system)
        return tuple(
            sorted(
                coded.code
                for coded in self.codes.values()
                if coded.system == name
                and coded.concept == concept
                and about in (None, coded.about)
            )
        )

    def equivalents(self, system: str, code: str) -> tuple[str, ...]:
        """Return all codes of the same system that mean the same, the code itself among them.

        So a current code finds the legacy one and a legacy one the current. An unknown code has
        none.
        """
        found = self.find(system, code)
        if found is None:
            return ()
        same = self.codes_of(found.concept, found.system, found.about)
        return tuple(item for item in same if self.codes[found.system, item].route == found.route)

    def _suggest(self, code: str) -> str:
        meanings = [
            f"{coded.system} ({coded.about} {coded.concept})"
            for coded in self.codes.values()
            if coded.code == _normalise(code)
        ]
        return "; ".join(sorted(meanings)) or "the same code means other things elsewhere"


def _normalise(code: str) -> str:
    return code.strip().upper()


def make_code_book(rulebook: Rulebook) -> CodeBook:
    """Gather the codes of drugs, of the grading systems and of the code lists.

    Errors: one code of one system that means two things: ValueError, since that is a fault of the
    definitions.
    """
    systems = {
        name.casefold(): system.id
        for item in rulebook.of_kind(CodeSystems)
        for system in item.systems
        for name in (system.id, *system.aliases)
    }
    codes: dict[tuple[str, str], Coded] = {}
    for coded in (*_of_drugs(rulebook), *_of_gradings(rulebook), *_of_lists(rulebook)):
        if coded.system not in systems.values():
            raise ValueError(f"{coded.concept}: unknown code system {coded.system}")
        key = (coded.system, _normalise(coded.code))
        other = codes.setdefault(key, coded)
        if (other.about, other.concept) != (coded.about, coded.concept):
            raise ValueError(f"{key} means both {other.concept} and {coded.concept}")
    return CodeBook(MappingProxyType(codes), MappingProxyType(systems))


def _of_drugs(rulebook: Rulebook) -> Iterator[Coded]:
    for drug in drugs_of(rulebook).values():
        for code in drug.codes:
            yield Coded(
                code.system,
                code.code,
                "drug",
                drug.id,
                code.flag,
                is_legacy=code.replaced_by is not None,
                current=code.replaced_by,
                route=code.route,
            )


def _of_gradings(rulebook: Rulebook) -> Iterator[Coded]:
    for grading in rulebook.of_kind(GradingSystem):
        for term in grading.terms:
            if term.code is not None:
                yield Coded("MedDRA", term.code, "graded_term", term.term, grading.code_flag)


def _of_lists(rulebook: Rulebook) -> Iterator[Coded]:
    for item in rulebook.of_kind(CodeList):
        for concept in item.concepts:
            for code in concept.codes:
                yield Coded(
                    code.system,
                    code.code,
                    item.about,
                    concept.id,
                    code.flag,
                    covers_below=code.covers_below,
                )
