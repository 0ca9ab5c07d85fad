"""What is printed of a Kaplan-Meier curve, and when it is refused."""

from __future__ import annotations

import polars as pl

from heliotrope.estimate.curves import estimate_curve_rows
from heliotrope.estimate.kaplan_meier import estimate_curve
from heliotrope.estimate.rows import Row, Topic

TOPIC = Topic("aggravation_time", 0.95, (0.25, 0.75), "aggravation_after_discontinuation", "0.1.0")


def rows_of(times: list[tuple[int, int, bool]]) -> dict[tuple[str, str], Row]:
    frame = pl.DataFrame(
        times,
        schema={"entry": pl.Int64, "exit": pl.Int64, "is_event": pl.Boolean},
        orient="row",
    )
    rows = estimate_curve_rows(TOPIC, estimate_curve(frame, 0.95), [0, 90, 180], "nobody")
    return {(row.variable, row.statistic): row for row in rows}


def test_nobody_at_risk_is_refused_with_the_reason_given() -> None:
    rows = rows_of([])
    assert rows["curve", "survival"].refused == "nobody"
    assert rows["at_risk_ever", "n"].value == 0


def test_children_who_left_before_they_entered_are_not_at_risk() -> None:
    assert rows_of([(70, 40, True), (70, 70, True)])["at_risk_ever", "n"].value == 0


def test_without_an_event_there_is_no_interval() -> None:
    row = rows_of([(70, 300, False), (70, 200, False)])["day_180", "survival"]
    assert (row.value, row.low, row.high) == (1.0, None, None)
    assert row.formatted == "100 % (no event yet, so no interval)"


def test_a_curve_that_drops_to_zero_before_others_enter_is_refused() -> None:
    rows = rows_of([(10, 50, True), (70, 200, True), (70, 300, False)])
    refused = rows["day_180", "survival"]
    assert refused.value is None
    assert "everybody at risk on day 50" in (refused.refused or "")
    assert rows["day_180", "at_risk"].value == 2
    assert rows["median_day", "median"].refused is not None


def test_the_last_child_worsening_is_no_reason_to_refuse() -> None:
    rows = rows_of([(0, 50, True), (0, 90, True)])
    assert rows["day_90", "survival"].value == 0
    assert rows["day_90", "survival"].formatted == "0 %"
    assert rows["median_day", "median"].value == 70


def test_beyond_the_last_child_nothing_is_read() -> None:
    rows = rows_of([(0, 50, True), (0, 100, False)])
    assert rows["day_90", "survival"].value == 0.5
    assert rows["day_180", "survival"].refused == "nobody was at risk on this day"
