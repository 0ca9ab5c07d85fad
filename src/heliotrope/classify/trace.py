"""The trace: one row a node of a decision, with the source cells used and rejected.

A classifier builds *node frames*: the columns of ``NODE_COLUMNS``, of which ``sources`` is a list
of (row_id, role, reason). ``number_trace`` sorts the node frames of a shard, numbers the rows and
splits the sources off into ``trace_source``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.model import Definition

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
}

KEY = ["definition_id", "patient_id", "regimen", "date", "node"]
PACKED = "packed_key"
LARGEST_NUMBER = 2**63 - 1

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
    nodes: pl.DataFrame
    findings: pl.DataFrame


def state_of(is_met: pl.Expr) -> pl.Expr:
    """Turn a Kleene truth value (True, False, null) into met, not_met or not_evaluable."""
    return (
        pl.when(is_met)
        .then(pl.lit("met"))
        .when(is_met.not_())
        .then(pl.lit("not_met"))
        .otherwise(pl.lit("not_evaluable"))
    )


def used(row_id: pl.Expr) -> pl.Expr:
    """Make the ``sources`` of a node that used one cell; a null row_id gives no source."""
    one = pl.struct(
        row_id=row_id.cast(pl.Int64),
        role=pl.lit("used"),
        reason=pl.lit(None, pl.String),
    ).cast(SOURCE)
    return pl.when(row_id.is_not_null()).then(pl.concat_list(one)).otherwise(NO_SOURCES)


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
        **{
            name: pl.col(name) for name in ("patient_id", "regimen", "date") if name in rows.columns
        },
        **columns,
    }
    return rows.select(
        given[name].cast(dtype).alias(name) if name in given else _NOTHING[name]
        for name, dtype in NODE_COLUMNS.items()
    )


def empty_nodes() -> pl.DataFrame:
    """Return a node frame without rows."""
    return pl.DataFrame(schema=NODE_COLUMNS)


def number_trace(
    frames: Iterable[pl.DataFrame], first_id: int = 0, visit_values: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sort node frames, number their rows from ``first_id`` and return (trace, trace_source).

    A total made from the items of a form stands in no cell: where a node rests on its (negative)
    ``row_id``, the trace names the cells of all items, as ``visit_values`` lists them.
    """
    collected: Sequence[pl.DataFrame] = [frame for frame in frames if frame.height]
    nodes = pl.concat(collected) if collected else empty_nodes()
    nodes = (
        nodes.with_columns(_pack_key(nodes))
        .sort(PACKED, maintain_order=True)
        .select(
            (pl.int_range(pl.len(), dtype=pl.Int64) + first_id).alias("trace_id"),
            pl.exclude(PACKED),
        )
    )
    sources = (
        nodes.select("trace_id", "sources")
        .filter(pl.col("sources").list.len() > 0)
        .explode("sources")
        .select("trace_id", pl.col("sources").struct.unnest())
        .pipe(_add_item_cells, visit_values)
        .sort("trace_id", "role", "row_id", "reason", descending=[False, True, False, False])
        .pipe(_drop_repeated)
    )
    return nodes.drop("sources"), sources


def _pack_key(nodes: pl.DataFrame) -> pl.Series:
    """Number the rows so that the numbers sort as the key does, null first.

    To sort millions of rows by one number takes half the time that it takes by words and dates.
    Where a number might not fit (days or regimens far apart), those so far are counted off anew.
    """
    packed, size = pl.zeros(nodes.height, dtype=pl.Int64, eager=True), 1
    for name in KEY:
        places = _number_values(nodes[name])
        largest = places.max()
        count = largest + 1 if isinstance(largest, int) else 1
        if size * count > LARGEST_NUMBER:
            packed, size = packed.rank("dense").cast(pl.Int64), nodes.height + 1
        packed, size = packed * count + places, size * count
    return packed.alias(PACKED)


def _number_values(column: pl.Series) -> pl.Series:
    """Number values in their order from 1 on, null as 0."""
    if column.dtype == pl.String:
        words = column.drop_nulls().unique().sort()
        places = column.cast(pl.Enum(words)).to_physical().cast(pl.Int64)
    else:
        numbers = column.to_physical().cast(pl.Int64)
        places = numbers - (numbers.min() or 0)
    return (places + 1).fill_null(0)


def _drop_repeated(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop each row that is the same as the one before it; what is sorted needs no more."""
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in rows.columns
    )
    return rows.filter(differs | (pl.int_range(pl.len()) == 0))


def _add_item_cells(sources: pl.DataFrame, visit_values: pl.DataFrame | None) -> pl.DataFrame:
    """Replace a total made from items by the cells of the items."""
    if visit_values is None or visit_values["item_row_ids"].null_count() == visit_values.height:
        return sources
    made = (
        visit_values.filter(pl.col("item_row_ids").is_not_null())
        .select("row_id", "item_row_ids")
        .group_by("row_id")
        .agg(pl.col("item_row_ids").explode().unique())
    )
    return (
        sources.join(made, on="row_id", how="left", maintain_order="left")
        .with_columns(row_id=pl.coalesce("item_row_ids", pl.concat_list("row_id")))
        .explode("row_id")
        .select(sources.columns)
    )
