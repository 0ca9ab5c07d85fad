"""The counts of a run as tables of words that exclude one another, and which stay hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from heliotrope.definitions.disclosure import DisclosureLimits, SharedAnalysis
from heliotrope.report.disclosure.suppress import choose_suppressed, is_share_hidden


@dataclass(frozen=True)
class Cell:
    """One count of a run: its variable, the count, the whole it is a share of, and its rows.

    ``is_outside``: its word stands outside the denominator of the other words of its table.
    """

    variable: str
    count: int
    whole: int
    rows: tuple[Mapping[str, Any], ...]
    is_outside: bool = False


@dataclass(frozen=True)
class CountTable:
    """Counts that exclude one another within one whole.

    ``whole``: of the table; a cell's own may be smaller (children who could not be judged stand
    outside the shares). ``rest``: what of the whole no word counts. ``hidden``: the variables that
    are not printed. ``is_whole_hidden``: no whole and so no share is printed.
    """

    analysis: str
    cells: tuple[Cell, ...]
    whole: int
    rest: int
    hidden: frozenset[str] = frozenset()
    is_whole_hidden: bool = False

    def is_printed(self, cell: Cell) -> bool:
        """Say whether a count of the table is printed."""
        return cell.variable not in self.hidden

    def hide(self, *variables: str) -> CountTable:
        """Return the table with further counts hidden."""
        return replace(self, hidden=self.hidden | set(variables))


def read_cells(rows: pl.DataFrame) -> list[Cell]:
    """Read each variable's count and whole, from its count or else from its share."""
    cells = []
    for variable in rows["variable"].unique(maintain_order=True):
        own = rows.filter(pl.col("variable") == variable).to_dicts()
        for row in own:
            if row["value"] is None or row["n_evaluable"] is None:
                continue
            is_count = row["statistic"] == "n"
            count = row["value"] if is_count else row["value"] * row["n_evaluable"]
            cells.append(Cell(variable, round(count), int(row["n_evaluable"]), tuple(own)))
            break
    return cells


def make_tables(
    analysis: SharedAnalysis,
    rows: pl.DataFrame,
    limits: DisclosureLimits,
    children: Callable[[str], int] | None,
) -> list[CountTable]:
    """Make the tables of an analysis with what the rule suppresses in each.

    A count in no table of exclusive words is one of its own, with the rest of its whole.
    ``children``: how many children stand behind a count of infusions; too few hide it.
    """
    numbered: dict[int, list[Cell]] = {}
    tables = []
    for cell in read_cells(rows):
        number = analysis.find_table(cell.variable)
        if number is not None:
            is_outside = analysis.is_outside(cell.variable)
            numbered.setdefault(number, []).append(replace(cell, is_outside=is_outside))
            continue
        table = CountTable(analysis.analysis, (cell,), cell.whole, cell.whole - cell.count)
        small = children is not None and children(cell.variable) < limits.least_count
        if small or is_share_hidden(cell.count, cell.whole, limits.least_count):
            table = table.hide(cell.variable)
        tables.append(table)
    return [
        _make_table(analysis.analysis, n, limits.least_count) for n in numbered.values()
    ] + tables


def _make_table(analysis: str, cells: Sequence[Cell], least: int) -> CountTable:
    """Suppress within one table; what of the whole is in no word is a cell that nobody prints.

    Counts that are more than their whole do not exclude one another: all are hidden, and the whole
    too. So is a count whose share of its own whole would leave a small rest.
    """
    whole = max(cell.whole for cell in cells)
    rest = whole - sum(cell.count for cell in cells)
    table = CountTable(analysis, tuple(cells), whole, max(rest, 0))
    if rest < 0 or whole < least:
        return replace(table, is_whole_hidden=True).hide(*(cell.variable for cell in cells))
    counts = [cell.count for cell in cells] + ([rest] if rest else [])
    chosen = choose_suppressed(counts, least)
    return table.hide(
        *(
            cell.variable
            for number, cell in enumerate(cells)
            if number in chosen or is_share_hidden(cell.count, cell.whole, least)
        )
    )
