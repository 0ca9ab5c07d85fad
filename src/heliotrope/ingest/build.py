"""Build canonical rows from staged text: one function a table, faults noted, nothing dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.cell import Cell, Read
from heliotrope.ingest.cells import read_column, suggest, translate
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.convert import (
    INFUSION_UNITS,
    MEDICATION_UNITS,
    Converted,
    convert_dose,
    convert_units,
    drop_negative,
)
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.staged import Staged, missing_columns, number_of
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.row_id import compute_row_id


@dataclass(frozen=True)
class Built:
    """Canonical rows with their ``record``, the problems met, and the records left out.

    ``rows`` still holds the rows that a problem refuses; they are taken out later, by row_id.
    ``ignored`` has record, row_id (null: the whole record) and rule.
    """

    rows: pl.DataFrame
    problems: pl.DataFrame
    ignored: pl.DataFrame


def read_columns(staged: Staged, context: ReadContext, skip: Iterable[str] = ()) -> Read:
    """Read all columns of a staged table side by side; absent ones are not there."""
    values = staged.rows.select("record")
    problems = []
    for spec in TABLE_COLUMNS[staged.table]:
        if spec.name not in staged.rows.columns or spec.name in skip:
            continue
        read = read_column(Cell(staged, spec, context))
        values = pl.concat([values, read.values.drop("record")], how="horizontal")
        problems.append(read.problems)
    return Read(values, gather_problems(problems))


def with_row_id(staged: Staged, rows: pl.DataFrame) -> pl.DataFrame:
    """Give each row the id of its value cell."""
    return rows.with_columns(
        compute_row_id(pl.lit(staged.source), pl.col("record"), pl.lit(staged.value_column)).alias(
            "row_id"
        )
    )


def fill_schema(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Select the canonical columns, null where the source has none, and the record."""
    return rows.select(
        "record",
        *(
            (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in CANONICAL[table].create_empty().schema.items()
        ),
    )


def no_ignored() -> pl.DataFrame:
    """Return an empty frame of ignored records."""
    return pl.DataFrame(schema={"record": pl.Int64, "row_id": pl.Int64, "rule": pl.String})


def build_plain(staged: Staged, context: ReadContext) -> Built:
    """Build a table whose columns need no more than reading: patient, indication, adjudication."""
    read = read_columns(staged, context)
    rows = fill_schema(staged.table, with_row_id(staged, read.values))
    return Built(rows, read.problems, no_ignored())


def build_infusion(staged: Staged, context: ReadContext) -> Built:
    """Build infusion days: dose in g or g/kg, a blank route is iv with a finding."""
    read = read_columns(staged, context)
    rows = with_row_id(staged, missing_columns(read.values, route=pl.String, dose=pl.Float64))
    problems = [read.problems]
    route = number_of(staged, "route")
    other = rows.filter(~pl.col("route").is_in(["iv", "sc"]))
    problems.append(
        make_problems(other, "unknown_word", column=route, found=pl.col("route"),
                      expected="iv or sc", suggestion="correct the route")
    )  # fmt: skip
    if "route" in staged.rows.columns:
        refused = read.problems.filter(pl.col("column") == route)["record"]
        blank = rows.filter(pl.col("route").is_null() & ~pl.col("record").is_in(refused.implode()))
    else:
        blank = rows
    problems.append(
        make_problems(blank, "blank_route", column=route, found="no route; taken as iv")
    )
    rows = rows.with_columns(pl.col("route").fill_null("iv"))
    problems.append(_find_other_products(staged, rows, context))
    rows, faults = convert_dose(staged, rows, INFUSION_UNITS)
    rows, negative = drop_negative(staged, rows)
    rows = _fill_minute(rows)
    problems += [faults, negative]
    return Built(fill_schema(staged.table, rows), gather_problems(problems), no_ignored())


def _find_other_products(staged: Staged, rows: pl.DataFrame, context: ReadContext) -> pl.DataFrame:
    """Find specific immunoglobulins (anti-D and the like), which are not IVIG."""
    if "product" not in rows.columns:
        return gather_problems([])
    products = rows["product"].drop_nulls().unique().to_list()
    others = [
        text
        for text in products
        if any(f" {name} " in f" {normalise_word(text)} " for name in context.not_drugs)
    ]
    return make_problems(
        rows.filter(pl.col("product").is_in(others)),
        "not_ivig_product",
        column=number_of(staged, "product"),
        found=pl.col("product"),
    )


def build_medication(staged: Staged, context: ReadContext) -> Built:
    """Build drug periods: dose in a canonical unit, daily unless recorded otherwise.

    A route that is not recorded is the one that the text of the drug names, if it names one.
    """
    read = read_columns(staged, context)
    rows = missing_columns(
        read.values,
        route=pl.String,
        dose=pl.Float64,
        end_date=pl.Date,
        is_ongoing=pl.Boolean,
        every_n_days=pl.Int32,
        drug_route=pl.String,
    )
    rows = with_row_id(staged, rows.with_columns(pl.coalesce("route", "drug_route")))
    rows, faults = convert_dose(staged, rows, MEDICATION_UNITS)
    rows, negative = drop_negative(staged, rows)
    reversed_ = rows.filter(pl.col("end_date") < pl.col("start_date"))
    found = pl.format(
        "{} to {}",
        pl.col("start_date").dt.to_string("%Y-%m-%d"),
        pl.col("end_date").dt.to_string("%Y-%m-%d"),
    )
    problems = [read.problems, faults, negative]
    problems.append(
        make_problems(
            reversed_, "end_before_start", column=number_of(staged, "end_date"), found=found
        )
    )
    never = rows.filter(pl.col("every_n_days") < 1)
    problems.append(
        make_problems(
            never,
            "not_a_whole_number",
            column=number_of(staged, "every_n_days"),
            found=pl.col("every_n_days").cast(pl.String),
            expected="1 or more days between doses",
        )
    )
    rows = rows.with_columns(
        pl.col("every_n_days").fill_null(1),
        pl.when(pl.col("end_date").is_not_null())
        .then(False)
        .otherwise(pl.col("is_ongoing").fill_null(True))
        .alias("is_ongoing"),
    )
    return Built(fill_schema(staged.table, rows), gather_problems(problems), no_ignored())


def build_event(staged: Staged, context: ReadContext) -> Built:
    """Build events: temperatures in degrees Celsius, stop reasons in their own words."""
    read = read_columns(staged, context)
    rows = missing_columns(
        read.values, term=pl.String, value=pl.Float64, unit=pl.String, end_date=pl.Date
    )
    rows = with_row_id(staged, rows)
    problems = [read.problems]
    lookup = context.words["ivig_stop_reason"]
    raw_term = staged.rows["term"] if "term" in staged.rows.columns else rows["term"]
    is_stop = pl.col("kind") == "ivig_stopped"
    rows = rows.with_columns(text=raw_term, reason=translate(raw_term, lookup.find))
    unknown = rows.filter(is_stop & pl.col("text").is_not_null() & pl.col("reason").is_null())
    problems.append(
        make_problems(unknown, "unknown_word", column=number_of(staged, "term"),
                      effect="quarantine_cell", found=pl.col("text"),
                      suggestion=suggest(unknown["text"], lookup))
    )  # fmt: skip
    rows = rows.with_columns(pl.when(is_stop).then("reason").otherwise("term").alias("term"))
    is_early = pl.col("end_date") < pl.col("date")
    found = pl.col("end_date").dt.to_string("%Y-%m-%d")
    problems.append(
        make_problems(
            rows.filter(is_early),
            "end_before_start",
            column=number_of(staged, "end_date"),
            effect="quarantine_cell",
            found=found,
        )
    )
    rows = rows.with_columns(pl.when(~is_early).then("end_date").alias("end_date"))
    rows, faults = convert_units(staged, rows, Converted("value", "unit", {"temperature": "degC"}))
    problems.append(faults)
    rows = _fill_minute(rows)
    return Built(fill_schema(staged.table, rows), gather_problems(problems), no_ignored())


def _fill_minute(rows: pl.DataFrame) -> pl.DataFrame:
    """Take the time of day from the time column, else from the date cell."""
    with_time = [name for name in ("minute_of_day", "date_minute") if name in rows.columns]
    if not with_time:
        return rows
    return rows.with_columns(pl.coalesce(with_time).alias("minute_of_day"))


BUILDERS: dict[str, Callable[[Staged, ReadContext], Built]] = {
    "patient": build_plain,
    "infusion": build_infusion,
    "medication": build_medication,
    "event": build_event,
    "indication": build_plain,
    "adjudication": build_plain,
}
