"""The numbers of a definition as a person reads them: trees, bands, criteria, decision tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from heliotrope.definitions.decision import Axis, Choice
from heliotrope.definitions.measure import Measure
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node import (
    AtLeast,
    BandedScore,
    Confirmed,
    CutOffStates,
    Leaf,
    Node,
    OffTreatment,
    Sustained,
    children,
)
from heliotrope.definitions.node_words import list_node_words, say_node
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import Candidate, Component, ScoreDefinition

REFERENCES = {
    "none": "Each visit by itself.",
    "regimen_baseline": "Against the last values before the regimen.",
    "best_so_far": "Against the best each measure had been until then.",
}


def render_rules(
    definition: Definition, measures: Mapping[str, Measure]
) -> list[tuple[str, RenderableType]]:
    """Draw what a definition asks, by heading; empty for kinds that only hold parameters."""
    match definition:
        case RuleDefinition():
            return [("Rule", _draw_rule(definition, measures))]
        case ScoreDefinition():
            return [("Bands and points", _draw_score(definition, measures))]
        case ResponseDefinition() | AggravationDefinition():
            return [
                ("Criteria", _draw_criteria(definition)),
                ("Decision tables (the first row that applies)", _draw_axes(definition.axes)),
            ]
        case _:
            return []


def say_measure(name: str, measures: Mapping[str, Measure]) -> str:
    """Name a measure by its title."""
    return measures[name].title if name in measures else name.replace("_", " ")


def _draw_rule(definition: RuleDefinition, measures: Mapping[str, Measure]) -> Group:
    """Draw a rule as a tree: each leaf with measure, comparison, unit and scale."""
    tree = Tree(_say(definition.root, measures), guide_style="dim")
    _add_below(tree, definition.root, measures)
    when = Text(REFERENCES[definition.reference])
    if definition.milestone is not None:
        when.append(
            f" Read once a regimen, at the visit nearest to day {definition.milestone.day} "
            f"(within {definition.milestone.within_days} days)."
        )
    return Group(when, tree)


def _add_below(tree: Tree, node: Node, measures: Mapping[str, Measure]) -> None:
    essential = node.essential if isinstance(node, AtLeast) else ()
    for child in children(node):
        line = _say(child, measures)
        if child in essential:
            line.append(" (essential)", style="bold")
        branch = tree.add(line)
        _add_below(branch, child, measures)


def _say(node: Node, measures: Mapping[str, Measure]) -> Text:
    """Say a node with its numbers."""
    text = Text(say_node(node, measures))
    if isinstance(node, AtLeast) and node.essential:
        text.append(", and every essential one")
    text.append(_say_numbers(node), style="bold")
    if isinstance(node, Leaf):
        if node.scale_maximum is not None:
            text.append(f" (of {node.scale_maximum:g})")
        for other in node.otherwise:
            if other.threshold is not None:
                named = say_measure(other.measure, measures)
                text.append(f"; {named} {node.operator} {other.threshold:g}")
        if node.caution is not None:
            text.append(f"; flagged under {node.caution.under_age_years} years of age")
    return text


def _say_numbers(node: Node) -> str:
    match node:
        case Leaf():
            return f" {node.operator} {node.threshold:g}{_unit(node.unit)}"
        case CutOffStates():
            cuts = ", ".join(
                f"{cut.label} {cut.operator} {cut.threshold:g}{_unit(node.unit)}"
                for cut in node.states
            )
            return f": {cuts}, else {node.otherwise}; met: {' or '.join(node.met)}"
        case BandedScore():
            return f" ({' or '.join(node.scores)})"
        case OffTreatment():
            return f" {node.operator} {node.days} days"
        case Confirmed():
            return _say_tolerance(node)
        case Sustained() if node.longest_gap_days is not None:
            return f" (visits at most {node.longest_gap_days} days apart)"
        case _:
            return ""


def _say_tolerance(node: Confirmed) -> str:
    parts = [
        f"{words} {days} days apart"
        for words, days in (("at least", node.at_least_days), ("at most", node.at_most_days))
        if days is not None
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _unit(unit: str) -> str:
    return "" if unit == "none" else f" {unit}"


def _draw_score(definition: ScoreDefinition, measures: Mapping[str, Measure]) -> Group:
    """Draw each component: the measures that may stand for it, its bands and its points."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("component")
    table.add_column("measure (divided by) [flag]")
    table.add_column("points by improvement in %", no_wrap=True)
    for component in definition.components:
        names = [_say_candidate(item, measures) for item in component.candidates]
        title = component.title + (" (required)" if component.required else "")
        table.add_row(Text(title), Text("\n".join(names)), Text(_say_bands(component)))
    degrees = ", ".join(f"{item.name} >= {item.at_least:g}" for item in definition.categories)
    return Group(table, Text(f"Degrees: {degrees} points of {definition.maximum:g}"))


def _say_candidate(candidate: Candidate, measures: Mapping[str, Measure]) -> str:
    title = say_measure(candidate.measure, measures)
    if candidate.denominator is not None:
        scale = f"{candidate.denominator:g}"
    elif candidate.denominator_upper_limits is not None:
        scale = f"{candidate.denominator_upper_limits:g} x upper limit"
    else:
        scale = "range to be declared by the study"
    return f"{title} ({scale}) [{candidate.flag}]"


def _say_bands(component: Component) -> str:
    """Write bands as ``<= 5: 0``, ``> 5: 7.5`` ..., a line each."""
    first, *others = component.points
    lines = [f"<= {component.edges[0]:g}: {first:g}"]
    lines += [
        f" > {edge:g}: {points:g}" for edge, points in zip(component.edges, others, strict=True)
    ]
    return "\n".join(lines)


def _draw_criteria(definition: ResponseDefinition | AggravationDefinition) -> Table:
    words = list_node_words(definition, {})
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("criterion", "met when", "for"):
        table.add_column(name)
    for item in definition.criteria:
        is_plain = item.operator == ">=" and item.threshold == 1 and item.unit is None
        asked = "yes" if is_plain else f"{item.operator} {item.threshold:g} {item.unit or ''}"
        title = words.get(item.name, item.name.replace("_", " "))
        table.add_row(Text(title), asked.strip(), item.axis.replace("_", " "))
    return table


def _draw_axes(axes: Sequence[Axis]) -> Group:
    lines: list[RenderableType] = []
    for axis in axes:
        tree = Tree(Text(f"{axis.name.replace('_', ' ')}: {axis.wording}"), guide_style="dim")
        for choice in axis.choices:
            tree.add(_say_choice(choice))
        lines.append(tree)
    return Group(*lines)


def _say_choice(choice: Choice) -> Text:
    """Say one row of a decision table."""
    text = Text(choice.label.replace("_", " "), style="bold")
    if choice.reason is not None:
        text.append(f" ({choice.reason.replace('_', ' ')})", style="not bold")
    conditions = [f"{name} = {label}" for name, label in choice.where.items()]
    for words, names in (
        ("", choice.met),
        ("not ", choice.not_met),
        ("not shown: ", choice.not_shown),
    ):
        conditions += [f"{words}{name}" for name in names]
    if choice.any_met:
        conditions.append(f"any of {', '.join(choice.any_met)}")
    said = "; ".join(conditions).replace("_", " ") or "else"
    text.append(f" if {said}" if said != "else" else ", else", style="not bold")
    return text
