"""Cut simulated Parquet into the shards of a run, without ever holding the study in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from heliotrope.execution.shards import part_path, write_part
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.row_id import compute_row_id
from heliotrope.records.shard import shard_of

MINUTES_AN_HOUR = 60


def cut_shards(study: Path, records: Path, shards: int) -> int:
    """Write every table of a simulated study as one part a shard; give the number of rows.

    Rows are streamed from file to parts. Simulated records are canonical but for times, yes and
    no, and the columns that only a partial date fills.
    """
    numbers = _number_patients(study, shards)
    rows = 0
    for place, name in enumerate(CANONICAL):
        source = study / f"{name}.parquet"
        if not source.exists():
            _write_empty(records, name, range(shards))
            continue
        scan = pl.scan_parquet(source, row_index_name="record")
        canonical = _make_canonical(scan, name, place).join(numbers, on="patient_id", how="inner")
        folder = part_path(records, name, 0).parent
        canonical.sink_parquet(
            pl.PartitionBy(
                folder,
                key="shard",
                include_key=False,
                file_path_provider=lambda part: f"part-{part.partition_keys.item():05}.parquet",
            ),
            mkdir=True,
            engine="streaming",
        )
        missing = [shard for shard in range(shards) if not part_path(records, name, shard).exists()]
        _write_empty(records, name, missing)
        rows += pl.scan_parquet(source).select(pl.len()).collect().item()
    return rows


def _number_patients(study: Path, shards: int) -> pl.LazyFrame:
    patients = pl.read_parquet(study / "patient.parquet", columns=["patient_id"])
    shard = [shard_of(patient, shards) for patient in patients["patient_id"]]
    return patients.with_columns(shard=pl.Series(shard, dtype=pl.Int32)).lazy()


def _make_canonical(scan: pl.LazyFrame, name: str, place: int) -> pl.LazyFrame:
    """Give a simulated table the columns and types of the canonical one."""
    given = set(scan.collect_schema().names())
    columns = {"row_id": compute_row_id(pl.lit(place), pl.col("record"), pl.lit(0))}
    if "time" in given:
        parts = pl.col("time").str.split(":").list
        columns["minute_of_day"] = parts.get(0).cast(pl.Int32) * MINUTES_AN_HOUR + parts.get(
            1
        ).cast(pl.Int32)
    if "ongoing" in given:
        columns["is_ongoing"] = pl.col("ongoing") == "yes"
    if "related" in given:
        columns["related"] = pl.col("related") == "yes"
    schema = CANONICAL[name].create_empty().schema
    for column in schema:
        if column.endswith("_precision"):
            is_dated = pl.col(column.removesuffix("_precision")).is_not_null()
            columns[column] = pl.when(is_dated).then(pl.lit("day"))
        elif column not in given and column not in columns:
            columns[column] = pl.lit(None)
    return scan.select(
        columns.get(column, pl.col(column)).cast(kind).alias(column)
        for column, kind in schema.items()
    )


def _write_empty(records: Path, name: str, shards: Sequence[int]) -> None:
    for shard in shards:
        write_part(CANONICAL[name].create_empty(), records, name, shard)
