"""Bring the values of a measure to canonical form: numbers, judgements, units, ranges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.measure import Measure
from heliotrope.ingest.cell import Cell
from heliotrope.ingest.cells import read_number_column, suggest, translate
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.problems import gather_problems, make_problems, say_number
from heliotrope.ingest.staged import Staged, missing_columns, number_of
from heliotrope.records.exact import compute_comparison
from heliotrope.records.row_id import COLUMN_BITS
from heliotrope.records.units import find_conversion, find_unit, nearest_units

_SPECS = {spec.name: spec for spec in TABLE_COLUMNS["assessment"]}


@dataclass(frozen=True)
class Values:
    """Values about to be read: where from, and the columns already read beside them."""

    staged: Staged
    base: pl.DataFrame
    context: ReadContext
    is_wide: bool = False


def describe_measures(context: ReadContext) -> pl.DataFrame:
    """Return one row a measure with what reading a value needs to know."""
    measures = list(context.measures.values())
    return pl.DataFrame(
        {
            "measure": [item.id for item in measures],
            "canonical_unit": [item.unit for item in measures],
            "is_judgement": [item.is_judgement for item in measures],
            "minimum": [item.minimum for item in measures],
            "maximum": [item.maximum for item in measures],
            "zero_is_possible": [item.zero_is_possible for item in measures],
            "low": [item.plausible.low for item in measures],
            "high": [item.plausible.high for item in measures],
            "is_declared": [item.is_declared for item in measures],
            "value_words": [item.value_words for item in measures],
            "other_maximum": [_find_other_maximum(item) for item in measures],
            "other_scale": [_describe_other_scales(item) for item in measures],
        },
        schema_overrides={
            "other_maximum": pl.Float64,
            "other_scale": pl.String,
            "minimum": pl.Float64,
            "maximum": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "value_words": pl.String,
        },
    )


def _find_other_maximum(measure: Measure) -> float | None:
    """Give the top of the widest published scale, where it is wider than the one in use."""
    tops = [scale.maximum for scale in measure.other_scales]
    wider = [top for top in tops if measure.maximum is not None and top > measure.maximum]
    return max(wider, default=None)


def _describe_other_scales(measure: Measure) -> str | None:
    """Say how a study declares each wider published scale."""
    top = _find_other_maximum(measure)
    said = [
        f"if it is the scale of {scale.minimum:g} to {scale.maximum:g} ({scale.wording}), declare "
        f"it for the whole study in study.toml: [measures.{measure.id}] max = {scale.maximum:g}, "
        f"direction = '{measure.better}'; rules made for another scale then leave it out"
        for scale in measure.other_scales
        if scale.maximum == top
    ]
    return said[0] if said else None


def read_values(values: Values, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read numbers, and words that stand for numbers (2+ on a dipstick)."""
    staged, context = values.staged, values.context
    rows = _write_as_numbers(rows, context)
    read = read_number_column(_find_numbers(staged, rows, context))
    rows = rows.with_columns(
        value=read["value"],
        value_qualifier=read["value_qualifier"],
        value_text=pl.when("is_judgement").then(pl.col("value_text")).otherwise(read["text"]),
    )
    faulty = rows.filter(
        ~pl.col("is_judgement") & pl.col("value_text").is_not_null() & pl.col("value").is_null()
    )
    return rows, make_problems(
        faulty, "unreadable_number", column=staged.value_column, found=pl.col("value_text")
    )


def find_value_cell(staged: Staged, measures: pl.Series, context: ReadContext) -> Cell:
    """Return the values that are read as numbers, as texts; ``measures``: that of each row."""
    texts = missing_columns(staged.rows, value=pl.String)
    rows = pl.DataFrame(
        {"record": texts["record"], "measure": measures, "value_text": texts["value"]}
    )
    known = describe_measures(context).select("measure", "is_judgement", "value_words")
    rows = rows.join(known, on="measure", how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("is_judgement").fill_null(value=False))
    return _find_numbers(staged, _write_as_numbers(rows, context), context)


def _write_as_numbers(rows: pl.DataFrame, context: ReadContext) -> pl.DataFrame:
    """Write the words that stand for a number of the row's measure as that number."""
    for name in rows["value_words"].drop_nulls().unique().to_list():
        number = translate(rows["value_text"], context.words[name].find)
        worded = pl.when(pl.col("value_words") == name).then(pl.lit(number))
        rows = rows.with_columns(pl.coalesce(worded, pl.col("value_text")).alias("value_text"))
    return rows


def _find_numbers(staged: Staged, rows: pl.DataFrame, context: ReadContext) -> Cell:
    numeric = rows.select("record", pl.when(~pl.col("is_judgement")).then(pl.col("value_text")))
    staged = replace(staged, rows=numeric.rename({"value_text": "value"}))
    return Cell(staged, _SPECS["value"], context)


