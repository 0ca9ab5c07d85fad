"""Check the clinical definitions: what no single file can know of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from heliotrope.definitions.comparable import find_units
from heliotrope.definitions.item_form import ItemForm
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.model import Definition
from heliotrope.definitions.reachability import reachable_labels, reachable_states
from heliotrope.definitions.rule import (
    BROKEN,
    HELD,
    PREVIOUS_VISIT,
    BandedScore,
    CutOffStates,
    Leaf,
    OffTreatment,
    RuleDefinition,
    decide_from,
)
from heliotrope.definitions.score import Component, ScoreDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.definitions.side_by_side import SideBySide

__all__ = ["DefinitionFault", "check_definitions", "reachable_labels", "reachable_states"]

OF_A_VISIT = ("value", "upper_limits")
UNIT_OF_QUANTITY = {
    "upper_limits": "x ULN",
    "relative_worsening": "%",
    "relative_improvement": "%",
}


@dataclass(frozen=True)
class DefinitionFault:
    """Something wrong with a definition: which one, which check, and what was found."""

    definition_id: str
    check: str
    found: str

    def __str__(self) -> str:
        return f"{self.definition_id}: {self.check}: {self.found}"


def check_definitions(rulebook: Rulebook) -> list[DefinitionFault]:
    """Check every definition of a rulebook; an empty list means that all is well.

    Checks: bands increase, points never fall and start at nothing, the maxima of a score sum to
    its total, degrees increase within it, every measure exists and has the direction and the
    scale the definition takes it to have, no class can be reached when everything is missing, and
    a definition is marked verified only when it has sources and each of them, and of the numbers
    in it, was read.
    """
    measures = measures_of(rulebook)
    faults: list[DefinitionFault] = []
    for _, definition in sorted(rulebook.definitions.items()):
        faults += _check_measures(definition, measures)
        faults += _check_sources(definition)
        if isinstance(definition, SideBySide):
            faults += _check_compared(definition, rulebook)
        if isinstance(definition, ScoreDefinition):
            faults += _check_score(definition, measures)
        if isinstance(definition, RuleDefinition):
            faults += _check_rule(definition, rulebook, measures)
        if isinstance(definition, ItemForm):
            faults += _check_form(definition, rulebook)
    return faults


def _check_form(definition: ItemForm, rulebook: Rulebook) -> Iterator[DefinitionFault]:
    """A form: its items have the direction of the measure and make its published scale."""
    name = definition.id
    shipped = measures_of(replace(rulebook, settings=Settings()))
    total = shipped.get(definition.measure)
    items = [shipped[item.measure] for item in definition.items if item.measure in shipped]
    if total is None or len(items) < len(definition.items):
        return
    for item in items:
        if item.better != total.better:
            yield DefinitionFault(name, "direction of the measure", item.id)
    tops = [item.maximum or 0.0 for item in items]
    made = {"sum": sum(tops), "mean": max(tops), "share": 1.0}[definition.scoring]
    for top in (made, total.maximum):
        if top != definition.maximum:
            yield DefinitionFault(name, f"items make 0 to {definition.maximum:g}", f"{top}")
    for aid in {item.raised_by for item in definition.items} - {None, *shipped}:
        yield DefinitionFault(name, "every measure exists", str(aid))


def _check_measures(
    definition: Definition, measures: dict[str, Measure]
) -> Iterator[DefinitionFault]:
    """Every word in a field called ``measure`` or ``measures`` is a measure."""
    named: set[str] = set()
    for model in _models(definition):
        for field in ("measure", "measures"):
            value = getattr(model, field, None) if field in type(model).model_fields else None
            words = [value] if isinstance(value, str) else value
            named |= {word for word in words or () if isinstance(word, str)}
    for word in sorted(named - measures.keys()):
        yield DefinitionFault(definition.id, "every measure exists", word)


def _check_sources(definition: Definition) -> Iterator[DefinitionFault]:
    """A definition is verified only if it has sources and all it rests on was read."""
    if not definition.verified:
        return
    if not definition.sources and not hasattr(definition, "measures"):
        yield DefinitionFault(definition.id, "verified needs a source", "none")
    for model in _models(definition):
        flag = getattr(model, "flag", None)
        if flag is not None and flag != "V":
            yield DefinitionFault(definition.id, "verified rests on what was read", f"flag {flag}")


def _check_compared(definition: SideBySide, rulebook: Rulebook) -> Iterator[DefinitionFault]:
    """Every definition set side by side is one that classes a child."""
    for name in definition.compared:
        found = rulebook.definitions.get(name)
        if found is None or not find_units(found):
            yield DefinitionFault(definition.id, "every definition compared classes a child", name)


def _check_score(
    definition: ScoreDefinition, measures: dict[str, Measure]
) -> Iterator[DefinitionFault]:
    """A score: its bands, its sum, its degrees, its scales, and its answer to nothing."""
    name = definition.id
    for component in definition.components:
        yield from _check_bands(name, component)
        for candidate in component.candidates:
            measure = measures.get(candidate.measure)
            if measure is None:
                continue
            if measure.better != candidate.better:
                yield DefinitionFault(name, "direction of the measure", candidate.measure)
            shipped = measure.maximum
            known = {candidate.denominator, *(item.denominator for item in candidate.variants)}
            if candidate.denominator is not None and shipped not in known:
                yield DefinitionFault(
                    name, "denominator is the measure's range", f"{candidate.measure}: {shipped}"
                )
    total = sum(component.maximum for component in definition.components)
    if total != definition.maximum:
        yield DefinitionFault(name, f"maxima sum to {definition.maximum:g}", f"{total:g}")
    degrees = [category.at_least for category in definition.categories]
    if not _increases([0, *degrees]) or degrees[-1] > definition.maximum:
        yield DefinitionFault(name, "degrees increase within the score", str(degrees))
    names = [component.id for component in definition.components]
    if len(set(names)) < len(names):
        yield DefinitionFault(name, "every component has a name of its own", ", ".join(names))
    if not any(component.required for component in definition.components):
        yield DefinitionFault(name, "no class when everything is missing", "nothing is required")


def _check_bands(name: str, component: Component) -> Iterator[DefinitionFault]:
    """Edges increase from above 0; points never fall and begin at 0."""
    if not _increases([0, *component.edges]):
        yield DefinitionFault(name, "bands increase", f"{component.id}: {component.edges}")
    if list(component.points) != sorted(component.points) or component.points[0] != 0:
        yield DefinitionFault(name, "points never fall", f"{component.id}: {component.points}")


def _check_rule(
    definition: RuleDefinition, rulebook: Rulebook, measures: dict[str, Measure]
) -> Iterator[DefinitionFault]:
    """A rule: no answer to nothing, both answers possible, nodes that fit what they read."""
    name = definition.id
    names = [*(node.id for node in definition.answers), PREVIOUS_VISIT, HELD, BROKEN]
    if decide_from(definition.root, {}) is not None:
        yield DefinitionFault(name, "no class when everything is missing", "an answer is given")
    for truth in (True, False):
        if decide_from(definition.root, dict.fromkeys(names, truth)) is not truth:
            yield DefinitionFault(name, "every class can be reached", f"all leaves {truth}")
    for node in definition.answers:
        match node:
            case Leaf():
                yield from _check_leaf(name, node, measures)
            case CutOffStates():
                yield from _check_cut_offs(name, node, measures)
            case BandedScore():
                yield from _check_degree(name, node, rulebook)
            case OffTreatment():
                pass


def _check_leaf(name: str, leaf: Leaf, measures: dict[str, Measure]) -> Iterator[DefinitionFault]:
    """A leaf: the direction, unit and scale of every measure it may read, and its operator."""
    for item in leaf.candidates:
        measure = measures.get(item.measure)
        if measure is None:
            continue
        if measure.better != leaf.better:
            yield DefinitionFault(name, "direction of the measure", f"{leaf.id}: {item.measure}")
        expected = UNIT_OF_QUANTITY.get(leaf.quantity, measure.unit)
        if leaf.unit != expected:
            yield DefinitionFault(name, "unit of the measure", f"{leaf.id}: {leaf.unit}")
        if item.scale_maximum is not None and item.scale_maximum != measure.maximum:
            yield DefinitionFault(name, "scale of the measure", f"{leaf.id}: {item.measure}")
    asks_for_more = leaf.operator in (">", ">=")
    is_more = leaf.better == "high" if leaf.quantity in OF_A_VISIT else True
    if asks_for_more != is_more and leaf.quantity not in ("worsening", "relative_worsening"):
        yield DefinitionFault(name, "operator fits the direction", leaf.id)


def _check_cut_offs(
    name: str, node: CutOffStates, measures: dict[str, Measure]
) -> Iterator[DefinitionFault]:
    """Classes: from the best end on, each reachable, all on the scale."""
    measure = measures.get(node.measure)
    if measure is None:
        return
    if measure.better != node.better:
        yield DefinitionFault(name, "direction of the measure", f"{node.id}: {node.measure}")
    if measure.unit != node.unit:
        yield DefinitionFault(name, "unit of the measure", f"{node.id}: {node.unit}")
    if node.scale_maximum is not None and node.scale_maximum != measure.maximum:
        yield DefinitionFault(name, "scale of the measure", f"{node.id}: {node.measure}")
    cuts = [state.threshold for state in node.states]
    if not _increases(cuts if node.better == "low" else cuts[::-1]):
        yield DefinitionFault(name, "classes follow one another", str(cuts))
    wanted = ("<", "<=") if node.better == "low" else (">", ">=")
    if any(state.operator not in wanted for state in node.states):
        yield DefinitionFault(name, "operator fits the direction", node.id)


def _check_degree(name: str, node: BandedScore, rulebook: Rulebook) -> Iterator[DefinitionFault]:
    """A banded score: the scores it reads exist and have the degree."""
    for score in node.scores:
        definition = rulebook.definitions.get(score)
        if not isinstance(definition, ScoreDefinition):
            yield DefinitionFault(name, "every score exists", score)
        elif node.reach not in {item.name for item in definition.categories}:
            yield DefinitionFault(name, "the score has the degree", f"{score}: {node.reach}")


def _increases(numbers: list[float]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


def _models(value: Any) -> Iterator[BaseModel]:
    """Go through a definition and every piece inside it."""
    if isinstance(value, BaseModel):
        yield value
        for field in type(value).model_fields:
            yield from _models(getattr(value, field))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _models(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _models(item)
