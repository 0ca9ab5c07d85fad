"""Nodes that every visit of a definition has: kept as columns of the visits until numbered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

import polars as pl

from heliotrope.classify.trace import NO_SOURCES, empty_nodes, make_nodes, passed_over, used
from heliotrope.definitions.model import Definition

KEY = ("patient_id", "regimen", "date")


@dataclass(frozen=True)
class NodeOfVisits:
    """What one node shows at each visit: columns of the visits, or the same word everywhere.

    ``cell`` and ``reference``: the columns with the row_id of the cells that were used;
    ``rejected``: the column with the list of cells rejected for the reference. ``passed_over``:
    columns with cells that were not used, each with the column that says why (null: it was).
    """

    node: str
    parent: str | None
    state: pl.Expr
    reason: pl.Expr | None = None
    value: pl.Expr | None = None
    unit: str | None = None
    operator: pl.Expr | None = None
    threshold: pl.Expr | None = None
    points: pl.Expr | None = None
    label: pl.Expr | None = None
    cell: str | None = None
    reference: str | None = None
    rejected: str | None = None
    passed_over: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> dict[str, pl.Expr]:
        """What the node says, by the columns of the trace; what it does not say is left out."""
        said = {
            "node": pl.lit(self.node),
            "parent": None if self.parent is None else pl.lit(self.parent),
            "state": self.state,
            "reason": self.reason,
            "value": self.value,
            "unit": None if self.unit is None else pl.lit(self.unit),
            "operator": self.operator,
            "threshold": self.threshold,
            "points": self.points,
            "label": self.label,
        }
        return {name: column for name, column in said.items() if column is not None}

    @property
    def named(self) -> set[str]:
        """The columns of the visits that the node is read from."""
        read = {name for column in self.columns.values() for name in column.meta.root_names()}
        cells = (self.cell, self.reference, self.rejected)
        return read | {name for name in (*cells, *chain(*self.passed_over)) if name}


@dataclass(frozen=True)
class VisitNodes:
    """All nodes of a definition: those of every visit, and the roots of whoever has no visit.

    ``visits``: one row a child, (regimen,) date, with the columns that ``nodes`` name; ``absent``:
    a node frame, whose rows share child and regimen with no visit.
    """

    definition: Definition
    visits: pl.DataFrame
    nodes: tuple[NodeOfVisits, ...]
    absent: pl.DataFrame

    @classmethod
    def keep(
        cls,
        definition: Definition,
        visits: pl.DataFrame,
        nodes: tuple[NodeOfVisits, ...],
        absent: pl.DataFrame,
    ) -> VisitNodes:
        """Keep of the visits what the nodes name, so that the rest need not stay in memory."""
        named = {name for node in nodes for name in node.named}
        columns = [name for name in visits.columns if name in KEY or name in named]
        return cls(definition, visits.select(columns), nodes, absent)

    def make_frame(self) -> pl.DataFrame:
        """Make the node frame of all visits and nodes."""
        frames = [*self._make_frames(), self.absent]
        return pl.concat([frame for frame in frames if frame.height] or [empty_nodes()])

    def _make_frames(self) -> Iterator[pl.DataFrame]:
        for node in self.nodes:
            cells = [used(pl.col(name)) for name in (node.cell, node.reference) if name]
            if node.rejected:
                cells.append(pl.coalesce(node.rejected, NO_SOURCES))
            cells += [passed_over(*columns) for columns in node.passed_over]
            sources = pl.concat_list(cells) if cells else NO_SOURCES
            yield make_nodes(self.visits, self.definition, **node.columns, sources=sources)

    def list_used(self) -> pl.DataFrame:
        """List the cells that the nodes of each visit used: its key and ``row_ids``, sorted."""
        named = [name for node in self.nodes for name in (node.cell, node.reference) if name]
        row_ids = pl.concat_list(named).list.drop_nulls().list.unique().list.sort()
        return self.visits.select(
            *(name for name in KEY if name in self.visits.columns), row_ids=row_ids
        )

    @property
    def in_order(self) -> list[NodeOfVisits]:
        """The nodes in the order of their names, as they stand in the trace."""
        return sorted(self.nodes, key=attrgetter("node"))
