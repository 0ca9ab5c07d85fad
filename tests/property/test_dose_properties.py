"""Daily steroid doses and pulses against a slow reading of the rules, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.spec.drawn_records import make_table, on_day

from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.glucocorticoids import derive_steroid_periods, derive_steroid_pulses
from heliotrope.derive.immunosuppressants import derive_drug_periods

SEEN_TO = 60
RULEBOOK = read_rulebook()
MG_OF_5_PREDNISONE = {"prednisone": 5.0, "dexamethasone": 0.75, "methylprednisolone": 4.0}


@dataclass(frozen=True)
class Given:
    """One medication row, in days."""

    drug: str
    start: int
    end: int | None
    dose: float | None
    unit: str = "mg/day"
    every: int = 1
    route: str | None = "oral"

    def last(self) -> int:
        return max(self.start, SEEN_TO) if self.end is None else self.end

    def record(self) -> dict[str, object]:
        return {
            "drug": self.drug,
            "start": self.start,
            "end": self.end,
            "dose": self.dose,
            "dose_unit": self.unit,
            "every_n_days": self.every,
            "route": self.route,
        }


@st.composite
def draw_rows(draw: st.DrawFn) -> list[Given]:
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, 50))
        rows.append(
            Given(
                drug=draw(st.sampled_from([*MG_OF_5_PREDNISONE, "methotrexate"])),
                start=start,
                end=draw(st.one_of(st.none(), st.integers(start, start + 30))),
                dose=draw(st.one_of(st.none(), st.sampled_from([0.0, 0.1, 2.5, 20.0, 40.0]))),
                unit=draw(st.sampled_from(["mg/day", "mg/week", "mg/kg/day"])),
                every=draw(st.sampled_from([1, 1, 2])),
                route=draw(st.sampled_from(["oral", "oral", None, "topical"])),
            )
        )
    return rows


def slow_dose_on(rows: Sequence[Given], day: int, weight_kg: float) -> float | None:
    """Add up the prednisone of one day, row by row, as a person with a pencil would."""
    total = 0.0
    for row in rows:
        if row.drug not in MG_OF_5_PREDNISONE or row.route == "topical":
            continue
        last = row.last()
        meets = any(
            row.end is not None
            and other.start == row.end > row.start
            and (other.drug, other.route) == (row.drug, row.route)
            for other in rows
        )
        if not row.start <= day <= (last - 1 if meets else last):
            continue
        if row.dose is None:
            return None
        mg = {
            "mg/day": row.dose / row.every,
            "mg/week": row.dose / 7,
            "mg/kg/day": row.dose * weight_kg / row.every,
        }[row.unit]
        total += mg * 5 / MG_OF_5_PREDNISONE[row.drug]
    return total


def derive(rows: Sequence[Given], rulebook: Rulebook = RULEBOOK, shift: int = 0) -> pl.DataFrame:
    medication = make_table("medication", [row.record() for row in rows])
    medication = medication.with_columns(pl.col("start_date", "end_date") + pl.duration(days=shift))
    weight = make_table("assessment", [{"day": shift, "measure": "weight", "value": 20.0}])
    patients = pl.DataFrame({"patient_id": ["child"], "observed_until": [on_day(SEEN_TO + shift)]})
    return derive_steroid_periods(medication, weight, patients, rulebook)


def by_day(periods: pl.DataFrame) -> dict[int, float | None]:
    return {
        (row["start_date"] - on_day(0)).days + offset: row["prednisone_mg_day"]
        for row in periods.to_dicts()
        for offset in range((row["end_date"] - row["start_date"]).days + 1)
    }


@given(rows=draw_rows())
@settings(max_examples=60, deadline=None)
def test_every_day_has_the_dose_a_pencil_finds(rows: list[Given]) -> None:
    found = by_day(derive(rows))
    if not rows:
        assert found == {}
        return
    first = min(row.start for row in rows)
    steroids = [row.last() for row in rows if row.drug != "methotrexate" and row.route != "topical"]
    assert set(found) == set(range(first, max([SEEN_TO, first, *steroids]) + 1))
    for day, mg in found.items():
        expected = slow_dose_on(rows, day, 20.0)
        assert mg == (None if expected is None else pytest.approx(expected, abs=1e-9)), day


@given(rows=draw_rows())
@settings(max_examples=20, deadline=None)
def test_periods_follow_one_another(rows: list[Given]) -> None:
    periods = derive(rows).to_dicts()
    for one, following in pairwise(periods):
        assert (following["start_date"] - one["end_date"]).days == 1
    for period in periods:
        assert period["start_date"] <= period["end_date"]


@given(rows=draw_rows(), data=st.data())
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_does_not_matter(rows: list[Given], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    assert_frame_equal(derive(rows).drop("row_ids"), derive(shuffled).drop("row_ids"))


@given(rows=draw_rows(), shift=st.integers(-700, 700))
@settings(max_examples=20, deadline=None)
def test_shifting_all_dates_shifts_the_periods(rows: list[Given], shift: int) -> None:
    back = derive(rows, shift=shift).with_columns(
        pl.col("start_date", "end_date") - pl.duration(days=shift)
    )
    assert_frame_equal(derive(rows), back)


@given(rows=draw_rows(), data=st.data())
@settings(max_examples=30, deadline=None)
def test_splitting_a_row_in_two_changes_nothing(rows: list[Given], data: st.DataObject) -> None:
    long = [row for row in rows if row.end is not None and row.end > row.start + 1]
    if not long:
        return
    row = data.draw(st.sampled_from(long))
    cut = data.draw(st.integers(row.start, int(str(row.end)) - 1))
    rest = [other for other in rows if other is not row]
    if any(other.start in (cut, row.end) or other.end == cut + 1 for other in rest):
        return
    halves = [replace(row, end=cut), replace(row, start=cut + 1)]
    assert_frame_equal(derive(rows).drop("row_ids"), derive([*rest, *halves]).drop("row_ids"))


@given(rows=draw_rows())
@settings(max_examples=10, deadline=None)
def test_strangers_change_nothing(rows: list[Given]) -> None:
    medication = make_table(
        "medication",
        [row.record() for row in rows]
        + [{**row.record(), "patient_id": "stranger"} for row in rows],
    )
    weight = make_table("assessment", [{"day": 0, "measure": "weight", "value": 20.0}])
    patients = pl.DataFrame(
        {"patient_id": ["child", "stranger"], "observed_until": [on_day(SEEN_TO), on_day(10)]}
    )
    together = derive_steroid_periods(medication, weight, patients, RULEBOOK)
    assert_frame_equal(together.filter(pl.col("patient_id") == "child"), derive(rows))


@given(days=st.sets(st.integers(0, 30), min_size=1, max_size=10), data=st.data())
@settings(max_examples=20, deadline=None)
def test_pulses_are_grouped_like_runs_of_days(days: set[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(days)))
    rows = [Given("methylprednisolone", day, day, 500.0, "mg", 1, "iv").record() for day in order]
    no_weight = make_table("assessment", [])
    pulses = derive_steroid_pulses(make_table("medication", rows), no_weight, RULEBOOK)
    runs = [day for day in sorted(days) if day - 1 not in days]
    assert pulses["start_date"].to_list() == [on_day(day) for day in runs]
    assert pulses["total_mg"].sum() == 500.0 * len(days)


def test_the_table_of_equivalents_is_that_of_the_definition() -> None:
    """The slow reading above must not drift away from the shipped table."""
    rule = RULEBOOK.get("gc_equiv_v1", GlucocorticoidRule)
    assert {drug: rule.equivalent_of(drug) for drug in MG_OF_5_PREDNISONE} == MG_OF_5_PREDNISONE


def slow_change(rows: Sequence[Given], row: Given) -> str:
    """Compare the dose of a drug on a row's first day with the day before, in mg."""

    def total(day: int) -> float | None:
        active = [r for r in rows if r.start <= day and (r.end is None or r.end >= day)]
        doses = [r.dose for r in active]
        return None if None in doses else sum(dose for dose in doses if dose is not None)

    before, now = total(row.start - 1), total(row.start)
    if before == 0:
        return "started"
    if before is None or now is None:
        return "unknown"
    return "raised" if now > before else "lowered" if now < before else "unchanged"


@st.composite
def draw_azathioprine(draw: st.DrawFn) -> list[Given]:
    starts = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=4)))
    return [
        Given(
            "azathioprine",
            start,
            draw(st.one_of(st.none(), st.integers(start, start + 15))),
            draw(st.one_of(st.none(), st.sampled_from([25.0, 50.0, 75.0]))),
        )
        for start in starts
    ]


@given(rows=draw_azathioprine())
@settings(max_examples=30, deadline=None)
def test_a_drug_is_started_raised_or_lowered(rows: list[Given]) -> None:
    ends = {row.end for row in rows}
    if any(row.start in ends for row in rows):
        return
    medication = make_table("medication", [row.record() for row in rows])
    periods = derive_drug_periods(medication, make_table("assessment", []), RULEBOOK)
    expected = [slow_change(rows, row) for row in rows]
    assert periods.sort("start_date")["change"].to_list() == expected
