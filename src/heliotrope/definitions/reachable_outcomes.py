"""Which outcomes a definition can have that names windows, grades, bands or forms, not states."""

from __future__ import annotations

from heliotrope.definitions.dosing import DoseRule, FollowedDrugs
from heliotrope.definitions.drug_text import (
    ANOTHER_DRUG,
    COMBINATION,
    NOT_SYSTEMIC,
    ONLY_MENTIONED,
    SEVERAL_DRUGS,
    DrugText,
)
from heliotrope.definitions.exposure import MeasureInForce
from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.item_form import ItemForm
from heliotrope.definitions.model import Definition
from heliotrope.definitions.safety import GradedMeasure, GradedTerm, GradingSystem, ReactionWindows

OTHER_TERMS = "other terms"
FOUND = "found"
REFUSALS = (SEVERAL_DRUGS, ANOTHER_DRUG, ONLY_MENTIONED, NOT_SYSTEMIC, COMBINATION)
WINDOW = "window of {}"
GRADE = "grade of {}"
BY_VALUE = "grade by {}"
FILED = "{} filed as"

Outcomes = dict[str, frozenset[str]]


def reachable_outcomes(definition: Definition) -> Outcomes:
    """List, for each choice that a definition makes, the outcomes it can have.

    Reactions: the windows of each group of terms, or outside. A grading: the published grades of
    each term, the grades that each measure can give, the terms that a term is filed under.
    Steroids: the bands, and the drugs that have an equivalent. A weight or height: how it was
    found. Doses: the units. Followed drugs: their classes. A free text: the routes it can name, and
    why a drug in it is not taken. A form: what becomes of a total; that a study declares another
    scale is not of the form's making and is left out.
    """
    match definition:
        case ReactionWindows():
            return _of_windows(definition)
        case GradingSystem():
            return _of_grading(definition)
        case GlucocorticoidRule():
            bands = {band.label for band in definition.bands}
            return {
                "band": frozenset({*bands, definition.off_label}),
                "equivalent": frozenset(item.drug for item in definition.equivalents),
            }
        case MeasureInForce():
            return {"rule": frozenset(["recorded", "interpolated", "missing"])}
        case DoseRule():
            return {"unit": frozenset(unit.unit for unit in definition.units)}
        case FollowedDrugs():
            return {"class": frozenset(definition.classes)}
        case DrugText():
            routes = frozenset(form.route for form in definition.forms)
            return {"route": routes, "text": frozenset([FOUND, *REFUSALS])}
        case ItemForm():
            return {"outcome": _of_form(definition)}
        case _:
            return {}


def _of_windows(definition: ReactionWindows) -> Outcomes:
    outside = definition.outside_label
    found = {
        WINDOW.format(term): frozenset([*(window.label for window in entry.windows), outside])
        for entry in definition.by_term
        for term in entry.terms
    }
    others = (window.label for window in definition.other.windows)
    return {**found, WINDOW.format(OTHER_TERMS): frozenset([*others, outside])}


def _of_grading(definition: GradingSystem) -> Outcomes:
    published = {
        GRADE.format(term.term): frozenset(map(str, term.grades))
        for term in definition.terms
        if term.grades
    }
    by_value = {
        BY_VALUE.format(measure.measure): _grades_by_value(term, measure)
        for term in definition.terms
        for measure in term.measures
    }
    filed: dict[str, set[str]] = {}
    for coding in definition.codings:
        filed.setdefault(coding.term, set()).add(coding.coded_as)
    known = {term.term for term in definition.terms}
    always = {
        coding.term
        for coding in definition.codings
        if not coding.only_with_infusion and coding.min_grade is None
    }
    for term in filed.keys() & known - always:
        filed[term].add(term)
    return {
        **published,
        **by_value,
        **{FILED.format(term): frozenset(found) for term, found in filed.items()},
    }


def _grades_by_value(term: GradedTerm, measure: GradedMeasure) -> frozenset[str]:
    grades = {step.grade for step in measure.steps}
    if measure.grade_below is not None:
        grades.add(measure.grade_below)
    if term.prolonged is not None and term.prolonged.from_grade in grades:
        grades.add(term.prolonged.grade)
    return frozenset(map(str, grades))


def _of_form(form: ItemForm) -> frozenset[str]:
    can_lack = form.missing_items.least_items > 1
    return frozenset(["made", "recorded", "differs", *(["items_missing"] if can_lack else [])])
