"""Draw what a definition is made of: nodes, bands, thresholds, windows, decision tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heliotrope.definitions.decision import Criterion
from heliotrope.definitions.measure import Measure
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node import BandedScore, CutOffStates, Leaf, Node, OffTreatment
from heliotrope.definitions.node_words import list_node_words, say_node
from heliotrope.definitions.rule import RuleDefinition, children
from heliotrope.definitions.score import Component, ScoreDefinition
from heliotrope.terminal.definitions import HEAD, list_lines

SIGNS = {"<=": "at most", "<": "under", ">=": "at least", ">": "over", "==": "exactly"}
NO_UNIT = (None, "none")

REFERENCES = {
    "none": "Looks at each visit by itself.",
    "regimen_baseline": "Compares each visit with the last values before the regimen.",
    "best_so_far": "Compares each visit with the best each measure had been until then.",
}

CONDITION_WORDS = {
    "met": "{} met",
    "not_met": "{} not met",
    "any_met": "any met of {}",
    "not_shown": "none met of {}",
}


def cell(text: str) -> str:
    """Escape what Markdown would take for its own.

    >>> cell("a | b <0.5")
    'a \\\\| b &lt;0.5'
    """
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def draw_structure(item: Definition, measures: Mapping[str, Measure]) -> str:
    """Draw the structure of a definition, as its kind has it."""
    match item:
        case RuleDefinition():
            return f"## Structure\n\n{_describe_reading(item)}\n\n" + "\n".join(
                draw_nodes(item.root, measures)
            )
        case ScoreDefinition():
            return "\n\n".join(_draw_score(item))
    content = item.model_dump(mode="json", exclude=HEAD, exclude_none=True)
    axes = content.pop("axes", [])
    lines = "\n".join(list_lines(content))
    parts = [f"## Structure\n\n```text\n{lines}\n```"] if lines else []
    if axes:
        words = list_node_words(item, measures)
        parts.append(_draw_criteria(getattr(item, "criteria", ()), words))
        parts.append("Each table is read from the top: the first line that holds gives the label.")
        parts += [draw_axis(axis) for axis in axes]
    return "\n\n".join(parts)


def _describe_reading(item: RuleDefinition) -> str:
    said = [REFERENCES[item.reference]]
    if item.milestone is not None:
        said.append(
            f"Read once a regimen, at the visit nearest to day {item.milestone.day}, at most "
            f"{item.milestone.within_days} days away."
        )
    return " ".join(said)


def draw_nodes(
    node: Node, measures: Mapping[str, Measure], depth: int = 0, mark: str = ""
) -> Iterator[str]:
    """Draw the tree of a rule as a nested list, each node with its threshold."""
    yield f"{'  ' * depth}- {cell(say_node(node, measures))}{_compare(node)} (`{node.id}`){mark}"
    essential = len(getattr(node, "essential", ()))
    for place, child in enumerate(children(node)):
        yield from draw_nodes(
            child, measures, depth + 1, ", essential" if place < essential else ""
        )


def _compare(node: Node) -> str:
    match node:
        case Leaf():
            others = [
                f"; {item.measure.replace('_', ' ')} {item.threshold:g}"
                for item in node.candidates[1:]
                if item.threshold != node.threshold
            ]
            return f": {SIGNS[node.operator]} {_amount(node.threshold, node.unit)}{''.join(others)}"
        case CutOffStates():
            cuts = [
                f"{state.label} {SIGNS[state.operator]} {_amount(state.threshold, node.unit)}"
                for state in node.states
            ]
            return f": {', '.join(cuts)}, else {node.otherwise}; met if {' or '.join(node.met)}"
        case OffTreatment():
            return f": {SIGNS[node.operator]} {node.days}"
        case BandedScore():
            return f": by {', else '.join(f'`{name}`' for name in node.scores)}"
        case _:
            return ""


def _amount(value: float, unit: str | None) -> str:
    return f"{value:g}" + ("" if unit in NO_UNIT else f" {unit}")


def _draw_score(item: ScoreDefinition) -> Iterator[str]:
    degrees = "".join(f"| {part.name} | {part.at_least:g} |\n" for part in item.categories)
    yield (
        f"## Degrees\n\nOf at most {item.maximum:g} points, for {item.population}, core set "
        f"{item.core_set.upper()}.\n\n| degree | points at least |\n|---|---|\n{degrees}"
    )
    yield (
        "## Bands\n\nImprovement in percent of the range of the measure; the edge of a band "
        "belongs to the lower one."
    )
    for edges in dict.fromkeys(part.edges for part in item.components):
        yield _draw_bands([part for part in item.components if part.edges == edges])
    yield (
        "## Ranges\n\n| measure | component | range | better | flag |\n|---|---|---|---|---|\n"
        + ("".join(_draw_candidates(item.components)))
    )


def _draw_bands(parts: Sequence[Component]) -> str:
    edges = parts[0].edges
    heads = [
        f"at most {edges[0]:g} %",
        *(f"to {edge:g} %" for edge in edges[1:]),
        f"over {edges[-1]:g} %",
    ]
    rows = "".join(
        f"| {cell(part.title)}{' (required)' if part.required else ''} | "
        + " | ".join(f"{points:g}" for points in part.points)
        + " |\n"
        for part in parts
    )
    return f"| | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}\n{rows}"


def _draw_candidates(parts: Sequence[Component]) -> Iterator[str]:
    for part in parts:
        for one in part.candidates:
            span = (
                f"{one.denominator:g}"
                if one.denominator is not None
                else f"{one.denominator_upper_limits:g} × upper limit of normal"
                if one.denominator_upper_limits is not None
                else "to be declared by the study"
            )
            others = "".join(f"; {item.denominator:g} if declared" for item in one.variants)
            mark = "" if one.flag == "V" else ' <span class="unverified">unverified</span>'
            yield (
                f"| `{one.measure}` | {cell(part.title)} | {span}{others} | {one.better} "
                f"| {one.flag}{mark} |\n"
            )


def _draw_criteria(criteria: Sequence[Criterion], words: Mapping[str, str]) -> str:
    rows = "".join(
        f"| `{one.name}` | {cell(words.get(one.name, one.name.replace('_', ' ')))} "
        f"| {SIGNS[one.operator]} {_amount(one.threshold, one.unit)} |\n"
        for one in criteria
    )
    return f"## Criteria\n\n| name | what is compared | met when |\n|---|---|---|\n{rows}"


def draw_axis(axis: Mapping[str, Any]) -> str:
    """Draw one ordered decision table."""
    rows = "".join(
        f"| {place} | `{choice['label']}` | {_conditions(choice)} "
        f"| {choice.get('reason', '').replace('_', ' ')} |\n"
        for place, choice in enumerate(axis["choices"], start=1)
    )
    return (
        f"### {axis['name'].replace('_', ' ').capitalize()}\n\n{axis['wording']}\n\n"
        f"| | label | when | reason |\n|---|---|---|---|\n{rows}"
    )


def _conditions(choice: Mapping[str, Any]) -> str:
    """Say in words when a line of a decision table holds."""
    said = [
        words.format(", ".join(f"`{name}`" for name in choice[key]))
        for key, words in CONDITION_WORDS.items()
        if choice.get(key)
    ]
    where = choice.get("where", {})
    said += [f"{key.replace('_', ' ')} is `{value}`" for key, value in where.items()]
    return "; ".join(said) or "otherwise"
