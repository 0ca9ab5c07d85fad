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
from heliotrope.classify.visit_nodes import NodeOfVisits, VisitNodes
from heliotrope.records.coded_words import STATE, WORD
from heliotrope.records.row_order import number_values, pack_key, sort_places

KEY = ["definition_id", "patient_id", "regimen", "date", "node"]
KEY_OF_NODE = KEY[1:]
KEY_OF_VISIT = ["patient_id", "regimen", "date"]

# What speaks of a definition: nodes, or visits that all have the same nodes.
NodesOrVisits = pl.DataFrame | VisitNodes

ROLE = pl.Enum(["rejected", "used"])
SOURCE_COLUMNS = pl.Schema(
    {"trace_id": pl.Int64(), "row_id": pl.Int64(), "role": ROLE, "reason": WORD}
)


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
                rows, cells = _number_visits(first, self.types, first_id)
            else:
                rows, cells = _number_nodes(parts, self.types, first_id)
            first_id += rows.height
            yield Chapter(rows, _add_item_cells(cells, self.items))

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
    items = _list_item_cells(visit_values)
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
    cells = [_list_cells(numbered["trace_id"], nodes["sources"]), *_list_used(numbered)]
    return rows.select("trace_id", *types), _sort_cells(pl.concat(cells))


def _number_visits(
    part: VisitNodes, types: Mapping[str, pl.DataType | type[pl.DataType]], first_id: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the nodes of one definition, visit by visit, without ever sorting them.

    Visits (and roots without one) are sorted, which are few; each takes as many rows as it has
    nodes, and these stand in the order of their names.
    """
    nodes, height = part.in_order, part.visits.height
    keys = _list_keys(part, types)
    order = pack_key(keys, KEY_OF_VISIT).arg_sort().to_numpy().astype(np.int64)
    rows_of = np.where(order < height, len(nodes), 1)
    first_row = np.cumsum(rows_of) - rows_of
    visit = np.repeat(order, rows_of)
    place = np.arange(len(visit)) - np.repeat(first_row, rows_of)
    stacked = np.where(visit < height, place * height + visit, (len(nodes) - 1) * height + visit)
    everywhere = _find_everywhere(part, types)
    asked = [name for name in types if name not in (*KEY_OF_VISIT, *everywhere)]
    tall = _stack_nodes(part, nodes, {name: types[name] for name in asked}).select(
        pl.all().gather(pl.Series(stacked))
    )
    trace_id = pl.int_range(first_id, first_id + len(visit), dtype=pl.Int64, eager=True)
    rows = tall.select(
        trace_id.alias("trace_id"),
        pl.exclude(*CELLS),
        **{name: pl.lit(words).cast(types[name]) for name, words in everywhere.items()},
    ).hstack(keys.select(pl.all().gather(pl.Series(visit))))
    first_of_visit = np.empty_like(order)
    first_of_visit[order] = first_row + first_id
    cells = _list_cells_of_visits(
        tall.select(trace_id.alias("trace_id"), *CELLS),
        part,
        nodes,
        pl.Series("trace_id", first_of_visit[:height]),
    )
    return rows.select("trace_id", *types), cells


def _find_everywhere(part: VisitNodes, types: Iterable[str]) -> dict[str, str | None]:
    """Say what is the same in every row of a definition: its name, and what no node speaks of."""
    said = {name for node in part.nodes for name in node.columns}
    absent = part.absent
    never = [
        name for name in types if name not in said and absent[name].null_count() == len(absent)
    ]
    given = {
        "definition_id": part.definition.id,
        "definition_version": part.definition.stamp,
    }
    return {**{name: None for name in never if name not in KEY_OF_VISIT}, **given}


def _list_keys(
    part: VisitNodes, types: Mapping[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """List the keys of all visits, then of the roots without one."""
    return pl.concat(
        frame.select(
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(types[name]).alias(name)
            for name in KEY_OF_VISIT
        )
        for frame in (part.visits, part.absent)
    )


def _stack_nodes(
    part: VisitNodes,
    nodes: Sequence[NodeOfVisits],
    types: Mapping[str, pl.DataType | type[pl.DataType]],
) -> pl.DataFrame:
    """Stack what each node says at all visits, node upon node, then the roots without a visit."""
    stack = [
        part.visits.select(
            *(
                said.get(name, pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in types.items()
            ),
            *(
                (pl.col(column) if column else pl.lit(None)).cast(pl.Int64).alias(name)
                for name, column in zip(CELLS, (node.cell, node.reference), strict=True)
            ),
        )
        for node, said in ((node, node.columns) for node in nodes)
    ]
    absent = part.absent.select(
        *(pl.col(name).cast(dtype) for name, dtype in types.items()),
        *(pl.lit(None, pl.Int64).alias(name) for name in CELLS),
    )
    return pl.concat([*stack, absent], rechunk=True)


def _list_cells_of_visits(
    tall: pl.DataFrame, part: VisitNodes, nodes: Sequence[NodeOfVisits], first_row: pl.Series
) -> pl.DataFrame:
    """List the cells of visit nodes: those used as they stand, and those in lists.

    ``tall``: trace_id and cells of every row; ``first_row``: the first trace_id of each visit.
    """
    cells, references = _list_used(tall)
    rejected = [
        _list_cells(first_row + place, part.visits[node.rejected])
        for place, node in enumerate(nodes)
        if node.rejected is not None
    ]
    rejected += [
        _list_passed_over(part.visits.select(first_row + place, row_id=cell, reason=why))
        for place, node in enumerate(nodes)
        for cell, why in node.passed_over
    ]
    if references.is_empty() and not any(frame.height for frame in rejected):
        return cells
    return _sort_cells(pl.concat([cells, references, *rejected]))


def _list_used(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """List the cells that stand in a column for each use."""
    return [
        rows.filter(pl.col(name).is_not_null()).select(
            "trace_id", row_id=name, role=pl.lit("used", ROLE), reason=pl.lit(None, WORD)
        )
        for name in CELLS
    ]


def _list_passed_over(cells: pl.DataFrame) -> pl.DataFrame:
    """List the cells that were not used, of rows with trace_id, row_id and reason."""
    there = cells.filter(pl.col("row_id").is_not_null() & pl.col("reason").is_not_null())
    return (
        there.with_columns(role=pl.lit("rejected", ROLE))
        .select(SOURCE_COLUMNS.names())
        .cast(SOURCE_COLUMNS)
    )


def _list_cells(trace_id: pl.Series, sources: pl.Series) -> pl.DataFrame:
    """List the cells of rows, one a row."""
    return (
        pl.DataFrame({"trace_id": trace_id, "sources": sources})
        .filter(pl.col("sources").list.len() > 0)
        .explode("sources")
        .select("trace_id", pl.col("sources").struct.unnest())
        .cast(SOURCE_COLUMNS)
    )


def _sort_cells(cells: pl.DataFrame) -> pl.DataFrame:
    """Put cells in order, those used first, each once."""
    is_rejected = (cells["role"] != "used").cast(pl.Int64)
    return (
        cells.with_columns(
            (cells["trace_id"] * 2 + is_rejected).alias("_first"),
            number_values(cells["reason"]).alias("_last"),
        )
        .sort("_first", "row_id", "_last")
        .drop("_first", "_last")
        .pipe(_drop_repeated)
    )


def _drop_repeated(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop each row that is the same as the one before it; what is sorted needs no more."""
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in rows.columns
    )
    return rows.filter(differs | (pl.int_range(pl.len()) == 0))


def _list_item_cells(visit_values: pl.DataFrame | None) -> pl.DataFrame | None:
    """List, for each total made from the items of a form, the cells of the items; None for none."""
    if visit_values is None or visit_values["item_row_ids"].null_count() == visit_values.height:
        return None
    return (
        visit_values.filter(pl.col("item_row_ids").is_not_null())
        .select("row_id", "item_row_ids")
        .group_by("row_id")
        .agg(pl.col("item_row_ids").explode().unique())
    )


def _add_item_cells(cells: pl.DataFrame, items: pl.DataFrame | None) -> pl.DataFrame:
    """Replace a total made from items by the cells of the items."""
    if items is None:
        return cells
    return (
        cells.join(items, on="row_id", how="left", maintain_order="left")
        .with_columns(row_id=pl.coalesce("item_row_ids", pl.concat_list("row_id")))
        .explode("row_id")
        .select(cells.columns)
        .pipe(_sort_cells)
    )
