"""Lay a raw table out under our column names: which column is which, cleaned, filtered, recoded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.columns import TABLE_COLUMNS, VALUE_COLUMNS
from heliotrope.ingest.context import IGNORE, ReadContext, normalise_word
from heliotrope.ingest.mapping import Format, MeasureColumn, RowFilter, SourceMapping
from heliotrope.ingest.raw import RawTable

# Columns that a table must have, one of each group.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "patient": (("patient_id",),),
    "assessment": (("patient_id",), ("date",), ("measure",), ("value", "text")),
    "infusion": (("patient_id",), ("date",)),
    "medication": (("patient_id",), ("drug",), ("start_date",)),
    "event": (("patient_id",), ("date",), ("kind",)),
    "indication": (("patient_id",), ("reason",)),
    "adjudication": (("patient_id",), ("pattern",)),
}

_OF_ONE_MEASURE = frozenset({"measure", "value", "unit", "lower_limit", "upper_limit", "text"})


@dataclass(frozen=True)
class Staged:
    """The rows of one mapping as cleaned text under our names, with the number of each column.

    ``rows`` has ``record`` and one String column for each of our columns that the source has.
    ``numbers`` gives the column number of each; a constant has none. ``ignored`` lists records
    left out (record, rule).
    """

    source: int
    raw: RawTable
    mapping: SourceMapping
    format: Format
    rows: pl.DataFrame
    numbers: Mapping[str, int]
    measures: tuple[MeasureColumn, ...]
    ignored: pl.DataFrame

    @property
    def table(self) -> str:
        """Return the canonical table's name."""
        return self.mapping.table

    @property
    def value_column(self) -> int:
        """Return the number of the column that a row's row_id points at."""
        for name in VALUE_COLUMNS[self.table]:
            if name in self.numbers:
                return self.numbers[name]
        if self.mapping.rows:
            # what the row says is constant: the cell that decides is the one filtered by
            return find_column(self.raw, self.mapping.rows[0].column)
        return next(
            self.numbers[name]
            for name in ("date", "start_date", "patient_id")
            if name in self.numbers
        )

    @property
    def used_columns(self) -> frozenset[int]:
        """Return the numbers of all columns of the source that this mapping reads."""
        extra: list[str | None] = [item.column for item in self.mapping.rows]
        for item in self.measures:
            extra += [item.column, item.date, item.lower_limit_column, item.upper_limit_column]
        return frozenset(
            [*self.numbers.values(), *(find_column(self.raw, name) for name in extra if name)]
        )

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


def stage(
    source: int, raw: RawTable, mapping: SourceMapping, format: Format, context: ReadContext
) -> Staged:
    """Lay out one mapping of a raw table.

    Errors: a mapped column that is not there, a needed column that is missing: UserError.
    """
    numbers = _find_columns(raw, mapping)
    measures = mapping.measures or _find_measures(raw, mapping, numbers, context)
    if measures:
        numbers = {name: n for name, n in numbers.items() if name not in _OF_ONE_MEASURE}
    _check_needed(raw, mapping, numbers, is_wide=bool(measures))
    missing = missing_tokens(context, format)
    kept, ignored = _filter_rows(raw, mapping, missing)
    columns = [
        clean(pl.col(str(number)), missing, mapping.codes.get(name, {})).alias(name)
        for name, number in numbers.items()
    ]
    constants = [pl.lit(text, pl.String).alias(name) for name, text in mapping.constants.items()]
    rows = kept.select("record", *columns, *constants)
    rows, ignored = _drop_declared(rows, ignored, mapping)
    rows, ignored = _drop_blank(rows, ignored, raw, kept, missing)
    return Staged(source, raw, mapping, format, rows, numbers, measures, ignored)


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


def _find_columns(raw: RawTable, mapping: SourceMapping) -> dict[str, int]:
    taken = {name: find_column(raw, theirs) for name, theirs in mapping.columns.items()}
    used = {*taken.values(), *(find_column(raw, item.column) for item in mapping.measures)}
    plain = {normalise_word(name): number for number, name in enumerate(raw.header)}
    for spec in TABLE_COLUMNS[mapping.table]:
        number = plain.get(normalise_word(spec.name))
        if number is None or spec.name in taken or spec.name in mapping.constants:
            continue
        if number not in used:
            taken[spec.name] = number
    return {
        spec.name: taken[spec.name] for spec in TABLE_COLUMNS[mapping.table] if spec.name in taken
    }


