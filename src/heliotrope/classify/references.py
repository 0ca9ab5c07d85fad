"""Other references than the baseline: the last visit on the regimen, the best state so far.

Both return a frame shaped like ``changes``, with the reference in the ``baseline_*`` columns.
"""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import SOURCE
from heliotrope.definitions.measure import Measure

KEY = ["patient_id", "regimen", "measure"]

_NO_REJECTED = pl.lit([], dtype=pl.List(SOURCE))


def derive_changes_since(changes: pl.DataFrame, since: pl.DataFrame) -> pl.DataFrame:
    """Compare what came after a date with the last value of each measure up to that date.

    ``since``: patient_id, regimen and ``since_date``, the last visit on the regimen. A regimen
    without such a date has no rows. Values recorded before the regimen are no reference.
    """
    dated = changes.join(since, on=["patient_id", "regimen"]).drop_nulls("since_date")
    reference = (
        dated.filter((pl.col("date") <= pl.col("since_date")) & pl.col("value").is_not_null())
        .sort("date")
        .group_by(KEY)
        .agg(
            pl.col("date").last().alias("baseline_date"),
            pl.col("value").last().alias("baseline_value"),
            pl.col("upper_limit").last().alias("baseline_upper_limit"),
            pl.col("text").last().alias("baseline_text"),
            pl.col("row_id").last().alias("baseline_row_id"),
        )
    )
    return (
        dated.filter(pl.col("date") > pl.col("since_date"))
        .drop([name for name in reference.columns if name not in KEY])
        .join(reference, on=KEY, how="left")
        .with_columns(rejected=_NO_REJECTED)
        .select(changes.columns)
    )


def derive_changes_from_best(
    changes: pl.DataFrame, baselines: pl.DataFrame, measures: dict[str, Measure]
) -> pl.DataFrame:
    """Compare each value with the best that measure had been: at baseline or any visit before.

    "Best state" is per measure. Measures without a better end (weight) are left out.
    """
    sign = {
        name: (1 if measure.better == "high" else -1)
        for name, measure in measures.items()
        if measure.better is not None
    }
    start = baselines.select(
        *KEY,
        pl.col("baseline_date").alias("date"),
        pl.col("baseline_value").alias("value"),
        pl.col("baseline_row_id").alias("row_id"),
        pl.lit(value=False).alias("is_visit"),
    )
    visits = changes.select(*KEY, "date", "value", "row_id", pl.lit(value=True).alias("is_visit"))
    goodness = pl.col("value") * pl.col("sign")
    best_so_far = pl.col("goodness").cum_max().forward_fill().shift(1).over(KEY)
    is_new_best = pl.col("best_before").is_null() | (pl.col("goodness") > pl.col("best_before"))
    rows = (
        pl.concat([start, visits])
        .with_columns(
            sign=pl.col("measure").replace_strict(sign, default=None, return_dtype=pl.Int32)
        )
        .drop_nulls("sign")
        .with_columns(goodness=goodness)
        .sort(*KEY, "date", "is_visit")
        .with_columns(best_before=best_so_far)
        .with_columns(
            best_row_id=pl.when(is_new_best & pl.col("value").is_not_null()).then("row_id"),
            best_date=pl.when(is_new_best & pl.col("value").is_not_null()).then("date"),
        )
        .with_columns(
            pl.col("best_row_id", "best_date").forward_fill().shift(1).over(KEY),
        )
        .filter("is_visit")
        .select(
            *KEY,
            "date",
            (pl.col("best_before") * pl.col("sign")).alias("baseline_value"),
            pl.col("best_row_id").alias("baseline_row_id"),
            pl.col("best_date").alias("baseline_date"),
        )
    )
    return (
        changes.drop("baseline_value", "baseline_row_id", "baseline_date")
        .join(rows, on=[*KEY, "date"], how="left")
        .with_columns(rejected=_NO_REJECTED)
        .select(changes.columns)
    )
