"""The weight a dose is divided by, day by day."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import FIRST_ROW_ID, draw, on_day

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.weights import derive_heights, derive_weights

# Two weights on day 0 (the second row counts) and one on day 200; the 0 kg of day 50 is none.
WEIGHTS = """
    day | value
    0   | 99
    0   | 20
    50  | 0
    200 | 30
"""

IN_FORCE = """
    day | weight | age | rule         | rows
    -1  | -      | -   | missing      | -
    0   | 20     | 0   | recorded     | 2
    90  | 20     | 90  | recorded     | 2
    91  | 24.55  | -   | interpolated | 2 4
    100 | 25     | -   | interpolated | 2 4
    199 | 29.95  | -   | interpolated | 2 4
    200 | 30     | 0   | recorded     | 4
    290 | 30     | 90  | recorded     | 4
    291 | -      | -   | missing      | -
"""


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.mark.parametrize("case", read_rows(IN_FORCE), ids=lambda row: f"day {row['day']}")
def test_the_weight_in_force(case: dict[str, object], rulebook: Rulebook) -> None:
    rows = pl.DataFrame({"patient_id": ["child"], "date": [on_day(int(str(case["day"])))]})
    (found,) = derive_weights(
        rows, draw("assessment", WEIGHTS, measure="weight"), rulebook
    ).to_dicts()
    assert found["weight_kg"] == pytest.approx(case["weight"])
    assert found["weight_age_days"] == case["age"]
    assert found["weight_rule"] == case["rule"]
    first = FIRST_ROW_ID["assessment"] - 1
    assert found["weight_row_ids"] == [first + int(row) for row in str(case["rows"] or "").split()]


def test_rows_keep_their_order_and_columns(rulebook: Rulebook) -> None:
    rows = pl.DataFrame(
        {
            "patient_id": ["child", "stranger", "child"],
            "date": [on_day(200), on_day(0), on_day(0)],
            "mark": [1, 2, 3],
        }
    )
    found = derive_weights(rows, draw("assessment", WEIGHTS, measure="weight"), rulebook)
    assert found.select(rows.columns).equals(rows)
    assert found["weight_kg"].to_list() == [30, None, 20]


def test_the_height_follows_the_same_rule(rulebook: Rulebook) -> None:
    rows = pl.DataFrame({"patient_id": ["child"] * 2, "date": [on_day(90), on_day(100)]})
    heights = draw("assessment", WEIGHTS.replace("20 ", "120"), measure="height")
    assert derive_heights(rows, heights, rulebook)["height_rule"].to_list() == [
        "recorded",
        "interpolated",
    ]
