"""One column being read: where it stands, what a fault costs, and what reading it gives."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.columns import ColumnSpec
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.staged import CONSTANT, ColumnKey, Staged


@dataclass(frozen=True)
class Read:
    """Typed columns (beside ``record``) and the problems met on the way."""

    values: pl.DataFrame
    problems: pl.DataFrame


@dataclass(frozen=True)
class Cell:
    """One column being read: where it stands and what a fault costs."""

    staged: Staged
    spec: ColumnSpec
    context: ReadContext

    @property
    def key(self) -> ColumnKey:
        """Return what the column is known by: our name and its number in the source."""
        return self.spec.name, self.staged.numbers.get(self.spec.name, CONSTANT)

    @property
    def proven(self) -> str:
        """Return how the cells of the whole column prove it to be written."""
        return self.staged.proven[self.key]

    @property
    def rows(self) -> pl.DataFrame:
        """Return record and text of the column."""
        return self.staged.rows.select("record", text=pl.col(self.spec.name))

    def problem(
        self, rows: pl.DataFrame, rule: str | pl.Expr, **columns: pl.Expr | str | None
    ) -> pl.DataFrame:
        """Make the problems of faulty cells; the cost is the column's."""
        return make_problems(
            rows,
            rule,
            **{
                "column": self.staged.numbers.get(self.spec.name, self.staged.value_column),
                "effect": f"quarantine_{self.spec.fault}",
                "found": pl.col("text"),
                **columns,
            },
        )


def read_known_texts(cell: Cell) -> pl.DataFrame:
    """Return record and text of a column of numbers or dates; 'unknown' and the like are null."""
    missing = [word.casefold() for word in cell.context.formats.missing_in_numbers_and_dates]
    is_missing = pl.col("text").str.to_lowercase().is_in(missing)
    return cell.rows.with_columns(pl.when(~is_missing).then(pl.col("text")).alias("text"))
