"""A finished run, read as the report needs it: small tables whole, large ones child by child."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.finding_tables import Finding, Source
from heliotrope.records.results import TABLES, Result
from heliotrope.records.shard import shard_of
from heliotrope.records.trace_tables import Trace, TraceSource

TRACE_SCHEMAS: dict[str, type[dy.Schema]] = {"trace": Trace, "trace_source": TraceSource}


_QUARANTINED = {"file": pl.String, "sheet": pl.String, "rule": pl.String, "rows": pl.UInt32}


@dataclass(frozen=True)
class RunTables:
    """Everything the report reads, from the run folder and from nowhere else.

    A table that a run did not write is empty, never absent. Tables with many rows a child
    (records, trace) are read only for the children asked for.
    """

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest as written."""
        path = self.folder / "manifest.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UserError(
                "a run folder with its manifest.json",
                Found("no readable manifest", file=path.name),
                "give the folder that `heliotrope run STUDY --out RUN` wrote",
            ) from None
        return content if isinstance(content, dict) else {}

    @cached_property
    def results(self) -> pl.DataFrame:
        """All result rows."""
        return self._read([self.folder / "results.parquet"], Result)

    @cached_property
    def findings(self) -> pl.LazyFrame:
        """The data findings, lazily: a registry's run can have millions."""
        return self._scan([self.folder / "findings.parquet"], Finding)

    @cached_property
    def sources(self) -> pl.DataFrame:
        """The columns of the source files: what a row_id counts."""
        return self._read(find_parts(self.folder / "records", "source"), Source)

    def table(self, name: str) -> pl.DataFrame:
        """Read one of the run's tables whole, e.g. ``response``."""
        return self.scan_table(name).collect()

    def scan_table(self, name: str) -> pl.LazyFrame:
        """Scan one of the run's tables."""
        return self._scan([self.folder / "tables" / f"{name}.parquet"], TABLES[name])

    def record(self, name: str, patients: Sequence[str]) -> pl.DataFrame:
        """Read the canonical rows of some children from one record table."""
        parts = self._parts("records", name, patients)
        return self._of(self._scan(parts, CANONICAL[name]), patients)

    def table_of(self, name: str, patients: Sequence[str]) -> pl.DataFrame:
        """Read the rows of some children from one of the run's tables."""
        return self._of(self.scan_table(name), patients)

    def trace(
        self, patients: Sequence[str], definitions: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read the trace of some children under some definitions, or under all."""
        scan = self._scan(self._parts("trace", "trace", patients), Trace)
        if definitions is not None:
            scan = scan.filter(pl.col("definition_id").is_in(list(definitions)))
        return self._of(scan, patients)

    def scan_trace(self) -> pl.LazyFrame:
        """Scan the trace of all children."""
        return self._scan(find_parts(self.folder / "trace", "trace"), Trace)

    def trace_sources(self, trace_ids: pl.Series, patients: Sequence[str]) -> pl.DataFrame:
        """Read the source cells behind some trace rows of some children."""
        scan = self._scan(self._parts("trace", "trace_source", patients), TraceSource)
        return scan.filter(pl.col("trace_id").is_in(trace_ids.implode())).collect()

    def traced_definitions(self) -> list[str]:
        """Name the definitions this run decided by, in alphabetical order."""
        return self._list_traced("definition_id")

    def traced_children(self) -> list[str]:
        """Name every child of the trace, in alphabetical order."""
        return self._list_traced("patient_id")

    def _list_traced(self, column: str) -> list[str]:
        """List the words of a column of the trace; part by part, since it can be very long."""
        words = pl.col(column).cast(pl.Categorical).unique().cast(pl.String)
        found = [
            self._scan([part], Trace).select(words).collect()[column]
            for part in find_parts(self.folder / "trace", "trace")
        ]
        return sorted({word for series in found for word in series})

    def quarantined(self) -> pl.DataFrame:
        """Count the rows that could not be used, by file, sheet and rule."""
        parts = sorted((self.folder / "quarantine").glob("*.parquet"))
        if not parts:
            return pl.DataFrame(schema=_QUARANTINED)
        scan = pl.scan_parquet(parts, missing_columns="insert", extra_columns="ignore")
        return (
            scan.group_by("file", "sheet", "rule")
            .agg(pl.len().alias("rows"))
            .sort("file", "sheet", "rule")
            .collect()
        )

    def _parts(self, folder: str, name: str, patients: Sequence[str]) -> list[Path]:
        """Find the parts of a table in which some children stand.

        Where the run folder holds one numbered part a shard, as ``heliotrope run`` writes them, a
        child stands in the part of its shard alone; in any other layout all parts are read.
        """
        parts = find_parts(self.folder / folder, name)
        home = self.folder / folder / f"{name}.parquet"
        numbered = [home / f"part-{number:05}.parquet" for number in range(len(parts))]
        if not parts or parts != numbered:
            return parts
        return [parts[number] for number in sorted({shard_of(p, len(parts)) for p in patients})]

    def _of(self, scan: pl.LazyFrame, patients: Sequence[str]) -> pl.DataFrame:
        return scan.filter(pl.col("patient_id").is_in(list(patients))).collect()

    def _scan(self, paths: Sequence[Path], schema: type[dy.Schema]) -> pl.LazyFrame:
        present = [path for path in paths if path.is_file()]
        if not present:
            return schema.create_empty(lazy=True)
        return pl.scan_parquet(present, glob=False)

    def _read(self, paths: Sequence[Path], schema: type[dy.Schema]) -> pl.DataFrame:
        return self._scan(paths, schema).collect()


def find_parts(folder: Path, name: str) -> list[Path]:
    """Find the parts of one table in a folder of parts, in order.

    ``name.parquet``, ``name-00003.parquet`` and ``name/shard=3/part.parquet`` are parts of
    ``name``; ``trace_source-00003.parquet`` is none of ``trace``.
    """
    return sorted(
        path for path in folder.rglob("*.parquet") if _table_of(path.relative_to(folder)) == name
    )


def _table_of(relative: Path) -> str:
    first = relative.parts[0].removesuffix(".parquet")
    return first.split("-")[0].split(".")[0].split("=")[0]


def look_up(manifest: Mapping[str, Any], *path: str) -> Any:
    """Look a value up in a nested mapping; None where any step is missing."""
    found: Any = manifest
    for step in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found
