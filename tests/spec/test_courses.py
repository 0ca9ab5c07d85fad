"""Infusion days to courses to regimens, drawn day by day and worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import day_of, draw, make_shard, make_table, on_day

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.derive.findings import find_in_derived
from heliotrope.derive.regimens import derive_regimens
from heliotrope.records.results import Course, InfusionDay, Regimen


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


# Courses are written "days/days", regimens parted by ";", e.g. "0 1/28 29;120".
COURSES = """
    case                               | infusions          | stops | courses
    one day                            | 0                  | -     | 0
    a course of two days               | 0 1                | -     | 0 1
    three days between                 | 0 3                | -     | 0 3
    four days between                  | 0 4                | -     | 0/4
    seven days from first to last      | 0 3 5 7            | -     | 0 3 5 7
    eight days: cut from the first day | 0 3 5 8            | -     | 0 3 5/8
    daily for 18 days                  | 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 | - | 0 1 2 3 4 5 6 7/8 9 10 11 12 13 14 15/16 17
    greedy, not balanced               | 0 2 4 6 8 10       | -     | 0 2 4 6/8 10
    monthly                            | 0 1 28 29 56       | -     | 0 1/28 29/56
    70 days are one regimen            | 0 70               | -     | 0/70
    71 days are two                    | 0 71               | -     | 0;71
    from D0 to D0, not from the end    | 0 5 75             | -     | 0/5/75
    from D0 to D0, and too long        | 0 2 71             | -     | 0 2;71
    a stop between                     | 0 28 56            | 40    | 0/28;56
    a stop on an infusion day          | 0 28 56            | 28    | 0/28;56
    a stop on a D0 of two days         | 0 1 28             | 0     | 0;1/28
    a stop before all                  | 0 28               | -9    | 0/28
    a stop after all                   | 0 28               | 60    | 0/28
    two stops, one restart             | 0 28 56            | 30 40 | 0/28;56
    leap day                           | 58 59 60           | -     | 58 59 60
"""


@pytest.mark.parametrize("case", read_rows(COURSES), ids=lambda row: str(row["case"]))
def test_infusion_days_are_put_together_to_courses_and_regimens(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    infusion = make_table(
        "infusion",
        [
            {"day": day, "route": "iv", "dose": 20.0, "dose_unit": "g"}
            for day in read_days(case["infusions"])
        ],
    )
    event = make_table(
        "event", [{"day": day, "kind": "ivig_stopped"} for day in read_days(case["stops"])]
    )
    days = derive_infusion_days(make_shard(infusion=infusion, event=event), rulebook)
    assert write_courses(days) == str(case["courses"])
    InfusionDay.validate(days.select(InfusionDay.column_names()))


def read_days(cell: object) -> list[int]:
    return [] if cell is None else [int(word) for word in str(cell).split()]


def write_courses(days: pl.DataFrame) -> str:
    regimens = []
    for _, regimen in days.group_by("regimen", maintain_order=True):
        courses = [
            " ".join(str(day_of(date)) for date in course["date"])
            for _, course in regimen.group_by("course", maintain_order=True)
        ]
        assert regimen["course"].unique().sort().to_list() == list(range(1, len(courses) + 1))
        regimens.append("/".join(courses))
    return ";".join(regimens)


# Weight 20 kg on day 0, 30 kg on day 200: recorded to day 90, then on the line between.
DOSES = """
    case                        | infusions       | unit | g      | g_per_kg | flags
    2 g/kg in two days          | 0:20 1:20       | g    | 40     | 2.0      | -
    just not low                | 0:16            | g    | 16     | 0.8      | -
    low                         | 0:15.9          | g    | 15.9   | 0.795    | low_dose
    just not high               | 0:44            | g    | 44     | 2.2      | -
    high                        | 0:44.1          | g    | 44.1   | 2.205    | high_dose
    over 70 g                   | 0:70.5          | g    | 70.5   | 3.525    | high_dose over_maximum_grams
    recorded in g/kg            | 0:1 1:1         | g/kg | 40     | 2.0      | -
    five calendar days          | 0:8 2:8 4:24    | g    | 40     | 2.0      | -
    six calendar days           | 0:8 2:8 5:24    | g    | 40     | 2.0      | long_span
    no dose on one day          | 0:20 1:-        | g    | -      | -        | dose_missing
    weight 90 days old          | 90:40           | g    | 40     | 2.0      | -
    weight between two          | 100:50          | g    | 50     | 2.0      | weight_interpolated
    no weight before            | -5:40           | g    | 40     | -        | weight_missing
    g/kg without a weight       | -5:2            | g/kg | -      | 2.0      | -
    no weight after, too old    | 291:40          | g    | 40     | -        | weight_missing
    a day of 0 g is none        | 0:20 1:0 2:20   | g    | 40     | 2.0      | -
