"""The OMOP common data model: its tables that are read, and the standard concepts known by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Flag, Frozen

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook


class OmopTable(Frozen):
    """One table of the model that is read.

    columns: all of them in the order of version 5.4, which a file without a header follows.
    added: those of them that version 5.3 does not have. needed: those without which the table
    cannot be read. key: what numbers its rows. is_vocabulary: it holds no person's rows.
    """

    name: str
    columns: tuple[str, ...] = Field(min_length=2)
    added: tuple[str, ...] = ()
    needed: tuple[str, ...] = Field(min_length=1)
    key: str | None = None
    is_required: bool = False
    is_vocabulary: bool = False

    @model_validator(mode="after")
    def _names_its_own_columns(self) -> OmopTable:
        stray = {*self.added, *self.needed, *([self.key] if self.key else [])} - {*self.columns}
        if stray:
            raise ValueError(f"{self.name}: no column {', '.join(sorted(stray))}")
        return self


class OmopModel(Definition):
    """The tables and columns of the versions that are read."""

    kind: Literal["omop_cdm"]
    versions: tuple[str, ...] = Field(min_length=1)
    tables: tuple[OmopTable, ...] = Field(min_length=1)


class OmopConcept(Frozen):
    """A standard concept by its id, and the code of ours that it stands for."""

    concept_id: int
    system: str
    code: str
    flag: Flag


class OmopWord(Frozen):
    """A concept by its id and the word it means to us: a unit, a route, a sex."""

    concept_id: int
    word: str
    flag: Flag


class SigWord(Frozen):
    """A pattern in the text of a prescription: times a day, or every how many days."""

    pattern: str
    times_a_day: float | None = None
    every_n_days: int | None = None


class OmopConcepts(Definition):
    """What stands in for the vocabulary where a delivery comes without it, and words of doses.

    concepts: by id, what our code lists know by code. local_prefixes: how a source value without a
    standard concept names what it holds.
    """

    kind: Literal["omop_concepts"]
    concepts: tuple[OmopConcept, ...]
    units: tuple[OmopWord, ...]
    routes: tuple[OmopWord, ...]
    sexes: tuple[OmopWord, ...]
    operators: tuple[OmopWord, ...]
    local_from: int = Field(description="concept ids from here on belong to a site")
    sig: tuple[SigWord, ...]
    as_needed: tuple[str, ...] = Field(description="words of a sig that leave the dose unknown")
    counted: tuple[str, ...] = Field(description="words of a sig for what is counted: tablets")
    premedication: str = Field(description="word of an infusion's sig that names what came before")


def omop_model_of(rulebook: Rulebook) -> OmopModel:
    """Return the tables of the common data model."""
    (model,) = rulebook.of_kind(OmopModel)
    return model


def omop_concepts_of(rulebook: Rulebook) -> OmopConcepts:
    """Return the standard concepts known by id."""
    (concepts,) = rulebook.of_kind(OmopConcepts)
    return concepts
