"""What must hold of slopes, cuts and visit pairs whatever the doses: units, dates, strangers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.steroid_sparing import (
    PUBLISHED_STEROID_CUT,
    STEROID_SPARING,
    PublishedSteroidCut,
    SteroidSparing,
)
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.sparing.published_cut import derive_published_cuts
from heliotrope.estimate.sparing.slope import derive_dose_slopes
from heliotrope.estimate.sparing.visit_pairs import derive_visit_pairs
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

RULEBOOK = read_rulebook()

DEFINITION = RULEBOOK.get(STEROID_SPARING, SteroidSparing)

D0 = date(2021, 3, 1)

Dose = st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 1.5]))

Steps = st.lists(st.tuples(st.integers(5, 90), Dose), min_size=2, max_size=8)

Visits = st.lists(st.integers(-120, 500), min_size=2, max_size=12, unique=True)


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    return pl.DataFrame([{c: row.get(c) for c in schema} for row in rows], schema=schema)


def build(
    children: dict[str, tuple[list[tuple[int, float | None]], list[int]]],
    shift: int = 0,
    times: float = 1.0,
) -> Inputs:
    """Build children on a regimen of four courses, their doses laid end to end from day -120."""
    zero = D0 + timedelta(days=shift)
    periods, visits, regimens, courses = [], [], [], []
    for child, (steps, days) in children.items():
        start = -120
        for length, dose in steps:
            scaled = None if dose is None else dose * times
            ends = [zero + timedelta(days=number) for number in (start, start + length - 1)]
            periods.append(
                {
                    "patient_id": child,
                    "start_date": ends[0],
                    "end_date": ends[1],
                    "prednisone_mg_kg_day": scaled,
                }
            )
            start += length
        visits += [
            {
                "row_id": 10_000 * len(visits) + number,
                "patient_id": child,
                "date": zero + timedelta(days=number),
                "measure": "physician_global",
                "value": float(number % 7),
            }
            for number in days
        ]
        last = zero + timedelta(days=84)
        observed = max(zero + timedelta(days=start), last)
        regimens.append(
            {
                "patient_id": child,
                "regimen": 1,
                "first_infusion": zero,
                "last_infusion": last,
                "last_course_start": last,
                "status": "discontinued",
                "observed_until": observed,
            }
        )
        courses += [
            {"patient_id": child, "start_date": zero + timedelta(days=d)} for d in (0, 28, 56, 84)
        ]
    tables = {
        "regimen": make("regimen", regimens),
        "course": make("course", courses),
        "steroid_period": make("steroid_period", periods),
    }
    return Inputs.of(tables, {"assessment": make("assessment", visits)}, RULEBOOK)


def everything(inputs: Inputs) -> list[pl.DataFrame]:
    regimens = inputs.first_regimens()
    cut = RULEBOOK.get(PUBLISHED_STEROID_CUT, PublishedSteroidCut)
    pairs = derive_visit_pairs(inputs, DEFINITION.dosing_rule)
    return [
        derive_dose_slopes(inputs, regimens, DEFINITION.slope),
        derive_published_cuts(inputs, regimens, cut).sort("patient_id"),
        pairs.drop("date", "next_date").sort("patient_id", "days_from_first_infusion"),
    ]


@settings(max_examples=25, deadline=None)
@given(steps=Steps, visits=Visits, shift=st.integers(-900, 900))
def test_a_shift_of_all_dates_and_a_change_of_unit_change_no_slope(
    steps: list[tuple[int, float | None]], visits: list[int], shift: int
) -> None:
    plain = everything(build({"ann": (steps, visits)}))
    shifted = everything(build({"ann": (steps, visits)}, shift))
    assert_frame_equal(plain[0], shifted[0])
    assert_frame_equal(plain[2], shifted[2])  # calendar months have no shift: not the cut
    scaled = everything(build({"ann": (steps, visits)}, times=3.0))
    assert_frame_equal(plain[0], scaled[0])
    assert_frame_equal(plain[1], scaled[1])


@settings(max_examples=25, deadline=None)
@given(one=Steps, other=Steps, visits=Visits, others=Visits)
def test_a_stranger_changes_nothing_for_a_child(
    one: list[tuple[int, float | None]],
    other: list[tuple[int, float | None]],
    visits: list[int],
    others: list[int],
) -> None:
    alone = everything(build({"ben": (one, visits)}))
    beside = everything(
        build({"ann": (other, others), "ben": (one, visits), "cat": (other, others)})
    )
    for mine, all_of_them in zip(alone, beside, strict=True):
        assert_frame_equal(mine, all_of_them.filter(pl.col("patient_id") == "ben"))


@settings(max_examples=25, deadline=None)
@given(steps=Steps, visits=Visits)
def test_a_pair_of_visits_is_what_it_says(
    steps: list[tuple[int, float | None]], visits: list[int]
) -> None:
    pairs = derive_visit_pairs(build({"ann": (steps, visits)}), DEFINITION.dosing_rule)
    rule = DEFINITION.dosing_rule
    assert (
        pairs["days"]
        .is_between(rule.fewest_days_between_visits, rule.most_days_between_visits)
        .all()
    )
    assert pairs["covered"].is_between(0, 1).all()
    assert (
        pairs.select("dose", "dose_before", "activity", "next_activity")
        .null_count()
        .sum_horizontal()
        .item()
        == 0
    )
    known = [dose for _, dose in steps if dose is not None]
    if known and pairs.height:
        assert pairs["dose"].is_between(min(known) - 1e-9, max(known) + 1e-9).all()
