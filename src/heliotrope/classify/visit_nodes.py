"""Nodes that every visit of a definition has: kept as columns of the visits until numbered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import polars as pl

from heliotrope.classify.trace import NO_SOURCES, empty_nodes, make_nodes, passed_over, used
from heliotrope.definitions.model import Definition

KEY = ("patient_id", "regimen", "date")


class Rejected(NamedTuple):
    """A column with lists of rejected cells, and the column that says at which visits they count.

    None: at all of them.
    """

    lists: str
    where: str | None = None

    def make_list(self) -> pl.Expr:
        """Give the list of each visit; null where it does not count."""
        lists = pl.col(self.lists)
        return lists if self.where is None else pl.when(self.where).then(lists)

    def select(self, visits: pl.DataFrame, first_row: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Select the lists that count, each with the number of its row."""
        is_there = visits[self.lists].list.len() > 0
        if self.where is not None:
            is_there &= visits[self.where]
        return first_row.filter(is_there), visits[self.lists].filter(is_there)


@dataclass(frozen=True)
class NodeOfVisits:
    """What one node shows at each visit: columns of the visits, or the same word everywhere.

    ``cell`` and ``reference``: the columns with the row_id of the cells that were used;
    ``rejected``: the columns with lists of cells rejected for the reference. ``passed_over``:
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
    rejected: tuple[Rejected, ...] = ()
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
        cells = (self.cell, self.reference, *chain(*self.rejected, *self.passed_over))
        return read | {name for name in cells if name}


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
            cells += [pl.coalesce(item.make_list(), NO_SOURCES) for item in node.rejected]
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
