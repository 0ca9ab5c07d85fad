"""Steroid rows to days of one dose, and pulses kept apart: drawn and worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import day_of, draw, make_shard, make_table, on_day

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.derive.findings import find_in_derived
from heliotrope.derive.glucocorticoids import (
    derive_steroid_dose_on,
    derive_steroid_periods,
    derive_steroid_pulses,
)
from heliotrope.records.results import SteroidPeriod, SteroidPulse

SEEN_TO = 99

# 20 kg and 120 cm from day 0; 30 kg on day 80.
SIZES = """
    day | measure | value
    0   | weight  | 20
    0   | height  | 125
    80  | weight  | 30
"""


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def derive(rows: str, rulebook: Rulebook) -> pl.DataFrame:
    patients = pl.DataFrame({"patient_id": ["child"], "observed_until": [on_day(SEEN_TO)]})
    periods = derive_steroid_periods(
        draw("medication", rows), draw("assessment", SIZES), patients, rulebook
    )
    SteroidPeriod.validate(periods.select(SteroidPeriod.column_names()))
    return periods


def write(periods: pl.DataFrame) -> list[tuple[int | None, int | None, object, object]]:
    return [
        (
            day_of(row["start_date"]),
            day_of(row["end_date"]),
            None if row["prednisone_mg_day"] is None else round(row["prednisone_mg_day"], 6),
            None if row["prednisone_mg_kg_day"] is None else round(row["prednisone_mg_kg_day"], 6),
        )
        for row in periods.to_dicts()
    ]


# Each case: the medication rows, and the periods they must give (mg/day, mg/kg/day).
PERIODS = {
    "one dose, ongoing to the end of observation": (
        """
        drug       | start | end | dose
        prednisone | 0     | -   | 20
        """,
        [(0, 99, 20, 1)],
    ),
    "a step down, the end is inclusive": (
        """
        drug       | start | end | dose
        prednisone | 0     | 9   | 20
        prednisone | 10    | 99  | 10
        """,
        [(0, 9, 20, 1), (10, 99, 10, 0.5)],
    ),
    "a gap counts 0": (
        """
        drug       | start | end | dose
        prednisone | 0     | 9   | 20
        prednisone | 20    | 29  | 20
        """,
        [(0, 9, 20, 1), (10, 19, 0, 0), (20, 29, 20, 1), (30, 99, 0, 0)],
    ),
    "rows that meet on a day: the new dose": (
        """
        drug       | start | end | dose
        prednisone | 0     | 10  | 20
        prednisone | 10    | 99  | 10
        """,
        [(0, 9, 20, 1), (10, 99, 10, 0.5)],
    ),
    "rows that overlap are added": (
        """
        drug       | start | end | dose
        prednisone | 0     | 11  | 20
        prednisone | 10    | 99  | 10
        """,
        [(0, 9, 20, 1), (10, 11, 30, 1.5), (12, 99, 10, 0.5)],
    ),
    "two drugs are added": (
        """
        drug          | start | end | dose
        prednisone    | 0     | 99  | 10
        dexamethasone | 10    | 19  | 1.5
        """,
        [(0, 9, 10, 0.5), (10, 19, 20, 1), (20, 99, 10, 0.5)],
    ),
    "every equivalent of 5 mg": (
        """
        drug               | start | end | dose
        prednisolone       | 0     | 9   | 5
        methylprednisolone | 10    | 19  | 4
        triamcinolone      | 20    | 29  | 4
        hydrocortisone     | 30    | 39  | 20
        cortisone          | 40    | 49  | 25
        dexamethasone      | 50    | 59  | 0.75
        betamethasone      | 60    | 69  | 0.75
        deflazacort        | 70    | 79  | 6
        """,
        [(0, 79, 5, 0.25), (80, 99, 0, 0)],
    ),
    "alternate days are halved": (
        """
        drug       | start | end | dose | every_n_days
        prednisone | 0     | 99  | 20   | 2
        """,
        [(0, 99, 10, 0.5)],
    ),
    "mg a week": (
        """
        drug       | start | end | dose | dose_unit | every_n_days
        prednisone | 0     | 99  | 70   | mg/week   | 7
        """,
        [(0, 99, 10, 0.5)],
    ),
    "mg per kg, by the weight of the first day": (
        """
        drug       | start | end | dose | dose_unit
        prednisone | 0     | 79  | 1    | mg/kg/day
        prednisone | 80    | 99  | 2    | mg/kg/day
        """,
        [(0, 79, 20, 1), (80, 99, 60, 2)],
    ),
    "mg per m2: 125 cm and 20 kg are five sixths of a square metre": (
        """
        drug       | start | end | dose | dose_unit
        prednisone | 0     | 9   | 12   | mg/m2
        """,
        [(0, 9, 10, 0.5), (10, 99, 0, 0)],
    ),
    "a weight that grows does not change the dose of a period": (
        """
        drug         | start | end | dose | dose_unit
        prednisone   | 0     | 99  | 30   | mg/day
        methotrexate | 0     | -   | 10   | mg/week
        """,
        [(0, 99, 30, 1.5)],
    ),
    "a change of dose takes the new weight": (
        """
        drug       | start | end | dose
        prednisone | 0     | 80  | 30
        prednisone | 81    | 99  | 15
        """,
        [(0, 80, 30, 1.5), (81, 99, 15, 0.5)],
    ),
    "no weight: mg/day is kept": (
        """
        drug       | start | end | dose
        prednisone | -9    | 99  | 20
        """,
        [(-9, 99, 20, None)],
    ),
    "mg/kg without a weight: mg/kg is kept": (
        """
        drug       | start | end | dose | dose_unit
        prednisone | -9    | 99  | 1    | mg/kg/day
        """,
        [(-9, 99, None, 1)],
    ),
    "an unknown dose is not 0": (
        """
        drug       | start | end | dose
        prednisone | 0     | 9   | 20
        prednisone | 10    | 19  | -
        """,
        [(0, 9, 20, 1), (10, 19, None, None), (20, 99, 0, 0)],
    ),
    "an unknown dose hides what is given beside it": (
        """
        drug           | start | end | dose
        prednisone     | 0     | 99  | 20
        hydrocortisone | 10    | 19  | -
        """,
        [(0, 9, 20, 1), (10, 19, None, None), (20, 99, 20, 1)],
    ),
    "a dose of 0 is a recorded 0": (
        """
        drug       | start | end | dose
        prednisone | 0     | 9   | 20
        prednisone | 10    | -   | 0
        """,
        [(0, 9, 20, 1), (10, 99, 0, 0)],
    ),
    "on the skin, in the eye, inhaled, rectal: not counted": (
        """
        drug           | start | end | dose | route
        prednisone     | 0     | 99  | 20   | oral
        hydrocortisone | 0     | 99  | 20   | topical
        dexamethasone  | 0     | 99  | 20   | ophthalmic
        prednisolone   | 0     | 99  | 20   | inhaled
        prednisolone   | 0     | 99  | 20   | rectal
        """,
        [(0, 99, 20, 1)],
    ),
    "an unknown route is oral": (
        """
        drug       | start | end | dose | route
        prednisone | 0     | 99  | 20   | -
        """,
        [(0, 99, 20, 1)],
    ),
    "one day, first and last": (
        """
        drug       | start | end | dose
        prednisone | 5     | 5   | 20
        """,
        [(5, 5, 20, 1), (6, 99, 0, 0)],
    ),
    "mg without an end is one day": (
        """
        drug       | start | end | dose | dose_unit
        prednisone | 5     | -   | 20   | mg
        """,
        [(5, 5, 20, 1), (6, 99, 0, 0)],
    ),
    "other drugs only: 0 from the first of them": (
        """
        drug         | start | end | dose | dose_unit
        methotrexate | 7     | 30  | 10   | mg/week
        """,
        [(7, 99, 0, 0)],
    ),
    "a dose after the last record stands": (
        """
        drug       | start | end | dose
        prednisone | 90    | 120 | 20
        prednisone | 130   | -   | 10
        """,
        [(90, 120, 20, 0.666667), (121, 129, 0, 0), (130, 130, 10, 0.333333)],
    ),
    "a pulse stays out of the daily dose": (
        """
        drug               | start | end | dose | route
        prednisone         | 0     | 99  | 20   | oral
        methylprednisolone | 10    | 12  | 600  | iv
        """,
        [(0, 99, 20, 1)],
    ),
    "a small intravenous dose is a daily dose": (
        """
        drug               | start | end | dose | route
        methylprednisolone | 0     | 9   | 16   | iv
        """,
        [(0, 9, 20, 1), (10, 99, 0, 0)],
    ),
}


@pytest.mark.parametrize("case", PERIODS)
def test_the_dose_of_every_day(case: str, rulebook: Rulebook) -> None:
    rows, expected = PERIODS[case]
    assert write(derive(rows, rulebook)) == expected


def test_without_any_medication_row_nothing_is_known(rulebook: Rulebook) -> None:
    assert derive("drug | start | end | dose", rulebook).is_empty()


# Rows: start-end dose unit route every_n_days. A child of 20 kg: 10 mg/kg is 200 mg.
PULSES = """
    case                            | rows                              | pulses
    200 mg in a child of 20 kg      | 10-10 200 mg/day iv 1             | 10-10 x1 200 mg
    199 mg                          | 10-10 199 mg/day iv 1             | -
    250 mg of unknown weight        | -90--90 250 mg/day iv 1           | -90--90 x1 250 mg
    249 mg of unknown weight        | -90--90 249 mg/day iv 1           | -
    10 mg/kg of unknown weight      | -90--90 10 mg/kg/day iv 1         | -90--90 x1 - mg
    by mouth                        | 10-10 500 mg/day oral 1           | -
    route unknown                   | 10-10 500 mg/day - 1              | -
    three days in one row           | 10-12 600 mg/day iv 1             | 10-12 x3 1800 mg
    three rows of a day             | 10-10 600 mg/day iv 1, 11-11 600 mg/day iv 1, 12-12 600 mg iv 1 | 10-12 x3 1800 mg
    a day between                   | 10-10 600 mg/day iv 1, 12-12 600 mg/day iv 1 | 10-10 x1 600 mg, 12-12 x1 600 mg
    weekly in one row               | 10-24 600 mg iv 7                 | 10-10 x1 600 mg, 17-17 x1 600 mg, 24-24 x1 600 mg
    every other day                 | 10-14 600 mg iv 2                 | 10-10 x1 600 mg, 12-12 x1 600 mg, 14-14 x1 600 mg
    two doses of one day            | 10-10 300 mg iv 1, 10-10 400 mg iv 1 | 10-10 x1 700 mg
    without an end: its first day   | 10-- 600 mg/day iv 1              | 10-10 x1 600 mg
