"""Courses and regimens against a slow reading of the rules, and what must never change them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.spec.drawn_records import make_shard, make_table, on_day

from heliotrope.definitions.load import read_rulebook
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.derive.regimens import derive_regimens
from heliotrope.records.shard import Shard

RULEBOOK = read_rulebook()

DAYS = st.lists(st.integers(0, 200), min_size=1, max_size=20, unique=True)
STOPS = st.lists(st.integers(-5, 210), max_size=2, unique=True)


def make(days: Sequence[int], stops: Sequence[int], child: str = "child") -> Shard:
    return make_shard(
        infusion=make_table(
            "infusion",
            [
                {"patient_id": child, "day": day, "route": "iv", "dose": 30.0, "dose_unit": "g"}
                for day in days
            ],
        ),
        event=make_table(
            "event", [{"patient_id": child, "day": day, "kind": "ivig_stopped"} for day in stops]
        ),
        assessment=make_table(
            "assessment",
            [{"patient_id": child, "day": 0, "measure": "weight", "value": 20.0}],
        ),
    )


def slow_courses(days: Sequence[int], stops: Sequence[int]) -> list[tuple[int, int, int]]:
    """Number the days one after the other: (day, regimen, course)."""
    numbered: list[tuple[int, int, int]] = []
    start = regimen = course = 0
    previous: int | None = None
    for day in sorted(days):
        if previous is None:
            regimen, course, start = 1, 1, day
        elif any(previous <= stop < day for stop in stops):
            regimen, course, start = regimen + 1, 1, day
        elif day - previous > 3 or day - start > 7:
            if day - start > 70:
                regimen, course = regimen + 1, 0
            course, start = course + 1, day
        numbered.append((day, regimen, course))
        previous = day
    return numbered


@given(days=DAYS, stops=STOPS)
@settings(max_examples=80, deadline=None)
def test_days_are_numbered_as_by_hand(days: list[int], stops: list[int]) -> None:
    found = derive_infusion_days(make(days, stops), RULEBOOK)
    rows = [
        ((row["date"] - on_day(0)).days, row["regimen"], row["course"]) for row in found.to_dicts()
    ]
    assert rows == slow_courses(days, stops)


@given(days=DAYS, stops=STOPS)
@settings(max_examples=30, deadline=None)
def test_no_gram_and_no_row_is_lost(days: list[int], stops: list[int]) -> None:
    shard = make(days, stops)
    courses = derive_courses(derive_infusion_days(shard, RULEBOOK), RULEBOOK)
    assert courses["infusion_days"].sum() == len(days)
    assert sorted(courses["row_ids"].explode().to_list()) == shard.infusion["row_id"].to_list()


def derive(shard: Shard, shift: int = 0) -> pl.DataFrame:
    patients = pl.DataFrame(
        {"patient_id": ["child", "stranger"], "observed_until": [on_day(220 + shift)] * 2}
    )
    days = derive_infusion_days(shard, RULEBOOK)
    courses = derive_courses(days, RULEBOOK)
    regimens = derive_regimens(courses, days, shard.event, patients, RULEBOOK)
    return regimens.filter(pl.col("patient_id") == "child").drop("row_ids", "stop_row_ids")


@given(days=DAYS, stops=STOPS, shift=st.integers(-1000, 1000))
@settings(max_examples=25, deadline=None)
def test_shifting_all_dates_shifts_the_regimens(
    days: list[int], stops: list[int], shift: int
) -> None:
    later = {
        name: table.with_columns(pl.col(pl.Date) + pl.duration(days=shift))
        for name, table in make(days, stops).tables().items()
    }
    back = derive(Shard.from_tables(later), shift).with_columns(
        pl.col(pl.Date) - pl.duration(days=shift)
    )
    assert_frame_equal(derive(make(days, stops)), back)


@given(days=DAYS, stops=STOPS, data=st.data())
@settings(max_examples=25, deadline=None)
def test_row_order_and_strangers_change_nothing(
    days: list[int], stops: list[int], data: st.DataObject
) -> None:
    shuffled = make(data.draw(st.permutations(days)), data.draw(st.permutations(stops)))
    assert_frame_equal(derive(make(days, stops)), derive(shuffled))
    stranger = make(data.draw(DAYS), data.draw(STOPS), "stranger")
    together = Shard.from_tables(
        {
            name: pl.concat([table, stranger.tables()[name].with_columns(pl.col("row_id") + 500)])
            for name, table in make(days, stops).tables().items()
        }
    )
    assert_frame_equal(derive(make(days, stops)), derive(together))


@given(days=DAYS, stops=STOPS)
@settings(max_examples=25, deadline=None)
def test_grams_and_kilograms_of_another_unit_change_nothing(
    days: list[int], stops: list[int]
) -> None:
    shard = make(days, stops)
    per_kg = shard.infusion.with_columns(dose=pl.col("dose") / 20.0, dose_unit=pl.lit("g/kg"))
    tables = {**shard.tables(), "infusion": per_kg}
    recorded = derive_courses(derive_infusion_days(shard, RULEBOOK), RULEBOOK)
    converted = derive_courses(derive_infusion_days(Shard.from_tables(tables), RULEBOOK), RULEBOOK)
    known = recorded["weight_kg"].is_not_null()
    columns = ["patient_id", "regimen", "course", "dose_g", "dose_g_per_kg"]
    assert_frame_equal(
        recorded.filter(known).select(columns), converted.filter(known).select(columns)
    )
