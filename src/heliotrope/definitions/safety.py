"""Reactions to immunoglobulin: when one counts as one, and how it is graded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen


class Window(Frozen):
    """A time after the start of an infusion, its end counted; whole days where no time is known.

    A window in hours alone asks for both times; a window in days alone never looks at them.
    """

    label: str = Field(pattern=r"^[a-z0-9_]+$")
    hours: float | None = Field(default=None, gt=0)
    days: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Window:
        if self.hours is None and self.days is None:
            raise ValueError(f"window {self.label}: hours, days or both")
        return self


class TermWindows(Frozen):
    """The windows of some terms, from the narrowest to the widest."""

    terms: tuple[str, ...] = ()
    windows: tuple[Window, ...] = Field(min_length=1)


class TransientRule(Frozen):
    """A reaction is transient if it is gone in time."""

    terms: tuple[str, ...]
    within_days: int = Field(ge=1, description="or by the next course of the regimen, if later")
    measures: tuple[str, ...] = Field(description="never mixed: each is judged on its own")
    dipstick: str
    dipstick_negative_at_most: float


class ReactionWindows(Definition):
    """Which adverse events are attached to an infusion, and which of them are one occasion."""

    event_kind: str
    unspecified_term: str
    outside_label: str
    group_days: int = Field(ge=0, description="onsets of one occasion lie this near the first")
    by_term: tuple[TermWindows, ...]
    other: TermWindows
    transient: TransientRule
    flagged_terms: tuple[str, ...] = Field(default=(), description="without a CTCAE term")

    @model_validator(mode="after")
    def _each_term_once(self) -> ReactionWindows:
        terms = [term for entry in self.by_term for term in entry.terms]
        twice = sorted({term for term in terms if terms.count(term) > 1})
        if twice:
            raise ValueError(f"windows given twice for {', '.join(twice)}")
        return self

    def windows_of(self, term: str) -> tuple[Window, ...]:
        """Return the windows of a term, from the narrowest to the widest."""
        found = (entry.windows for entry in self.by_term if term in entry.terms)
        return next(found, self.other.windows)


class GradeStep(Frozen):
    """From this value on the grade is at least this one."""

    grade: int = Field(ge=1, le=5)
    operator: Literal[">=", ">"]
    threshold: float | None = Field(default=None, description="null: the upper limit of normal")
    is_adult_rule: bool = Field(default=False, description="published for adults, flagged")


class GradedMeasure(Frozen):
    """A measure that grades a term; the highest step reached counts."""

    measure: str
    unit: str
    takes_blank_unit: bool = False
    grade_below: int | None = Field(
        default=None, description="grade under the first step; null: not gradable"
    )
    steps: tuple[GradeStep, ...] = Field(min_length=1)


class Prolonged(Frozen):
    """A grade that rises when the reaction lasts."""

    from_grade: int
    longer_than_days: int
    grade: int


class GradedTerm(Frozen):
    """One term of the grading system, with its published wording."""

    term: str
    published_term: str
    code: str
    wording: dict[str, str] = Field(description="grade to published text")
    measures: tuple[GradedMeasure, ...] = Field(default=(), description="the first decisive wins")
    prolonged: Prolonged | None = None


class GradingSystem(Definition):
    """The published grades of adverse events."""

    edition: str
    terms: tuple[GradedTerm, ...] = Field(min_length=1)
