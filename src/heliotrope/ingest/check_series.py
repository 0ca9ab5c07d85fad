"""Find steps in the values of a child that a body does not take: weights, heights, units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import polars as pl

from heliotrope.definitions.measure import Measure
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.problems import say_number
from heliotrope.ingest.settle import LOCATED, make_late_problems
from heliotrope.records.dates import compute_days_between
from heliotrope.records.exact import compute_comparison
from heliotrope.records.units import find_conversion

_SERIES = ["patient_id", "measure"]


def check_weights(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find a weight far from the one before it."""
    weights = _with_before(_series(tables).filter(pl.col("measure") == "weight"))
    change = (pl.col("value") - pl.col("before")).abs() / pl.col("before") * 100
    days = compute_days_between(pl.col("before_date"), pl.col("date"))
    jumps = weights.filter(
        compute_comparison(change, ">", context.limits.weight_change_percent)
        & (days <= context.limits.weight_change_days)
        & (days > 0)
    )
    return make_late_problems("assessment", jumps, "weight_jump", found=_say_step())


def check_heights(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find a height below the one before it by more than measuring explains."""
    heights = _with_before(_series(tables).filter(pl.col("measure") == "height"))
    loss = pl.col("before") - pl.col("value")
    shorter = heights.filter(compute_comparison(loss, ">", context.limits.height_loss_cm))
    return make_late_problems("assessment", shorter, "height_loss", found=_say_step())


def check_unit_switches(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find where the values of one measure step by the factor between two of its units.

    Rule: the median of some values before a date against the median of as many from it on
    (``plausibility.unit_switch``). The first row after the step is named; nothing is converted,
    since only the laboratory knows. An enzyme of a child who gets well can fall as far: it is
    named only where it ends far below its upper limit, where even health does not bring it.
    """
    rule = context.limits.unit_switch
    factors = _list_factors(context.measures.values(), rule.least_factor)
    if factors.is_empty():
        return pl.DataFrame(schema=LOCATED)
    n = rule.values_each_side
    series = _series(tables).join(
        factors.select("measure").unique(), on="measure", how="semi", maintain_order="left"
    )
    series = _with_before(series).with_columns(
        level_before=pl.col("value").rolling_median(n).shift(1).over(_SERIES),
        level_after=pl.col("value").rolling_median(n).shift(1 - n).over(_SERIES),
    )
    gap = compute_days_between(pl.col("before_date"), pl.col("date"))
    steps = series.filter(
        (pl.col("level_before") > 0) & (pl.col("level_after") > 0) & (gap <= rule.longest_gap_days)
    ).join(factors, on="measure", maintain_order="left")
    off = (pl.col("level_after") / pl.col("level_before")).log() - pl.col("factor").log()
    low = pl.min_horizontal("level_before", "level_after")
    is_far_below = low < rule.enzyme_below_upper_limits * pl.col("upper_limit")
    is_switch = (off.abs() <= math.log(rule.tolerance_factor)) & (
        pl.col("is_enzyme").not_() | is_far_below.fill_null(False)
    )
    found = (
        steps.filter(is_switch)
        .with_columns(off=off.abs())
        .sort("off")
        .unique("row_id", keep="first")
        .sort(*_SERIES, "date")
    )
    # the medians of neighbouring dates tell of one step: its first date stands for it
    found = found.filter(
        (
            compute_days_between(pl.col("date").shift(1).over(_SERIES), pl.col("date"))
            > rule.longest_gap_days
        ).fill_null(True)
    )
    said = pl.format("{}: {}, as between {}", pl.col("measure"), _say_step(), pl.col("units"))
    return make_late_problems("assessment", found, "unit_switch", found=said)


def _series(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the values of each child and measure in the order of their dates."""
    rows = tables["assessment"].filter(pl.col("value").is_not_null())
    return rows.sort(*_SERIES, "date", "row_id")


def _with_before(series: pl.DataFrame) -> pl.DataFrame:
    """Add the value before each and its date, ``before`` and ``before_date``."""
    return series.with_columns(
        before=pl.col("value").shift(1).over(_SERIES),
        before_date=pl.col("date").shift(1).over(_SERIES),
    )


def _say_step() -> pl.Expr:
    """Say the two values and their dates."""
    return pl.format(
        "{} {} on {}, {} {} on {}",
        say_number(pl.col("before")),
        pl.col("unit"),
        pl.col("before_date").dt.to_string("%Y-%m-%d"),
        say_number(pl.col("value")),
        pl.col("unit"),
        pl.col("date").dt.to_string("%Y-%m-%d"),
    )


def _list_factors(measures: Iterable[Measure], least: float) -> pl.DataFrame:
    """List, measure by measure, the factors between its unit and the others it is accepted in.

    A scale with an end is none of them: a child who gets well goes down all of it, and a value
    in a unit that makes it larger is beyond the end and refused.
    """
    rows = []
    for measure in measures:
        if measure.maximum is not None:
            continue
        grams = measure.molar_mass.grams_per_mole if measure.molar_mass else None
        for other in measure.units:
            conversion = find_conversion(other, measure.unit, grams)
            if conversion is None or conversion.offset:
                continue
            factor = float(conversion.factor)
            if max(factor, 1 / factor) < least:
                continue
            units = f"{measure.unit} and {other}"
            rows += [(measure.id, measure.is_enzyme, units, step) for step in (factor, 1 / factor)]
    return pl.DataFrame(
        rows,
        schema={
            "measure": pl.String,
            "is_enzyme": pl.Boolean,
            "units": pl.String,
            "factor": pl.Float64,
        },
        orient="row",
    )
