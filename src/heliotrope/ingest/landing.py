"""Tables of a lakehouse land as Parquet files in the study's folder; from there on they are files.

Spark writes the rows, each of its tasks a part, without joining or shuffling anything; the parts
are then put together, part by part, into the one file that is read, hashed and verified.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.declared import FormSource
from heliotrope.ingest.mapping import SourceMapping
from heliotrope.spark_session import describe_failure, open_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_DONE = "_SUCCESS"


@dataclass(frozen=True)
class Landed:
    """Which state of a table was read: the version that the catalogue tells, else what it holds.

    file: where its rows landed. columns: their names and types. version: of Delta or Iceberg.
    """

    table: str
    file: str
    rows: int
    columns: dict[str, str]
    provider: str | None = None
    version: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


def land_tables(
    folder: Path, sources: Sequence[SourceMapping | FormSource], tell: Callable[[str], None]
) -> tuple[Landed, ...]:
    """Land every table of a catalogue that a study names, each once; say which state it had.

    Errors: no session, no such table, a table that changes meanwhile, a folder that this machine
    and the executors do not share: UserError.
    """
    wanted = {
        source.file: source.catalogue
        for source in sources
        if isinstance(source, SourceMapping) and source.catalogue is not None
    }
    if not wanted:
        return ()
    session = open_session()
    landed = []
    for file, table in wanted.items():
        tell(f"landing {table}")
        landed.append(_land(session, table, file, folder / file))
    return tuple(landed)


def _land(session: SparkSession, table: str, file: str, target: Path) -> Landed:
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = target.with_name(f".{target.name}.parts").resolve()
    shutil.rmtree(parts, ignore_errors=True)
    try:
        provider = _find_provider(session, table)
        version = _find_version(session, table, provider)
        rows = _as_on_the_clock(session.table(table))
        rows.write.parquet(parts.as_uri())
        after = _find_version(session, table, provider)
    except Exception as error:
        raise UserError(
            f"a table {table} that Spark can read",
            Found(describe_failure(error), "study.toml"),
            "correct `catalogue`; settings of the catalogue go into --conf",
            ExitCode.ENVIRONMENT,
        ) from None
    if after != version:
        raise UserError(
            f"a table {table} that stays the same while it is read",
            Found(f"version {version}, then {after}"),
            "run again when nobody writes it",
        )
    _check_shared(parts, target)
    count = _join(parts, target, rows.columns)
    return Landed(table, file, count, dict(rows.dtypes), provider, version)


def _as_on_the_clock(rows: DataFrame) -> DataFrame:
    """Keep times as the clock showed them in the session's time zone, as Spark prints them."""
    from pyspark.sql import functions

    columns = [
        functions.col(f"`{name}`").cast("timestamp_ntz").alias(name)
        if kind == "timestamp"
        else functions.col(f"`{name}`")
        for name, kind in rows.dtypes
    ]
    return rows.select(*columns)


def _find_provider(session: SparkSession, table: str) -> str | None:
    described = session.sql(f"DESCRIBE TABLE EXTENDED {table}").collect()
    found = [row["data_type"] for row in described if row["col_name"] == "Provider"]
    return str(found[0]) if found else None


def _find_version(session: SparkSession, table: str, provider: str | None) -> str | None:
    """Return the version of a Delta table or the snapshot of an Iceberg one; None of another.

    Delta lists versions by a statement of its own, the last first, which no query may hold
    (https://github.com/delta-io/delta, DeltaSqlBase.g4). Of an Iceberg table the branch ``main``
    is what is read: snapshots of other branches, and those that were rolled back, are not
    (https://iceberg.apache.org/docs/latest/spark-queries/#references). An empty one has none.
    """
    queries = {
        "delta": (f"DESCRIBE HISTORY {table} LIMIT 1", "version"),
        "iceberg": (f"SELECT snapshot_id FROM {table}.refs WHERE name = 'main'", "snapshot_id"),
    }
    query, column = queries.get((provider or "").casefold(), (None, ""))
    if query is None:
        return None
    found = session.sql(query).collect()
    return str(found[0][column]) if found else None


def _check_shared(parts: Path, target: Path) -> None:
    if (parts / _DONE).is_file():
        return
    raise UserError(
        "a study folder that every executor can write under the same path",
        Found(f"nothing of what the executors wrote is there, in {target.parent.name}"),
        "put the study on storage that is mounted at one path everywhere, or name a `file` there",
        ExitCode.ENVIRONMENT,
    )


def _join(parts: Path, target: Path, columns: Sequence[str]) -> int:
    """Put the parts together in their order, in batches; return how many rows there are."""
    files = sorted(parts.glob("part-*.parquet"))
    draft = target.with_name(f".{target.name}.draft")
    rows = (
        pl.scan_parquet(files) if files else pl.LazyFrame(schema=dict.fromkeys(columns, pl.String))
    )
    rows.sink_parquet(draft, compression="zstd", maintain_order=True)
    draft.replace(target)
    shutil.rmtree(parts, ignore_errors=True)
    return int(pl.scan_parquet(target).select(pl.len()).collect().item())