"""


@pytest.mark.parametrize("case", read_rows(PULSES), ids=lambda row: str(row["case"]))
def test_pulses_are_episodes(case: dict[str, object], rulebook: Rulebook) -> None:
    rows = []
    for text in str(case["rows"]).split(", "):
        days, dose, unit, route, every = text.split()
        start, end = split_days(days)
        rows.append(
            {
                "drug": "methylprednisolone",
                "start": start,
                "end": end,
                "dose": float(dose),
                "dose_unit": unit,
                "route": None if route == "-" else route,
                "every_n_days": int(every),
            }
        )
    pulses = derive_steroid_pulses(
        make_table("medication", rows), draw("assessment", SIZES), rulebook
    )
    SteroidPulse.validate(pulses.select(SteroidPulse.column_names()))
    written = [
        f"{day_of(row['start_date'])}-{day_of(row['end_date'])} x{row['days']} "
        f"{'-' if row['total_mg'] is None else format(row['total_mg'], 'g')} mg"
        for row in pulses.to_dicts()
    ]
    assert ", ".join(written) == (case["pulses"] or "")


def split_days(text: str) -> tuple[int, int | None]:
    """Read "10-12", "-90--90" or "10--" (no end)."""
    cut = text.index("-", 1)
    start, end = text[:cut], text[cut + 1 :]
    return int(start), None if end == "-" else int(end)


BANDS = """
    mg_kg | days | band
    1     | 50   | high
    0.99  | 50   | medium
    0.2   | 50   | medium
    0.19  | 50   | low
    0     | 28   | off
    0     | 27   | -
