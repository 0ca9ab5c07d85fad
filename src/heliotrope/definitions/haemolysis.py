"""The case definition of haemolysis after immunoglobulin: which signs, and how many of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen


class HaemolysisSign(Frozen):
    """One laboratory sign: above or below the value's own limit of normal, or present at all.

    ``event_terms``: an event so called in the same days shows the sign too; that there is none
    says nothing.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    measure: str
    shown_by: Literal["above_upper_limit", "below_lower_limit", "present"]
    present_from: float | None = Field(default=None, description="lowest value that is present")
    event_terms: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_what_is_present(self) -> HaemolysisSign:
        if (self.shown_by == "present") != (self.present_from is not None):
            raise ValueError(f"{self.id}: present_from belongs to a sign that is present or not")
        return self

    @property
    def operator(self) -> Literal["<", ">", ">="]:
        """How a value is compared."""
        operators: dict[str, Literal["<", ">", ">="]] = {
            "above_upper_limit": ">",
            "below_lower_limit": "<",
            "present": ">=",
        }
        return operators[self.shown_by]


class HaemoglobinFall(Frozen):
    """A fall from the last value before the infusion to the lowest after it."""

    measure: str
    at_least: float = Field(gt=0)
    unit: str


class HaemolysisCase(Definition):
    """A fall of haemoglobin, a positive antiglobulin test and enough other signs."""

    kind: Literal["haemolysis_case"]
    within_days: int = Field(ge=1, description="after the last infusion day of the course")
    baseline_days: int = Field(ge=0, description="how old the value before may be; D0 is before")
    fall: HaemoglobinFall
    antiglobulin: HaemolysisSign
    signs: tuple[HaemolysisSign, ...] = Field(min_length=1)
    min_signs: int = Field(ge=1)
    event_kinds: tuple[str, ...]
    recorded_term: str = Field(description="what a recorded haemolysis is called")
    not_asked_by: tuple[str, ...] = Field(
        default=(), description="signs so common in the disease that alone they raise no question"
    )

    @model_validator(mode="after")
    def _is_possible(self) -> HaemolysisCase:
        names = [sign.id for sign in (self.antiglobulin, *self.signs)]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: each sign has a name of its own")
        if self.min_signs > len(self.signs):
            raise ValueError(f"{self.id}: {self.min_signs} of {len(self.signs)} can never be met")
        if not set(self.not_asked_by) <= set(names):
            raise ValueError(f"{self.id}: not_asked_by names a sign")
        return self
