"""The merged tables of a run: written sorted, piece by piece, and read only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from heliotrope.execution.shards import PARTS
from heliotrope.records.results import SORT_KEYS, TABLES

# A table of more rows is merged in pieces of some children.
HELD_ROWS = 2_000_000

# A table of so many rows is kept once it was read; a larger one is read anew.
KEPT_ROWS = 500_000

_CHILD = "patient_id"


@dataclass(frozen=True)
class MergedTables(Mapping[str, pl.DataFrame]):
    """The tables of a run by name; a small one is kept once it was read."""

    folder: Path
    heights: Mapping[str, int]
    _kept: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    def scan(self, name: str) -> pl.LazyFrame:
        """Scan a table."""
        return pl.scan_parquet(self.folder / f"{name}.parquet", glob=False)

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Read a table whole."""
        if name not in self.heights:
            raise KeyError(name)
        if name in self._kept:
            return self._kept[name]
        table = self.scan(name).collect()
        if table.height <= KEPT_ROWS:
            self._kept[name] = table
        return table

    def __contains__(self, name: object) -> bool:
        """Say whether there is a table of that name, without reading it."""
        return name in self.heights

    def __iter__(self) -> Iterator[str]:
        """Give the names of the tables."""
        return iter(self.heights)

    def __len__(self) -> int:
        """Count the tables."""
        return len(self.heights)


def merge_tables(partial: Path) -> MergedTables:
    """Write the single file of every table: the parts of all shards, sorted by the table's key."""
    folder = partial / "tables"
    folder.mkdir(exist_ok=True)
    heights = {name: _merge_table(partial, folder, name) for name in TABLES}
    return MergedTables(folder, heights)


def _merge_table(partial: Path, folder: Path, name: str) -> int:
    """Merge one table and return its rows; one too large to be held in pieces of its children."""
    paths = sorted((partial / PARTS / f"{name}.parquet").glob("part-*.parquet"))
    parts = pl.scan_parquet(paths, glob=False)
    rows = int(parts.select(pl.len()).collect().item())
    target = folder / f"{name}.parquet"
    if rows <= HELD_ROWS:
        parts.collect().sort(SORT_KEYS[name]).write_parquet(target)
        return rows
    children = _list_children(paths)

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, first: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        del columns, predicate, first
        yield from _merge_pieces(paths, children)

    register_io_source(read, schema=parts.collect_schema()).sink_parquet(target)
    return rows


def _list_children(paths: Sequence[Path]) -> pl.DataFrame:
    """List every child of a table in order: its part, where its rows begin there, how many.

    The rows of a part are sorted by the table's key, so that those of a child, and those of
    neighbours, stand one after another.
    """
    return pl.concat(
        pl.scan_parquet(path, glob=False)
        .select(pl.col(_CHILD).rle().struct.unnest())
        .select(
            pl.col("value").alias(_CHILD),
            part=pl.lit(number),
            start=pl.col("len").cum_sum().cast(pl.Int64) - pl.col("len"),
            rows=pl.col("len").cast(pl.Int64),
        )
        .collect()
        for number, path in enumerate(paths)
    ).sort(_CHILD)


def _merge_pieces(paths: Sequence[Path], children: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give the rows of all parts in the order of the children, in pieces that can be held."""
    piece = (children["rows"].cum_sum() - 1) // HELD_ROWS
    for _, some in children.group_by(piece, maintain_order=True):
        spans = some.group_by("part", maintain_order=True).agg(
            pl.col("start").min(), pl.col("rows").sum()
        )
        read = [
            pl.scan_parquet(paths[part], glob=False).slice(start, rows).collect()
            for part, start, rows in spans.iter_rows()
        ]
        begins = spans.select(
            "part", shift=pl.col("rows").cum_sum() - pl.col("rows") - pl.col("start")
        )
        placed = some.join(begins, on="part", maintain_order="left")
        yield pl.concat(read)[_list_rows(placed["start"] + placed["shift"], placed["rows"])]


def _list_rows(starts: pl.Series, counts: pl.Series) -> pl.Series:
    """List the numbers of rows that stand in runs.

    >>> _list_rows(pl.Series([4, 0]), pl.Series([2, 3])).to_list()
    [4, 5, 0, 1, 2]
    """
    before = (counts.cum_sum() - counts).to_numpy()
    shift = np.repeat(starts.to_numpy() - before, counts.to_numpy())
    return pl.Series(shift + np.arange(shift.size))
