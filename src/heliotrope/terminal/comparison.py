"""Definitions side by side as a person reads them in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from heliotrope.comparison.result import (
    ClassChange,
    Comparison,
    NodeThatDecided,
    PairComparison,
)
from heliotrope.estimate.rows import Row
from heliotrope.terminal.definitions import mark_local

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# A table of agreement with more classes across is listed cell by cell.
WIDEST = 6

# Kinds of change in which one of two definitions could not decide.
OPEN = ("missing", "no_decision")

STATISTICS = {
    "kappa": "Cohen's kappa",
    "kappa_weighted": "Weighted by steps",
    "kappa_fleiss": "Fleiss' kappa",
}


def print_comparison(comparison: Comparison, *, most: int) -> None:
    """Print who is compared, then each pair: table, agreement, what decided, who changes class.

    ``most``: so many children's changes are listed; the rest is counted.
    """
    console = Console(highlight=False)
    names = dict(zip((item.id for item in comparison.definitions), LETTERS, strict=False))
    _print_head(console, comparison, names)
    if comparison.units == 0:
        console.print(
            f"\nNo {comparison.unit} was judged by any of them: what they ask for is not recorded."
        )
        return
    for pair in comparison.pairs:
        console.print()
        _print_pair(console, comparison, pair, names, most)
    if comparison.together:
        console.print(Text("\nAll together", style="bold"))
        _print_agreement(console, comparison, comparison.together, "All of them")
    console.print(
        Text(
            "\nAgreement says nothing of who is right: no definition here was checked against a "
            "clinician's judgement by this comparison."
        )
    )


def _print_head(console: Console, comparison: Comparison, names: Mapping[str, str]) -> None:
    what = _count(comparison.units, comparison.unit)
    children = _count(comparison.children, "child")
    console.print(Text(f"{what} of {children}, compared by {comparison.language}", style="bold"))
    for item in comparison.definitions:
        line = f"{names[item.id]}  {item.id} {item.version}  {item.title}{mark_local(item)}"
        console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    if comparison.week is not None:
        console.print(
            f"Definitions that decide at visits are read once a regimen: at the visit nearest to "
            f"week {comparison.week}."
        )
    if comparison.unit == "regimen" and comparison.without_regimen:
        children = _count(comparison.without_regimen, "child")
        console.print(f"Left out, for want of a regimen of IVIG: {children}.")


def _print_pair(
    console: Console,
    comparison: Comparison,
    pair: PairComparison,
    names: Mapping[str, str],
    most: int,
) -> None:
    first, second = names[pair.first], names[pair.second]
    console.print(Text(f"{first} and {second}", style="bold"))
    console.print(Padding(_draw_cells(comparison, pair, first, second), (0, 0, 0, 2), expand=False))
    _print_agreement(console, comparison, pair.rows, "Both")
    between = [change for change in pair.changes if change.is_between_classes]
    others = [change for change in pair.changes if not change.is_between_classes]
    if between:
        console.print(Text(f"\n{first} and {second} give another class", style="bold"))
        _print_reasons(console, comparison, between, names)
        _print_changes(console, comparison, between, (first, second), most)
    if others:
        console.print(Text(f"\nOnly one of {first} and {second} can decide", style="bold"))
        _print_reasons(console, comparison, others, names)


def _draw_cells(comparison: Comparison, pair: PairComparison, first: str, second: str) -> Table:
    """Draw the table of agreement; classes that nobody was given are left out."""
    cells = {
        tuple(row.variable.split(":")[2:]): int(row.value or 0)
        for row in pair.rows
        if row.analysis.endswith("_cell")
    }
    if len({key[1] for key in cells}) > WIDEST:
        return _list_cells(cells, (first, second))
    given = [
        [word for word in comparison.classes if any(key[place] == word for key in cells)]
        for place in (0, 1)
    ]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"{first} down, {second} across", no_wrap=True)
    for word in given[1]:
        table.add_column(_words(word), justify="right")
    for word in given[0]:
        numbers = [
            Text(str(cells.get((word, other), 0)), style="bold" if word == other else "")
            for other in given[1]
        ]
        table.add_row(_words(word), *numbers)
    return table


def _list_cells(cells: Mapping[tuple[str, ...], int], letters: tuple[str, str]) -> Table:
    """List the cells of a table too wide for a terminal, equal classes first."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("units", justify="right")
    for letter in letters:
        table.add_column(letter, no_wrap=True)
    for key, number in sorted(cells.items(), key=lambda item: item[0][0] != item[0][1]):
        style = "bold" if key[0] == key[1] else ""
        table.add_row(Text(str(number), style=style), *(_words(word) for word in key))
    return table


