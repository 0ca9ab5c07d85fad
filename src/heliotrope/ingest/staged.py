"""Rows of a source laid out under our column names, as text, before any cell is read.

Every form in which records exist (plain tables, REDCap, SDTM, OMOP, FHIR) ends here; from here on
there is one way.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.columns import TABLE_COLUMNS, VALUE_COLUMNS
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.mapping import DateFormat, Format, MeasureColumn
from heliotrope.ingest.problems import PROBLEM, make_problems
from heliotrope.ingest.raw import RawTable

# Quarantines a row that names no person.
NO_SUBJECT = "no_subject"

# The source number of a staged table whose source has not been numbered yet.
UNNUMBERED = -1


def no_ignored_records() -> pl.DataFrame:
    """Return an empty frame of records left out."""
    return pl.DataFrame(schema={"record": pl.Int64, "rule": pl.String})


def no_problems() -> pl.DataFrame:
    """Return an empty frame of problems."""
    return pl.DataFrame(schema=PROBLEM)


def empty_rows(table: str) -> pl.DataFrame:
    """Return no rows of a canonical table, with all of its columns."""
    names = [spec.name for spec in TABLE_COLUMNS[table]]
    return pl.DataFrame(schema={"record": pl.Int64, **dict.fromkeys(names, pl.String)})


# One of our columns and its number in the source, which a constant does not have.
ColumnKey = tuple[str, int]
CONSTANT = -1


@dataclass(frozen=True)
class Staged:
    """Rows for one canonical table as cleaned text under our names, with each column's number.

    table: the canonical table. raw: where the rows stand.
    rows: ``record`` and one String column for each of our columns that the source has.
    numbers: the column number of each; a constant has none.
    value_column: the column that a row's row_id points at.
    format: how the cells are written; ``dates``: the format of a date column of its own.
    measures: columns that hold one measure each (wide to long).
    also_read: further columns read on the way (filters, a dose's frequency).
    ignored: records left out (record, rule). problems: faults met while laying out.
    proven: how a column of numbers or dates is written, where the whole column had to prove it
    (``ingest.proofs``): its decimal sign, or its order of day and month.
    source: the source's number, given once all sources are known.
    """

    table: str
    raw: RawTable
    rows: pl.DataFrame
    numbers: Mapping[str, int]
    value_column: int
    format: Format = field(default_factory=Format)
    dates: Mapping[str, DateFormat] = field(default_factory=dict)
    measures: tuple[MeasureColumn, ...] = ()
    also_read: frozenset[int] = frozenset()
    ignored: pl.DataFrame = field(default_factory=no_ignored_records)
    problems: pl.DataFrame = field(default_factory=no_problems)
    source: int = UNNUMBERED
    proven: Mapping[ColumnKey, str] = field(default_factory=dict)

    @property
    def used_columns(self) -> frozenset[int]:
        """Return the numbers of all columns of the source that are read for these rows."""
        return frozenset([*self.numbers.values(), *self.also_read])

    def place(self, name: str, record: int | None = None) -> Found:
        """Return where a column of ours stands in the file."""
        number = self.numbers.get(name)
        return Found(
            "",
            self.raw.file,
            self.raw.sheet,
            None if record is None else record + self.raw.first_row,
            self.raw.header[number] if number is not None else name,
        )


def find_value_column(table: str, numbers: Mapping[str, int], decisive: int | None = None) -> int:
    """Return the column that a row's row_id points at.

    Where all that the row says is constant, it is the cell that decides that the row is there
    (``decisive``, e.g. the column filtered by).
    """
    for name in VALUE_COLUMNS[table]:
        if name in numbers:
            return numbers[name]
    if decisive is not None:
        return decisive
    return next(numbers[name] for name in ("date", "start_date", "patient_id") if name in numbers)


def find_column(raw: RawTable, name: str) -> int:
    """Return the number of a column of the source by its header."""
    if name in raw.header:
        return raw.header.index(name)
    plain = [normalise_word(header) for header in raw.header]
    if plain.count(normalise_word(name)) == 1:
        return plain.index(normalise_word(name))
    close = difflib.get_close_matches(name, raw.header, n=3, cutoff=0.5)
    raise UserError(
        f"a column '{name}', as study.toml says",
        Found(
            f"columns {', '.join(close or raw.header[:12])}",
            raw.file,
            raw.sheet,
            raw.first_row - 1,
        ),
        "correct the column name in study.toml",
    )


def missing_tokens(context: ReadContext, format: Format) -> list[str]:
    """Return the words that mean 'not recorded', in lower case."""
    return sorted({token.casefold() for token in (*context.formats.missing, *format.missing)})


def clean(column: pl.Expr, missing: list[str], codes: Mapping[str, str]) -> pl.Expr:
    """Trim a column, make blanks and missing words null, translate codes."""
    trimmed = column.str.strip_chars()
    lowered = trimmed.str.to_lowercase()
    cleaned = pl.when(~lowered.is_in(missing)).then(trimmed)
    if not codes:
        return cleaned
    table = {code.strip().casefold(): meaning for code, meaning in codes.items()}
    meaning = lowered.replace_strict(table, default=None, return_dtype=pl.String)
    return pl.when(lowered.is_in(list(table))).then(meaning.replace("", None)).otherwise(cleaned)


def number_of(staged: Staged, name: str) -> int:
    """Return the column number of one of our columns, or of the value where it is a constant."""
    return staged.numbers.get(name, staged.value_column)


def missing_columns(rows: pl.DataFrame, **dtypes: type[pl.DataType]) -> pl.DataFrame:
    """Add null columns for those a source does not have."""
    return rows.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in dtypes.items()
        if name not in rows.columns
    )


def stage_unnamed(table: str, raw: RawTable, records: pl.DataFrame, column: int) -> Staged:
    """Quarantine rows that name no person, whole: nobody can say whose they are.

    records: ``record`` of each. column: the number of the column that should name the person.
    """
    found = f"a blank {raw.header[column]}"
    problems = make_problems(records.select("record"), NO_SUBJECT, column=column, found=found)
    return Staged(table, raw, empty_rows(table), {}, column, problems=problems)
