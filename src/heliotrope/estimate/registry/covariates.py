"""What was recorded of a child before a decision: the last value of each covariate, and its age."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.registry_comparison import Covariate, RegistryComparison
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.steroid_dose import derive_doses

CHILD = "patient_id"


def add_covariates(rows: pl.DataFrame, inputs: Inputs, numbers: RegistryComparison) -> pl.DataFrame:
    """Add each covariate as it stood on the day of the decision, and how old the value was.

    rows: patient_id, decision_day (days from diagnosis), diagnosis_date and any other columns.
    Adds ``date``, ``calendar_year`` and for each covariate ``<id>`` and ``<id>_age_days``. Missing:
    null where nothing was recorded so far; nothing is filled in.
    """
    year = (
        pl.col("date").dt.year() + pl.col("date").dt.ordinal_day() / numbers.intervals.days_per_year
    )
    dated = rows.with_columns(
        date=pl.col("diagnosis_date") + pl.duration(days=pl.col("decision_day"))
    ).with_columns(calendar_year=year)
    for covariate in numbers.covariates:
        if covariate.scale == "steroid_mg_kg_day":
            dated = _add_steroid(dated, inputs, covariate.id)
        elif covariate.scale == "other_drugs":
            dated = _add_other_drugs(dated, inputs, covariate.id)
        else:
            dated = _add_last_value(dated, inputs, numbers, covariate)
    return dated


def read_values(inputs: Inputs, covariate: Covariate) -> pl.DataFrame:
    """Read the values of a covariate on the scale of the comparison: patient_id, date, value.

    Of several measures of one date the first in the definition's order counts, of several rows the
    last. Missing: a creatine kinase without a limit, or of 0, has no value here.
    """
    order = {name: rank for rank, name in enumerate(covariate.measures)}
    recorded = inputs.record("assessment").filter(
        pl.col("measure").is_in(list(order)) & pl.col("value").is_not_null()
    )
    return (
        recorded.with_columns(
            value=_compute_scale(inputs, covariate),
            rank=pl.col("measure").replace_strict(order, return_dtype=pl.Int32),
        )
        .drop_nulls("value")
        .sort(CHILD, "date", "rank", "row_id", descending=[False, False, True, False])
        .unique([CHILD, "date"], keep="last", maintain_order=True)
        .select(CHILD, "date", "value")
    )


def _compute_scale(inputs: Inputs, covariate: Covariate) -> pl.Expr:
    """Turn recorded values into the scale of the comparison; null where that needs more."""
    value = pl.col("value")
    if covariate.scale == "log2_of_limit":
        is_positive = (value > 0) & (pl.col("upper_limit") > 0)
        return pl.when(is_positive).then((value / pl.col("upper_limit")).log(2))
    if covariate.scale != "share_of_range_lost":
        return value
    known = measures_of(inputs.rulebook)
    share: pl.Expr = pl.lit(None, pl.Float64)
    for name in covariate.measures:
        low, high = known[name].minimum, known[name].maximum
        if low is None or high is None:
            continue
        worst, best = (low, high) if known[name].better == "high" else (high, low)
        lost = (value - best) / (worst - best)
        share = pl.when(pl.col("measure") == name).then(lost).otherwise(share)
    return share


def _add_last_value(
    rows: pl.DataFrame, inputs: Inputs, numbers: RegistryComparison, covariate: Covariate
) -> pl.DataFrame:
    """Carry the last value forward; one from long before diagnosis does not count."""
    name, age = covariate.id, f"{covariate.id}_age_days"
    oldest = pl.duration(days=numbers.intervals.baseline_before_days)
    values = read_values(inputs, covariate).select(CHILD, recorded="date", found="value")
    joined = rows.sort("date").join_asof(
        values.sort("recorded"),
        left_on="date",
        right_on="recorded",
        by=CHILD,
        strategy="backward",
        coalesce=False,
        check_sortedness=False,
    )
    counts = pl.col("recorded") >= pl.col("diagnosis_date") - oldest
    days = (pl.col("date") - pl.col("recorded")).dt.total_days().cast(pl.Int32)
    return joined.with_columns(
        pl.when(counts).then("found").alias(name), pl.when(counts).then(days).alias(age)
    ).drop("recorded", "found")


def _add_steroid(rows: pl.DataFrame, inputs: Inputs, name: str) -> pl.DataFrame:
    """Add the steroid dose of the day; null outside recorded medication or without a weight."""
    dose = pl.col("prednisone_mg_kg_day")
    return (
        derive_doses(inputs, rows)
        .with_columns(
            dose.alias(name),
            pl.when(dose.is_not_null()).then(pl.lit(0, pl.Int32)).alias(f"{name}_age_days"),
        )
        .drop("prednisone_mg_kg_day", "prednisone_mg_day")
    )


def _add_other_drugs(rows: pl.DataFrame, inputs: Inputs, name: str) -> pl.DataFrame:
    """Count the other immunosuppressants of the day; null in a child without any medication."""
    periods = inputs.table("drug_period").select(CHILD, "drug", "start_date", "end_date")
    is_taken = (pl.col("start_date") <= pl.col("date")) & (
        (pl.col("end_date") >= pl.col("date")).fill_null(True)
    )
    taken = (
        rows.select(CHILD, "date")
        .unique()
        .join(periods, on=CHILD)
        .filter(is_taken)
        .group_by(CHILD, "date")
        .agg(taken=pl.col("drug").n_unique())
    )
    recorded = inputs.record("medication")[CHILD].unique()
    is_recorded = pl.col(CHILD).is_in(recorded.implode())
    return (
        rows.join(taken, on=[CHILD, "date"], how="left")
        .with_columns(
            pl.when(is_recorded).then(pl.col("taken").fill_null(0).cast(pl.Float64)).alias(name),
            pl.when(is_recorded).then(pl.lit(0, pl.Int32)).alias(f"{name}_age_days"),
        )
        .drop("taken")
    )
