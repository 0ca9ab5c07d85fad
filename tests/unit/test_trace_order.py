"""The rows of the trace stand in the order of their key, however far apart its values are."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.classify.trace import CELLS, NODE_COLUMNS, empty_nodes
from heliotrope.classify.trace_rows import KEY, number_trace

ROWS = 3000


def draw_nodes(regimens: list[int | None], days: list[date | None]) -> pl.DataFrame:
    """Draw nodes with some keys twice; ``value`` tells which came first."""
    random = np.random.default_rng(7)
    drawn = {
        "patient_id": [f"é{child}" for child in range(60)],
        "regimen": regimens,
        "definition_id": ["b", "a", "B", "ab"],
        "date": days,
        "node": [f"node_{number}" for number in range(60)],
    }
    rows = pl.DataFrame(
        {
            name: pl.Series([values[place] for place in random.integers(0, len(values), ROWS)])
            for name, values in drawn.items()
        }
    ).with_columns(value=pl.int_range(ROWS))
    return pl.concat(
        [empty_nodes(), rows.cast({"regimen": pl.Int32})], how="diagonal_relaxed"
    ).cast(NODE_COLUMNS)


@pytest.mark.parametrize(
    ("regimens", "days"),
    [
        ([None, 1, 2], [None, date(2019, 12, 31), date(2020, 1, 1)]),
        ([None, 1, 2**31 - 1], [None, date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)]),
        ([None], [None]),
    ],
    ids=["near", "further apart than one number holds", "without regimen and day"],
)
def test_rows_are_numbered_in_the_order_of_their_key(regimens, days) -> None:
    nodes = draw_nodes(regimens, days)
    trace, _ = number_trace([nodes], 5).spell()
    expected = nodes.sort(KEY, nulls_last=False, maintain_order=True).drop("sources", *CELLS)
    assert_frame_equal(trace.drop("trace_id"), expected)
    assert trace["trace_id"].to_list() == list(range(5, 5 + ROWS))


def test_no_nodes_make_an_empty_trace() -> None:
    trace, sources = number_trace([empty_nodes()]).spell()
    assert trace.is_empty()
    assert sources.is_empty()
    said = [name for name in NODE_COLUMNS if name not in ("sources", *CELLS)]
    assert trace.columns == ["trace_id", *said]
