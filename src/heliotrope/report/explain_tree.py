"""An explanation as trees for the terminal: what decided, the cells behind it, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from heliotrope.report.explain import FIRST
from heliotrope.report.explanation import (
    Cell,
    Decision,
    Explanation,
    NextDegree,
    Node,
    VisitRun,
    VisitSummary,
)
from heliotrope.report.words import count_of, say, say_number

# A colour for each state; the word alone says it all.
COLOURS: dict[str, str] = {
    "met": "green",
    "not_met": "red",
    "not_evaluable": "yellow",
    "not_reached": "bright_black",
    "class": "default",
}
ONSET = say("visit_role", "onset")
MOST_NAMED = 4
NO_SINGLE = "; no single component could give them"
OTHERWISE = "What would have given another class"
READING = "a reading of the rule, not advice"
MOST_CELLS = 8


def render_explanation(explanation: Explanation) -> Group:
    """Draw every decision about a child as a tree, then the others visit by visit.

    Text from the source is shown as text: no markup in it is obeyed.
    """
    parts: list[RenderableType] = [Text(f"Child {explanation.patient_id}", style="bold")]
    parts += [Text(note, style="yellow") for note in explanation.notes]
    is_one = len({item.definition_id for item in explanation.decisions}) == 1
    shown = _choose(explanation) if not is_one else explanation.decisions
    shown = [item for item in shown if not _is_bare(item)]
    for decision in shown:
        parts += [Text(), _draw_decision(decision, is_asked=is_one)]
    for summary in explanation.by_visit:
        parts += [Text(), _draw_summary(summary, is_asked=is_one)]
    bare = [item for item in explanation.decisions if _is_bare(item)]
    if bare:
        parts += [Text(), _draw_bare(bare)]
    return Group(*parts)


def _choose(explanation: Explanation) -> list[Decision]:
    """Leave out visits that decided beside the one that set the onset, or else the last.

    Where visits stand whole by wish there is no summary of them, and all are drawn.
    """
    summed_up = {item.definition_id for item in explanation.by_visit}
    chosen: dict[tuple[str, int | None], Decision] = {}
    for item in explanation.decisions:
        key = (item.definition_id, item.regimen)
        if item.date is not None and (key not in chosen or item.heading == ONSET):
            chosen[key] = item
    return [
        item
        for item in explanation.decisions
        if item.date is None
        or item.definition_id not in summed_up
        or chosen[item.definition_id, item.regimen] is item
    ]


def _is_bare(decision: Decision) -> bool:
    """Say whether a decision is a root alone: nothing recorded, or not reached."""
    root = decision.root
    has_ground = root.children or root.also or root.cells or root.comparison
    return root.state in ("not_evaluable", "not_reached") and not has_ground


def _draw_bare(decisions: Sequence[Decision]) -> Tree:
    """Gather the decisions that rest on nothing, under what each says and why."""
    tree = Tree(Text("Without an answer", style="bold"))
    said: dict[str, list[str]] = {}
    for item in decisions:
        because = f": {item.root.because}" if item.root.because else ""
        regimen = f" (regimen {item.regimen})" if item.regimen not in (None, 1) else ""
        said.setdefault(f"{item.root.answer}{because}", []).append(f"{item.title}{regimen}")
    for answer, titles in said.items():
        branch = tree.add(Text(answer, style="yellow"))
        for title in dict.fromkeys(titles):
            branch.add(Text(title))
    for advice in dict.fromkeys(advice for item in decisions for advice in item.to_record):
        tree.add(Text("What to record: ", style="bold").append(advice, style="not bold"))
    return tree


def _draw_decision(decision: Decision, *, is_asked: bool) -> Tree:
    """Draw one decision; of definitions beside the main ones, and not asked for, the tree alone."""
    tree = Tree(_head(decision))
    _add_inside(tree, decision.root, set())
    _add_visits(tree, decision.visits)
    _add_missing(tree, decision)
    is_score = decision.next_degree is not None
    if (is_asked or decision.definition_id in FIRST) and not is_score:
        _add_changes(tree, decision)
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
    line = Text(node.answer, style=f"bold {COLOURS[node.tone]}")
    detail = [node.comparison] if node.comparison else []
    detail += [node.change.text] if node.change else []
    if detail:
        line.append(f"  {'; '.join(detail)}", style="not bold default")
    if node.because:
        line.append(f"  ({node.because})", style="not bold default")
    return line


def _add_inside(tree: Tree, node: Node, named: set[tuple[Cell, ...]]) -> None:
    """Add cells (once each), then the nodes that decided, then what else was looked at."""
    if node.cells and node.cells in named:
        tree.add(Text("cells as above", style="dim"))
    else:
        _add_cells(tree, node.cells)
        named.add(node.cells)
    for child in node.children:
        _add_inside(tree.add(_line(child)), child, named)
    if node.also:
        others = "; ".join(_line(other).plain for other in node.also)
        tree.add(Text("also looked at: ", style="bold dim").append(others, style="not bold dim"))


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
        tree.add(
            Text(f"and {count_of(len(cells) - MOST_CELLS, 'more cell', 'more cells')}", style="dim")
        )


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


def _add_changes(tree: Tree, decision: Decision) -> None:
    """Add the single changes that would have given another class."""
    changes = decision.could_change
    if not changes:
        return
    is_open = decision.root.state == "not_evaluable"
    asked = "What would have made it evaluable, or another class" if is_open else OTHERWISE
    branch = tree.add(Text(asked, style="bold").append(f" ({READING})", style="not bold dim"))
    for change in changes:
        line = Text(f"{change.title}: ").append(change.asked, style="bold")
        line.append(f" instead of {change.now}" if not change.is_missing else f" ({change.now})")
        said = "; ".join(f"{other.question}: {other.after}" for other in change.classes)
        branch.add(line.append(f" → {said}"))


def _draw_summary(summary: VisitSummary, *, is_asked: bool) -> Tree:
    """Draw a definition visit by visit, and what is missing at the last visit judged."""
    regimen = f", regimen {summary.regimen}" if summary.regimen is not None else ""
    head = Text(f"{summary.title}{regimen}, by visit", style="bold")
    tree = Tree(
        head.append(f"  [{summary.definition_id} {summary.definition_version}]", "not bold dim")
    )
    for run in summary.runs:
        tree.add(Text(f"{_dates(run)}: ").append(run.answer, style=COLOURS[run.state]))
    missing = _say_missing(summary.latest)
    if missing and not is_asked:
        tree.add(Text(f"missing on {summary.latest.date}: ", style="dim").append(missing))
    return tree


def _say_missing(decision: Decision) -> str:
    """Say in a line what is missing for the next degree, or for the state."""
    degree = decision.next_degree
    if degree is not None:
        alone = [gain for gain in degree.gains if gain.suffices]
        named = [f"{gain.title} ({gain.asked})" for gain in alone]
        could = f"; one of these could give them: {_few(named)}" if alone else NO_SINGLE
        return (
            f"{say_number(degree.missing)} points for the next degree, {degree.name} "
            f"({say_number(degree.points)} of {say_number(degree.at_least)}){could}"
        )
    return _few(
        [
            f"{lack.title} ({lack.now}{f', asked {lack.asked}' if lack.asked else ''})"
            for lack in decision.lacking
        ]
    )


def _few(named: Sequence[str]) -> str:
    more = len(named) - MOST_NAMED
    return "; ".join([*named[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])
