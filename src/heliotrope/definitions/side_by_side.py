"""Which definitions a report sets side by side, to show how much the choice among them matters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

DEFINITIONS_SIDE_BY_SIDE = "definitions_side_by_side"


class Reading(Frozen):
    """One answer a child: a definition, and when it is read.

    ``when``: ``confirmed`` or ``confirmed_or_not`` (of the response alone: improved on the regimen,
    as the headline counts), ``ever`` (met at some visit after the first infusion) or ``week`` (at
    the visit nearest to ``week``, within the tolerance of the landmarks).
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    definition: str
    title: str = Field(min_length=3, description="as the report's table prints it")
    lane: str = Field(min_length=3, max_length=34, description="the same, short, for the figure")
    when: Literal["confirmed", "confirmed_or_not", "ever", "week"]
    week: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _has_its_week(self) -> Reading:
        if (self.when == "week") != (self.week is not None):
            raise ValueError(f"{self.id}: give a week, and only, to a reading at a week")
        return self


class Question(Frozen):
    """A question, and the readings that answer it; the first one is what others are held against.

    ``visits``: two definitions or more that are compared visit by visit, too.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=3)
    remark: str = Field(min_length=5, description="what to keep in mind")
    readings: tuple[Reading, ...] = Field(min_length=2)
    visits: tuple[str, ...] = ()


class SideBySide(Definition):
    """The questions of the report's section on how much the definition matters."""

    kind: Literal["side_by_side"]
    fewest_judged: int = Field(
        ge=1, description="a share of fewer children does not enter the range said in words"
    )
    questions: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_once(self) -> SideBySide:
        names = [reading.id for question in self.questions for reading in question.readings]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: every reading has a name of its own")
        return self

    @property
    def compared(self) -> tuple[str, ...]:
        """Every definition that is read, each once."""
        names = [
            name
            for question in self.questions
            for name in (*(reading.definition for reading in question.readings), *question.visits)
        ]
        return tuple(dict.fromkeys(names))
