"""The dose of a day out of a quantity, its unit, a strength, a frequency and a route."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.sdtm import SdtmFrequency
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.laid import Known
from heliotrope.ingest.sdtm.transport import write_numbers
from heliotrope.records.units import find_unit

_DAY = 1
_WEEK = 7

# What a dose in a unit of this dimension is called by the day and by the week.
_PER_DAY = {"mass": "/day", "mass per body mass": "/day", "mass per body surface": ""}


@dataclass(frozen=True)
class Doses:
    """Dose, unit and interval of each row as text, by ``record``, with the findings."""

    texts: pl.DataFrame
    problems: pl.DataFrame


def read_doses(dataset: Dataset, known: Known) -> Doses:
    """Work out the dose of a dosing day.

    Rule: a quantity in a unit of mass (or per kg or m2) times how often it is given a day; every
    second to sixth day stays a dose of that day; by the week it is added up; more rarely, or
    once, it is the dose of a day by itself. A total of the day (--DOSTOT) counts without a
    frequency. Tablets count with their strength (--PSTRG), else the dose is missing; as needed, in
    an unknown frequency or by an unknown route it is missing, too. Each is a finding.
    """
    own = dataset.own
    rows = dataset.rows.select(
        "record",
        given=dataset.cell(own("DOSE")),
        total=dataset.cell(own("DOSTOT")),
        unit=dataset.cell(own("DOSU")),
        strength=dataset.cell(own("PSTRG")),
        strength_unit=dataset.cell(own("PSTRGU")),
        frequency=dataset.cell(own("DOSFRQ")).str.to_uppercase(),
        route=dataset.cell(own("ROUTE")),
        meant_route=known.means("routes", dataset.cell(own("ROUTE"))),
    )
    rows = _apply_strength(rows)
    rows = rows.join(_describe_units(rows["unit"]), on="unit", how="left", maintain_order="left")
    rows = rows.join(
        _describe_frequencies(known), on="frequency", how="left", maintain_order="left"
    )
    rows = rows.with_columns(problem=_find_problem())
    said = _say_problems(rows, dataset)
    return Doses(_write_doses(rows), said)


def _apply_strength(rows: pl.DataFrame) -> pl.DataFrame:
    """Turn a number of tablets into a mass by the strength of one."""
    number = pl.col("given").cast(pl.Float64, strict=False)
    strength = pl.col("strength").cast(pl.Float64, strict=False)
    units = rows["unit"].drop_nulls().unique().to_list()
    is_mass = pl.col("unit").is_in([unit for unit in units if find_unit(unit) is not None])
    by_strength = (number * strength).is_not_null() & ~is_mass.fill_null(False)
    product = rows.select(by_strength=by_strength, product=number * strength)
    return rows.with_columns(
        product["by_strength"], product=write_numbers(product["product"])
    ).with_columns(
        given=pl.when("by_strength").then("product").otherwise("given"),
        unit=pl.when("by_strength").then("strength_unit").otherwise("unit"),
    )


def _describe_units(units: pl.Series) -> pl.DataFrame:
    found = [(text, find_unit(text)) for text in units.drop_nulls().unique().to_list()]
    return pl.DataFrame(
        [
            (text, unit.name if unit else None, unit.dimension if unit else None)
            for text, unit in found
        ],
        schema={"unit": pl.String, "unit_name": pl.String, "dimension": pl.String},
        orient="row",
    )


def _describe_frequencies(known: Known) -> pl.DataFrame:
    listed = [(term, item) for item in known.terms.frequencies for term in item.terms]
    return pl.DataFrame(
        [(term.upper(), item.doses, item.days, _kind_of(item)) for term, item in listed],
        schema={
            "frequency": pl.String,
            "doses": pl.Float64,
            "days": pl.Float64,
            "often": pl.String,
        },
        orient="row",
    )


def _kind_of(item: SdtmFrequency) -> str:
    if item.is_as_needed:
        return "as_needed"
    return "once" if item.is_once else "regular"


def _find_problem() -> pl.Expr:
    has_dose = pl.col("given").is_not_null() | pl.col("total").is_not_null()
    is_per_time = pl.col("dimension").is_in(
        ["mass per day", "mass per body mass and day", "mass per week"]
    )
    without_strength = pl.col("unit").is_not_null() & (
        pl.col("dimension").is_null()
        | (pl.col("dimension").is_in([*_PER_DAY]) | is_per_time).not_()
    )
    needs_frequency = pl.col("total").is_null() & ~is_per_time.fill_null(False)
    return (
        pl.when(pl.col("route").is_not_null() & pl.col("meant_route").is_null())
        .then(pl.lit("route_unknown"))
        .when(pl.col("often") == "as_needed")
        .then(pl.lit("dose_as_needed"))
        .when(~has_dose)
        .then(None)
        .when(without_strength)
        .then(pl.lit("dose_unit_without_strength"))
        .when(needs_frequency & pl.col("frequency").is_null())
        .then(pl.lit("dose_frequency_missing"))
        .when(needs_frequency & pl.col("often").is_null())
        .then(pl.lit("dose_frequency_unknown"))
    )


def _say_problems(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Say each reason for a missing dose at the cell that is the reason, and tablets beside it."""
    tablets = rows.filter(
        (pl.col("problem") == "dose_as_needed")
        & pl.col("unit").is_not_null()
        & pl.col("dimension").is_null()
        & pl.col("given").is_not_null()
    ).with_columns(problem=pl.lit("dose_unit_without_strength"))
    cells = {
        "route_unknown": "ROUTE",
        "dose_as_needed": "DOSFRQ",
        "dose_unit_without_strength": "DOSU",
        "dose_frequency_missing": "DOSE",
        "dose_frequency_unknown": "DOSFRQ",
    }
    found = pl.concat_str(
        pl.col("given", "unit", "frequency", "route").fill_null(""), separator=" "
    ).str.replace_all(" +", " ")
    return gather_problems(
        make_problems(
            pl.concat([rows, tablets]).filter(pl.col("problem") == rule),
            rule,
            column=dataset.numbers.get(dataset.own(suffix), dataset.numbers["USUBJID"]),
            found=found.str.strip_chars(),
        )
        for rule, suffix in cells.items()
    )


