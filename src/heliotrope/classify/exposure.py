"""The trace of exposure: why a regimen counts as stopped, switched or going on."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.decision import ROOT, decide_axes, make_decision_nodes
from heliotrope.classify.trace import make_nodes, used_all
from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.derived import Derived

STATUS = "status"


def trace_exposure(derived: Derived, rulebook: Rulebook) -> pl.DataFrame:
    """Make the nodes of each regimen's status and purpose, and a root for a child without IVIG.

    The root is ``met`` (the child had this regimen) and its label is the status; a child without
    IVIG has one root ``not_reached``. The tables are decided anew from the criteria here, so that
    a trace that differs from ``regimen.parquet`` is a fault.
    """
    definition = rulebook.get("ivig_exposure", IvigExposure)
    facts = derived.regimens.with_columns(
        *[pl.col(criterion.name).cast(pl.Float64) for criterion in definition.criteria],
        used_all(pl.col("sc_row_ids")).alias("sc_after_days.sources"),
        used_all(pl.col("stop_row_ids")).alias("stop_after_days.sources"),
        used_all(pl.col("row_ids")).alias("low_dose_fraction.sources"),
    ).drop("flags")
    decided = decide_axes(facts, definition.criteria, definition.axes)
    without = derived.patients.join(derived.regimens, on="patient_id", how="anti")
    return pl.concat(
        [
            make_nodes(
                decided,
                definition,
                node=pl.lit(ROOT),
                state=pl.lit("met"),
                label=pl.col(STATUS),
                sources=used_all(pl.col("row_ids")),
            ),
            *make_decision_nodes(decided, definition, definition.criteria, definition.axes),
            make_nodes(
                without.select("patient_id"),
                definition,
                node=pl.lit(ROOT),
                state=pl.lit("not_reached"),
                reason=pl.lit("no_ivig"),
            ),
        ]
    )
