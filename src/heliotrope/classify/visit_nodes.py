"""Nodes that every visit of a definition has: kept as columns of the visits until numbered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import polars as pl

from heliotrope.classify.trace import NO_SOURCES, empty_nodes, make_nodes, used
from heliotrope.definitions.model import Definition


@dataclass(frozen=True)
class NodeOfVisits:
    """What one node shows at each visit: columns of the visits, or the same word everywhere.

    ``cell``: the column with the row_id of the one cell that was used; ``sources``: the column
    with a list of cells, used and rejected. A node has one of them, or none.
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
    sources: str | None = None

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

    def make_frame(self) -> pl.DataFrame:
        """Make the node frame of all visits and nodes."""
        frames = [*self._make_frames(), self.absent]
        return pl.concat([frame for frame in frames if frame.height] or [empty_nodes()])

    def _make_frames(self) -> Iterator[pl.DataFrame]:
        for node in self.nodes:
            sources = NO_SOURCES if node.sources is None else pl.col(node.sources)
            if node.cell is not None:
                sources = used(pl.col(node.cell))
            yield make_nodes(self.visits, self.definition, **node.columns, sources=sources)

    @property
    def in_order(self) -> list[NodeOfVisits]:
        """The nodes in the order of their names, as they stand in the trace."""
        return sorted(self.nodes, key=attrgetter("node"))
