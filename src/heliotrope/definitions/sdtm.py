"""What the terms of SDTM mean here: how often, in which form, by which route, about what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Flag, Frozen

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

Role = Literal[
    "patient",
    "findings",
    "exposure",
    "exposure_as_collected",
    "medication",
    "procedure",
    "history",
    "adverse_event",
    "clinical_event",
    "hospital_stay",
    "disposition",
]


class SdtmDomain(Frozen):
    """One domain that is read, and what for."""

    id: str = Field(pattern=r"^[A-Z0-9]{2}$")
    title: str
    role: Role
    test_codes: str | None = Field(default=None, description="the system of its test codes")


class SdtmFrequency(Frozen):
    """How often a dose is given: ``doses`` in every ``days``; an NCI code where it has one."""

    terms: tuple[str, ...] = Field(min_length=1)
    doses: float | None = Field(default=None, gt=0)
    days: float | None = Field(default=None, gt=0)
    is_once: bool = False
    is_as_needed: bool = False
    nci_code: str | None = None
    flag: Flag

    @model_validator(mode="after")
    def _says_one_thing(self) -> SdtmFrequency:
        if [self.doses is not None, self.is_once, self.is_as_needed].count(True) != 1:
            raise ValueError(f"{self.terms[0]}: doses in days, once, or as needed")
        if (self.doses is None) != (self.days is None):
            raise ValueError(f"{self.terms[0]}: doses and days belong together")
        return self


class SdtmTerm(Frozen):
    """Terms of SDTM and the word of ours that they mean."""

    means: str
    terms: tuple[str, ...] = Field(min_length=1)
    flag: Flag


class SdtmSpecimen(Frozen):
    """A specimen that is not blood, and the only measures that are read from it."""

    terms: tuple[str, ...]
    measures: tuple[str, ...] = ()
    flag: Flag


class SdtmTerms(Definition):
    """Every term of SDTM that is read, and what it means."""

    kind: Literal["sdtm_terms"]
    domains: tuple[SdtmDomain, ...] = Field(min_length=1)
    frequencies: tuple[SdtmFrequency, ...]
    routes: tuple[SdtmTerm, ...]
    forms: tuple[SdtmTerm, ...] = Field(description="pharmaceutical form = the route it implies")
    specimens: tuple[SdtmSpecimen, ...]
    history_dates: tuple[SdtmTerm, ...] = Field(description="what a date of history is of")
    event_kinds: tuple[SdtmTerm, ...] = Field(description="category of a clinical event")
    disposition_reasons: tuple[SdtmTerm, ...]
    diagnosis_words: tuple[str, ...]
    history_codes: tuple[SdtmTerm, ...] = Field(
        default=(), description="system of codes = the variables of MH that hold one"
    )
    family_categories: tuple[str, ...] = Field(
        default=(), description="categories of history that are of relatives"
    )
    indication_categories: tuple[str, ...]
    disposition_categories: tuple[str, ...]
    treatment_categories: tuple[str, ...]
    questionnaires: tuple[str, ...] = Field(description="measures written as QS, not RS")
    not_done: tuple[str, ...]
    ongoing: tuple[str, ...]
    supplements: tuple[SdtmTerm, ...] = Field(description="our word = names of qualifiers")

    def term_table(self, part: str) -> dict[str, str]:
        """Return the meaning of each term of a part, terms in capital letters."""
        return {term.upper(): item.means for item in getattr(self, part) for term in item.terms}

    def find_domain(self, id: str) -> SdtmDomain | None:
        """Return a domain that is read, or None."""
        return next((item for item in self.domains if item.id == id), None)


def sdtm_terms_of(rulebook: Rulebook) -> SdtmTerms:
    """Return the terms of SDTM; a study's own file replaces the shipped one."""
    found = sorted(rulebook.of_kind(SdtmTerms), key=lambda item: (item.is_local, item.id))
    return found[-1]
