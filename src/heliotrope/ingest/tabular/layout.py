"""Lay a raw table out under our column names: which column is which, cleaned, filtered, recoded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import IGNORE, ReadContext, normalise_word
from heliotrope.ingest.mapping import Format, MeasureColumn, RowFilter, SourceMapping
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import (
    Staged,
    clean,
    find_column,
    find_value_column,
    missing_tokens,
    no_ignored_records,
)

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


def stage(raw: RawTable, mapping: SourceMapping, format: Format, context: ReadContext) -> Staged:
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
    filters = [find_column(raw, item.column) for item in mapping.rows]
    return Staged(
        table=mapping.table,
        raw=raw,
        rows=rows,
        numbers=numbers,
        value_column=find_value_column(mapping.table, numbers, filters[0] if filters else None),
        format=format,
        dates=mapping.dates,
        measures=measures,
        also_read=frozenset([*filters, *_columns_of_measures(raw, measures)]),
        ignored=ignored,
    )


def name_children(
    raw: RawTable, mapping: SourceMapping, format: Format, context: ReadContext
) -> pl.Series:
    """Return the child that each row names, whether the row is used or not."""
    child = "patient_id"
    number = _find_columns(raw, mapping).get(child)
    if number is None:
        constant = pl.Series(child, [mapping.constants.get(child)], dtype=pl.String)
        return constant.new_from_index(0, raw.cells.height)
    codes = mapping.codes.get(child, {})
    cells = clean(pl.col(str(number)), missing_tokens(context, format), codes)
    return raw.cells.select(cells.alias(child)).to_series()


def _columns_of_measures(raw: RawTable, measures: tuple[MeasureColumn, ...]) -> list[int]:
    names = [
        name
        for item in measures
        for name in (item.column, item.date, item.lower_limit_column, item.upper_limit_column)
        if name
    ]
    return [find_column(raw, name) for name in names]


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


def _filter_rows(
    raw: RawTable, mapping: SourceMapping, missing: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = raw.numbered().join(raw.refused.select("record"), on="record", how="anti")
    if not mapping.rows:
        return rows, no_ignored_records()
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