"""


@pytest.mark.parametrize("case", read_rows(DOSES), ids=lambda row: str(row["case"]))
def test_the_dose_of_a_course(case: dict[str, object], rulebook: Rulebook) -> None:
    weights = draw(
        "assessment",
        """
        day | value
        0   | 20
        200 | 30
        """,
        measure="weight",
    )
    infusion = make_table(
        "infusion",
        [
            {
                "day": int(day),
                "route": "iv",
                "dose": None if dose == "-" else float(dose),
                "dose_unit": str(case["unit"]),
            }
            for day, dose in (word.split(":") for word in str(case["infusions"]).split())
        ],
    )
    courses = derive_courses(
        derive_infusion_days(make_shard(infusion=infusion, assessment=weights), rulebook), rulebook
    )
    Course.validate(courses.select(Course.column_names()))
    (course,) = courses.to_dicts()
    assert course["dose_g"] == pytest.approx(case["g"])
    assert course["dose_g_per_kg"] == pytest.approx(case["g_per_kg"])
    assert " ".join(course["flags"]) == (case["flags"] or "")


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


SCHEDULES = """
    interval | label
    8        | q1w
    10       | q1w
    11       | q2w
    18       | q2w
    19       | q3w
    23       | q3w
    24       | monthly
    42       | monthly
    43       | stretched
    70       | stretched
"""


@pytest.mark.parametrize("case", read_rows(SCHEDULES), ids=lambda row: str(row["interval"]))
def test_an_interval_has_a_schedule(case: dict[str, object], rulebook: Rulebook) -> None:
    infusion = make_table(
        "infusion",
        [
            {"day": day, "route": "iv", "dose": 20.0, "dose_unit": "g"}
            for day in (0, case["interval"])
        ],
    )
    courses = derive_courses(
        derive_infusion_days(make_shard(infusion=infusion), rulebook), rulebook
    )
    assert courses["interval_days"].to_list() == [case["interval"], None]
    assert courses["schedule"].to_list() == [case["label"], None]


# "seen" is the last day of observation. Stops are "day:term".
REGIMENS = """
    case                              | iv         | sc    | stops                  | seen | status         | stopped | known | reason                 | flags
    seen 70 days after the last D0    | 0 28 56    | -     | -                      | 126  | discontinued   | 84      | 126   | unknown                | -
    seen 69 days after                | 0 28 56    | -     | -                      | 125  | ongoing        | -       | -     | -                      | -
    the last course has two days      | 0 28 29    | -     | -                      | 98   | discontinued   | 56      | 98    | unknown                | short_exposure
    a recorded stop                   | 0 28 56    | -     | 60:planned_after_response | 61 | discontinued  | 60      | 60    | planned_after_response | -
    a stop on the day of the infusion | 0 28 56    | -     | 56:inefficacy          | 57   | discontinued   | 56      | 56    | inefficacy             | -
    a stop on day 70                  | 0 28 56    | -     | 126:inefficacy         | 130  | discontinued   | 126     | 126   | inefficacy             | -
    a stop later than day 70          | 0 28 56    | -     | 127:family_choice      | 130  | discontinued   | 84      | 126   | family_choice          | stop_recorded_late
    a stop without a reason           | 0 28 56    | -     | 60:-                   | 61   | discontinued   | 60      | 60    | unknown                | -
    a stop said to be unknown         | 0 28 56    | -     | 60:unknown             | 61   | discontinued   | 60      | 60    | unknown                | -
    a reason nobody listed            | 0 28 56    | -     | 60:moved_house         | 61   | discontinued   | 60      | 60    | other                  | -
    the second note gives the reason  | 0 28 56    | -     | 60:- 61:inefficacy     | 61   | discontinued   | 60      | 60    | inefficacy             | -
    switched on day 70                | 0 28 56    | 126   | -                      | 300  | switched_to_sc | -       | -     | -                      | -
    switched too late                 | 0 28 56    | 127   | -                      | 300  | discontinued   | 84      | 126   | unknown                | -
    sc before the last infusion       | 0 28 56    | 30    | -                      | 300  | discontinued   | 84      | 126   | unknown                | -
    switched after a recorded stop    | 0 28 56    | 63    | 60:other               | 300  | switched_to_sc | -       | -     | other                  | -
    one course                        | 0          | -     | -                      | 10   | ongoing        | -       | -     | -                      | short_exposure
    two courses                       | 0 28       | -     | -                      | 40   | ongoing        | -       | -     | -                      | short_exposure
