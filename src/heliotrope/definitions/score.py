"""Total improvement scores: how much each core set measure improved, graded in points and added."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Flag, Frozen
from heliotrope.definitions.settings import MeasureSetting, Settings

Population = Literal["jdm", "adult"]

CoreSet = Literal["imacs", "printo"]

Choice = Literal["first_recorded", "most_abnormal_at_baseline"]


class Scale(NamedTuple):
    """What a change of a measure is divided by, and the value it can reach at best.

    ``denominator`` is None where the scale is not known; ``upper_limits`` is then either None too
    or the number of upper limits of normal that make the denominator (muscle enzymes).
    """

    denominator: float | None
    upper_limits: float | None
    best: float | None
    refused: str | None


class Variant(Frozen):
    """A published variant of an instrument with another maximum, used when a study declares it."""

    denominator: float = Field(gt=0)
    wording: str = Field(min_length=5)
    flag: Flag


class Candidate(Frozen):
    """One measure that may stand for a component.

    Exactly one of ``denominator`` (units of the measure) and ``denominator_upper_limits``
    (multiples of the laboratory's upper limit of normal) is given; with neither, the study has to
    declare the range, and until it does the component is refused.
    """

    measure: str
    better: Literal["low", "high"]
    denominator: float | None = Field(default=None, gt=0)
    denominator_upper_limits: float | None = Field(default=None, gt=0)
    variants: tuple[Variant, ...] = ()
    flag: Flag
    mark: str | None = Field(default=None, description="flag of a score that rests on this one")

    @model_validator(mode="after")
    def _one_denominator(self) -> Candidate:
        if self.denominator is not None and self.denominator_upper_limits is not None:
            raise ValueError(f"{self.measure}: give one denominator, in units or in upper limits")
        return self

    def scale(self, declared: MeasureSetting | None) -> Scale:
        """Settle the denominator, given what the study declares of the measure.

        Edge cases: a declared range that is neither the published one nor a published variant is
        refused (``range_not_published``); no published range and none declared is refused
        (``range_undeclared``).
        """
        if self.denominator_upper_limits is not None:
            return Scale(None, self.denominator_upper_limits, 0.0, None)
        if declared is None:
            if self.denominator is None:
                return Scale(None, None, None, "range_undeclared")
            return Scale(self.denominator, None, self._best(0.0, self.denominator), None)
        span = declared.max - declared.min
        published = {self.denominator, *(variant.denominator for variant in self.variants)}
        if self.denominator is not None and span not in published:
            return Scale(None, None, None, "range_not_published")
        return Scale(span, None, self._best(declared.min, declared.max), None)

    def _best(self, low: float, high: float) -> float:
        return low if self.better == "low" else high


class Component(Frozen):
    """One of the six parts of the score: bands of absolute percent change, open below.

    ``edges`` [5, 15, 25, 40] and ``points`` [0, 7.5, 15, 17.5, 20] read: at most 5 % gives 0,
    above 5 % and at most 15 % gives 7.5, and so on. Any worsening gives the first points.
    ``choice`` says which candidate counts: the first that was recorded at the visit and at
    baseline, or the one that was most abnormal at baseline.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=3)
    edges: tuple[float, ...] = Field(min_length=1)
    points: tuple[float, ...] = Field(min_length=2)
    required: bool = False
    choice: Choice = "first_recorded"
    floor_mark: str | None = Field(default=None, description="flag: normal already at baseline")
    candidates: tuple[Candidate, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_banded(self) -> Component:
        if len(self.points) != len(self.edges) + 1:
            raise ValueError(f"{self.id}: one more points than edges is needed")
        return self

    @property
    def maximum(self) -> float:
        """The most points the component can give."""
        return max(self.points)


class Category(Frozen):
    """A named degree of improvement, reached at a number of points."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    at_least: float


class ScoreDefinition(Definition):
    """A total improvement score: components, their bands, and the categories of the sum."""

    kind: Literal["score"]
    population: Population = Field(description="whose thresholds these are")
    core_set: CoreSet
    maximum: float = Field(gt=0)
    components: tuple[Component, ...] = Field(min_length=1)
    lowest_category: str = "none"
    categories: tuple[Category, ...] = Field(min_length=1)

    @property
    def measures(self) -> tuple[str, ...]:
        """Every measure the score may rest on, in the order of the definition."""
        return tuple(
            candidate.measure for component in self.components for candidate in component.candidates
        )

    @property
    def threshold(self) -> float:
        """The points from which the lowest degree of improvement is reached."""
        return min(category.at_least for category in self.categories)

    def scales(self, settings: Settings) -> dict[str, Scale]:
        """Settle the scale of every measure under a study's settings."""
        return {
            candidate.measure: candidate.scale(settings.measures.get(candidate.measure))
            for component in self.components
            for candidate in component.candidates
        }
