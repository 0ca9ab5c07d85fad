"""What every place that holds OMOP tables offers: counting and fetching rows, filtered there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from heliotrope.definitions.omop_model import OmopModel, OmopTable
from heliotrope.errors import Found, UserError
from heliotrope.ingest.raw import RawTable


@dataclass(frozen=True)
class Where:
    """Which rows of a table are wanted.

    persons: of these (None: of all). or_unnamed: and rows that name no person. anyone_of: with one
    of these ids in one of these columns (empty: any). local: (column of concept ids, column of
    source values, words): also rows without a standard concept whose source value is one of them.
    """

    persons: Collection[int] | None = None
    anyone_of: Mapping[str, Collection[int]] = field(default_factory=dict)
    local: tuple[str, str, Collection[str]] | None = None
    or_unnamed: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether every row is wanted."""
        return self.persons is None and not self.anyone_of and self.local is None


class CdmStore(Protocol):
    """Tables of a common data model, wherever they stand; columns in lower case, cells as text."""

    @property
    def name(self) -> str:
        """Return how a person calls the place."""

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Return the columns of each table of the model that is there."""

    def count(self, table: str, where: Where) -> int:
        """Count the rows of a table that are wanted."""

    def tally(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        """Count the rows by the values of some columns: the columns, and ``rows``."""

    def fetch(self, table: str, where: Where) -> RawTable:
        """Bring the wanted rows of a table here, whole, with their record numbers."""

    def batches(self, table: str, where: Where) -> Iterator[RawTable]:
        """Bring the same rows in batches, one at least, in the order of ``fetch``."""

    @property
    def can_wait(self) -> bool:
        """Say whether rows can be left there and come the same, in batches, when they are read."""

    def look_up(self, table: str, anyone_of: Mapping[str, Collection[str]]) -> pl.DataFrame:
        """Return the rows of a vocabulary table whose columns hold one of some texts each."""

    def others(self) -> list[RawTable]:
        """Return the other tables that stand there, counted and left."""

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every file that was read."""

    def check(self) -> None:
        """Stop if a file is no longer what was read."""

    def close(self) -> None:
        """Let go of files and connections."""


def as_number(column: str) -> pl.Expr:
    """Read a column of ids as whole numbers: 80182 and 80182.0; what is none is null."""
    whole = pl.col(column).str.strip_chars().str.strip_suffix(".0")
    return whole.cast(pl.Int64, strict=False)


def as_text(frame: pl.DataFrame | pl.LazyFrame) -> dict[str, pl.Expr]:
    """Return an expression a column that writes its values as a file of text would."""
    schema = frame.collect_schema()
    written = {}
    for name, dtype in schema.items():
        column = pl.col(name)
        if isinstance(dtype, pl.Datetime):
            written[name] = column.dt.to_string("%Y-%m-%d %H:%M:%S")
        elif isinstance(dtype, pl.Date):
            written[name] = column.dt.to_string("%Y-%m-%d")
        else:
            written[name] = column.cast(pl.String)
    return written


def to_expression(where: Where) -> pl.Expr:
    """Write a condition over columns of text."""
    is_wanted = pl.lit(True)
    if where.persons is not None:
        persons = pl.Series(sorted(where.persons), dtype=pl.Int64)
        is_wanted = as_number("person_id").is_in(persons.implode()).fill_null(where.or_unnamed)
    ways = [
        as_number(column).is_in(pl.Series(sorted(ids), dtype=pl.Int64).implode())
        for column, ids in where.anyone_of.items()
    ]
    if where.local is not None:
        concept, source, words = where.local
        ways.append(
            (as_number(concept).fill_null(0) == 0)
            & pl.col(source).is_in(pl.Series(sorted(words), dtype=pl.String).implode())
        )
    if ways:
        is_wanted = is_wanted & pl.any_horizontal(way.fill_null(False) for way in ways)
    return is_wanted


def check_model(store: CdmStore, model: OmopModel) -> None:
    """Stop if tables or columns of the model that are needed are not there.

    Errors: another version, a missing table or column: UserError.
    """
    versions = " or ".join(model.versions)
    said = _say_version(store)
    if said is not None and not said.lower().removeprefix("v").startswith(model.versions):
        raise UserError(
            f"the OMOP common data model in version {versions}",
            Found(f"cdm_version {said}", f"{store.name}/cdm_source"),
            "ask for a delivery in one of these versions",
        )
    for table in model.tables:
        if table.name not in store.columns:
            if table.is_required:
                raise UserError(
                    f"the table {table.name} of the OMOP common data model {versions}",
                    Found(
                        f"tables {', '.join(sorted(store.columns)) or 'of other names'}", store.name
                    ),
                    "add the table; one without rows is enough where nothing was recorded",
                )
            continue
        _check_columns(table, store, versions)


def _check_columns(table: OmopTable, store: CdmStore, versions: str) -> None:
    there = store.columns[table.name]
    missing = [name for name in table.needed if name not in there]
    if missing:
        raise UserError(
            f"a column {missing[0]} in {table.name}, as in version {versions} of the OMOP model",
            Found(f"columns {', '.join(there[:12])}", f"{store.name}/{table.name}"),
            "deliver the table in one of these versions",
        )


def _say_version(store: CdmStore) -> str | None:
    if "cdm_source" not in store.columns or "cdm_version" not in store.columns["cdm_source"]:
        return None
    texts = store.look_up("cdm_source", {})["cdm_version"].drop_nulls()
    return str(texts[0]).strip() if len(texts) else None


Tell = Callable[[str], None]
