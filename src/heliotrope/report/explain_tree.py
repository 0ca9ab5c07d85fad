"""An explanation as trees for the terminal: what decided, the cells behind it, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from heliotrope.report.explanation import (
    Cell,
    Decision,
    Explanation,
    NextDegree,
    Node,
    PossibleChange,
    VisitRun,
    VisitSummary,
)
from heliotrope.report.words import count_of, say_number

# A colour for each state; the word alone says it all.
COLOURS: dict[str, str] = {
    "met": "green",
    "not_met": "red",
    "not_evaluable": "yellow",
    "not_reached": "bright_black",
}
READING = "a reading of the rule, not advice"
MOST_CELLS = 8


def render_explanation(explanation: Explanation) -> Group:
    """Draw every decision about a child as a tree, then the others visit by visit.

    Text from the source is shown as text: no markup in it is obeyed.
    """
    parts: list[RenderableType] = [Text(f"Child {explanation.patient_id}", style="bold")]
    parts += [Text(note, style="yellow") for note in explanation.notes]
    for decision in explanation.decisions:
        parts += [Text(), _draw_decision(decision)]
    for summary in explanation.by_visit:
        parts += [Text(), _draw_summary(summary)]
    return Group(*parts)


def _draw_decision(decision: Decision) -> Tree:
    tree = Tree(_head(decision))
    _add_inside(tree, decision.root)
    _add_visits(tree, decision.visits)
    _add_missing(tree, decision)
    _add_changes(tree, decision.could_change, has_next_degree=decision.next_degree is not None)
    if decision.to_record:
        branch = tree.add(Text("What to record", style="bold"))
        for advice in decision.to_record:
            branch.add(Text(advice))
    return tree


def _head(decision: Decision) -> Text:
    regimen = f", regimen {decision.regimen}" if decision.regimen is not None else ""
    date = f", visit of {decision.date.isoformat()}" if decision.date else ""
    head = Text(f"{decision.title}{regimen}{date}", style="bold")
    if decision.heading:
        head.append(f" ({decision.heading[:1].lower()}{decision.heading[1:]})", style="not bold")
    head.append(": ", style="not bold").append_text(_answer(decision.root))
    return head.append(
        f"  [{decision.definition_id} {decision.definition_version}]", style="not bold dim"
    )


def _answer(node: Node) -> Text:
    """Say a node's answer, then the comparison or the change, and the reason."""
    line = Text(node.answer, style=f"bold {COLOURS[node.state]}")
    detail = [node.comparison] if node.comparison else []
    detail += [node.change.text] if node.change else []
    if detail:
        line.append(f"  {'; '.join(detail)}", style="not bold default")
    if node.because:
        line.append(f"  ({node.because})", style="not bold default")
    return line


def _add_inside(tree: Tree, node: Node) -> None:
    """Add cells, then the nodes that decided, then in a line each what else was looked at."""
    _add_cells(tree, node.cells)
    for child in node.children:
        _add_inside(tree.add(_line(child)), child)
    if node.also:
        branch = tree.add(Text("also looked at", style="dim"))
        for other in node.also:
            branch.add(_line(other))


def _line(node: Node) -> Text:
    return Text(f"{node.title}: ").append_text(_answer(node))


def _add_cells(tree: Tree, cells: Sequence[Cell]) -> None:
    for cell in cells[:MOST_CELLS]:
        line = Text(f"{cell.role}: ", style="dim")
        if cell.holds:
            line.append(f"{cell.holds}  ", style="not dim default")
        line.append(cell.place, style="not dim cyan")
        if cell.because:
            line.append(f"  ({cell.because})", style="not dim default")
        tree.add(line)
    if len(cells) > MOST_CELLS:
        tree.add(Text(f"and {count_of(len(cells) - MOST_CELLS, 'more cell')}", style="dim"))


def _add_visits(tree: Tree, runs: Iterable[VisitRun]) -> None:
    runs = list(runs)
    if not runs:
        return
    branch = tree.add(Text("Visits", style="bold"))
    for run in runs:
        style = COLOURS[run.state]
        line = Text(f"{_dates(run)}: ").append(run.answer, style=style)
        if run.role:
            line.append(f"  {run.role}", style="bold")
        elif run.because and run.because != run.answer:
            line.append(f"  not chosen: {run.because}", style="dim")
        branch.add(line)


def _dates(run: VisitRun) -> str:
    if run.visits == 1:
        return run.first.isoformat()
    return f"{run.first} to {run.last}, {run.visits} visits"


def _add_missing(tree: Tree, decision: Decision) -> None:
    """Add what is missing for the next degree, or for the state."""
    if decision.next_degree is not None:
        _add_next_degree(tree, decision.next_degree)
    if not decision.lacking:
        return
    branch = tree.add(Text("What is missing for it", style="bold"))
    for lack in decision.lacking:
        line = Text(f"{lack.title}: ").append(lack.now, style=COLOURS[lack.state])
        branch.add(line.append(f"; asked: {lack.asked}" if lack.asked else ""))


def _add_next_degree(tree: Tree, degree: NextDegree) -> None:
    head = Text(f"Next degree, {degree.name}", style="bold")
    head.append(
        f": {say_number(degree.missing)} more points ({say_number(degree.points)} of "
        f"{say_number(degree.at_least)})",
        style="not bold",
    )
    branch = tree.add(head)
    if not any(gain.suffices for gain in degree.gains):
        branch.add(Text("no single component could give them"))
    for gain in degree.gains:
        branch.add(
            Text(f"{gain.title}: {gain.now}; ")
            .append(f"{say_number(gain.more)} more", style="bold" if gain.suffices else "")
            .append(f" if {gain.asked} (at most {say_number(gain.most)} more)")
        )


def _add_changes(tree: Tree, changes: Sequence[PossibleChange], *, has_next_degree: bool) -> None:
    """Add the single changes that would have given another class; of a score stands the next."""
    if not changes or has_next_degree:
        return
    head = Text("What would have given another class", style="bold")
    branch = tree.add(head.append(f" ({READING})", style="not bold dim"))
    for change in changes:
        line = Text(f"{change.title}: ").append(change.asked, style="bold")
        line.append(f" instead of {change.now}" if not change.is_missing else f" ({change.now})")
        for other in change.classes:
            line.append(f"\n→ {other.question}: {other.before} → ", style="dim")
            line.append(other.after, style="not dim")
        branch.add(line)


def _draw_summary(summary: VisitSummary) -> Tree:
    """Draw a definition visit by visit, and what is missing at the last visit judged."""
    regimen = f", regimen {summary.regimen}" if summary.regimen is not None else ""
    head = Text(f"{summary.title}{regimen}, by visit", style="bold")
    tree = Tree(
        head.append(f"  [{summary.definition_id} {summary.definition_version}]", "not bold dim")
    )
    for run in summary.runs:
        tree.add(Text(f"{_dates(run)}: ").append(run.answer, style=COLOURS[run.state]))
    latest = summary.latest
    if latest.next_degree is not None or latest.lacking:
        branch = tree.add(Text(f"{latest.heading}, {latest.date}", style="dim"))
        _add_missing(branch, latest)
    return tree
