"""The cells behind the rows of the trace: those used and those rejected, each with its reason."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import CELLS
from heliotrope.records.coded_words import WORD
from heliotrope.records.row_order import begins, number_values

ROLE = pl.Enum(["rejected", "used"])
SOURCE_COLUMNS = pl.Schema(
    {"trace_id": pl.Int64(), "row_id": pl.Int64(), "role": ROLE, "reason": WORD}
)


def list_used(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """List the cells that stand in a column for each use."""
    return [
        rows.filter(pl.col(name).is_not_null()).select(
            "trace_id", row_id=name, role=pl.lit("used", ROLE), reason=pl.lit(None, WORD)
        )
        for name in CELLS
    ]


def list_passed_over(cells: pl.DataFrame) -> pl.DataFrame:
    """List the cells that were not used, of rows with trace_id, row_id and reason."""
    there = cells.filter(pl.col("row_id").is_not_null() & pl.col("reason").is_not_null())
    return (
        there.with_columns(role=pl.lit("rejected", ROLE))
        .select(SOURCE_COLUMNS.names())
        .cast(SOURCE_COLUMNS)
    )


def list_cells(trace_id: pl.Series, sources: pl.Series) -> pl.DataFrame:
    """List the cells of rows, one a row."""
    return (
        pl.DataFrame({"trace_id": trace_id, "sources": sources})
        .filter(pl.col("sources").list.len() > 0)
        .explode("sources")
        .select("trace_id", pl.col("sources").struct.unnest())
        .cast(SOURCE_COLUMNS)
    )


def sort_cells(cells: pl.DataFrame) -> pl.DataFrame:
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
    return rows.filter(begins(*rows.columns))


def list_item_cells(visit_values: pl.DataFrame | None) -> pl.DataFrame | None:
    """List, for each total made from the items of a form, the cells of the items; None for none."""
    if visit_values is None or visit_values["item_row_ids"].null_count() == visit_values.height:
        return None
    return (
        visit_values.filter(pl.col("item_row_ids").is_not_null())
        .select("row_id", "item_row_ids")
        .group_by("row_id")
        .agg(pl.col("item_row_ids").explode().unique())
    )


def add_item_cells(cells: pl.DataFrame, items: pl.DataFrame | None) -> pl.DataFrame:
    """Replace a total made from items by the cells of the items."""
    if items is None:
        return cells
    return (
        cells.join(items, on="row_id", how="left", maintain_order="left")
        .with_columns(row_id=pl.coalesce("item_row_ids", pl.concat_list("row_id")))
        .explode("row_id")
        .select(cells.columns)
        .pipe(sort_cells)
    )
