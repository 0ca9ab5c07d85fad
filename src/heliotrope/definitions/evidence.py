"""Published series: what a study reported, as printed, to be shown beside a cohort."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

Topic = Literal["response", "steroid", "after_stopping", "harm", "conclusion"]


class FoundBy(Frozen):
    """Where a run answers the same question: a row of the long result table."""

    analysis: str
    variable: str
    group: str = "all"


class Statement(Frozen):
    """One statement of a publication: its words, and its counts where it gives them."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    topic: Topic
    text: str = Field(min_length=5, description="what the publication says")
    events: int | None = Field(default=None, ge=0, description="children or occasions, as printed")
    of: int | None = Field(default=None, ge=1, description="the denominator, as printed")
    found_by: tuple[FoundBy, ...] = Field(
        default=(), description="result rows that answer the same; several are added up"
    )
    remark: str | None = Field(default=None, description="why the two may differ")

    @model_validator(mode="after")
    def _events_within(self) -> Statement:
        if self.events is not None and self.of is not None and self.events > self.of:
            raise ValueError(f"{self.id}: {self.events} of {self.of}")
        return self


class Evidence(Definition):
    """A published series, for comparison only: nothing is computed from it."""

    kind: Literal["evidence"]
    year: int = Field(ge=1900)
    children: int = Field(ge=1)
    design: str
    not_reported: tuple[str, ...] = Field(
        default=(), description="what the publication does not give, so that no rate is made of it"
    )
    statements: tuple[Statement, ...] = Field(min_length=1)