def read_judgements(values: Values, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read a clinician's judgement, in the text or the value column, as a canonical word."""
    lookup = values.context.words["judgement"]
    said = pl.coalesce("text", "value_text")
    rows = rows.with_columns(pl.when("is_judgement").then(said).alias("said"))
    words = translate(rows["said"], lookup.find)
    rows = rows.with_columns(word=words)
    unknown = rows.filter(pl.col("said").is_not_null() & pl.col("word").is_null())
    problems = make_problems(
        unknown.with_columns(text=pl.col("said")),
        "unknown_word",
        column=(pl.col("row_id") % (1 << COLUMN_BITS)),
        found=pl.col("text"),
        suggestion=suggest(unknown["said"], lookup),
    )
    text = pl.when("is_judgement").then("word").otherwise("text")
    return rows.with_columns(text.alias("text")), problems


def convert(values: Values, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bring value and limits to the measure's canonical unit."""
    staged, context = values.staged, values.context
    column = number_of(staged, "unit") if "unit" in staged.numbers else staged.value_column
    has_value = pl.col("value").is_not_null() & pl.col("canonical_unit").is_not_null()
    blank = rows.filter(has_value & pl.col("unit_text").is_null())
    blank = blank.filter(pl.col("canonical_unit") != "none")
    said = pl.format("no unit for {}; taken as {}", pl.col("measure"), pl.col("canonical_unit"))
    problems = [make_problems(blank, "blank_unit", column=column, found=said)]
    pairs = rows.filter(has_value).select("measure", "unit_text").drop_nulls().unique()
    factors = [
        (measure, text, *_factor(context.measures[measure], text))
        for measure, text in pairs.iter_rows()
    ]
    table = pl.DataFrame(
        factors,
        schema={
            "measure": pl.String,
            "unit_text": pl.String,
            "unit_fault": pl.String,
            "hint": pl.String,
            "numerator": pl.Int64,
            "denominator": pl.Int64,
            "offset": pl.Float64,
        },
        orient="row",
    )
    rows = rows.join(table, on=["measure", "unit_text"], how="left", maintain_order="left")
    faulty = rows.filter(pl.col("unit_fault").is_not_null())
    problems.append(
        make_problems(
            faulty,
            pl.col("unit_fault"),
            column=column,
            found=pl.format("{} for {}", pl.col("unit_text"), pl.col("measure")),
            suggestion=pl.col("hint"),
        )
    )
    is_same = pl.col("numerator").is_null()
    scaled = {
        name: pl.when(is_same)
        .then(pl.col(name))
        .otherwise(pl.col(name) * pl.col("numerator") / pl.col("denominator") + pl.col("offset"))
        for name in ("value", "lower_limit", "upper_limit")
    }
    rows = rows.with_columns(unit=pl.col("canonical_unit"), **scaled)
    return rows, gather_problems(problems)


def _factor(
    measure: Measure, text: str
) -> tuple[str | None, str | None, int | None, int | None, float | None]:
    """Return (fault, hint, numerator, denominator, offset) of a measure's unit as written."""
    accepted = ", ".join((measure.unit, *measure.units))
    unit = find_unit(text)
    if unit is None:
        near = nearest_units(text, (measure.unit, *measure.units)) or nearest_units(text)
        names = f"nearest known names: {', '.join(near)}; " if near else ""
        return "unknown_unit", f"{names}{measure.id} is accepted in {accepted}", None, None, None
    if unit.name == measure.unit:
        return None, None, None, None, None
    molar = measure.molar_mass.grams_per_mole if measure.molar_mass else None
    conversion = find_conversion(unit.name, measure.unit, molar)
    if conversion is None:
        return "unit_not_of_measure", f"{measure.id} is accepted in {accepted}", None, None, None
    factor = conversion.factor
    return None, None, factor.numerator, factor.denominator, float(conversion.offset)


def check_range(values: Values, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse what the measure cannot be, ask about what it rarely is."""
    column = values.staged.value_column
    value = pl.col("value")
    is_outside = compute_comparison(value, "<", pl.col("minimum")).fill_null(
        False
    ) | compute_comparison(value, ">", pl.col("maximum")).fill_null(False)
    is_zero = ~pl.col("zero_is_possible") & (value == 0)
    is_odd = compute_comparison(value, "<", pl.col("low")).fill_null(False) | compute_comparison(
        value, ">", pl.col("high")
    ).fill_null(False)
    shown = pl.format("{} {} {}", pl.col("measure"), say_number(value), pl.col("unit"))
    shown = shown.str.replace(" none", "", literal=True)
    low, high = say_number(pl.col("minimum")), say_number(pl.col("maximum"))
    expected = pl.format(
        "{} from {} to {}", pl.col("measure"), low.fill_null("any"), high.fill_null("any")
    )
    is_on_wider = compute_comparison(value, "<=", pl.col("other_maximum")) & (value >= 0)
    wider_scale = pl.when(is_on_wider).then(pl.col("other_scale"))
    usual = pl.format(
        "{} between {} and {} {}",
        pl.col("measure"),
        say_number(pl.col("low")).fill_null("any"),
        say_number(pl.col("high")).fill_null("any"),
        pl.col("unit"),
    ).str.replace(" none", "", literal=True)
    known = rows.filter(value.is_not_null() & pl.col("unit_fault").is_null())
    undeclared = known.filter(pl.col("is_declared").not_())
    swapped = known.filter(pl.col("lower_limit") > pl.col("upper_limit"))
    problems = [
        make_problems(known.filter(is_outside), "outside_range", column=column, found=shown,
                      expected=expected, suggestion=wider_scale),
        make_problems(known.filter(is_zero & ~is_outside), "zero_not_possible", column=column,
                      found=shown),
        make_problems(known.filter(is_odd & ~is_outside & ~is_zero), "implausible_value",
                      column=column, found=shown, expected=usual),
        make_problems(undeclared, "measure_not_declared", column=column, found=pl.col("measure")),
        make_problems(swapped, "limits_reversed", column=column,
                      found=pl.format("{} to {}", pl.col("lower_limit"), pl.col("upper_limit"))),
    ]  # fmt: skip
    return rows, gather_problems(problems)
