"""An explanation as a tree for the terminal: each criterion, its state, and the cells behind it."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

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


# The answers a reader looks for first; the other definitions follow in alphabetical order.
FIRST = (
    "jdm_ivig_response",
    "aggravation_after_discontinuation",
    "ivig_indication",
    "reaction_windows",
)


def render_explanation(explanation: Explanation, *, visits: bool = False) -> Group:
    """Draw every decision about a child as a tree.

    Decisions about one visit (a score, a state) are a line each, equal ones in a row together,
    gathered under their definition; the first improved visit is drawn whole. ``visits`` draws
    all of them whole. Text from the source is shown as text: no markup in it is obeyed.
    """
    decisions = sorted(explanation.decisions, key=_rank)
    whole = [item for item in decisions if visits or item.date is None]
    by_visit = [item for item in decisions if not visits and item.date is not None]
    return Group(
        Text(f"Child {explanation.patient_id}", style="bold"),
        *(_draw_decision(decision) for decision in [*whole, *_find_first_met(by_visit)]),
        *_draw_visits(by_visit),
    )


def _rank(decision: Decision) -> tuple[int, str]:
    name = decision.definition_id
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def _find_first_met(by_visit: list[Decision]) -> list[Decision]:
    """Find the visit that set the onset: the first one improved, of each regimen."""
    met = [item for item in by_visit if item.definition_id == FIRST[0] and item.root.state == "met"]
    firsts: dict[int | None, Decision] = {}
    for item in met:
        firsts.setdefault(item.regimen, item)
    return list(firsts.values())


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


def _describe(node: Node, *, briefly: bool = False) -> Text:
    """Say a node's state, then its label, comparison, points and reason where it has them."""
    word, colour = STATE_WORDS[node.state]
    line = Text(word, style=colour)
    if node.label is not None and _words(node.label) != word:
        line.append(f", {_words(node.label)}", style="bold")
    comparison = _comparison(node)
    if comparison and not briefly:
        line.append(f"  {comparison}", style="not bold default")
    if node.points is not None and node.label is None:
        plural = "" if node.points == 1 else "s"
        line.append(f", {node.points:g} point{plural}", style="not bold default")
    if node.reason is not None:
        line.append(f"  (reason: {_words(node.reason)})", style="not bold default")
    return line


def _comparison(node: Node) -> str:
    """Write the comparison that was made; a yes-or-no counted as 1 or 0 says nothing more."""
    unit = f" {node.unit}" if node.unit and node.unit != "none" else ""
    is_yes_or_no = node.operator == ">=" and node.threshold == 1 and not (unit or node.cells)
    if is_yes_or_no and node.value in (None, 0, 1):
        return ""
    if node.value is None:
        wanted = node.operator is not None and node.threshold is not None
        return f"needs {node.operator} {_number(node.threshold or 0)}{unit}" if wanted else ""
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
    """Gather decisions about single visits under their definition and regimen.

    Visits in a row that say the same are one line; of what is not evaluable the numbers are
    left out.
    """
    trees = []
    keys = ("definition_id", "definition_version", "regimen")
    for (name, version, regimen), mine in groupby(decisions, key=attrgetter(*keys)):
        place = f" (regimen {regimen})" if regimen is not None else ""
        tree = Tree(Text(f"{name} {version}{place}, by visit", style="bold"))
        for said, group in groupby(mine, key=_say_visit):
            tree.add(Text(f"{_dates(list(group))}: ").append_text(said))
        trees.append(tree)
    return trees


def _say_visit(decision: Decision) -> Text:
    return _describe(decision.root, briefly=decision.root.state == "not_evaluable")


def _dates(decisions: list[Decision]) -> str:
    first, last = decisions[0].date, decisions[-1].date
    if len(decisions) == 1:
        return str(first)
    return f"{first} to {last}, {len(decisions)} visits"
