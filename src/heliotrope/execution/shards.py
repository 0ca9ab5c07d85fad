"""Shards on disk: which child goes where, and where the parts of each table stand.

A table that is kept in parts is a folder named like a file, ``records/assessment.parquet/``, with
one ``part-00000.parquet`` a shard, as Spark writes them: every reader of Parquet takes the folder
for the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.digests import (
    DAMAGED,
    RECORDS_DIGESTS,
    Digests,
    check_record,
    compute_digest,
    damaged_records,
    find_damaged,
    is_marked,
    read_digests,
    write_mark,
)
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard, list_children, shard_of

if TYPE_CHECKING:
    from polars._typing import ParquetMetadataContext

# What a part is written from: rows that are held, or made while they are written.
Rows = pl.DataFrame | pl.LazyFrame

# A shard costs 0.7 s whoever is in it, and memory for every row, most while it is read: small
# shards share few children among many cores, large ones cost less (benchmarks/README.md).
PATIENTS_A_SHARD = 500
SHARDS_TO_SHARE = 8
LOAD_A_SHARD = 22_000
LOAD_OF_INFUSIONS = 7

# A trace takes an eighth less time to write than at the usual level 3, and 3 % more space.
COMPRESSION = 1

# Who wants some rows of a part reads little more than those.
ROWS_A_GROUP = 65_536

ARROW_SCHEMA = "ARROW:schema"

TRACE_IDS_A_SHARD = 1 << 40

# Which shards are done; which the driving process itself is at; who could not be evaluated. They
# stand only in a run being made.
DONE = "done"
AT_WORK = "at_work"
KILLERS = "shards_that_ended_their_process.csv"

# Folders of a run with a folder a table: what is merged into single files, what stays in parts.
PARTS = "parts"
TRACE = "trace"

# Parts of attempts on a cluster that nobody has counted yet.
ATTEMPTS = "attempts"

# What a finished run no longer needs, the marks first: without them nothing counts as done.
DRAFTS = (DONE, PARTS, ATTEMPTS, AT_WORK, KILLERS, RECORDS_DIGESTS)


def count_shards(patients: int, treated: int) -> int:
    """Say into how many shards a study is cut: of so many children, so many of them with infusions.

    Shards of 500 children, until there are enough for the cores of a machine; then larger ones, as
    large as memory allows: 2,750 children with infusions, or 22,000 without.

    >>> count_shards(7, 7), count_shards(2_000, 2_000), count_shards(1_000_000, 100_000)
    (1, 4, 78)
    """
    small = math.ceil(patients / PATIENTS_A_SHARD)
    large = math.ceil((patients + LOAD_OF_INFUSIONS * treated) / LOAD_A_SHARD)
    return max(1, min(small, max(SHARDS_TO_SHARE, large)))


def part_path(folder: Path, table: str, shard: int) -> Path:
    """Give the path of one part of a table."""
    return folder / f"{table}.parquet" / f"part-{shard:05}.parquet"


def write_part(frame: Rows, folder: Path, table: str, shard: int) -> int:
    """Write one part of a table, whole or not at all; give its digest."""
    path = part_path(folder, table, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(frame, path)


def write_whole(frame: Rows, path: Path) -> int:
    """Write one file of a run into a folder that stands, whole or not at all; give its digest."""
    draft = path.with_name(f".{path.name}.draft")
    rows = frame.lazy()
    rows.sink_parquet(
        draft,
        compression="zstd",
        compression_level=COMPRESSION,
        statistics=False,
        row_group_size=ROWS_A_GROUP,
        metadata=_spell(rows.collect_schema()),
    )
    digest = compute_digest(draft)
    draft.replace(path)
    return digest


def _spell(schema: pl.Schema) -> dict[str, str] | None:
    """Declare words that are kept as numbers of a dictionary as the strings that they stand for.

    Parquet stores both in the same way, a dictionary and places in it; only the Arrow schema
    beside it says which it was. To write them so takes half the time of writing strings.
    """
    is_coded = pl.selectors.by_dtype(pl.Categorical, pl.Enum)
    empty = schema.to_frame()
    if not empty.select(is_coded).width:
        return None
    spelt = empty.with_columns(is_coded.cast(pl.String))
    declared: dict[str, str] = {}

    def note(context: ParquetMetadataContext) -> dict[str, str]:
        declared[ARROW_SCHEMA] = context.arrow_schema
        return {}

    spelt.write_parquet(BytesIO(), metadata=note)
    return declared


def read_parts(folder: Path, table: str) -> pl.DataFrame:
    """Read all parts of a table, in the order of their shards."""
    parts = sorted((folder / f"{table}.parquet").glob("part-*.parquet"))
    return pl.concat([pl.read_parquet(part, glob=False) for part in parts])


def check_parts(run: Path) -> None:
    """Hold every part of records, tables and trace to what it was when it was written.

    The trace, too, which nothing reads before the run is finished: a finished run is not damaged.
    Errors: UserError for a part that is missing or damaged, with what is then to do.
    """
    for name in find_damaged(run, read_digests(run / RECORDS_DIGESTS)):
        raise damaged_records(run / name, DAMAGED)
    for mark in sorted((run / DONE).iterdir()):
        for name in find_damaged(run, read_digests(mark)):
            raise UserError(
                "every part as it was written",
                Found(DAMAGED, name.partition("/")[2]),
                "run again with --resume: the shard is evaluated again, the others are kept",
                ExitCode.ENVIRONMENT,
            )


def mark_done(run: Path, shard: int, digests: Digests) -> None:
    """Note that every part of a shard stands in the run folder, and what each of them is.

    digests: of each part, by its path within the run folder, as whoever wrote it took it.
    """
    write_mark(run / DONE / f"{shard:05}", digests)


def is_done(run: Path, shard: int) -> bool:
    """Say whether every part of a shard was written, and is as it was written."""
    return is_marked(run, run / DONE / f"{shard:05}")


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
    identifiers = list_children(tables)
    return pl.DataFrame(
        {
            "patient_id": identifiers,
            "shard": [shard_of(identifier, shards) for identifier in identifiers],
        },
        schema={"patient_id": pl.String, "shard": pl.Int32},
    )


def read_shard(records: Path, shard: int) -> Shard:
    """Read the canonical rows of one shard.

    Errors: a part that is missing or damaged: UserError naming it.
    """
    digests = read_digests(records.parent / RECORDS_DIGESTS)
    return Shard.from_tables(
        {name: _read_records(part_path(records, name, shard), digests) for name in CANONICAL}
    )


def _read_records(part: Path, digests: Digests) -> pl.DataFrame:
    check_record(part, digests)
    try:
        return pl.read_parquet(part, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise damaged_records(part, f"{error}".splitlines()[0]) from None
