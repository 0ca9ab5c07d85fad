"""How a mapping is proposed for files of unknown columns: names to know, and when to doubt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heliotrope.definitions.model import Definition, Frozen


class ColumnNames(Frozen):
    """What others call one of our columns; ``tables``: where it belongs, empty for everywhere."""

    column: str
    tables: tuple[str, ...] = ()
    names: tuple[str, ...] = Field(min_length=1)


class OpenName(Frozen):
    """A name that several measures go by: it is never taken for one of them without being asked."""

    names: tuple[str, ...] = Field(min_length=1)
    measures: tuple[str, ...] = Field(min_length=2)
    wording: str = Field(min_length=10)


class Doubt(Frozen):
    """From when on a proposal is written as certain; all are decisions of this project.

    values_certain: share of a column's values that must fit for no doubt. values_possible: share
    below which the column is not proposed at all. unit_in_use: a unit in which even the largest
    value reaches a smaller share of the scale is not considered. most_codes: with more different
    values a column is no list of codes.
    digits_of_identifier: whole numbers so long may be a person's number and are never shown.
    """

    values_certain: float = Field(gt=0, le=1)
    values_possible: float = Field(gt=0, le=1)
    unit_in_use: float = Field(gt=0, lt=1)
    most_codes: int = Field(ge=2)
    digits_of_identifier: int = Field(ge=2)
    most_shown: int = Field(ge=1)
    longest_shown: int = Field(ge=5)


class MappingWords(Definition):
    """The names and thresholds of the mapping assistant."""

    kind: Literal["mapping_words"]
    columns: tuple[ColumnNames, ...] = Field(min_length=1)
    identifying: tuple[str, ...] = Field(
        description="words of a name, address or number of persons"
    )
    structural: tuple[str, ...] = Field(
        description="columns that say where a row stands, no finding"
    )
    filler: tuple[str, ...] = Field(description="words in a column's name that say nothing")
    upper_limit: tuple[str, ...]
    lower_limit: tuple[str, ...]
    date_words: tuple[str, ...]
    infusion: tuple[str, ...] = Field(description="words of a file or column about infusions")
    adverse_event: tuple[str, ...] = Field(description="words of a file or column about harm")
    open_names: tuple[OpenName, ...] = ()
    doubt: Doubt
