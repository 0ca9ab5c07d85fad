"""An explanation as a tree for the terminal: each criterion, its state, and the cells behind it."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from heliotrope.report.explain import Cell, Decision, Explanation, Node

# The four states in words and in the terminal's own colours; the word alone says it all.
STATE_WORDS: dict[str, tuple[str, str]] = {
    "met": ("met", "green"),
    "not_met": ("not met", "red"),
    "not_evaluable": ("not evaluable", "yellow"),
    "not_reached": ("not reached", "bright_black"),
}


def render_explanation(explanation: Explanation, *, visits: bool = False) -> Group:
    """Draw every decision about a child as a tree.

    Decisions about one visit (a score, a state) are a line each, gathered under their
    definition, unless ``visits`` asks for their whole trees. Text from the source is shown as
    text: no markup in it is obeyed.
    """
    about_regimens = [item for item in explanation.decisions if item.date is None or visits]
    about_visits = [item for item in explanation.decisions if item.date is not None and not visits]
    return Group(
        Text(f"Child {explanation.patient_id}", style="bold"),
        *(_draw_decision(decision) for decision in about_regimens),
        *_draw_visits(about_visits),
    )


def _draw_decision(decision: Decision) -> Tree:
    tree = Tree(_head(decision))
    _add_children(tree, decision.root)
    return tree


def _head(decision: Decision) -> Text:
    title = Text(f"{decision.definition_id} {decision.definition_version}", style="bold")
    title.append(f"{_place(decision)}: ", style="not bold")
    return title.append_text(_describe(decision.root))


def _place(decision: Decision) -> str:
    parts = []
    if decision.regimen is not None:
        parts.append(f"regimen {decision.regimen}")
    if decision.date is not None:
        parts.append(f"visit of {decision.date.isoformat()}")
    return f" ({', '.join(parts)})" if parts else ""


def _add_children(tree: Tree, node: Node) -> None:
    for cell in node.cells:
        tree.add(_describe_cell(cell))
    for child in node.children:
        line = Text(f"{_words(child.node)}: ").append_text(_describe(child))
        _add_children(tree.add(line), child)


def _describe(node: Node) -> Text:
    """Say a node's state, then its label, comparison, points and reason where it has them."""
    word, colour = STATE_WORDS[node.state]
    line = Text(word, style=colour)
    if node.label is not None:
        line.append(f", {_words(node.label)}", style="bold")
    comparison = _comparison(node)
    if comparison:
        line.append(f"  {comparison}", style="not bold default")
    if node.points is not None and node.label is None:
        line.append(f", {node.points:g} points", style="not bold default")
    if node.reason is not None:
        line.append(f"  (reason: {_words(node.reason)})", style="not bold default")
    return line


def _comparison(node: Node) -> str:
    unit = f" {node.unit}" if node.unit else ""
    if node.value is None:
        wanted = node.operator is not None and node.threshold is not None
        return f"needs {node.operator} {node.threshold:g}{unit}" if wanted else ""
    value = f"{_number(node.value)}{unit}"
    if node.operator is None or node.threshold is None:
        return value
    return f"{value} {node.operator} {_number(node.threshold)}{unit}"


def _number(value: float) -> str:
    """Write a number without noise.

    >>> _number(0.1 + 0.2), _number(1800.0), _number(-12.5)
    ('0.3', '1800', '-12.5')
    """
    return f"{round(value, 4):.10g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _describe_cell(cell: Cell) -> Text:
    place = cell.file or "a cell that no source file of this run holds"
    if cell.sheet is not None:
        place += f", sheet {cell.sheet}"
    if cell.row is not None:
        place += f", row {cell.row}"
    if cell.column is not None:
        place += f", column {cell.column}"
    line = Text(f"{cell.role}: ", style="dim").append(place, style="cyan")
    if cell.holds:
        line.append(f"  {cell.holds}", style="default")
    if cell.reason is not None:
        line.append(f"  ({cell.role} because: {_words(cell.reason)})", style="default")
    return line


def _draw_visits(decisions: list[Decision]) -> list[Tree]:
    """Gather decisions about single visits under their definition and regimen, a line a visit."""
    trees: dict[tuple[str, int | None], Tree] = {}
    for decision in decisions:
        key = (decision.definition_id, decision.regimen)
        if key not in trees:
            title = f"{decision.definition_id} {decision.definition_version}"
            place = f" (regimen {decision.regimen})" if decision.regimen is not None else ""
            trees[key] = Tree(Text(f"{title}{place}, by visit", style="bold"))
        assert decision.date is not None
        line = Text(f"{decision.date.isoformat()}: ").append_text(_describe(decision.root))
        trees[key].add(line)
    return list(trees.values())
