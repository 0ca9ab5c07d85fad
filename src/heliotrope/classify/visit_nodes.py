"""Nodes that every visit of a definition has: kept as columns of the visits until numbered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import polars as pl

from heliotrope.classify.trace import NO_SOURCES, empty_nodes, make_nodes, used
from heliotrope.definitions.model import Definition

KEY = ("patient_id", "regimen", "date")


@dataclass(frozen=True)
class NodeOfVisits:
    """What one node shows at each visit: columns of the visits, or the same word everywhere.

    ``cell`` and ``reference``: the columns with the row_id of the cells that were used;
    ``rejected``: the column with the list of cells rejected for the reference.
    """

    node: str
    parent: str | None
    state: pl.Expr
    reason: pl.Expr | None = None
    value: pl.Expr | None = None
    unit: str | None = None
    operator: str | None = None
    threshold: pl.Expr | None = None
    label: pl.Expr | None = None
    cell: str | None = None
    reference: str | None = None
    rejected: str | None = None

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
            "operator": None if self.operator is None else pl.lit(self.operator),
            "threshold": self.threshold,
            "label": self.label,
        }
        return {name: column for name, column in said.items() if column is not None}

    @property
    def named(self) -> set[str]:
        """The columns of the visits that the node is read from."""
        read = {name for column in self.columns.values() for name in column.meta.root_names()}
        return read | {name for name in (self.cell, self.reference, self.rejected) if name}


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
            sources = pl.concat_list(cells) if cells else NO_SOURCES
            yield make_nodes(self.visits, self.definition, **node.columns, sources=sources)

    @property
    def in_order(self) -> list[NodeOfVisits]:
        """The nodes in the order of their names, as they stand in the trace."""
        return sorted(self.nodes, key=attrgetter("node"))
