"""The words records may use: canonical words with their spellings, number and date conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

Severity = Literal["error", "warning", "info"]

Effect = Literal["keep", "quarantine_cell", "quarantine_row", "ignore_row"]


class Word(Frozen):
    """One canonical word and the spellings that mean it."""

    id: str
    meaning: str
    synonyms: tuple[str, ...] = ()


class Vocabulary(Definition):
    """A list of canonical words; an open one keeps the source's own words where none fits."""

    kind: Literal["vocabulary"]
    is_open: bool = False
    words: tuple[Word, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _a_spelling_means_one_word(self) -> Vocabulary:
        seen: dict[str, str] = {}
        for word in self.words:
            for spelling in (word.id, *word.synonyms):
                if seen.setdefault(spelling.casefold(), word.id) != word.id:
                    raise ValueError(
                        f"'{spelling}' means both {seen[spelling.casefold()]} and {word.id}"
                    )
        return self


class CellFormats(Definition):
    """How a cell says that nothing is recorded, and how months are written."""

    kind: Literal["cell_formats"]
    missing: tuple[str, ...]
    missing_in_numbers_and_dates: tuple[str, ...]
    unknown_date_parts: tuple[str, ...]
    month_names: dict[str, int]
    first_year: int = Field(description="earlier dates are refused")
    last_year: int = Field(description="later dates are refused")


class UnitSwitch(Frozen):
    """When the values of a child look as if their unit had changed between two visits.

    Judged by ``values_each_side`` values before and after; a step counts if it is a factor between
    two units of the measure, at least ``least_factor``, within ``tolerance_factor`` of it, over at
    most ``longest_gap_days``. An enzyme falls that far in health too: it also has to end below
    ``enzyme_below_upper_limits`` times its upper limit.
    """

    values_each_side: int = Field(ge=1)
    least_factor: float = Field(gt=1)
    tolerance_factor: float = Field(gt=1)
    longest_gap_days: int
    enzyme_below_upper_limits: float


class PlausibilityLimits(Definition):
    """Bounds beyond which a dose or an interval is asked about; nothing is changed."""

    kind: Literal["plausibility"]
    infusion_dose_g_high: float
    infusion_dose_g_per_kg_high: float
    weight_change_percent: float
    weight_change_days: int
    height_loss_cm: float
    far_from_other_records_days: int
    interval_courses_at_least: int = Field(description="courses that make an interval usual")
    interval_short_of_usual: float = Field(description="share of the child's median interval")
    interval_long_of_usual: float = Field(description="multiple of the child's median interval")
    unit_switch: UnitSwitch


class FindingRule(Frozen):
    """One thing that can be wrong with a record: how bad, what happens to it, what is said."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    severity: Severity
    effect: Effect
    is_listed_once: bool = Field(default=False, description="one finding for all its rows")
    expected: str
    suggestion: str


class FindingRules(Definition):
    """All rules about records, in one table."""

    kind: Literal["finding_rules"]
    rules: tuple[FindingRule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_rule_once(self) -> FindingRules:
        names = [rule.id for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rules defined twice: {', '.join(twice)}")
        return self


def vocabularies_of(rulebook: Rulebook) -> dict[str, Vocabulary]:
    """Return every word list by its id without the prefix ``words_``, e.g. ``sex``."""
    return {item.id.removeprefix("words_"): item for item in rulebook.of_kind(Vocabulary)}


def finding_rules_of(rulebook: Rulebook) -> dict[str, FindingRule]:
    """Return every rule about records by its id."""
    return {rule.id: rule for item in rulebook.of_kind(FindingRules) for rule in item.rules}
