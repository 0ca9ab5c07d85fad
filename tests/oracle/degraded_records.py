"""Simulated records made worse in the ways real ones are, so that rare branches are reached."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from tests.oracle import edge_changes, record_changes
from tests.oracle.record_changes import Random, Tables

Change = Callable[[Tables, Random], None]

FIRST_NEW_ROW = 1 << 61

CHANGES: list[Change] = [
    record_changes.drop_values,
    record_changes.drop_most_values,
    record_changes.drop_physician_global,
    record_changes.drop_weights,
    record_changes.change_premedication,
    record_changes.shift_visits,
    record_changes.drop_medication,
    record_changes.see_quarterly,
    record_changes.see_weekly,
    record_changes.write_chart_of_1997,
    record_changes.add_indices,
    record_changes.shuffle_values,
    record_changes.make_mild,
    record_changes.drop_limits,
    record_changes.skip_infusions,
    record_changes.change_stop,
    record_changes.give_other_reasons,
    record_changes.give_low_dose,
    record_changes.change_steroid,
    record_changes.add_drugs,
    record_changes.diagnose_late,
    edge_changes.snap_to_edges,
    edge_changes.snap_shuffled,
    edge_changes.snap_weekly,
    edge_changes.snap_sparse,
    record_changes.keep_all,
]


def degrade(tables: Tables, seed: int, times: int = 1) -> Tables:
    """Give each child ``times`` of the changes below, drawn by chance."""
    random = np.random.default_rng(seed)
    children = (
        pl.concat([t.select("patient_id") for t in tables.values()]).unique().sort("patient_id")
    )
    result = dict(tables)
    for _ in range(times):
        drawn = random.integers(0, len(CHANGES), children.height)
        parts: list[Tables] = []
        for number, change in enumerate(CHANGES):
            group = children.filter(pl.Series(drawn == number))
            part = {
                name: table.join(group, on="patient_id", how="semi", maintain_order="left")
                for name, table in result.items()
            }
            change(part, random)
            parts.append(part)
        result = {name: pl.concat([part[name] for part in parts]) for name in result}
    return {name: _number_new_rows(table) for name, table in result.items()}


def _number_new_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Number the rows that a change made (negative row ids), the others keep theirs."""
    number = FIRST_NEW_ROW + pl.int_range(pl.len())
    return table.with_columns(row_id=pl.when(pl.col("row_id") < 0).then(number).otherwise("row_id"))
