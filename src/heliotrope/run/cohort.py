"""What the estimates read of a run folder: a small cohort at once, a large one piece by piece.

Memory follows a piece, not the cohort: of a million children a hundred million states stand on
the disk. A piece is some shards, whose records and parts of tables hold all rows of their children.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.estimate.inputs import Inputs, derive_children
from heliotrope.execution.shards import PARTS, part_path
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES
from heliotrope.records.shard import Shard

# A cohort of more assessments is read in pieces of about so many.
PIECE_ROWS = 1_000_000

# What of the largest tables says when a child was seen.
_DATES = {
    "assessment": ["patient_id", "date"],
    "medication": ["patient_id", "start_date", "end_date"],
}

_PRECISION = pl.selectors.ends_with("_precision")


@dataclass(frozen=True)
class PartTables(Mapping[str, pl.DataFrame]):
    """Tables of some shards, each read when it is asked for; kept only where ``is_kept``."""

    folder: Path
    names: Sequence[str]
    shards: Sequence[int]
    is_kept: bool = True
    _kept: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Read a table, its shards one after another."""
        if name not in self.names:
            raise KeyError(name)
        if name in self._kept:
            return self._kept[name]
        table = self.read(name)
        if self.is_kept:
            self._kept[name] = table
        return table

    def read(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """Read a table, or some columns of it."""
        return pl.concat(
            pl.read_parquet(part_path(self.folder, name, shard), columns=columns, glob=False)
            for shard in self.shards
        )

    def __contains__(self, name: object) -> bool:
        """Say whether there is a table of that name, without reading it."""
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        """Give the names of the tables."""
        return iter(self.names)

    def __len__(self) -> int:
        """Count the tables."""
        return len(self.names)


def open_cohort(
    run: Path, tables: Mapping[str, pl.DataFrame], shards: int, rulebook: Rulebook
) -> Inputs:
    """Give the inputs of the estimates as they stand in a run folder that is being made.

    ``tables``: the merged ones.
    """
    pieces = _plan_pieces(run, shards)
    records = PartTables(run / "records", list(CANONICAL), range(shards), len(pieces) == 1)
    if len(pieces) == 1:
        return Inputs.of(tables, records, rulebook)
    patients = pl.concat(_derive_children(run, shard) for shard in range(shards)).sort("patient_id")
    open_piece = partial(_open_piece, run, rulebook, patients)
    return Inputs(tables, records, rulebook, patients, [partial(open_piece, p) for p in pieces])


def _plan_pieces(run: Path, shards: int) -> list[list[int]]:
    """Put neighbouring shards together, up to the rows of a piece."""
    counts = [
        int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
        for path in (part_path(run / "records", "assessment", shard) for shard in range(shards))
    ]
    before = [sum(counts[:shard]) for shard in range(shards)]
    by_piece = groupby(range(shards), lambda shard: before[shard] // PIECE_ROWS)
    return [list(some) for _, some in by_piece]


def _open_piece(run: Path, rulebook: Rulebook, patients: pl.DataFrame, shards: list[int]) -> Inputs:
    return Inputs(
        PartTables(run / PARTS, list(TABLES), shards),
        PartTables(run / "records", list(CANONICAL), shards),
        rulebook,
        patients,
    )


def _derive_children(run: Path, shard: int) -> pl.DataFrame:
    """Derive the children of a shard from the columns that say who they are and when seen."""
    records = PartTables(run / "records", list(CANONICAL), [shard])
    read = {name: records.read(name, _DATES.get(name)) for name in CANONICAL}
    return derive_children(Shard(**read)).drop(_PRECISION)
