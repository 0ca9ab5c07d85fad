"""The rows of the trace: every node of a shard in the order of its key, numbered, and its cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from heliotrope.classify.trace import CELLS, NODE_COLUMNS
from heliotrope.classify.trace_cells import (
    SOURCE_COLUMNS,
    add_item_cells,
    list_cells,
    list_item_cells,
    list_used,
    sort_cells,
)
from heliotrope.classify.visit_nodes import VisitNodes
from heliotrope.classify.visit_rows import number_visits
from heliotrope.records.coded_words import STATE, WORD
from heliotrope.records.row_order import sort_places

KEY = ["definition_id", "patient_id", "regimen", "date", "node"]
KEY_OF_NODE = KEY[1:]

# What speaks of a definition: nodes, or visits that all have the same nodes.
NodesOrVisits = pl.DataFrame | VisitNodes


class Chapter(NamedTuple):
    """The trace of one definition, and its cells, with words as numbers of a dictionary."""

    rows: pl.DataFrame
    sources: pl.DataFrame


@dataclass(frozen=True)
class NumberedTrace:
    """The trace of a shard, definition by definition, in order.

    Whoever writes it can do so a definition at a time: the rows of one are made when it is asked
    for, and most of a shard's memory would be the rows of all.
    parts: what speaks of each definition, in the order of their names.
    first_id: the number of the first row.
    """

    parts: Mapping[str, Sequence[NodesOrVisits]]
    types: Mapping[str, pl.DataType | type[pl.DataType]]
    items: pl.DataFrame | None
    first_id: int

    @property
    def empty(self) -> Chapter:
        """A trace without rows."""
        rows = pl.DataFrame(schema={"trace_id": pl.Int64, **self.types})
        return Chapter(rows, pl.DataFrame(schema=SOURCE_COLUMNS))

    def make_chapters(self) -> Iterator[Chapter]:
        """Make the rows of each definition and their cells, in the order of ``KEY``."""
        first_id = self.first_id
        for parts in self.parts.values():
            first, *others = parts
            if isinstance(first, VisitNodes) and not others:
                rows, cells = number_visits(first, self.types, first_id)
            else:
                rows, cells = _number_nodes(parts, self.types, first_id)
            first_id += rows.height
            yield Chapter(rows, add_item_cells(cells, self.items))

    @cached_property
    def whole(self) -> Chapter:
        """All rows and all cells."""
        chapters = [self.empty, *self.make_chapters()]
        return Chapter(*(pl.concat(part) for part in zip(*chapters, strict=True)))

    def spell(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return trace and sources with their words as strings."""
        return spell_words(self.whole.rows), spell_words(self.whole.sources)


def spell_words(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn every word that is kept as a number of a dictionary into a string."""
    is_coded = pl.selectors.by_dtype(pl.Categorical, pl.Enum)
    return frame.with_columns(is_coded.cast(pl.String))


def number_trace(
    parts: Iterable[NodesOrVisits],
    first_id: int = 0,
    visit_values: pl.DataFrame | None = None,
) -> NumberedTrace:
    """Put nodes in the order of ``KEY``, number their rows from ``first_id``, list their cells.

    A total made from the items of a form stands in no cell: where a node rests on its (negative)
    ``row_id``, the trace names the cells of all items, as ``visit_values`` lists them.
    """
    collected = list(parts)
    types = _types_of(collected)
    items = list_item_cells(visit_values)
    return NumberedTrace(_by_definition(collected), types, items, first_id)


def _by_definition(parts: Iterable[NodesOrVisits]) -> dict[str, list[NodesOrVisits]]:
    """Put together what speaks of one definition: node frames first, then visit nodes."""
    frames: dict[str, list[NodesOrVisits]] = defaultdict(list)
    visits: dict[str, list[NodesOrVisits]] = defaultdict(list)
    for part in parts:
        if isinstance(part, VisitNodes):
            visits[part.definition.id].append(part)
        elif part.height:
            for name, frame in _cut(part):
                frames[name].append(frame)
    return {name: frames[name] + visits[name] for name in sorted({*frames, *visits})}


def _cut(nodes: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Cut a node frame by definition; nearly all are of one."""
    names = nodes["definition_id"]
    if (names == names[0]).all():
        return [(names[0], nodes)]
    cut = nodes.partition_by("definition_id", maintain_order=True, as_dict=True)
    return [(str(name), frame) for (name,), frame in cut.items()]


def _types_of(
    parts: Sequence[NodesOrVisits],
) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Give the types of numbered rows: children and words as numbers of a dictionary."""
    frames = [part for part in parts if isinstance(part, pl.DataFrame)]
    for part in parts:
        if isinstance(part, VisitNodes):
            frames += [part.visits, part.absent]
    special = {"patient_id": _type_of_children(frames), "state": STATE}
    return {
        name: special.get(name, WORD if dtype == pl.String else dtype)
        for name, dtype in NODE_COLUMNS.items()
        if name not in ("sources", *CELLS)
    }


def _type_of_children(frames: Sequence[pl.DataFrame]) -> pl.Enum:
    """Give the numbering of children that the frames share, or number them in their order."""
    columns = [frame["patient_id"] for frame in frames]
    for column in columns:
        if isinstance(column.dtype, pl.Enum):
            return column.dtype
    children = pl.concat([pl.Series("", [], pl.String), *(each.unique() for each in columns)])
    return pl.Enum(children.unique().sort())


def _number_nodes(
    parts: Sequence[NodesOrVisits],
    types: Mapping[str, pl.DataType | type[pl.DataType]],
    first_id: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sort and number the nodes of one definition and list their cells.

    Words are numbered before they are sorted: a number moves four times faster than a string. The
    lists of cells are never moved: each is told which number its row got.
    """
    nodes = pl.concat(
        part.make_frame() if isinstance(part, VisitNodes) else part for part in parts
    ).with_columns(pl.col(name).cast(dtype) for name, dtype in types.items())
    order = sort_places(nodes, KEY_OF_NODE)
    trace_id = pl.int_range(first_id, first_id + nodes.height, dtype=pl.Int64, eager=True)
    rows = nodes.select(pl.col(*types).gather(order)).insert_column(0, trace_id.alias("trace_id"))
    numbers = np.empty(nodes.height, np.int64)
    numbers[order.to_numpy()] = trace_id.to_numpy()
    numbered = nodes.select(pl.Series("trace_id", numbers), *CELLS)
    cells = [list_cells(numbered["trace_id"], nodes["sources"]), *list_used(numbered)]
    return rows.select("trace_id", *types), sort_cells(pl.concat(cells))
