"""The rows of the trace of visits that all have the same nodes, made without sorting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from heliotrope.classify.trace import CELLS
from heliotrope.classify.trace_cells import list_cells, list_passed_over, list_used, sort_cells
from heliotrope.classify.visit_nodes import NodeOfVisits, VisitNodes
from heliotrope.records.row_order import pack_key

KEY_OF_VISIT = ["patient_id", "regimen", "date"]

Types = Mapping[str, pl.DataType | type[pl.DataType]]


def number_visits(
    part: VisitNodes, types: Types, first_id: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the nodes of one definition, visit by visit, and list their cells.

    Visits (and roots without one) are sorted, which are few; each takes as many rows as it has
    nodes, and these stand in the order of their names.
    """
    columns = _Columns(part, tuple(part.in_order), types)
    count, height = len(columns.nodes), part.visits.height
    keys = _list_keys(part, types)
    order = pack_key(keys, KEY_OF_VISIT).arg_sort().to_numpy().astype(np.int64)
    rows_of = np.where(order < height, count, 1)
    first_row = np.cumsum(rows_of) - rows_of
    visit = np.repeat(order, rows_of)
    place = np.arange(len(visit)) - np.repeat(first_row, rows_of)
    is_visit = visit < height
    stacked = np.where(is_visit, place * height + visit, (count - 1) * height + visit)
    alike = np.where(is_visit, place, count - height + visit)
    varied = columns.stack_varied().select(pl.all().gather(pl.Series(stacked)))
    trace_id = pl.int_range(first_id, first_id + len(visit), dtype=pl.Int64, eager=True)
    rows = pl.concat(
        [
            trace_id.to_frame("trace_id"),
            keys.select(pl.all().gather(pl.Series(visit))),
            columns.list_alike().select(pl.all().gather(pl.Series(alike))),
            varied,
        ],
        how="horizontal",
    ).with_columns(columns.everywhere)
    first_of_visit = np.empty_like(order)
    first_of_visit[order] = first_row + first_id
    cells = _list_cells_of_visits(
        varied.select(trace_id.alias("trace_id"), *CELLS),
        part,
        columns.nodes,
        pl.Series("trace_id", first_of_visit[:height]),
    )
    return rows.select("trace_id", *types), cells


@dataclass(frozen=True)
class _Columns:
    """The columns of the trace of one definition, each made where it costs least.

    What no node speaks of, and the definition's name, is the same everywhere; a unit, an operator,
    a fixed threshold is the same in all rows of a node; the rest varies from visit to visit.
    """

    part: VisitNodes
    nodes: tuple[NodeOfVisits, ...]
    types: Types

    @cached_property
    def said(self) -> list[dict[str, pl.Expr]]:
        """What each node says."""
        return [node.columns for node in self.nodes]

    @cached_property
    def everywhere(self) -> list[pl.Expr]:
        """The columns that are the same in every row."""
        definition = self.part.definition
        given = {"definition_id": definition.id, "definition_version": definition.stamp}
        silent = {name: None for name in self.types if self._is_silent(name)}
        return [
            pl.lit(text).cast(self.types[name]).alias(name)
            for name, text in {**silent, **given}.items()
        ]

    @cached_property
    def varied(self) -> list[str]:
        """The columns that any node reads from the visits."""
        asked = set(self.types) - {column.meta.output_name() for column in self.everywhere}
        read = {
            name
            for said in self.said
            for name, column in said.items()
            if name in asked and column.meta.root_names()
        }
        return sorted(read)

    @cached_property
    def alike(self) -> list[str]:
        """The columns that are the same in all rows of a node."""
        left_out = {column.meta.output_name() for column in self.everywhere}
        left_out |= {*self.varied, *KEY_OF_VISIT}
        return [name for name in self.types if name not in left_out]

    def _is_silent(self, name: str) -> bool:
        if name in KEY_OF_VISIT or any(name in said for said in self.said):
            return False
        absent = self.part.absent[name]
        return absent.null_count() == len(absent)

    def list_alike(self) -> pl.DataFrame:
        """List the columns that are alike: one row a node, then the roots without a visit."""
        rows = [pl.select(self._of_node(said, self.alike)) for said in self.said]
        return pl.concat([*rows, self.part.absent.select(self._of_absent(self.alike))])

    def stack_varied(self) -> pl.DataFrame:
        """Stack what varies of all visits, node upon node, then the roots without a visit."""
        stack = [
            self.part.visits.select(
                *self._of_node(said, self.varied),
                *(
                    (pl.col(column) if column else pl.lit(None)).cast(pl.Int64).alias(name)
                    for name, column in zip(CELLS, (node.cell, node.reference), strict=True)
                ),
            )
            for node, said in zip(self.nodes, self.said, strict=True)
        ]
        absent = self.part.absent.select(
            *self._of_absent(self.varied), *(pl.lit(None, pl.Int64).alias(name) for name in CELLS)
        )
        return pl.concat([*stack, absent], rechunk=True)

    def _of_node(self, said: Mapping[str, pl.Expr], names: Sequence[str]) -> list[pl.Expr]:
        return [said.get(name, pl.lit(None)).cast(self.types[name]).alias(name) for name in names]

    def _of_absent(self, names: Sequence[str]) -> list[pl.Expr]:
        return [pl.col(name).cast(self.types[name]) for name in names]


def _list_keys(part: VisitNodes, types: Types) -> pl.DataFrame:
    """List the keys of all visits, then of the roots without one."""
    return pl.concat(
        frame.select(
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(types[name]).alias(name)
            for name in KEY_OF_VISIT
        )
        for frame in (part.visits, part.absent)
    )


def _list_cells_of_visits(
    tall: pl.DataFrame, part: VisitNodes, nodes: Sequence[NodeOfVisits], first_row: pl.Series
) -> pl.DataFrame:
    """List the cells of visit nodes: those used as they stand, and those in lists.

    ``tall``: trace_id and cells of every row; ``first_row``: the first trace_id of each visit.
    """
    cells, references = list_used(tall)
    rejected = [
        list_cells(*item.select(part.visits, first_row + place))
        for place, node in enumerate(nodes)
        for item in node.rejected
    ]
    rejected += [
        list_passed_over(part.visits.select(first_row + place, row_id=cell, reason=why))
        for place, node in enumerate(nodes)
        for cell, why in node.passed_over
    ]
    if references.is_empty() and not any(frame.height for frame in rejected):
        return cells
    return sort_cells(pl.concat([cells, references, *rejected]))
