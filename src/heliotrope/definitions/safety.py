"""Reactions to immunoglobulin: when one counts as one, and how it is graded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Flag, Frozen


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


class PublishedWindow(Frozen):
    """A window as one text gives it, kept beside the project's own so that a dispute stays visible.

    Without both times whole days decide: the window begins on the day its first hour can lie on
    and ends with the day of its last hour.
    """

    text: str = Field(min_length=3, description="as published")
    flag: Flag
    from_hours: float = Field(default=0, ge=0)
    to_hours: float = Field(gt=0)


class TermWindows(Frozen):
    """The windows of some terms, from the narrowest to the widest, and what texts say of them."""

    terms: tuple[str, ...] = ()
    windows: tuple[Window, ...] = Field(min_length=1)
    published: tuple[PublishedWindow, ...] = Field(
        default=(), description="more than one: an event in one and not in another is flagged"
    )


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
    grading: str = Field(description="id of the grading system: its version is data")
    baseline_days: int = Field(ge=0, description="how old a value before the infusion may be")

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

    def published_of(self, term: str) -> tuple[PublishedWindow, ...]:
        """Return the windows that texts give for a term; more than one is a dispute."""
        found = (entry.published for entry in self.by_term if term in entry.terms)
        return next(found, self.other.published)


class GradeStep(Frozen):
    """From this value on the grade is at least this one.

    The limit is a number (``threshold``) or a multiple (``times``) of the value's own upper limit
    of normal or of the value before the infusion.
    """

    grade: int = Field(ge=1, le=5)
    operator: Literal[">=", ">"]
    threshold: float | None = None
    times: float | None = Field(default=None, gt=0)
    of: Literal["upper_limit", "baseline"] | None = None
    is_adult_rule: bool = Field(default=False, description="published for adults, flagged")

    @model_validator(mode="after")
    def _has_one_limit(self) -> GradeStep:
        if (self.threshold is None) == (self.times is None) or (self.of is None) != (
            self.times is None
        ):
            raise ValueError("a step has a threshold, or a multiple of a limit or baseline")
        return self


class GradedMeasure(Frozen):
    """A measure that grades a term; the highest step reached counts.

    ``quantity``: the value itself, or its ``fall`` from the last value before the infusion.
    ``is_lower_bound``: the value shows at least this grade, so a higher recorded grade holds.
    """

    measure: str
    unit: str
    quantity: Literal["value", "fall"] = "value"
    takes_blank_unit: bool = False
    is_lower_bound: bool = False
    grade_below: int | None = Field(
        default=None, description="grade under the first step; null: not gradable"
    )
    steps: tuple[GradeStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _grades_do_not_fall(self) -> GradedMeasure:
        grades = [step.grade for step in self.steps]
        if grades != sorted(grades):
            raise ValueError(f"{self.measure}: steps rise from the lowest grade to the highest")
        return self


class Prolonged(Frozen):
    """A grade that rises when the reaction lasts."""

    from_grade: int
    longer_than_days: int
    grade: int


class GradedTerm(Frozen):
    """One term of the grading system, with its published wording.

    A grade without a wording is not published for the term. A ``disease_marker`` is never graded
    from a value: it shows the disease itself.
    """

    term: str
    published_term: str
    code: str | None = Field(default=None, description="MedDRA LLT code; null: not read")
    wording: dict[str, str] = Field(
        default={}, description="grade to published text; empty: not in the project's extract"
    )
    measures: tuple[GradedMeasure, ...] = Field(default=(), description="the first decisive wins")
    prolonged: Prolonged | None = None
    is_disease_marker: bool = False
    note: str | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> GradedTerm:
        if self.is_disease_marker and self.measures:
            raise ValueError(f"{self.term}: a marker of the disease is not graded from a value")
        if not set(self.wording) <= {"1", "2", "3", "4", "5"}:
            raise ValueError(f"{self.term}: grades are 1 to 5")
        return self

    @property
    def grades(self) -> tuple[int, ...]:
        """List the grades that are published for the term."""
        return tuple(sorted(int(grade) for grade in self.wording))


class Coding(Frozen):
    """A recorded term that the grading system files under another of its terms.

    ``only_with_infusion``: only an event within its window. ``min_grade``: only from this grade
    on; the first coding of a term that applies counts.
    """

    term: str
    coded_as: str
    only_with_infusion: bool = False
    min_grade: int | None = Field(default=None, ge=1, le=5)
    flag_word: str


class GradingSystem(Definition):
    """The published grades of adverse events; the edition is data, since editions follow."""

    system: str = Field(description="dictionary, e.g. CTCAE")
    edition: str
    code_flag: Flag = Field(description="how sure the MedDRA codes of its terms are")
    terms: tuple[GradedTerm, ...] = Field(min_length=1)
    codings: tuple[Coding, ...] = ()

    @model_validator(mode="after")
    def _codings_lead_to_terms(self) -> GradingSystem:
        terms = [term.term for term in self.terms]
        twice = sorted({term for term in terms if terms.count(term) > 1})
        if twice:
            raise ValueError(f"terms given twice: {', '.join(twice)}")
        lost = sorted({coding.coded_as for coding in self.codings} - set(terms))
        if lost:
            raise ValueError(f"codings lead to unknown terms: {', '.join(lost)}")
        return self
