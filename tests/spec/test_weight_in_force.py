"""What a table of cases cannot say of the weight in force: rows in any order, and the cells used."""

from __future__ import annotations

import polars as pl
from tests.spec.drawn_records import FIRST_ROW_ID, draw, on_day

from heliotrope.definitions.load import read_rulebook
from heliotrope.derive.weights import derive_weights

# Two weights on day 0 (the second row counts) and one on day 200; the 0 kg of day 50 is none.
WEIGHTS = """
    day | value
    0   | 99
    0   | 20
    50  | 0
    200 | 30
"""


def test_rows_keep_their_order_and_columns_and_name_their_cells() -> None:
    rows = pl.DataFrame(
        {
            "patient_id": ["child", "stranger", "child", "child"],
            "date": [on_day(200), on_day(0), on_day(0), on_day(100)],
            "mark": [1, 2, 3, 4],
        }
    )
    found = derive_weights(rows, draw("assessment", WEIGHTS, measure="weight"), read_rulebook())
    assert found.select(rows.columns).equals(rows)
    assert found["weight_kg"].to_list() == [30, None, 20, 25]
    second, fourth = FIRST_ROW_ID["assessment"] + 1, FIRST_ROW_ID["assessment"] + 3
    assert found["weight_row_ids"].to_list() == [[fourth], [], [second], [second, fourth]]