def _write_doses(rows: pl.DataFrame) -> pl.DataFrame:
    given = pl.col("given").cast(pl.Float64, strict=False)
    total = pl.col("total").cast(pl.Float64, strict=False)
    is_daily = (pl.col("days") == _DAY).fill_null(False)
    is_weekly = ((pl.col("days") == _WEEK) & (pl.col("dimension") == "mass")).fill_null(False)
    by_interval = pl.col("often") == "regular"
    is_short = (
        by_interval & ~is_weekly & (pl.col("days") <= _WEEK) & (pl.col("doses") == 1)
    ).fill_null(False)
    per_day = pl.col("dimension").replace_strict(_PER_DAY, default="", return_dtype=pl.String)
    is_each = pl.col("dimension").is_in([*_PER_DAY])
    adds_up = pl.when((is_daily | is_weekly) & is_each).then(pl.col("doses")).otherwise(1.0)
    counted = pl.when(pl.col("total").is_not_null()).then(total).otherwise(given * adds_up)
    is_missing = pl.col("problem").is_not_null()
    name = pl.coalesce("unit_name", "unit")
    unit = (
        pl.when(is_daily | is_short | pl.col("total").is_not_null())
        .then(name + per_day)
        .when(is_weekly & is_each)
        .then(name + "/week")
        .otherwise(name)
    )
    interval = pl.when(by_interval & ~is_daily & ~is_weekly).then(pl.col("days") / pl.col("doses"))
    made = rows.select(
        "record",
        counted=pl.when(~is_missing).then(counted),
        dose_unit=pl.when(~is_missing & counted.is_not_null()).then(unit),
        interval=pl.when(~is_missing).then(interval.round().cast(pl.Int64).cast(pl.String)),
        meant_route="meant_route",
        unread=pl.when(~is_missing & counted.is_null()).then(pl.coalesce("given", "total")),
    )
    return made.select(
        "record",
        pl.coalesce(pl.lit(write_numbers(made["counted"])), "unread").alias("dose"),
        "dose_unit",
        pl.col("interval").alias("every_n_days"),
        "meant_route",
    )
