"""The small figures beside each number of the page, and the cells that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from heliotrope.report.explain_cells import SourceCells
from heliotrope.report.explanation import Cell
from heliotrope.report.language import _

LISTED_RUNS = 6
LINK = {"role": "used", "reason": None}

Column = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class SourceColumn:
    """A column of a source, and the rows in it by the mark that stands for them."""

    place: str
    marks: Sequence[tuple[str, str]]


@dataclass
class SourceMarks:
    """Numbers each set of source cells once, in the order in which the page names them."""

    places: SourceCells
    _numbers: dict[tuple[tuple[Column, int], ...], int] = field(default_factory=dict)

    def mark(self, row_ids: Iterable[int]) -> str:
        """Give the mark of the cells where some canonical rows began; none: no mark."""
        found = sorted({number for number in row_ids if number is not None and number >= 0})
        return self.mark_cells(
            [self.places.find({"row_id": number, **LINK}, "") for number in found]
        )

    def mark_cells(self, cells: Iterable[Cell]) -> str:
        """Give the mark of some cells."""
        known = {
            ((cell.file, cell.sheet, cell.column), cell.row)
            for cell in cells
            if cell.file is not None and cell.row is not None
        }
        if not known:
            return ""
        key = tuple(sorted(known, key=str))
        return str(self._numbers.setdefault(key, len(self._numbers) + 1))

    def list_columns(self) -> Sequence[SourceColumn]:
        """List the columns of the sources with the marks that point into them."""
        columns: dict[Column, list[tuple[str, str]]] = {}
        for key, number in self._numbers.items():
            rows: dict[Column, list[int]] = {}
            for column, row in key:
                rows.setdefault(column, []).append(row)
            for column, found in rows.items():
                columns.setdefault(column, []).append((str(number), _say_rows(found)))
        return [SourceColumn(_name_column(column), marks) for column, marks in columns.items()]


def _name_column(column: Column) -> str:
    file, sheet, name = column
    parts = [file]
    parts += [_("sheet {sheet}").format(sheet=sheet)] if sheet is not None else []
    parts += [_("column {column}").format(column=name)] if name is not None else []
    return ", ".join(parts)


def _say_rows(rows: Iterable[int]) -> str:
    """Say rows, those that follow one another as a span.

    >>> _say_rows([4, 2, 3, 9])
    'rows 2-4, 9'
    >>> _say_rows([7])
    'row 7'
    """
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][-1] + 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    said = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    if len(said) == 1 and len(runs[0]) == 1:
        return _("row {row}").format(row=said[0])
    listed = ", ".join(said[:LISTED_RUNS])
    if len(said) > LISTED_RUNS:
        left = sum(len(run) for run in runs[LISTED_RUNS:])
        listed += " " + _("and {n} more").format(n=left)
    return _("rows {rows}").format(rows=listed)
