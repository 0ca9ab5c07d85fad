"""The value of a person in force on a day: the latest one, else the line between two."""

from __future__ import annotations

import polars as pl

from heliotrope.records.row_order import sort_rows

RECORDED = "recorded"
INTERPOLATED = "interpolated"
MISSING = "missing"

IN_FORCE = ("in_force", "in_force_age_days", "in_force_rule", "in_force_row_ids")


def find_in_force(rows: pl.DataFrame, recorded: pl.DataFrame, max_age_days: int) -> pl.DataFrame:
    """Give each row the person's value in force on its date, how old it is and where it stands.

    Rule: the latest value on or before the date if it is at most ``max_age_days`` old; else the
    straight line between the values before and after; never extrapolated; else missing.

    rows: ``patient_id``, ``date`` and any other columns, in any order, which is kept. recorded:
    ``patient_id``, ``date``, ``value`` and ``row_id``, one row a person and day.
    Adds ``in_force`` (Float64), ``in_force_age_days`` (Int32, null when interpolated or missing),
    ``in_force_rule`` (recorded, interpolated, missing) and ``in_force_row_ids`` (List[Int64]).

    >>> from datetime import date
    >>> weights = pl.DataFrame({"patient_id": ["a"], "date": [date(2020, 1, 1)], "value": [25.0],
    ...                         "row_id": [1]})
    >>> days = [date(2020, 3, 31), date(2020, 4, 1)]
    >>> rows = pl.DataFrame({"patient_id": ["a", "a"], "date": days})
    >>> find_in_force(rows, weights, 90)["in_force"].to_list()
    [25.0, None]
    """
    key = ["patient_id", "date"]
    values = sort_rows(recorded, key).select("patient_id", "row_id", _date="date", _value="value")
    joined = sort_rows(rows.with_row_index("_order"), key)
    for side in ("_before", "_after"):
        joined = joined.join_asof(
            values.rename({"_value": side, "_date": f"{side}_date", "row_id": f"{side}_id"}),
            left_on="date",
            right_on=f"{side}_date",
            by="patient_id",
            strategy="backward" if side == "_before" else "forward",
            coalesce=False,
            check_sortedness=False,
        )
    return joined.sort("_order").select(*rows.columns, *_choose(max_age_days))


def _choose(max_age_days: int) -> list[pl.Expr]:
    age = (pl.col("date") - pl.col("_before_date")).dt.total_days()
    is_recent = (age <= max_age_days).fill_null(False)
    has_both = pl.col("_before").is_not_null() & pl.col("_after").is_not_null()
    span = (pl.col("_after_date") - pl.col("_before_date")).dt.total_days()
    line = pl.col("_before") + (pl.col("_after") - pl.col("_before")) * age / span
    ids = pl.when(is_recent).then(pl.concat_list("_before_id"))
    source = pl.when(is_recent).then(pl.lit(RECORDED)).when(has_both).then(pl.lit(INTERPOLATED))
    return [
        pl.when(is_recent).then("_before").when(has_both).then(line).alias(IN_FORCE[0]),
        pl.when(is_recent).then(age).cast(pl.Int32).alias(IN_FORCE[1]),
        source.otherwise(pl.lit(MISSING)).alias(IN_FORCE[2]),
        ids.when(has_both)
        .then(pl.concat_list("_before_id", "_after_id"))
        .otherwise(pl.lit([], dtype=pl.List(pl.Int64)))
        .alias(IN_FORCE[3]),
    ]
