"""Nobody vanishes: a root for every child, and every regimen, that a definition says nothing of."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import empty_nodes, make_nodes
from heliotrope.definitions.model import Definition

NOTHING_RECORDED = "nothing_recorded"
NO_REGIMEN = "no_regimen"


def make_absent_roots(
    cohort: pl.DataFrame,
    present: pl.DataFrame,
    definition: Definition,
    label: str | None = None,
    nothing: str | None = None,
) -> pl.DataFrame:
    """Make one root, not evaluable and without a date, for those without any root.

    Input: ``cohort``, one row for each child that must appear, or, where it has a column
    ``regimen``, for each child and regimen (null for a child without one); ``present``, who has a
    root already.
    The reason is ``no_regimen`` for a child without one, where the definition compares with a
    baseline; else ``nothing``, as a rule ``nothing_recorded``: no visit that could be judged has
    any of the measures.
    """
    key = [name for name in ("patient_id", "regimen") if name in cohort.columns]
    everyone = cohort.select(
        pl.col(name).cast(pl.Int32) if name == "regimen" else pl.col(name) for name in key
    ).unique()
    absent = everyone.join(present.select(key).unique(), on=key, how="anti", nulls_equal=True)
    if absent.is_empty():
        return empty_nodes()
    why = pl.lit(nothing or NOTHING_RECORDED)
    return make_nodes(
        absent.sort(key),
        definition,
        node=pl.lit("root"),
        state=pl.lit("not_evaluable"),
        reason=pl.when(pl.col("regimen").is_null()).then(pl.lit(NO_REGIMEN)).otherwise(why)
        if "regimen" in key
        else why,
        label=pl.lit(label, pl.String),
    )
