"""What a table of cases cannot say of steroid doses: the dose of any day, the row of a finding."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import draw, make_shard, on_day

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.derive.findings import find_in_derived
from heliotrope.derive.glucocorticoids import (
    derive_steroid_dose_on,
    derive_steroid_periods,
)
from heliotrope.records.treatment_tables import SteroidPeriod

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


def test_a_finding_names_the_row(rulebook: Rulebook) -> None:
    shard = make_shard(
        medication=draw(
            "medication",
            """
            drug       | start | end | dose
            prednisone | 0     | 9   | 20
            prednisone | 10    | 19  | -
            """,
        ),
        assessment=draw("assessment", SIZES),
    )
    (finding,) = find_in_derived(derive_all(shard, rulebook, 28), rulebook).to_dicts()
    assert finding["rule"] == "steroid_dose_missing"
    assert finding["row_id"] == shard.medication["row_id"][1]
