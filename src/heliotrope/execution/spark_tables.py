"""What a run found, as tables of Spark's catalogue: on request, beside the run folder.

Spark reads the parts from the shared path and writes them as it writes any table. No table is
joined, sorted or shuffled: each part is copied by a task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.shards import TRACE
from heliotrope.records.results import TABLES
from heliotrope.spark_session import SparkSettings, describe_failure, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Names of a catalogue, a schema and a table, as far as every catalogue takes them unquoted.
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")

# Where each table stands in a run folder.
PLACES: dict[str, str] = {
    **{name: f"tables/{name}.parquet" for name in TABLES},
    **{name: f"{TRACE}/{name}.parquet" for name in ("trace", "trace_source")},
    "results": "results.parquet",
    "findings": "findings.parquet",
}


@dataclass(frozen=True)
class Catalogue:
    """A schema of the catalogue that takes the tables of a run."""

    session: SparkSession
    schema: str
    replace: bool

    def check(self) -> None:
        """Stop before anything is evaluated if the tables could not be written.

        Errors: no such schema, tables of these names that are not to be replaced: UserError.
        """
        try:
            is_there = self.session.catalog.databaseExists(self.schema)
        except Exception as error:
            raise self._refuse(describe_failure(error)) from None
        if not is_there:
            raise self._refuse(f"no schema {self.schema}")
        there = [name for name in PLACES if self._exists(name)]
        if there and not self.replace:
            raise UserError(
                f"a schema without tables named {', '.join(there[:3])}"
                f"{' ...' if len(there) > 3 else ''}",
                Found(f"{len(there)} of them", self.schema),
                "give another schema, or --replace to put the new tables in their place",
            )

    def write_run(self, run: Path, told: Callable[[int, int], None]) -> None:
        """Write every table of a finished run.

        Errors: a table that cannot be written: UserError, which says what stands already.
        """
        mode = "overwrite" if self.replace else "errorifexists"
        for done, (name, place) in enumerate(PLACES.items()):
            told(done, len(PLACES))
            try:
                rows = self.session.read.parquet((run / place).resolve().as_uri())
                rows.write.mode(mode).saveAsTable(f"{self.schema}.{name}")
            except Exception as error:
                raise UserError(
                    f"a table {self.schema}.{name} that can be written",
                    Found(f"{describe_failure(error)}; {done} of {len(PLACES)} tables stand"),
                    f"the run folder {run.name} is whole; mend that, then run again with --replace",
                    ExitCode.ENVIRONMENT,
                ) from None
        told(len(PLACES), len(PLACES))

    def _exists(self, table: str) -> bool:
        return bool(self.session.catalog.tableExists(f"{self.schema}.{table}"))

    def _refuse(self, found: str) -> UserError:
        return UserError(
            f"a schema {self.schema} in the catalogue of the Spark session",
            Found(found),
            f"create it (CREATE SCHEMA {self.schema}), or correct --tables-to",
            ExitCode.ENVIRONMENT,
        )


@contextmanager
def open_catalogue(schema: str, settings: SparkSettings, *, replace: bool) -> Iterator[Catalogue]:
    """Give the schema that takes the tables, once it is sure that it can.

    Errors: those of the session and of ``Catalogue.check``; no name of a schema: UserError.
    """
    if not _SCHEMA.match(schema):
        raise UserError(
            "--tables-to CATALOGUE.SCHEMA, or SCHEMA in the session's own catalogue",
            Found(schema),
            "name one schema, of letters, digits and _",
            ExitCode.USAGE,
        )
    with spark_session(settings) as session:
        catalogue = Catalogue(session, schema, replace)
        catalogue.check()
        yield catalogue