def _find_measures(
    raw: RawTable, mapping: SourceMapping, numbers: Mapping[str, int], context: ReadContext
) -> tuple[MeasureColumn, ...]:
    """Find the columns named after a measure in an assessment sheet without a measure column."""
    if mapping.table != "assessment" or "measure" in numbers or "measure" in mapping.constants:
        return ()
    found = []
    for number, header in enumerate(raw.header):
        measure = context.measure_lookup.find(header)
        if measure is not None and number not in numbers.values():
            found.append(MeasureColumn(column=header, measure=measure))
    return tuple(found)


def _check_needed(
    raw: RawTable, mapping: SourceMapping, numbers: Mapping[str, int], *, is_wide: bool
) -> None:
    for group in NEEDED[mapping.table]:
        if is_wide and set(group) & _OF_ONE_MEASURE:
            continue
        if not any(name in numbers or name in mapping.constants for name in group):
            close = difflib.get_close_matches(group[0], raw.header, n=1, cutoff=0.5)
            hint = f" (is it '{close[0]}'?)" if close else ""
            raise UserError(
                f"a column '{' or '.join(group)}' in the table {mapping.table}",
                Found(
                    f"columns {', '.join(raw.header[:12])}{hint}",
                    raw.file,
                    raw.sheet,
                    raw.first_row - 1,
                ),
                "rename the column, or map it in study.toml under [source.columns]",
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


def _filter_rows(
    raw: RawTable, mapping: SourceMapping, missing: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = raw.cells.with_row_index("record").with_columns(pl.col("record").cast(pl.Int64))
    rows = rows.join(raw.refused.select("record"), on="record", how="anti")
    if not mapping.rows:
        return rows, pl.DataFrame(schema={"record": pl.Int64, "rule": pl.String})
    is_kept = pl.all_horizontal(
        _holds(item, pl.col(str(find_column(raw, item.column))), missing) for item in mapping.rows
    ).fill_null(False)
    left_out = rows.filter(~is_kept).select("record", rule=pl.lit("filtered"))
    return rows.filter(is_kept), left_out


def _holds(item: RowFilter, column: pl.Expr, missing: list[str]) -> pl.Expr:
    text = column.str.strip_chars().fill_null("")
    is_filled = ~text.str.to_lowercase().is_in(missing)
    holds = [text.is_not_null()]
    if item.is_in is not None:
        holds.append(text.is_in(list(item.is_in)))
    if item.not_in is not None:
        holds.append(~text.is_in(list(item.not_in)))
    if item.filled is not None:
        holds.append(is_filled if item.filled else ~is_filled)
    return pl.all_horizontal(holds)


def _drop_declared(
    rows: pl.DataFrame, ignored: pl.DataFrame, mapping: SourceMapping
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out the rows whose code list says so."""
    names = [name for name, codes in mapping.codes.items() if IGNORE in codes.values()]
    names = [name for name in names if name in rows.columns]
    if not names:
        return rows, ignored
    is_ignored = pl.any_horizontal(pl.col(name).eq(IGNORE).fill_null(False) for name in names)
    dropped = rows.filter(is_ignored).select("record", rule=pl.lit("declared_ignored"))
    return rows.filter(~is_ignored), pl.concat([ignored, dropped])


def _drop_blank(
    rows: pl.DataFrame,
    ignored: pl.DataFrame,
    raw: RawTable,
    kept: pl.DataFrame,
    missing: list[str],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out rows in which no cell of the file holds anything."""
    is_blank = pl.all_horizontal(
        pl.col(name).str.strip_chars().str.to_lowercase().is_in(missing).fill_null(True)
        for name in raw.cells.columns
    )
    blank = kept.filter(is_blank).select("record", rule=pl.lit("blank_row"))
    blank = blank.join(rows.select("record"), on="record", how="semi")
    return rows.join(blank, on="record", how="anti"), pl.concat([ignored, blank])


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