def _print_agreement(
    console: Console, comparison: Comparison, rows: Sequence[Row], who: str
) -> None:
    unit = comparison.unit
    found = {row.statistic: row for row in rows if row.statistic != "n"}
    counts = {
        row.variable.rpartition(":")[2]: int(row.value or 0) for row in rows if row.statistic == "n"
    }
    lines = [
        f"{who} could decide {counts['decided_by_all']} of {_count(comparison.units, unit)}; "
        f"only some of them {counts['decided_by_some']}, none {counts['decided_by_none']}."
    ]
    share = found.get("proportion_exact") or found["proportion_clustered"]
    if share.refused is not None:
        lines.append(f"Agreement: not estimated, {share.refused}.")
    else:
        count = "; the interval counts children" if "clustered" in share.statistic else ""
        lines.append(f"Agree: {share.formatted}{count}.")
        for name, title in STATISTICS.items():
            if name in found:
                row = found[name]
                lines.append(f"{title}: {row.formatted if row.refused is None else row.refused}.")
    for line in lines:
        console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _print_reasons(
    console: Console,
    comparison: Comparison,
    changes: Sequence[ClassChange],
    names: Mapping[str, str],
) -> None:
    """Count what decided, the most frequent first; of what is missing, whatever the classes."""
    counted: Counter[tuple[str, str]] = Counter()
    for change in changes:
        classes = f"{_words(change.first)} / {_words(change.second)}"
        reason = say_reason(comparison, change, names)
        counted["" if change.kind in OPEN else classes, reason] += 1
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"{comparison.unit}s", justify="right")
    has_classes = any(classes for classes, _ in counted)
    if has_classes:
        table.add_column("classes", no_wrap=True)
    table.add_column("decided by")
    for (classes, reason), number in counted.most_common():
        table.add_row(str(number), *([classes] if has_classes else []), Text(reason))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def say_reason(comparison: Comparison, change: ClassChange, names: Mapping[str, str]) -> str:
    """Say in a line what decided: nodes, or why there was no decision."""
    letter = names[change.decided_in]
    if change.kind == "cut_off":
        return "the same points, cut elsewhere"
    if change.kind == "many":
        return "many nodes at once"
    if not change.ways:
        return f"{letter} cannot say: {_words(change.reason or 'not evaluable')}"
    words = comparison.node_words[change.decided_in]
    ways = [[words.get(node.node, _words(node.node)) for node in way] for way in change.ways]
    if change.kind == "missing":
        return f"{letter} lacks {', '.join(ways[0])}"
    return f"{letter}: {', or '.join(dict.fromkeys(' and '.join(way) for way in ways))}"


def _print_changes(
    console: Console,
    comparison: Comparison,
    changes: Sequence[ClassChange],
    letters: tuple[str, str],
    most: int,
) -> None:
    """List the children who change class, with what was compared."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("child", no_wrap=True)
    table.add_column("visit" if comparison.unit == "visit" else "regimen", no_wrap=True)
    for letter in letters:
        table.add_column(letter, no_wrap=True)
    table.add_column("what was found")
    for change in changes[:most]:
        when = change.date.isoformat() if change.date else str(change.regimen)
        nodes = (
            dict.fromkeys(_say_node(comparison, change, node) for node in change.ways[0])
            if (change.ways)
            else {}
        )
        found = "; ".join(nodes)
        table.add_row(
            Text(change.patient_id), when, _words(change.first), _words(change.second), Text(found)
        )
    console.print(Padding(table, (1, 0, 0, 2), expand=False))
    if len(changes) > most:
        left = len(changes) - most
        console.print(Text(f"  ... and {left} more: --all lists them, --json has every node."))


def _say_node(comparison: Comparison, change: ClassChange, node: NodeThatDecided) -> str:
    """Say what a node compared, and what it would have to say for the classes to be equal."""
    words = comparison.node_words[change.decided_in].get(node.node, _words(node.node))
    if node.points is not None:
        return f"{words}: {node.points:g} points; with {node.would_be} they would agree"
    unit = f" {node.unit}" if node.unit and node.unit != "none" else ""
    if node.value is None:
        return f"{words}: {_words(node.reason or node.state)}"
    asked = "" if node.threshold is None else f", asked {node.operator} {node.threshold:g}{unit}"
    return f"{words}: {round(node.value, 4):g}{unit}{asked}"


def _count(number: int, unit: str) -> str:
    many = "children" if unit == "child" else f"{unit}s"
    return f"{number:,} {unit if number == 1 else many}"


def _words(name: str) -> str:
    return name.replace("_", " ")
