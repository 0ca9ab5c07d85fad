"""What is put beside the published series, and how they may be pooled where a study asks for it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.evidence import FoundBy, Outcome
from heliotrope.definitions.model import Definition, Frozen

BESIDE_THE_LITERATURE = "beside_the_literature"


class CohortFigure(FoundBy):
    """A figure of this cohort that stands beside the published ones: a row of the result table."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str = Field(min_length=3, description="what is counted, in words")
    lane: str = Field(min_length=3, max_length=32, description="the same, short, for the figure")


class ComparedOutcome(Frozen):
    """One outcome: its heading, what it is a share of, and this cohort's own figures for it."""

    id: Outcome
    title: str = Field(min_length=3)
    unit: Literal["children", "infusions"]
    remark: str = Field(min_length=5, description="what to keep in mind when comparing")
    cohort: tuple[CohortFigure, ...] = Field(min_length=1)


class Pooling(Frozen):
    """How shares are pooled: only where a study asks for it, one series a centre and outcome."""

    least_series: int = Field(ge=3, description="fewer are not pooled")
    added_to_zero_cells: float = Field(gt=0, lt=1, description="where all or none had the outcome")


class Literature(Definition):
    """The outcomes set beside the literature and the rules of pooling."""

    kind: Literal["literature"]
    outcomes: tuple[ComparedOutcome, ...] = Field(min_length=1)
    pooling: Pooling

    @model_validator(mode="after")
    def _each_outcome_once(self) -> Literature:
        names = [outcome.id for outcome in self.outcomes]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: an outcome stands there twice")
        return self
