"""Build assessments: words to numbers, units to the canonical one, ranges, one row a value."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.build import (
    Built,
    fill_schema,
    read_columns,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.mapping import MeasureColumn
from heliotrope.ingest.measure_values import (
    Values,
    check_range,
    convert,
    describe_measures,
    read_judgements,
    read_values,
)
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.staged import (
    Staged,
    clean,
    find_column,
    missing_columns,
    missing_tokens,
    number_of,
)
from heliotrope.records.row_id import compute_row_id

_OWN_READING = ("value", "unit", "text")


def build_assessment(staged: Staged, context: ReadContext) -> Built:
    """Build one row a value, from a long table or from one column a measure."""
    if not staged.measures:
        base = read_columns(staged, context, skip=_OWN_READING)
        built = _build_values(Values(staged, base.values, context))
        return replace(built, problems=gather_problems([base.problems, built.problems]))
    return _build_wide(staged, context)


def _build_wide(staged: Staged, context: ReadContext) -> Built:
    """Turn each measure column into rows; a blank cell makes none."""
    base = read_columns(staged, context)
    parts, own_problems = [], []
    for item in staged.measures:
        narrow, own = _narrow(staged, base.values, item, context)
        parts.append(_build_values(narrow))
        own_problems.append(own)
    rows = pl.concat([part.rows for part in parts])
    problems = gather_problems([base.problems, *own_problems, *(part.problems for part in parts)])
    ignored = pl.concat([part.ignored for part in parts])
    # a record with no value in any measure column is left out, whole
    is_blank = pl.col("rule") == "value_not_recorded"
    silent = (
        ignored.filter(is_blank)
        .join(rows.select("record"), on="record", how="anti")
        .select("record", pl.lit(None, pl.Int64).alias("row_id"), "rule")
        .unique()
    )
    return Built(rows, problems, pl.concat([ignored.filter(~is_blank), silent]))


def _narrow(
    staged: Staged, base: pl.DataFrame, item: MeasureColumn, context: ReadContext
) -> tuple[Values, pl.DataFrame]:
    """Lay out one measure column as if it were the value column of a long table.

    Also returns the problems of the columns that belong to this measure alone.
    """
    measure, narrow = name_measure(item, context), lay_out_measure(staged, item, context)
    read = read_columns(narrow, context, skip=_OWN_READING)
    shared = base.drop([name for name in read.values.columns if name != "record"], strict=False)
    limits = {"lower_limit": item.lower_limit, "upper_limit": item.upper_limit}
    together = pl.concat([shared, read.values.drop("record")], how="horizontal").with_columns(
        pl.lit(measure).alias("measure"),
        *(pl.lit(v, pl.Float64).alias(name) for name, v in limits.items() if v is not None),
    )
    # what is wrong with a column of this measure concerns this value alone, if there is one
    valued = narrow.rows.filter(pl.col("value").is_not_null()).select("record")
    value_cell = compute_row_id(
        pl.lit(staged.source), pl.col("record"), pl.lit(narrow.value_column)
    )
    problems = read.problems.join(valued, on="record", how="semi").with_columns(
        value_cell.alias("row_id")
    )
    return Values(narrow, together, context, is_wide=True), problems


def lay_out_measure(staged: Staged, item: MeasureColumn, context: ReadContext) -> Staged:
    """Lay out the columns of one measure alone: its value, its own date and limits, its unit."""
    theirs = {"value": item.column, "date": item.date}
    theirs |= {"lower_limit": item.lower_limit_column, "upper_limit": item.upper_limit_column}
    own = {name: find_column(staged.raw, column) for name, column in theirs.items() if column}
    missing = missing_tokens(context, staged.format)
    cells = staged.raw.numbered().select(
        "record",
        *(
            clean(pl.col(str(number)), missing, item.codes if name == "value" else {}).alias(name)
            for name, number in own.items()
        ),
    )
    rows = (
        staged.rows.select("record")
        .join(cells, on="record", how="left", maintain_order="left")
        .with_columns(pl.lit(item.unit, pl.String).alias("unit"))
    )
    numbers = {"patient_id": number_of(staged, "patient_id"), **staged.numbers, **own}
    return replace(staged, rows=rows, numbers=numbers, value_column=own["value"])


def name_measure(item: MeasureColumn, context: ReadContext) -> str:
    """Return the measure of a column. Errors: one that is not known: UserError."""
    measure = context.measure_lookup.find(item.measure)
    if measure is None:
        near = context.measure_lookup.nearest(item.measure)
        raise UserError(
            "a measure this program knows, in [[source.measures]]",
            Found(item.measure, "study.toml", column=item.column),
            f"nearest known names: {', '.join(near)}"
            if near
            else "`heliotrope definitions list` shows all",
        )
    return measure


def _build_values(values: Values) -> Built:
    """Read values, units and judgements of one column and bring them to canonical form."""
    rows = _lay_out(values)
    steps = (read_values, read_judgements, convert, check_range)
    problems = []
    for step in steps:
        rows, found = step(values, rows)
        problems.append(found)
    is_blank = pl.col("value_text").is_null() & pl.col("text").is_null()
    blank = rows.filter(is_blank | (pl.col("value_text").is_null() & ~pl.col("is_judgement")))
    ignored = blank.select("record", "row_id", rule=pl.lit("value_not_recorded"))
    rows = rows.join(blank.select("row_id"), on="row_id", how="anti")
    found = gather_problems(problems).join(blank.select("row_id"), on="row_id", how="anti")
    if not values.is_wide:
        said = make_problems(
            blank,
            "value_not_recorded",
            column=values.staged.value_column,
            effect="keep",
            found="no value",
        )
        found = gather_problems([found, said])
    return Built(fill_schema("assessment", rows), found, ignored)


def _lay_out(values: Values) -> pl.DataFrame:
    """Put the typed columns, the texts still to be read and the measure's properties together."""
    staged, context = values.staged, values.context
    texts = missing_columns(staged.rows, value=pl.String, unit=pl.String, text=pl.String)
    rows = missing_columns(values.base, lower_limit=pl.Float64, upper_limit=pl.Float64)
    rows = rows.with_columns(value_text=texts["value"], unit_text=texts["unit"], text=texts["text"])
    numbers = staged.numbers
    at_text = pl.col("value_text").is_null() & pl.col("text").is_not_null()
    value_column = pl.lit(staged.value_column)
    column = (
        pl.when(at_text).then(numbers["text"]).otherwise(value_column)
        if "text" in numbers
        else value_column
    )
    rows = rows.with_columns(
        compute_row_id(pl.lit(staged.source), pl.col("record"), column).alias("row_id")
    )
    return rows.join(
        describe_measures(context), on="measure", how="left", maintain_order="left"
    ).with_columns(pl.col("is_judgement").fill_null(False))
