"""Visits with the values of their measures side by side, so that a rule reads one row."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from heliotrope.records.row_order import begins, sort_rows

CELLS = (
    "value",
    "row_id",
    "upper_limit",
    "baseline_value",
    "baseline_row_id",
    "baseline_upper_limit",
    "rejected",
)
OF_THE_VISIT = ("birth_date", "day")


def widen_visits(values: pl.DataFrame, measures: Iterable[str]) -> pl.DataFrame:
    """Bring the cells of the measures of one visit side by side, as ``value:<measure>`` and so on.

    Every visit is kept, also one without any of the measures; it is wide once for all rules.
    """
    key = [name for name in ("patient_id", "regimen", "date") if name in values.columns]
    of_visit = [name for name in OF_THE_VISIT if name in values.columns]
    cells = [name for name in CELLS if name in values.columns]
    recorded = sort_rows(values.filter(pl.col("value").is_not_null()), key)
    is_first = begins(*key)
    recorded = recorded.with_columns(_visit=is_first.cum_sum())
    visits = recorded.filter(is_first).select(*key, *of_visit, "_visit")
    asked = list(dict.fromkeys(measures))
    numbered = recorded.filter(pl.col("measure").is_in(asked)).select("_visit", "measure", *cells)
    parts = numbered.partition_by("measure", as_dict=True, include_key=False)
    number = visits.select("_visit")
    beside, absent = [visits.drop("_visit")], []
    for measure in asked:
        if (measure,) not in parts:
            absent += [
                pl.lit(None, numbered.schema[name]).alias(f"{name}:{measure}") for name in cells
            ]
            continue
        part = parts[(measure,)].unique("_visit", keep="first", maintain_order=True)
        named = part.rename({name: f"{name}:{measure}" for name in cells})
        placed = number.join(named, on="_visit", how="left", maintain_order="left")
        beside.append(placed.drop("_visit"))
    return pl.concat(beside, how="horizontal").with_columns(absent)
