"""A reporting checklist: what a publication should say, and what a run can answer of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

FOUND = "{found}"


class ChecklistAnswer(Frozen):
    """One sentence of a run, and where it stands: a section of the report, else its result row.

    Read from a result row (``analysis``, ``variable``, ``statistic``, ``group``), from the
    manifest (``manifest``: the keys one under the other; of a list or a table, how many entries),
    or from nothing but the program itself, which always does what the sentence says. ``{found}``
    stands for what was read; a sentence without it holds where the row was estimated.
    """

    says: str = Field(min_length=5)
    section: str | None = Field(default=None, description="anchor of the report's section")
    analysis: str | None = None
    variable: str | None = None
    statistic: str | None = None
    group: str = "all"
    manifest: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_read_from_one_place(self) -> ChecklistAnswer:
        row = (self.analysis, self.variable, self.statistic)
        if any(row) and not all(row):
            raise ValueError("a result row is named by analysis, variable and statistic")
        if any(row) and self.manifest:
            raise ValueError("read an answer from a result row or from the manifest, not both")
        if FOUND in self.says and not (any(row) or self.manifest):
            raise ValueError("{found} needs a result row or a manifest entry")
        if self.section is None and not any(row):
            raise ValueError("give the section of the report, or the result row, it stands in")
        if self.manifest and FOUND not in self.says:
            raise ValueError("a manifest entry is printed: write {found}")
        return self


class ChecklistItem(Frozen):
    """An item in our own words; ``for_author`` is what a run cannot know of it."""

    number: str = Field(min_length=1)
    topic: str = Field(min_length=3)
    asks: str = Field(min_length=10)
    answers: tuple[ChecklistAnswer, ...] = ()
    for_author: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ChecklistItem:
        if not self.answers and not self.for_author:
            raise ValueError(f"item {self.number}: give an answer, or say what the author adds")
        return self


class Checklist(Definition):
    """The items of a checklist, in its order."""

    kind: Literal["checklist"]
    short_name: str = Field(min_length=3)
    applies: str = Field(min_length=10, description="to which publications")
    items: tuple[ChecklistItem, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _numbers_once(self) -> Checklist:
        numbers = [item.number for item in self.items]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{self.id}: every item has a number of its own")
        return self
