"""Which definitions can be compared, over what, and in which words.

Four kinds class a child: rules, improvement scores, the response and the aggravation. Rules and
scores decide at visits (a rule with a milestone once a regimen), the aggravation once a regimen,
the response both: whether a visit is improved, and the pattern of the regimen. Their common
language are the four states; where all have the same labels, those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from heliotrope.definitions.model import Definition
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.errors import ExitCode, UserError

Unit = Literal["visit", "regimen"]

Language = Literal["state", "label"]

STATES = ("met", "not_met")
PATTERN = "pattern"
NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True)
class Labels:
    """The classes a definition names, and whether their order means more or less."""

    words: tuple[str, ...]
    is_ordered: bool


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared: over which unit, in which words, and at which week visits are read."""

    definitions: tuple[Definition, ...]
    unit: Unit
    language: Language
    labels: Labels
    week: int | None


@dataclass(frozen=True)
class ComparisonOptions:
    """What a user may fix; left out, it follows from the definitions."""

    unit: Unit | None = None
    language: Language | None = None
    week: int | None = None


def find_units(definition: Definition) -> tuple[Unit, ...]:
    """Say over what a definition decides; empty for one that classes nobody.

    >>> from heliotrope.definitions.load import read_rulebook
    >>> rulebook = read_rulebook()
    >>> find_units(rulebook.definitions["jdm_ivig_response"])
    ('visit', 'regimen')
    """
    match definition:
        case RuleDefinition():
            return ("regimen",) if definition.milestone is not None else ("visit",)
        case ScoreDefinition():
            return ("visit",)
        case ResponseDefinition():
            return ("visit", "regimen")
        case AggravationDefinition():
            return ("regimen",)
        case _:
            return ()


def needs_regimen(definition: Definition) -> bool:
    """Say whether a definition decides only from the first infusion on."""
    return not (isinstance(definition, RuleDefinition) and definition.reference == "none")


def find_labels(definition: Definition, unit: Unit) -> Labels:
    """List the classes that a definition names, best first or in no order; else none.

    >>> from heliotrope.definitions.load import read_rulebook
    >>> find_labels(read_rulebook().definitions["tis_jdm_imacs"], "visit").words
    ('none', 'minimal', 'moderate', 'major')
    """
    match definition:
        case ScoreDefinition():
            degrees = sorted(definition.categories, key=lambda item: item.at_least)
            names = (definition.lowest_category, *(item.name for item in degrees))
            return Labels(names, is_ordered=True)
        case RuleDefinition():
            return Labels(definition.labels, is_ordered=True)
        case ResponseDefinition() if unit == "regimen":
            axis = next(axis for axis in definition.axes if axis.name == PATTERN)
            words = dict.fromkeys(choice.label for choice in axis.choices)
            return Labels(tuple(word for word in words if word != NOT_EVALUABLE), is_ordered=False)
        case _:
            return Labels((), is_ordered=False)


def plan_comparison(
    definitions: Sequence[Definition], options: ComparisonOptions
) -> ComparisonPlan:
    """Settle unit and words of a comparison.

    The unit is the one all definitions decide over; where they share both, the regimen. With a
    week it is the regimen, and what decides at visits is read at the visit nearest to it. The
    words are the labels where all have the same ones, else the four states. Errors: UserError
    where definitions class nobody, decide over different units, or share no labels though labels
    are asked for.
    """
    for definition in definitions:
        if not find_units(definition):
            raise UserError(
                "definitions that class a child (a rule, a score, the response, the aggravation)",
                f"{definition.id} is of kind {definition.kind}",
                "leave it out; `heliotrope definitions list` names the others",
                ExitCode.USAGE,
            )
    unit = _find_unit(definitions, options)
    labels = [find_labels(definition, unit) for definition in definitions]
    have_same = bool(labels[0].words) and all(item == labels[0] for item in labels)
    if options.language == "label" and not have_same:
        raise UserError(
            "definitions with the same labels, for --by label",
            "; ".join(
                f"{definition.id}: {', '.join(item.words) or 'no labels'}"
                for definition, item in zip(definitions, labels, strict=True)
            ),
            "leave out --by label: their states are compared then",
            ExitCode.USAGE,
        )
    language: Language = options.language or ("label" if have_same else "state")
    return ComparisonPlan(
        definitions=tuple(definitions),
        unit=unit,
        language=language,
        labels=labels[0] if language == "label" else Labels(STATES, is_ordered=True),
        week=options.week,
    )


def _find_unit(definitions: Sequence[Definition], options: ComparisonOptions) -> Unit:
    units = [find_units(definition) for definition in definitions]
    only_regimens = [
        d.id for d, found in zip(definitions, units, strict=True) if "visit" not in found
    ]
    only_visits = [
        d.id for d, found in zip(definitions, units, strict=True) if "regimen" not in found
    ]
    if options.week is not None:
        if options.unit == "visit":
            raise UserError(
                "--week, or --unit visit",
                "both",
                "leave out --unit: with a week each regimen is read once",
                ExitCode.USAGE,
            )
        return "regimen"
    wanted = options.unit or ("visit" if only_visits else "regimen")
    blocked = only_visits if wanted == "regimen" else only_regimens
    if not blocked:
        return wanted
    if wanted == "visit":
        found, to_do = (
            f"{_list(only_regimens)} decided once a regimen",
            "add --week 24 to read the others at the visit nearest to that week of each regimen, "
            "or compare definitions that decide at visits",
        )
    else:
        found, to_do = (
            f"{_list(only_visits)} decided at visits",
            "add --week 24 to read each at the visit nearest to that week of each regimen, "
            "or leave out --unit regimen",
        )
    raise UserError(f"definitions that all decide over a {wanted}", found, to_do, ExitCode.USAGE)


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
