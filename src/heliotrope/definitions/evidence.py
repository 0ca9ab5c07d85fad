"""Published series: what a study reported, as printed, to be shown beside a cohort."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

Topic = Literal["design", "response", "steroid", "after_stopping", "harm", "conclusion"]

Population = Literal["children", "adults", "mixed"]

Outcome = Literal[
    "responded", "steroid_reduced", "worse_after_stopping", "reactions", "children_with_reaction"
]


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


class ComparedCount(Frozen):
    """The same outcome, counted the same way, in those who were not given IVIG."""

    wording: str = Field(min_length=3, description="what they were given, as in 'with placebo'")
    events: int = Field(ge=0)
    of: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_a_share(self) -> ComparedCount:
        if self.events > self.of:
            raise ValueError(f"{self.wording}: {self.events} of {self.of}")
        return self


class PublishedCount(Frozen):
    """One outcome of a series as a count, ready to stand beside a cohort.

    ``events`` without ``of``: the publication gives no denominator, so no share is made of it.
    ``printed_low`` and ``printed_high``: the interval as printed, in per cent, where it gives one;
    what is drawn is always our own exact interval. ``compared_with``: of a controlled trial.
    """

    outcome: Outcome
    meaning: str = Field(min_length=3, description="what the publication counted")
    events: int = Field(ge=0, description="children, or infusions for reactions")
    of: int | None = Field(default=None, ge=1, description="the denominator, where it is given")
    printed_low: float | None = Field(default=None, ge=0, le=100, description="per cent")
    printed_high: float | None = Field(default=None, ge=0, le=100, description="per cent")
    compared_with: ComparedCount | None = None
    remark: str | None = Field(default=None, description="what to keep in mind beside the figure")

    @model_validator(mode="after")
    def _is_a_share(self) -> PublishedCount:
        if self.of is not None and self.events > self.of:
            raise ValueError(f"{self.outcome}: {self.events} of {self.of}")
        if self.of is None and self.compared_with is not None:
            raise ValueError(f"{self.outcome}: compared, but without a denominator of its own")
        if (self.printed_low is None) != (self.printed_high is None):
            raise ValueError(f"{self.outcome}: a printed interval has two ends")
        return self


class Evidence(Definition):
    """A published series, for comparison only: no child is classified by it.

    ``population``: whom it is about; adults are never shown or pooled with children. ``centre``:
    where it was done, null where we have not read it. ``overlaps``: other series that may hold the
    same children. ``counted_from``: the day its time runs from.
    """

    kind: Literal["evidence"]
    short_name: str = Field(min_length=3, max_length=32, description="as in a figure")
    year: int | None = Field(default=None, ge=1900, description="of publication, where noted")
    years: str | None = Field(default=None, description="when the children were treated, if given")
    population: Population
    condition: str = Field(default="juvenile dermatomyositis", min_length=3)
    children: int | None = Field(default=None, ge=1)
    adults: int | None = Field(default=None, ge=1)
    design: str
    centre: str | None = None
    counted_from: Literal["first_infusion", "diagnosis", "not_applicable"] = "first_infusion"
    overlaps: tuple[str, ...] = Field(default=(), description="ids of series of the same children")
    not_reported: tuple[str, ...] = Field(
        default=(), description="what the publication does not give, so that no rate is made of it"
    )
    statements: tuple[Statement, ...] = Field(min_length=1)
    counts: tuple[PublishedCount, ...] = Field(default=(), description="at most one an outcome")

    @model_validator(mode="after")
    def _counts_are_sound(self) -> Evidence:
        outcomes = [count.outcome for count in self.counts]
        if len(set(outcomes)) < len(outcomes):
            raise ValueError(f"{self.id}: two counts of one outcome")
        if self.population != "adults" and self.children is None:
            raise ValueError(f"{self.id}: the number of children is missing")
        if self.population != "children" and self.adults is None:
            raise ValueError(f"{self.id}: the number of adults is missing")
        if self.id in self.overlaps:
            raise ValueError(f"{self.id}: overlaps itself")
        return self

    def count(self, outcome: Outcome) -> PublishedCount | None:
        """Return the count of one outcome; None where the publication gives none."""
        return next((count for count in self.counts if count.outcome == outcome), None)
