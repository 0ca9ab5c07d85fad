"""Shards on disk: which child goes where, and where the parts of each table stand.

A table that is kept in parts is a folder named like a file, ``records/assessment.parquet/``, with
one ``part-00000.parquet`` a shard, as Spark writes them: every reader of Parquet takes the folder
for the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard, shard_of

PATIENTS_A_SHARD = 500
TRACE_IDS_A_SHARD = 1 << 40


def count_shards(patients: int) -> int:
    """Say into how many shards a study of so many children is cut."""
    return max(1, -(-patients // PATIENTS_A_SHARD))


def part_path(folder: Path, table: str, shard: int) -> Path:
    """Give the path of one part of a table."""
    return folder / f"{table}.parquet" / f"part-{shard:05}.parquet"


def write_part(frame: pl.DataFrame, folder: Path, table: str, shard: int) -> None:
    """Write one part of a table."""
    path = part_path(folder, table, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path, compression="zstd", statistics=False)


def write_shards(tables: Mapping[str, pl.DataFrame], records: Path, shards: int) -> None:
    """Write canonical tables as parts, each child's rows in the part of its shard."""
    numbers = _number_patients(tables, shards)
    for name, schema in CANONICAL.items():
        table = tables.get(name, schema.create_empty())
        if shards == 1:
            write_part(table, records, name, 0)
            continue
        numbered = table.join(numbers, on="patient_id", how="left", maintain_order="left")
        parts = numbered.partition_by("shard", as_dict=True, include_key=False)
        for shard in range(shards):
            write_part(parts.get((shard,), table.clear()), records, name, shard)


def _number_patients(tables: Mapping[str, pl.DataFrame], shards: int) -> pl.DataFrame:
    identifiers = (
        pl.concat([table.select("patient_id") for table in tables.values()]).unique().to_series()
    )
    return pl.DataFrame(
        {
            "patient_id": identifiers,
            "shard": [shard_of(identifier, shards) for identifier in identifiers],
        },
        schema={"patient_id": pl.String, "shard": pl.Int32},
    )


def read_shard(records: Path, shard: int) -> Shard:
    """Read the canonical rows of one shard."""
    return Shard.from_tables(
        {name: pl.read_parquet(part_path(records, name, shard), glob=False) for name in CANONICAL}
    )
