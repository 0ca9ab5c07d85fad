"""OMOP tables of a lakehouse, through Spark: it filters where the files stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from heliotrope.definitions.omop_model import OmopModel
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.omop.queried import (
    Queried,
    make_lookup,
    make_raw,
    stands_with_vocabulary,
)
from heliotrope.ingest.omop.store import Where, as_text
from heliotrope.ingest.raw import RawTable
from heliotrope.spark_session import describe_failure, open_session

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_WANTED = "wanted_person"

# Types of whole numbers: compared as they are, which Spark pushes down to the files.
_WHOLE = ("bigint", "int", "smallint", "tinyint")


@dataclass
class SparkStore(Queried):
    """The tables of a schema of Spark's catalogue, read without changing anything.

    Ids of persons are never written into a query, which Spark keeps in its history: they are sent
    to the executors as a small table, and each drops the other rows while it scans.
    """

    session: SparkSession
    schema: str
    model: OmopModel
    vocabulary_schema: str | None = None
    missing: tuple[str, ...] = ()
    _types: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with _answering(self.name):
            for table in self.model.tables:
                place = self._place(table.name)
                if self.session.catalog.tableExists(place):
                    types = self.session.table(place).dtypes
                    self._types[table.name] = {name.lower(): kind for name, kind in types}

    @property
    def name(self) -> str:
        return f"spark:{self.schema}"

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        return {table: tuple(types) for table, types in self._types.items()}

    def count(self, table: str, where: Where) -> int:
        with _answering(self.name):
            return self.select(table, where).count()

    def tally(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        there = [name for name in columns if name in self.columns[table]]
        found = self._bring(self.select(table, Where()).groupBy(*there).count())
        texts = as_text(found)
        return found.select(
            *(
                (texts[name] if name in there else pl.lit(None, pl.String)).alias(name)
                for name in columns
            ),
            pl.col("count").cast(pl.Int64).alias("rows"),
        )

    def fetch(self, table: str, where: Where) -> RawTable:
        found = self._bring(self.select(table, where))
        texts = found.select(text.alias(name) for name, text in as_text(found).items())
        return make_raw(self, table, texts, self.model, self.missing)

    def look_up(self, table: str, anyone_of: Mapping[str, Collection[str]]) -> pl.DataFrame:
        rows = self.select(table, Where())
        for column, texts in anyone_of.items():
            is_number = column.endswith("concept_id")
            wanted = [int(text) if is_number else text for text in sorted(texts)]
            value = self._number(table, column) if is_number else rows[column]
            rows = rows.filter(value.isin(wanted))
        found = self._bring(rows)
        return make_lookup(found)

    def close(self) -> None:
        """Leave the session to whoever opened it."""

    def select(self, table: str, where: Where) -> DataFrame:
        """Return the wanted rows of a table, columns in lower case, as a query not yet run.

        Concepts are compared while the files are scanned; persons by a table that every executor
        holds: no row of a stranger goes further than that.
        """
        with _answering(self.name):
            return self._select(table, where)

    def _select(self, table: str, where: Where) -> DataFrame:
        from pyspark.sql import functions

        rows = self.session.table(self._place(table))
        rows = rows.toDF(*self.columns[table])
        is_named = where.anyone_of or where.local is not None
        ways = list(self._ways(table, where))
        if is_named:
            is_wanted = functions.lit(False)
            for way in ways:
                is_wanted = is_wanted | way
            rows = rows.filter(is_wanted)
        if where.persons is None:
            return rows
        persons: list[int | None] = [*sorted(where.persons), *[None] * where.or_unnamed]
        wanted = functions.broadcast(self._table_of(persons))
        is_theirs = self._number(table, "person_id").eqNullSafe(functions.col(_WANTED))
        return rows.join(wanted, is_theirs, "left_semi")

    def _ways(self, table: str, where: Where) -> Iterator[Column]:
        """Give the ways in which a row may be wanted by what it holds; a blank is none.

        Plain comparisons only: Spark pushes those down to the files.
        """
        from pyspark.sql import functions

        for column, ids in where.anyone_of.items():
            yield self._number(table, column).isin(sorted(ids)) if ids else functions.lit(False)
        if where.local is not None:
            concept, source, words = where.local
            number = self._number(table, concept)
            yield ((number == 0) | number.isNull()) & functions.col(source).isin(sorted(words))

    def _number(self, table: str, column: str) -> Column:
        """Read a column of ids as whole numbers, also where it is kept as text."""
        from pyspark.sql import functions

        kind = self._types[table][column]
        if kind in _WHOLE:
            return functions.col(column)
        if kind != "string":
            return functions.col(column).cast("bigint")
        whole = functions.regexp_replace(functions.trim(functions.col(column)), r"\.0$", "")
        return whole.try_cast("bigint")

    def _table_of(self, persons: Sequence[int | None]) -> DataFrame:
        import pyarrow

        column = pyarrow.array(persons, pyarrow.int64())
        return self.session.createDataFrame(pyarrow.table({_WANTED: column}))

    def _place(self, table: str) -> str:
        is_apart = self.vocabulary_schema and stands_with_vocabulary(table, self.model)
        return f"{self.vocabulary_schema if is_apart else self.schema}.{table}"

    def _bring(self, rows: DataFrame) -> pl.DataFrame:
        with _answering(self.name):
            return cast(pl.DataFrame, pl.from_arrow(cast(Any, rows).toArrow()))


def open_lakehouse(
    schema: str, vocabulary_schema: str | None, model: OmopModel, missing: tuple[str, ...] = ()
) -> SparkStore:
    """Open a schema of the catalogue of the session that is there, or of one made now.

    Errors: no Spark, no Java, no such schema: UserError.
    """
    session = open_session()
    with _answering(f"spark:{schema}"):
        is_there = session.catalog.databaseExists(schema)
    if not is_there:
        raise UserError(
            f"a schema {schema} in the catalogue of the Spark session",
            Found("none of that name"),
            "correct `catalogue` in study.toml; settings of the catalogue go into --conf",
        )
    return SparkStore(session, schema, model, vocabulary_schema, missing)


@contextmanager
def _answering(name: str) -> Iterator[None]:
    """Say that Spark does not answer, in its own first words."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            "a lakehouse that answers",
            Found(describe_failure(error), name),
            "check the catalogue, the rights to read and the schema in study.toml",
            ExitCode.ENVIRONMENT,
        ) from None