"""


@pytest.mark.parametrize("case", read_rows(BANDS), ids=lambda row: f"{row['mg_kg']} {row['days']}")
def test_bands_of_the_daily_dose(case: dict[str, object], rulebook: Rulebook) -> None:
    last = int(str(case["days"])) - 1
    periods = derive(
        f"""
        drug       | start       | end    | dose            | dose_unit
        prednisone | 0           | {last} | {case["mg_kg"]} | mg/kg/day
        prednisone | {last + 1}  | -      | 3               | mg/kg/day
        """,
        rulebook,
    )
    assert periods["band"][0] == case["band"]


DOSE_ON = """
    day | mg_day | reason
    -1  | -      | no_medication_recorded
    0   | 20     | -
    9   | 20     | -
    10  | 0      | -
    20  | -      | dose_missing
    99  | 0      | -
    100 | -      | no_medication_recorded
"""


@pytest.mark.parametrize("case", read_rows(DOSE_ON), ids=lambda row: f"day {row['day']}")
def test_the_dose_of_a_day(case: dict[str, object], rulebook: Rulebook) -> None:
    periods = derive(
        """
        drug       | start | end | dose
        prednisone | 0     | 9   | 20
        prednisone | 20    | 29  | -
        """,
        rulebook,
    )
    rows = pl.DataFrame({"patient_id": ["child"], "date": [on_day(int(str(case["day"])))]})
    (found,) = derive_steroid_dose_on(rows, periods).to_dicts()
    assert found["prednisone_mg_day"] == case["mg_day"]
    assert found["steroid_reason"] == case["reason"]


FINDINGS = """
    rule                        | drug               | start | end | dose | dose_unit | route
    steroid_route_unknown       | prednisone         | 0     | 9   | 20   | mg/day    | -
    steroid_not_systemic        | prednisone         | 0     | 9   | 20   | mg/day    | topical
    steroid_dose_missing        | prednisone         | 0     | 9   | -    | mg/day    | oral
    steroid_dose_missing        | prednisone         | 0     | 9   | 20   | -         | oral
    pulse_without_end           | methylprednisolone | 0     | -   | 600  | mg/day    | iv
    pulse_not_evaluable         | methylprednisolone | -9    | -9  | 100  | mg/day    | iv
    dose_per_m2_without_height  | prednisone         | -9    | -9  | 10   | mg/m2     | oral
    dose_per_kg_without_weight  | prednisone         | -9    | -9  | 1    | mg/kg/day | oral
    single_dose_assumed         | rituximab          | 0     | -   | 500  | mg        | iv
"""


@pytest.mark.parametrize(
    "case", read_rows(FINDINGS), ids=lambda row: f"{row['rule']} {row['dose_unit']}"
)
def test_what_could_not_be_used_in_full_is_reported(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    row = {name: value for name, value in case.items() if name != "rule"}
    shard = make_shard(
        medication=make_table("medication", [{**row, "every_n_days": 1}]),
        assessment=draw("assessment", SIZES),
    )
    findings = find_in_derived(derive_all(shard, rulebook, 28), rulebook)
    assert findings["rule"].to_list() == [case["rule"]]
    assert findings["row_id"].to_list() == shard.medication["row_id"].to_list()
