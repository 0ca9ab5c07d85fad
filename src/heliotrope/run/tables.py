"""The merged tables of a run: written sorted, piece by piece, and read only when asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from heliotrope.execution.shards import PARTS
from heliotrope.records.results import SORT_KEYS, TABLES

# A table of more rows is sorted in pieces of some children, and read anew whenever it is asked for.
HELD_ROWS = 2_000_000

_CHILD = "patient_id"
_PIECES = "pieces"


@dataclass(frozen=True)
class MergedTables(Mapping[str, pl.DataFrame]):
    """The tables of a run by name; a small one is kept once it was read."""

    folder: Path
    heights: Mapping[str, int]
    _kept: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    def put(self, name: str, table: pl.DataFrame) -> MergedTables:
        """Return the tables with another in the place of one."""
        return replace(self, _kept={**self._kept, name: table})

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
        if table.height <= HELD_ROWS:
            self._kept[name] = table
        return table

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
    pieces = partial / PARTS / _PIECES
    shutil.rmtree(pieces, ignore_errors=True)
    pieces.mkdir()
    children = parts.select(_CHILD).unique().collect(engine="streaming")[_CHILD].sort()
    size = max(1, children.len() * HELD_ROWS // rows)
    for number, start in enumerate(range(0, children.len(), size)):
        some = children.slice(start, size)
        # every key begins with the child: pieces of neighbours stand one after another
        here = parts.filter(pl.col(_CHILD).is_between(pl.lit(some[0]), pl.lit(some[-1]))).collect(
            engine="streaming"
        )
        here.sort(SORT_KEYS[name]).write_parquet(pieces / f"{number:05}.parquet")
    pl.scan_parquet(sorted(pieces.iterdir()), glob=False).sink_parquet(target)
    shutil.rmtree(pieces)
    return rows
