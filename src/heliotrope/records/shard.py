"""A shard: all canonical rows of a set of patients, the unit of work of a run."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

import polars as pl

from heliotrope.records.canonical import CANONICAL


@dataclass(frozen=True)
class Shard:
    """The seven canonical tables of some patients; a table without rows is empty, never absent."""

    patient: pl.DataFrame
    assessment: pl.DataFrame
    infusion: pl.DataFrame
    medication: pl.DataFrame
    event: pl.DataFrame
    indication: pl.DataFrame
    adjudication: pl.DataFrame

    @classmethod
    def from_tables(cls, tables: Mapping[str, pl.DataFrame]) -> Shard:
        """Make a shard of the given tables; tables not given are empty."""
        return cls(
            **{
                name: tables[name] if name in tables else schema.create_empty()
                for name, schema in CANONICAL.items()
            }
        )

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables by name, in canonical order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def list_children(tables: Mapping[str, pl.DataFrame]) -> pl.Series:
    """List the children that any canonical table names, each once."""
    return pl.concat([table["patient_id"] for table in tables.values()]).unique()


def count_children(tables: Mapping[str, pl.DataFrame]) -> int:
    """Count the children that any canonical table names."""
    return len(list_children(tables))


def shard_of(patient_id: str, shards: int) -> int:
    """Give the shard of a child: crc32 of the UTF-8 identifier, modulo the number of shards.

    >>> shard_of("S01", 1)
    0
    """
    return zlib.crc32(patient_id.encode("utf-8")) % shards


def find_shards(children: pl.Series, shards: int) -> pl.Series:
    """Give the shard of the child that each row names; the first where it names none."""
    distinct = children.drop_nulls().unique()
    table = pl.DataFrame(
        {"child": distinct, "shard": [shard_of(child, shards) for child in distinct]},
        schema={"child": pl.String, "shard": pl.Int64},
    )
    rows = pl.DataFrame({"child": children}).join(
        table, on="child", how="left", maintain_order="left"
    )
    return rows["shard"].fill_null(0)
