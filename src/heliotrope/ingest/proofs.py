"""What the cells of a whole column prove about how it is written: decimal sign, order of dates.

1,234 and 03/04/2020 can be read in two ways; other cells of the column settle which. So a column
is looked through before it is read, whole or batch by batch: of each batch only the cells that
prove something are kept, and those of all batches together prove what the whole column does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.ingest.build_assessment import lay_out_measure, name_measure
from heliotrope.ingest.cell import Cell, read_known_texts
from heliotrope.ingest.cells import translate
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.date_cells import (
    find_declared_order,
    find_telling_dates,
    prove_date_order,
)
from heliotrope.ingest.measure_values import find_value_cell
from heliotrope.ingest.numerals import find_telling_numbers, prove_decimal
from heliotrope.ingest.staged import ColumnKey, Staged, missing_columns


@dataclass(frozen=True)
class Shown:
    """The cells of one column that prove how it is written: text to its first record, in order."""

    cell: Cell
    texts: Mapping[str, int]

    @property
    def is_date(self) -> bool:
        """Say whether it is a column of dates; else of numbers."""
        return self.cell.spec.reads == "date"

    def join(self, other: Shown) -> Shown:
        """Put the cells of another batch to these; only those that prove something stay.

        Batches may come in any order: of two equal cells the one in the first record stays.
        """
        first = {
            text: min(texts[text] for texts in (self.texts, other.texts) if text in texts)
            for text in {**self.texts, **other.texts}
        }
        return _show(self.cell, first)

    def prove(self) -> str:
        """Return the decimal sign or the order of day and month.

        Errors: a column that can be read in two ways: UserError.
        """
        if self.is_date:
            return prove_date_order(self.texts, self.cell)
        record = next((at for text, at in self.texts.items() if "," in text), None)
        return (
            prove_decimal(list(self.texts), self.cell.staged.place(self.cell.spec.name, record))
            or "."
        )


def _show(cell: Cell, records: Mapping[str, int]) -> Shown:
    series = pl.Series(sorted(records, key=lambda text: (records[text], text)), dtype=pl.String)
    if cell.spec.reads == "date":
        telling = find_telling_dates(series, cell.context.date_words)
    else:
        telling = find_telling_numbers(series)
    staged = cell.staged
    raw = replace(staged.raw, cells=staged.raw.cells.clear(), records=None)
    place = replace(staged, raw=raw, rows=staged.rows.clear())
    return Shown(replace(cell, staged=place), {text: records[text] for text in telling})


Proofs = Mapping[ColumnKey, Shown]


def show_columns(staged: Staged, context: ReadContext) -> dict[ColumnKey, Shown]:
    """Gather what the cells of a laid-out table, or of a batch of it, prove of its columns."""
    found: dict[ColumnKey, Shown] = {}
    for cell in _list_open_columns(staged, context):
        rows = read_known_texts(cell).filter(pl.col("text").is_not_null())
        rows = rows.unique("text", keep="first", maintain_order=True)
        shown = _show(cell, dict(rows.select("text", "record").iter_rows()))
        found[cell.key] = found[cell.key].join(shown) if cell.key in found else shown
    return found


def join_shown(first: Proofs, later: Proofs) -> dict[ColumnKey, Shown]:
    """Put what another batch shows to what the ones before it showed."""
    joined = {
        key: shown.join(later[key]) if key in later else shown for key, shown in first.items()
    }
    return {**later, **joined}


def prove_columns(shown: Proofs) -> dict[ColumnKey, str]:
    """Prove how every column is written that does not say so.

    Errors: the first column that can be read in two ways: UserError.
    """
    return {key: item.prove() for key, item in shown.items()}


def prove_whole(staged: Staged, context: ReadContext) -> Staged:
    """Prove how the columns of a table are written that is laid out whole.

    Errors: those of ``prove_columns``.
    """
    return replace(staged, proven=prove_columns(show_columns(staged, context)))


def _list_open_columns(staged: Staged, context: ReadContext) -> Iterator[Cell]:
    """List the columns of dates and numbers whose writing is not declared."""
    for part in (staged, *(lay_out_measure(staged, item, context) for item in staged.measures)):
        for spec in TABLE_COLUMNS[part.table]:
            cell = Cell(part, spec, context)
            is_value = part.table == "assessment" and spec.name == "value"
            if is_value or spec.name not in part.rows.columns:
                continue
            is_open_date = spec.reads == "date" and find_declared_order(cell) is None
            is_number = spec.reads in ("number", "integer")
            if is_open_date or (is_number and part.format.decimal is None):
                yield cell
    if staged.table == "assessment" and staged.format.decimal is None:
        yield from _list_values(staged, context)


def _list_values(staged: Staged, context: ReadContext) -> Iterator[Cell]:
    """List the columns of values; which of them are numbers the measure says."""
    if not staged.measures:
        texts = missing_columns(staged.rows, measure=pl.String)["measure"]
        yield find_value_cell(staged, translate(texts, context.measure_lookup.find), context)
    for item in staged.measures:
        part = lay_out_measure(staged, item, context)
        named = pl.Series([name_measure(item, context)], dtype=pl.String)
        yield find_value_cell(part, named.new_from_index(0, part.rows.height), context)
