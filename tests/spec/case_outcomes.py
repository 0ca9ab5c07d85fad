"""What the children of a chapter came to, where a definition names outcomes and not states."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.spec.case_answers import Said
from tests.spec.case_children import read_doses
from tests.spec.case_files import Case
from tests.spec.case_tables import Found

from heliotrope.definitions.dosing import DoseRule, FollowedDrugs
from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.drug_text import DrugText
from heliotrope.definitions.exposure import MeasureInForce
from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.item_form import ItemForm
from heliotrope.definitions.reachable_outcomes import (
    BY_VALUE,
    FILED,
    FOUND,
    GRADE,
    OTHER_TERMS,
    WINDOW,
)
from heliotrope.definitions.safety import GradingSystem, ReactionWindows

UNPUBLISHED = "grade_not_published"
OTHER_SCALE = "other_scale"


def name_node(node: str) -> str:
    """Name a node of a reaction without its number.

    >>> [name_node(node) for node in ("root", "reaction_2", "reaction_1.grade")]
    ['root', 'reaction', 'grade']
    """
    return re.sub(r"^reaction_\d+$", "reaction", re.sub(r"^reaction_\d+\.", "", node))


def find_outcomes(case: Case, said: Said) -> Iterator[tuple[str, str]]:
    """Give each choice that the definition of a case made of the child, with what it came to."""
    child = case.patient_id
    tables = {name: rows.get(child, []) for name, rows in said.tables.items()}
    match said.rulebook.definitions[case.definition_id]:
        case ReactionWindows() as rule:
            own = {term for entry in rule.by_term for term in entry.terms}
            for row in tables["reaction"]:
                term = row["term"] if row["term"] in own else OTHER_TERMS
                yield WINDOW.format(term), row["window"]
        case GradingSystem() as grading:
            yield from _find_grades(tables["reaction"], said.trace.get(child, []), grading)
        case GlucocorticoidRule() as rule:
            yield from _find_steroids(case, tables["steroid_period"], rule)
        case MeasureInForce():
            yield from (("rule", row["rule"]) for row in tables["in_force"])
        case DoseRule() as rule:
            known = {unit.unit for unit in rule.units}
            yield from (("unit", unit) for unit in _find_units(case, said) if unit in known)
        case FollowedDrugs():
            drugs = drugs_of(said.rulebook)
            yield from (("class", drugs[row["drug"]].drug_class) for row in tables["drug_period"])
        case DrugText():
            for row in tables["drug_text"]:
                yield "text", row["refused"] or FOUND
                if row["route"]:
                    yield "route", row["route"]
        case ItemForm():
            yield from (
                ("outcome", row["outcome"])
                for row in tables["form"]
                if row["outcome"] != OTHER_SCALE
            )


def _find_grades(
    reactions: Sequence[Found], nodes: Sequence[Found], grading: GradingSystem
) -> Iterator[tuple[str, str]]:
    """Grades of terms, but for those flagged as not published; grades that a value gave; codings."""
    coded = {coding.term for coding in grading.codings}
    for row in reactions:
        if row["grade"] and row["coded_term"] and UNPUBLISHED not in row["flags"]:
            yield GRADE.format(row["coded_term"]), str(row["grade"])
        if row["term"] in coded:
            yield FILED.format(row["term"]), row["coded_term"]
    measures = {measure.measure for term in grading.terms for measure in term.measures}
    for node in nodes:
        if node["label"] in measures and node["points"] is not None:
            yield BY_VALUE.format(node["label"]), f"{node['points']:g}"


def _find_steroids(
    case: Case, periods: Sequence[Found], rule: GlucocorticoidRule
) -> Iterator[tuple[str, str]]:
    yield from (("band", row["band"]) for row in periods if row["band"] is not None)
    if any(row["prednisone_mg_day"] for row in periods):
        given = {item.split()[0] for item in case.given}
        drugs = given & {item.drug for item in rule.equivalents}
        yield from (("equivalent", drug) for drug in drugs)


def _find_units(case: Case, said: Said) -> Iterator[str]:
    known = drugs_of(said.rulebook)
    for name, cell in case.given.items():
        if name.split()[0] in known:
            yield from (str(row["dose_unit"]) for row in read_doses(name, cell))
