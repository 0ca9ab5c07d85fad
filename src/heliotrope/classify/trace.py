"""The trace: one row a node of a decision, with the source cells used and rejected.

A classifier builds *node frames*: the columns of ``NODE_COLUMNS``, of which ``sources`` is a list
of (row_id, role, reason), ``cell`` and ``reference`` are a row_id that was used; or, where every
visit has the same nodes, *visit nodes*, from which the rows are made only when they are numbered
(``trace_rows.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from heliotrope.definitions.model import Definition

if TYPE_CHECKING:
    from heliotrope.classify.visit_nodes import VisitNodes

SOURCE = pl.Struct({"row_id": pl.Int64, "role": pl.String, "reason": pl.String})

NODE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "patient_id": pl.String,
    "regimen": pl.Int32,
    "definition_id": pl.String,
    "definition_version": pl.String,
    "date": pl.Date,
    "node": pl.String,
    "parent": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "operator": pl.String,
    "threshold": pl.Float64,
    "points": pl.Float64,
    "label": pl.String,
    "sources": pl.List(SOURCE),
    "cell": pl.Int64,
    "reference": pl.Int64,
}

# Where a node names its cells: in a list, or (fifty times faster to make) in a column for each use.
CELLS = ("cell", "reference")

NO_SOURCES = pl.lit([], dtype=pl.List(SOURCE))

# What a node says in a column that it was given nothing for.
_NOTHING = {
    name: (NO_SOURCES if name == "sources" else pl.lit(None, dtype)).alias(name)
    for name, dtype in NODE_COLUMNS.items()
}


@dataclass(frozen=True)
class Classified:
    """What a classifier gives back: its table, the nodes that explain it, findings on the way."""

    table: pl.DataFrame
    parts: tuple[pl.DataFrame | VisitNodes, ...]
    findings: pl.DataFrame

    @property
    def nodes(self) -> pl.DataFrame:
        """All nodes as one frame."""
        frames = [
            part if isinstance(part, pl.DataFrame) else part.make_frame() for part in self.parts
        ]
        return pl.concat(frames) if frames else empty_nodes()


def state_of(is_met: pl.Expr, dtype: pl.DataType | type[pl.DataType] = pl.String) -> pl.Expr:
    """Turn a Kleene truth value (True, False, null) into met, not_met or not_evaluable."""
    return (
        pl.when(is_met)
        .then(pl.lit("met", dtype))
        .when(is_met.not_())
        .then(pl.lit("not_met", dtype))
        .otherwise(pl.lit("not_evaluable", dtype))
    )


def used(row_id: pl.Expr) -> pl.Expr:
    """Make the ``sources`` of a node that used one cell; a null row_id gives no source."""
    one = pl.struct(
        row_id=row_id.cast(pl.Int64),
        role=pl.lit("used"),
        reason=pl.lit(None, pl.String),
    ).cast(SOURCE)
    return pl.when(row_id.is_not_null()).then(pl.concat_list(one)).otherwise(NO_SOURCES)


def passed_over(row_id: str, reason: str) -> pl.Expr:
    """Make the ``sources`` of a cell that was not used; without a reason, or a cell, there is none.

    Both are columns of the rows.
    """
    one = pl.struct(
        row_id=pl.col(row_id).cast(pl.Int64),
        role=pl.lit("rejected"),
        reason=pl.col(reason).cast(pl.String),
    ).cast(SOURCE)
    is_there = pl.col(row_id).is_not_null() & pl.col(reason).is_not_null()
    return pl.when(is_there).then(pl.concat_list(one)).otherwise(NO_SOURCES)


def used_all(row_ids: pl.Expr) -> pl.Expr:
    """Make the ``sources`` of a node that used a list of cells; null gives none."""
    return row_ids.fill_null([]).list.eval(
        pl.struct(
            row_id=pl.element().cast(pl.Int64),
            role=pl.lit("used"),
            reason=pl.lit(None, pl.String),
        ).cast(SOURCE)
    )


def make_nodes(rows: pl.DataFrame, definition: Definition, **columns: pl.Expr) -> pl.DataFrame:
    """Make node rows from the rows of a frame; columns not given are taken or null.

    ``rows`` gives patient_id and, where it has them, regimen and date. Every other column of
    ``NODE_COLUMNS`` is null unless given as an expression.
    """
    given = {
        "definition_id": pl.lit(definition.id),
        "definition_version": pl.lit(definition.stamp),
        **{name: pl.col(name) for name in ("regimen", "date") if name in rows.columns},
        **columns,
    }
    return rows.select(
        "patient_id",
        *(
            given[name].cast(dtype).alias(name) if name in given else _NOTHING[name]
            for name, dtype in NODE_COLUMNS.items()
            if name != "patient_id"
        ),
    )


def empty_nodes() -> pl.DataFrame:
    """Return a node frame without rows."""
    return pl.DataFrame(schema=NODE_COLUMNS)
