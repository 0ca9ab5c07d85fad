"""Convert the doses and values of whole columns by the unit written beside each number."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.staged import Staged, missing_columns, number_of
from heliotrope.records.units import find_conversion, find_unit, nearest_units

# What a dose may be converted to, by the dimension of its unit.
INFUSION_UNITS = {"mass": "g", "mass per body mass": "g/kg"}
MEDICATION_UNITS = {
    "mass": "mg",
    "mass per day": "mg/day",
    "mass per body mass and day": "mg/kg/day",
    "mass per week": "mg/week",
    "mass per body surface": "mg/m2",
}


@dataclass(frozen=True)
class Converted:
    """A number and its unit: columns, and the unit to convert to for each dimension.

    An unlisted dimension keeps its unit unless ``is_closed``: then it is a fault.
    """

    value: str
    unit: str
    targets: dict[str, str]
    is_closed: bool = False


def convert_dose(
    staged: Staged, rows: pl.DataFrame, targets: dict[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = missing_columns(rows, dose_unit=pl.String)
    column = number_of(staged, "dose_unit")
    blank = rows.filter(pl.col("dose").is_not_null() & pl.col("dose_unit").is_null())
    said = make_problems(blank, "blank_dose_unit", column=column, found="a dose without a unit")
    rows, faults = convert_units(
        staged, rows, Converted("dose", "dose_unit", targets, is_closed=True)
    )
    return rows, gather_problems([said, faults])


def convert_units(
    staged: Staged, rows: pl.DataFrame, wanted: Converted
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Convert a value column by its unit column; an unusable unit costs value and unit."""
    units = _factors(rows[wanted.unit], wanted)
    texts = units[wanted.unit].to_list()
    joined = rows.join(units, on=wanted.unit, how="left", maintain_order="left")
    faulty = joined.filter(pl.col(wanted.unit).is_not_null() & pl.col("target").is_null())
    near = {text: ", ".join(nearest_units(text, wanted.targets.values())) for text in texts}
    known = ", ".join(wanted.targets.values())
    problems = make_problems(
        faulty,
        "unknown_unit",
        column=number_of(staged, wanted.unit),
        effect="quarantine_cell",
        found=pl.col(wanted.unit),
        expected=f"one of {known}",
        suggestion=pl.col(wanted.unit).replace_strict(
            {
                text: f"nearest known names: {names}" if names else f"known units: {known}"
                for text, names in near.items()
            },
            default=None,
            return_dtype=pl.String,
        ),
    )
    scaled = pl.col(wanted.value) * pl.col("numerator") / pl.col("denominator") + pl.col("offset")
    is_fault = pl.col(wanted.unit).is_not_null() & pl.col("target").is_null()
    value = (
        pl.when(is_fault)
        .then(None)
        .when(pl.col("target").is_null())
        .then(pl.col(wanted.value))
        .otherwise(scaled)
    )
    converted = joined.with_columns(value.alias(wanted.value), pl.col("target").alias(wanted.unit))
    return converted.drop("target", "numerator", "denominator", "offset"), problems


def _factors(written: pl.Series, wanted: Converted) -> pl.DataFrame:
    """Return for each unit as written what it becomes and by which exact factor."""
    table: list[tuple[str, str | None, int, int, float]] = []
    for text in written.drop_nulls().unique(maintain_order=True).to_list():
        unit = find_unit(text)
        target = wanted.targets.get(unit.dimension) if unit else None
        if unit is not None and unit.name == "mg/kg" and "mass per body mass" not in wanted.targets:
            # a dose of one day in mg/kg is what mg/kg/day says of that day
            table.append((text, wanted.targets.get("mass per body mass and day"), 1, 1, 0.0))
        elif unit is not None and target is not None:
            conversion = find_conversion(unit.name, target)
            assert conversion is not None, "units of one dimension convert"
            factor = conversion.factor
            table.append(
                (text, target, factor.numerator, factor.denominator, float(conversion.offset))
            )
        elif unit is not None and not wanted.is_closed:
            table.append((text, unit.name, 1, 1, 0.0))
        else:
            table.append((text, None, 1, 1, 0.0))
    return pl.DataFrame(
        table,
        schema={
            wanted.unit: pl.String,
            "target": pl.String,
            "numerator": pl.Int64,
            "denominator": pl.Int64,
            "offset": pl.Float64,
        },
        orient="row",
    )


def drop_negative(staged: Staged, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    faulty = rows.filter(pl.col("dose") < 0)
    problems = make_problems(
        faulty,
        "negative_dose",
        column=number_of(staged, "dose"),
        found=pl.col("dose").cast(pl.String),
    )
    return rows.with_columns(pl.when(pl.col("dose") >= 0).then(pl.col("dose")).alias("dose")), (
        problems
    )
