"""Who of a source that holds everyone belongs to the study: the criteria of entry, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen
from heliotrope.errors import Found, UserError

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

# The word for a cohort without criteria: every person of the source.
EVERYONE = "everyone"


class _Step(Frozen):
    """One criterion; ``words`` is what the flow chart says of those who are left."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    words: str = Field(min_length=5)


class Diagnosed(_Step):
    """A diagnosis of these concepts, or of what the code lists place below them.

    ``undated``: concepts whose codes name no age (dermatomyositis alone), taken as they stand,
    without what is below them; the next step then decides by the age.
    """

    test: Literal["diagnosed"]
    concepts: tuple[str, ...] = Field(min_length=1)
    undated: tuple[str, ...] = ()
    but_not: tuple[str, ...] = Field(default=(), description="concepts below that do not count")


class AgeAtDiagnosis(_Step):
    """The whole years at the first diagnosis counted before.

    An age that is not known leaves a person in only where a code of childhood was recorded.
    """

    test: Literal["age_at_diagnosis"]
    under_years: int | None = Field(default=None, ge=1)
    at_least_years: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _has_one_limit(self) -> AgeAtDiagnosis:
        if (self.under_years is None) == (self.at_least_years is None):
            raise ValueError("give under_years or at_least_years, one of the two")
        return self


class NotDiagnosed(_Step):
    """No diagnosis of these concepts at any time."""

    test: Literal["not_diagnosed"]
    concepts: tuple[str, ...] = Field(min_length=1)


class ImmunoglobulinGiven(_Step):
    """At least one immunoglobulin recorded as given into a vein, or by no recorded route."""

    test: Literal["immunoglobulin_given"]


class NotReplacement(_Step):
    """Not all of it given at doses of replacement: at least one regimen is not of replacement.

    The limit and the share of courses are those of the regimens (``ivig_exposure``), a dose in
    grams is divided by the weight in force. Where no dose by weight is known nobody is left out
    here, and a finding says of how many: the regimen is judged later.
    """

    test: Literal["not_replacement"]


Step = Annotated[
    Diagnosed | AgeAtDiagnosis | NotDiagnosed | ImmunoglobulinGiven | NotReplacement,
    Field(discriminator="test"),
]


class CohortEntry(Definition):
    """The criteria by which a cohort is selected, each applied to those the one before left.

    ``default_for``: the population of a study that takes this cohort where it names none.
    """

    kind: Literal["cohort_entry"]
    default_for: Literal["jdm", "adult"] | None = None
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _steps_stand_in_order(self) -> CohortEntry:
        names = [step.id for step in self.steps]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: each step once")
        tests = [step.test for step in self.steps]
        if (
            "age_at_diagnosis" in tests
            and "diagnosed" not in tests[: tests.index("age_at_diagnosis")]
        ):
            raise ValueError(f"{self.id}: an age at diagnosis needs a diagnosis before it")
        return self

    @property
    def needs_immunoglobulin(self) -> bool:
        """Say whether a person without immunoglobulin is left out."""
        return any(step.test == "immunoglobulin_given" for step in self.steps)


def find_cohort_entry(name: str | None, rulebook: Rulebook) -> CohortEntry | None:
    """Find the criteria of a cohort by its name; None for everyone.

    Without a name: the one that is the default for the study's population. Errors: an unknown
    name: UserError.
    """
    entries = {item.id: item for item in rulebook.of_kind(CohortEntry)}
    if name == EVERYONE:
        return None
    if name is None:
        population = rulebook.settings.population
        return next(item for item in entries.values() if item.default_for == population)
    if name not in entries:
        raise UserError(
            f"cohort = one of {', '.join([*entries, EVERYONE])}",
            Found(f"cohort = {name!r}", "study.toml"),
            "name one of them, or define your own in the study's folder of definitions",
        )
    return entries[name]
