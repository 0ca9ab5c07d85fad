"""Two signs of worsening on one day: the same one is named whatever order they were found in."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from heliotrope.classify.aggravation import _earliest
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.response import AggravationDefinition

EVENTS = [
    {"limb": "d", "detail": "steroid_rise", "row_ids": [9]},
    {"limb": "d", "detail": "methotrexate", "row_ids": [5]},
    {"limb": "e", "detail": "flare", "row_ids": [1]},
]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_first_of_a_day_does_not_depend_on_the_order(order: list[int]) -> None:
    rule = read_rulebook().of_kind(AggravationDefinition)[0]
    events = pl.DataFrame([EVENTS[number] for number in order]).with_columns(
        patient_id=pl.lit("child"),
        regimen=pl.lit(1, pl.Int32),
        date=pl.lit(date(2020, 1, 1)),
        days_after=pl.lit(30, pl.Int64),
    )
    (row,) = _earliest(events, rule).to_dicts()
    assert (row["limb"], row["event_row_ids"]) == ("d", [5])
