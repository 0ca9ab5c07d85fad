"""OMOP tables in a database, through SQLAlchemy: it filters, and only wanted rows leave it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from heliotrope.definitions.omop_model import OmopModel
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.omop.queried import (
    Queried,
    make_lookup,
    make_raw,
    stands_with_vocabulary,
)
from heliotrope.ingest.omop.store import Where, as_text
from heliotrope.ingest.raw import RawTable

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine, Row, TableClause

DUCKDB = (".duckdb", ".ddb")

# A list of ids in one query: Oracle takes a thousand, no database fewer.
_IDS_IN_A_LIST = 900

_ROWS_IN_A_BLOCK = 20_000


@dataclass
class DatabaseStore(Queried):
    """The tables of a schema of a database, read without changing anything.

    A row's record number is its own key where that fits, else its place in the order of the key.
    """

    engine: Engine
    name: str
    model: OmopModel
    schema: str | None = None
    vocabulary_schema: str | None = None
    missing: tuple[str, ...] = ()
    _columns: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with _answering(self.name):
            self.engine.connect().close()
        for table in self.model.tables:
            names = self._describe(table.name)
            if names is not None:
                self._columns[table.name] = names

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        return {table: tuple(map(str.lower, names)) for table, names in self._columns.items()}

    def count(self, table: str, where: Where) -> int:
        from sqlalchemy import func, select

        source = self._table(table)
        total = 0
        with _answering(self.name), self.engine.connect() as connection:
            for condition in _conditions(source, where):
                query = select(func.count()).select_from(source).where(*condition)
                total += int(connection.execute(query).scalar_one())
        return total

    def tally(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        from sqlalchemy import func, select

        source = self._table(table)
        there = [name for name in columns if name in self.columns[table]]
        chosen = [_column(source, name) for name in there]
        # ROWS alone is a word of its own in some dialects
        query = select(*chosen, func.count().label("number_of_rows")).group_by(*chosen)
        found = self._ask(query, [*there, "rows"])
        texts = as_text(found)
        return found.select(
            *(
                (texts[name] if name in there else pl.lit(None, pl.String)).alias(name)
                for name in columns
            ),
            pl.col("rows").cast(pl.Int64),
        )

    def fetch(self, table: str, where: Where) -> RawTable:
        from sqlalchemy import select

        source = self._table(table)
        names = self.columns[table]
        parts = [
            self._ask(select(source).where(*condition), names)
            for condition in _conditions(source, where)
        ]
        found = pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame(schema=names)
        found = found.select(text.alias(name) for name, text in as_text(found).items())
        return make_raw(self, table, found, self.model, self.missing)

    def look_up(self, table: str, anyone_of: Mapping[str, Collection[str]]) -> pl.DataFrame:
        from sqlalchemy import select

        source = self._table(table)
        names = self.columns[table]
        is_numbered = {name for name in names if name.endswith("concept_id")}
        parts = []
        for condition in _listed(source, anyone_of, is_numbered):
            parts.append(self._ask(select(source).where(*condition), names))
        found = pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame(schema=names)
        return make_lookup(found)

    def close(self) -> None:
        self.engine.dispose()

    def _describe(self, table: str) -> tuple[str, ...] | None:
        """Return the columns of a table as the database spells them; None where there is none."""
        from sqlalchemy import literal_column, select
        from sqlalchemy.exc import SQLAlchemyError

        query: Any = select(literal_column("*")).select_from(self._named(table)).where(_never())
        try:
            with self.engine.connect() as connection:
                return tuple(connection.execute(query).keys())
        except SQLAlchemyError:
            return None

    def _named(self, table: str) -> TableClause:
        import sqlalchemy

        is_apart = self.vocabulary_schema and stands_with_vocabulary(table, self.model)
        schema = self.vocabulary_schema if is_apart else self.schema
        return sqlalchemy.table(table, schema=schema)

    def _table(self, table: str) -> TableClause:
        import sqlalchemy

        named = self._named(table)
        columns: list[Any] = [sqlalchemy.column(name) for name in self._columns[table]]
        return sqlalchemy.table(table, *columns, schema=named.schema)

    def _ask(self, query: Any, names: Sequence[str]) -> pl.DataFrame:
        with _answering(self.name), self.engine.connect() as connection:
            answer = connection.execution_options(stream_results=True).execute(query)
            blocks = [_to_frame(block, names) for block in answer.partitions(_ROWS_IN_A_BLOCK)]
        if not blocks:
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return pl.concat(blocks, how="vertical_relaxed")


def open_database(
    folder: Path, source: OmopSource, model: OmopModel, missing: tuple[str, ...] = ()
) -> DatabaseStore:
    """Connect to the database that a study names.

    The address comes from study.toml without its password, or whole from an environment variable;
    a password alone may stand in another. A DuckDB file is opened for reading only.
    Errors: a password in study.toml, a variable that is not set, a library that is not installed,
    no connection: UserError, which never says a password.
    """
    create_engine, make_url, arguments_error = _load()
    address = source.database
    if source.database_from is not None:
        address = _from_environment(source.database_from)
    if address is None:
        address = f"duckdb:///{(folder / source.file).resolve()}"
    try:
        url = make_url(address)
    except arguments_error:
        raise UserError(
            "the address of a database, such as postgresql+psycopg://reader@host:5432/cdm",
            Found("an address that cannot be read"),
            "correct `database` in study.toml, or the variable that `database_from` names",
        ) from None
    if url.password is not None and source.database_from is None:
        raise UserError(
            "no password in study.toml",
            Found(f"database = {url.render_as_string(hide_password=True)!r}", "study.toml"),
            "put the password into an environment variable and name that in `password_from`",
        )
    if source.password_from is not None:
        url = url.set(password=_from_environment(source.password_from))
    connect = {"read_only": True} if url.get_backend_name() == "duckdb" else {}
    try:
        engine = create_engine(url, connect_args=connect)
    except (ImportError, arguments_error) as error:
        raise UserError(
            f"a driver for {url.drivername}",
            Found(str(error).splitlines()[0]),
            "pip install 'heliotrope[omop]', or the driver of your database",
            ExitCode.ENVIRONMENT,
        ) from None
    name = url.database or url.get_backend_name()
    name = Path(name).name if url.get_backend_name() == "duckdb" else name
    place = (
        f"{url.get_backend_name()}:{name}{'.' + source.schema_name if source.schema_name else ''}"
    )
    schemas = (source.schema_name, source.vocabulary_schema)
    return DatabaseStore(engine, place, model, *schemas, missing=missing)


def _load() -> tuple[Any, Any, type[Exception]]:
    try:
        from sqlalchemy import create_engine
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise UserError(
            "SQLAlchemy, which reaches databases",
            Found("it is not installed"),
            "pip install 'heliotrope[omop]'",
            ExitCode.ENVIRONMENT,
        ) from None
    return create_engine, make_url, ArgumentError


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UserError(
            f"an environment variable {name}, as study.toml says",
            Found("it is not set"),
            f"export {name}=... before you run heliotrope",
            ExitCode.ENVIRONMENT,
        )
    return value


def _never() -> ColumnElement[bool]:
    from sqlalchemy import literal

    return literal(1) == literal(0)


def _column(source: TableClause, name: str) -> ColumnElement[Any]:
    return next(column for column in source.c if column.name.lower() == name)


def _conditions(source: TableClause, where: Where) -> Iterator[list[Any]]:
    """Give the conditions of one query after another; together they find each row once."""
    from sqlalchemy import and_, func, or_

    ways: list[Any] = [
        _is_in(_column(source, column), part)
        for column, ids in where.anyone_of.items()
        for part in _parts(sorted(ids))
    ]
    if where.local is not None:
        concept, value, words = where.local
        is_local = func.coalesce(_column(source, concept), 0) == 0
        ways += [
            and_(is_local, _is_in(_column(source, value), part)) for part in _parts(sorted(words))
        ]
    is_named = where.anyone_of or where.local is not None
    concepts = [or_(*ways)] if ways else [_never()] if is_named else []
    if where.persons is None:
        yield concepts
        return
    for part in _parts(sorted(where.persons)):
        yield [_is_in(_column(source, "person_id"), part), *concepts]
    if where.or_unnamed:
        yield [_column(source, "person_id").is_(None), *concepts]


def _listed(
    source: TableClause, anyone_of: Mapping[str, Collection[str]], numbered: Collection[str]
) -> Iterator[list[Any]]:
    """Give the conditions of one look-up after another: the longest list in parts."""
    lists = {
        name: [int(text) for text in texts] if name in numbered else list(texts)
        for name, texts in anyone_of.items()
    }
    if not lists:
        yield []
        return
    longest = max(lists, key=lambda name: len(lists[name]))
    others = [
        _is_in(_column(source, name), sorted(texts))
        for name, texts in lists.items()
        if name != longest
    ]
    for part in _parts(sorted(lists[longest])):
        yield [_is_in(_column(source, longest), part), *others]


def _is_in(column: ColumnElement[Any], items: Sequence[Any]) -> ColumnElement[bool]:
    """Say that a column holds one of some ids or texts.

    Ids stand in the query as numbers: SQL Server takes no more than 2,100 parameters.
    """
    from sqlalchemy import literal_column

    if not all(isinstance(item, int) for item in items):
        return column.in_(items)
    return column.in_([literal_column(str(item)) for item in items])


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _IDS_IN_A_LIST):
        yield items[start : start + _IDS_IN_A_LIST]


def _to_frame(rows: Sequence[Row[Any]], names: Sequence[str]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True))
    return pl.DataFrame(
        {
            name: pl.Series(name, values, strict=False)
            for name, values in zip(names, columns, strict=True)
        }
    )


@contextmanager
def _answering(name: str) -> Iterator[None]:
    """Say that a database does not answer, without its address or a password."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        origin = getattr(error, "orig", None) or error
        lines = [line for line in str(origin).splitlines() if line.strip()]
        said = lines[0] if lines else type(origin).__name__
        raise UserError(
            "a database that answers",
            Found(f"{type(origin).__name__}: {said}", name),
            "check the address, the rights to read and the schema in study.toml",
            ExitCode.ENVIRONMENT,
        ) from None