"""


@pytest.mark.parametrize("case", read_rows(REGIMENS), ids=lambda row: str(row["case"]))
def test_how_a_regimen_ends(case: dict[str, object], rulebook: Rulebook) -> None:
    infusion = make_table(
        "infusion",
        [
            {"day": day, "route": route, "dose": 20.0, "dose_unit": "g"}
            for route in ("iv", "sc")
            for day in read_days(case[route])
        ],
    )
    stops = [word.split(":") for word in str(case["stops"] or "").split()]
    event = make_table(
        "event",
        [
            {"day": int(day), "kind": "ivig_stopped", "term": None if term == "-" else term}
            for day, term in stops
        ],
    )
    shard = make_shard(infusion=infusion, event=event)
    patients = pl.DataFrame(
        {"patient_id": ["child"], "observed_until": [on_day(int(str(case["seen"])))]}
    )
    days = derive_infusion_days(shard, rulebook)
    regimens = derive_regimens(derive_courses(days, rulebook), days, event, patients, rulebook)
    Regimen.validate(regimens.select(Regimen.column_names()))
    (regimen,) = regimens.to_dicts()
    assert regimen["status"] == case["status"]
    assert day_of(regimen["discontinuation_date"]) == case["stopped"]
    assert day_of(regimen["stop_known_date"]) == case["known"]
    assert regimen["reason"] == case["reason"]
    assert " ".join(regimen["flags"]) == (case["flags"] or "")


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


PURPOSES = """
    case                             | g_per_kg        | purpose
    all low                          | 0.4 0.4         | replacement_dose
    three of four low                | 0.4 0.4 0.4 2   | replacement_dose
    two of three low                 | 0.4 0.4 2       | treatment
    0.8 is not low                   | 0.8 0.8         | treatment
    unknown doses count neither way  | 0.4 0.4 0.4 2 - | replacement_dose
    nothing known                    | - -             | treatment
"""


@pytest.mark.parametrize("case", read_rows(PURPOSES), ids=lambda row: str(row["case"]))
def test_what_a_regimen_is_for(case: dict[str, object], rulebook: Rulebook) -> None:
    infusion = make_table(
        "infusion",
        [
            {
                "day": 28 * number,
                "route": "iv",
                "dose": None if dose == "-" else float(dose),
                "dose_unit": "g/kg",
            }
            for number, dose in enumerate(str(case["g_per_kg"]).split())
        ],
    )
    regimen = derive_one_regimen(infusion, rulebook)
    assert regimen["purpose"] == case["purpose"]


MONTHLY = """
    case                       | infusions             | monthly
    too few intervals          | 0 28                  | -
    two monthly intervals      | 0 28 56               | true
    three of four monthly      | 0 28 56 84 98         | true
    two of three monthly       | 0 28 56 70            | false
"""


@pytest.mark.parametrize("case", read_rows(MONTHLY), ids=lambda row: str(row["case"]))
def test_a_monthly_regimen(case: dict[str, object], rulebook: Rulebook) -> None:
    infusion = make_table(
        "infusion",
        [
            {"day": day, "route": "iv", "dose": 20.0, "dose_unit": "g"}
            for day in read_days(case["infusions"])
        ],
    )
    assert derive_one_regimen(infusion, rulebook)["is_monthly"] is case["monthly"]


def derive_one_regimen(infusion: pl.DataFrame, rulebook: Rulebook) -> dict[str, object]:
    shard = make_shard(infusion=infusion)
    patients = pl.DataFrame({"patient_id": ["child"], "observed_until": [on_day(130)]})
    days = derive_infusion_days(shard, rulebook)
    (regimen,) = derive_regimens(
        derive_courses(days, rulebook), days, shard.event, patients, rulebook
    ).to_dicts()
    return regimen


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
