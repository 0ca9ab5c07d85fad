"""What each measure is: its unit, its range, which end is better, what it is called elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen, Source

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

Better = Literal["low", "high"]

Domain = Literal[
    "global",
    "strength",
    "muscle",
    "function",
    "quality_of_life",
    "enzyme",
    "extramuscular",
    "skin",
    "swallowing",
    "composite",
    "damage",
    "judgement",
    "growth",
    "temperature",
    "urine_protein",
    "blood",
    "item",
]


class ImportantChange(Frozen):
    """A change that matters to a child, as published for the measure.

    ``up_to``: the other end where a span was published. ``direction``: where improving and
    worsening differ. ``wording``: whom it was found in, and against what.
    """

    amount: float = Field(gt=0)
    up_to: float | None = None
    is_percent: bool = Field(default=False, description="relative to baseline, not in units")
    direction: Literal["improvement", "worsening"] | None = None
    wording: str | None = None
    source: Source


class OtherScale(Frozen):
    """Another published scale of the same instrument; it holds only where a study declares it."""

    minimum: float = 0.0
    maximum: float = Field(gt=0)
    wording: str = Field(min_length=5)
    source: Source


class AgeCaution(Frozen):
    """An age under which a healthy child may not reach the best value; flagged, never changed."""

    under_age_years: int = Field(gt=0)
    word: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    wording: str = Field(min_length=10)
    source: Source


class MolarMass(Frozen):
    """Grams per mole, where a measure is also reported in moles."""

    grams_per_mole: float = Field(gt=0)
    source: Source


class Plausible(Frozen):
    """The range outside which a value is asked about (a warning), not refused."""

    low: float | None = None
    high: float | None = None


class Measure(Frozen):
    """One measure: a clinical score, a laboratory value, a weight, a judgement.

    ``minimum`` and ``maximum`` are the ends of the scale: a value beyond them cannot be the
    measure and is refused. ``plausible`` is narrower and only asks. A measure whose scale the
    study must declare (``declared_by_study``) has no range until then.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=2)
    domain: Domain
    value_type: Literal["number", "judgement"] = "number"
    unit: str = Field(description="canonical unit; 'none' for a score without one")
    units: tuple[str, ...] = Field(default=(), description="other units that are accepted")
    better: Better | None = Field(description="which end is better; None for neither")
    minimum: float | None = None
    maximum: float | None = None
    zero_is_possible: bool = True
    plausible: Plausible = Plausible()
    important_change: ImportantChange | None = None
    other_changes: tuple[ImportantChange, ...] = Field(
        default=(), description="further published changes, and those that disagree"
    )
    other_scales: tuple[OtherScale, ...] = ()
    cautions: tuple[AgeCaution, ...] = ()
    several_on_a_date: Literal["last", "worst"] = Field(
        default="last", description="which of several values of one date counts"
    )
    molar_mass: MolarMass | None = None
    words: tuple[str, ...] = Field(default=(), description="canonical words of a judgement")
    value_words: str | None = Field(
        default=None, description="vocabulary of words that stand for numbers, e.g. 1+ for 1"
    )
    synonyms: tuple[str, ...] = Field(default=(), description="names used elsewhere")
    declared_by_study: bool = False
    is_declared: bool = Field(default=True, description="false: the study must declare the scale")
    note: str | None = None
    sources: tuple[Source, ...] = Field(min_length=1)

    @property
    def is_enzyme(self) -> bool:
        """Say whether this is one of the muscle enzymes."""
        return self.domain == "enzyme"

    @property
    def is_judgement(self) -> bool:
        """Say whether the measure is a judgement in words instead of a number."""
        return self.value_type == "judgement"

    @model_validator(mode="before")
    @classmethod
    def _better_none(cls, content: object) -> object:
        """Read ``better = "none"``, since TOML has no null."""
        if isinstance(content, dict) and content.get("better") == "none":
            return {**content, "better": None}
        return content

    @model_validator(mode="after")
    def _is_consistent(self) -> Measure:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(f"{self.id}: the minimum is not below the maximum")
        if self.is_judgement != bool(self.words):
            raise ValueError(f"{self.id}: a judgement, and only a judgement, lists its words")
        return self


class MeasureSet(Definition):
    """The measures of one domain, in one file."""

    kind: Literal["measures"]
    measures: tuple[Measure, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _verified_needs_verified_measures(self) -> MeasureSet:
        if self.verified and any(s.flag != "V" for m in self.measures for s in m.sources):
            raise ValueError(f"{self.id}: verified = true, but a measure's source is not V")
        return self


def measures_of(rulebook: Rulebook) -> dict[str, Measure]:
    """Return every measure by its canonical name, with the study's own scales filled in.

    A study's own definition file replaces a shipped measure of the same name; ``[measures.adl]``
    in study.toml gives a scale its range and direction. A measure that waits for such a
    declaration is returned with ``is_declared`` false.
    """
    sets = sorted(rulebook.of_kind(MeasureSet), key=lambda item: (item.is_local, item.id))
    measures = {measure.id: measure for item in sets for measure in item.measures}
    for name, setting in rulebook.settings.measures.items():
        if name in measures:
            measures[name] = measures[name].model_copy(
                update={
                    "minimum": setting.min,
                    "maximum": setting.max,
                    "better": setting.direction,
                    "is_declared": True,
                }
            )
    undeclared = {
        name: measure.model_copy(update={"is_declared": False})
        for name, measure in measures.items()
        if measure.declared_by_study and name not in rulebook.settings.measures
    }
    return dict(sorted((measures | undeclared).items()))
