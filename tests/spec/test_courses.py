"""Infusion days to courses to regimens, drawn day by day and worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import draw, make_shard, make_table, on_day

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.derive.findings import find_in_derived
from heliotrope.derive.regimens import derive_regimens


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def test_doses_in_grams_and_per_kg_of_one_course_are_added(rulebook: Rulebook) -> None:
    infusion = make_table(
        "infusion",
        [
            {"day": 0, "route": "iv", "dose": 20.0, "dose_unit": "g"},
            {"day": 1, "route": "iv", "dose": 1.0, "dose_unit": "g/kg"},
        ],
    )
    weight = make_table("assessment", [{"day": 0, "measure": "weight", "value": 25.0}])
    days = derive_infusion_days(make_shard(infusion=infusion, assessment=weight), rulebook)
    assert days["dose_g"].to_list() == [20.0, 25.0]
    assert days["dose_g_per_kg"].to_list() == [0.8, 1.0]
    (course,) = derive_courses(days, rulebook).to_dicts()
    assert (course["dose_g"], course["dose_g_per_kg"]) == (45.0, pytest.approx(1.8))
    assert course["row_ids"] == infusion["row_id"].to_list()


def test_two_bottles_of_one_day_are_one_infusion_day(rulebook: Rulebook) -> None:
    infusion = make_table(
        "infusion",
        [
            {
                "day": 0,
                "route": "iv",
                "dose": 5.0,
                "dose_unit": "g",
                "product": "Kiovig",
                "minute_of_day": 600,
                "premedication": "paracetamol",
            },
            {
                "day": 0,
                "route": "iv",
                "dose": 10.0,
                "dose_unit": "g",
                "product": "Privigen",
                "minute_of_day": 540,
            },
            {"day": 0, "route": "sc", "dose": 2.0, "dose_unit": "g"},
        ],
    )
    days = derive_infusion_days(make_shard(infusion=infusion), rulebook)
    assert days["route"].to_list() == ["iv", "sc"]
    one = days.row(0, named=True)
    assert (one["dose_g"], one["minute_of_day"]) == (15.0, 540)
    assert (one["product"], one["premedication"]) == ("Kiovig + Privigen", "paracetamol")
    assert days["course"].to_list() == [1, None]


def test_a_later_regimen_ends_the_observation_of_silence(rulebook: Rulebook) -> None:
    """A child whose records end before its second regimen was still seen when that began."""
    infusion = draw(
        "infusion",
        """
        day | dose
        0   | 20
        100 | 20
    """,
    )
    shard = make_shard(infusion=infusion)
    patients = pl.DataFrame({"patient_id": ["child"], "observed_until": [on_day(10)]})
    days = derive_infusion_days(shard, rulebook)
    regimens = derive_regimens(
        derive_courses(days, rulebook), days, shard.event, patients, rulebook
    )
    assert regimens["status"].to_list() == ["discontinued", "ongoing"]


FINDINGS = """
    rule                     | day | dose | stop | cell
    infusion_without_weight  | 0   | 20   | -    | infusion
    infusion_without_dose    | 0   | -    | -    | infusion
    infusion_of_dose_zero    | 0   | 0    | -    | infusion
    stop_without_infusion    | 20  | 20   | 9    | event
    infusion_soon_after_stop | 2   | 20   | 1    | event
"""


@pytest.mark.parametrize("case", read_rows(FINDINGS), ids=lambda row: str(row["rule"]))
def test_what_a_data_manager_can_mend_is_reported(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    earlier = {"day": 0, "route": "iv", "dose": 2.0, "dose_unit": "g/kg"}
    row = {"day": case["day"], "route": "iv", "dose": case["dose"], "dose_unit": "g"}
    stop = case["stop"]
    shard = make_shard(
        infusion=make_table("infusion", [earlier, row] if stop == 1 else [row]),
        event=make_table("event", [] if stop is None else [{"day": stop, "kind": "ivig_stopped"}]),
    )
    found = find_in_derived(derive_all(shard, rulebook, 28), rulebook)
    (finding,) = found.filter(pl.col("rule") == case["rule"]).to_dicts()
    assert finding["row_id"] == shard.tables()[str(case["cell"])]["row_id"][-1]
    assert finding["table"] == case["cell"]
