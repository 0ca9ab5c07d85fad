"""Measures by phase of the infusion cycle and onset intervals, worked out by hand."""

from __future__ import annotations

import math
import zlib
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.rows import Row
from heliotrope.estimate.timing.cycle import estimate_cycle
from heliotrope.estimate.timing.first_response import estimate_first_response
from heliotrope.estimate.timing.phase_test import NO_CONTRAST
from heliotrope.estimate.timing.phases import derive_cycle_values
from heliotrope.estimate.timing.pulse_curves import NO_CYCLE, NO_VISIT
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

D0 = date(2020, 1, 1)

RULEBOOK = read_rulebook()


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def regimen(child: str, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": 1,
        "first_infusion": day(0),
        "last_infusion": day(56),
        "last_course_start": day(56),
        "courses": 3,
        "status": "ongoing",
        "purpose": "treatment",
        "observed_until": day(120),
    } | values


def courses(child: str, starts: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "patient_id": child,
            "regimen": 1,
            "course": number + 1,
            "start_date": day(start),
            "interval_days": starts[number + 1] - start if number + 1 < len(starts) else None,
        }
        for number, start in enumerate(starts)
    ]


def seen(child: str, measure: str, values: dict[int, float]) -> list[dict[str, Any]]:
    return [
        {
            "row_id": zlib.crc32(f"{child} {measure} {when}".encode()),
            "patient_id": child,
            "date": day(when),
            "measure": measure,
            "value": value,
        }
        for when, value in values.items()
    ]


def inputs_of(
    assessments: list[dict[str, Any]],
    starts: dict[str, list[int]] | None = None,
    **regimen_values: Any,
) -> Inputs:
    starts = {"ann": [0, 28, 56]} if starts is None else starts
    tables = {
        "regimen": make("regimen", [regimen(child, **regimen_values) for child in starts]),
        "course": make("course", [row for c, days in starts.items() for row in courses(c, days)]),
    }
    return Inputs.of(tables, {"assessment": make("assessment", assessments)}, RULEBOOK)


def by_name(rows: list[Row]) -> dict[tuple[str, str, str], Row]:
    return {(row.analysis, row.variable, row.statistic): row for row in rows}


class TestPhases:
    def test_each_visit_has_one_phase_and_the_value_before_its_own_infusion(self) -> None:
        values = {0: 6.0, 3: 5.0, 14: 4.0, 28: 5.5, 31: 4.5, 80: 5.0}
        cycles = derive_cycle_values(inputs_of(seen("ann", "physician_global", values)))
        placed = cycles.values.select("course", "day", "phase", "value", "before_value").rows()
        assert placed == [
            (1, 3, "days_1_7", 5.0, 6.0),
            (1, 14, "days_8_21", 4.0, 6.0),
            (1, 28, "trough", 5.5, 6.0),
            (2, 3, "days_1_7", 4.5, 5.5),
            (3, 24, "trough", 5.0, None),
        ]

    def test_the_value_before_is_the_last_of_seven_days(self) -> None:
        early = derive_cycle_values(inputs_of(seen("ann", "cmas", {-8: 20.0, 3: 30.0})))
        assert early.values["before_value"].to_list() == [None]
        late = derive_cycle_values(inputs_of(seen("ann", "cmas", {-7: 20.0, -2: 24.0, 3: 30.0})))
        assert late.values["before_value"].to_list() == [24.0]

    def test_a_cycle_without_room_for_a_trough_is_left_out_with_its_visits(self) -> None:
        starts = {"ann": [0, 28, 42, 70]}
        values = seen("ann", "physician_global", {30: 5.0, 42: 4.0, 45: 3.0})
        cycles = derive_cycle_values(inputs_of(values, starts))
        assert cycles.cycles["course"].to_list() == [1, 3, 4]
        # Day 42 ends the short cycle: it is no late visit of the one before, but the value before.
        assert cycles.values.select("course", "day", "before_value").rows() == [(3, 3, 4.0)]

    def test_days_beyond_the_trough_belong_to_no_phase(self) -> None:
        values = seen("ann", "physician_global", {56 + 42: 5.0, 56 + 43: 4.0})
        cycles = derive_cycle_values(inputs_of(values))
        assert cycles.values["day"].to_list() == [42]

    def test_replacement_doses_have_no_cycle(self) -> None:
        inputs = inputs_of(seen("ann", "cmas", {3: 30.0}), purpose="replacement_dose")
        assert derive_cycle_values(inputs).cycles.height == 0
        rows = by_name(estimate_cycle(inputs))
        assert rows["pulse_curve", "any", "median"].refused == NO_CYCLE

    def test_an_enzyme_of_zero_has_no_ratio(self) -> None:
        cycles = derive_cycle_values(
            inputs_of(seen("ann", "creatine_kinase", {0: 800.0, 3: 0.0, 5: 400.0}))
        )
        assert cycles.values.select("day", "value").rows() == [(5, math.log2(400))]


class TestCurves:
    def rows(self) -> dict[tuple[str, str, str], Row]:
        ann = seen("ann", "creatine_kinase", {0: 800.0, 3: 400.0, 28: 800.0, 31: 200.0, 56: 800.0})
        ben = seen("ben", "creatine_kinase", {0: 1000.0, 4: 500.0, 27: 2000.0})
        return by_name(
            estimate_cycle(inputs_of(ann + ben, {"ann": [0, 28, 56], "ben": [0, 28, 56]}))
        )

    def test_a_child_counts_once_by_its_mean_change(self) -> None:
        rows = self.rows()
        # ann: ratios 1/2 and 1/4, geometric mean 0.354; ben: 1/2.
        mean = rows["pulse_curve", "creatine_kinase:days_1_7", "mean_ratio"]
        assert mean.value == pytest.approx(2 ** ((-1.5 - 1) / 2))
        assert mean.n_evaluable == 2
        median = rows["pulse_curve", "creatine_kinase:days_1_7", "median"]
        assert median.value == pytest.approx((2**-1.5 + 0.5) / 2)
        visits = rows["pulse_curve", "creatine_kinase:days_1_7:visits", "n"]
        assert (visits.value, visits.n_evaluable) == (3, 2)

    def test_students_interval_of_two_children(self) -> None:
        row = self.rows()["pulse_curve", "creatine_kinase:days_1_7", "mean_ratio"]
        half = 12.7062047 * 0.25  # t(0.975, 1) times half of the difference of -1.5 and -1
        assert row.low == pytest.approx(2 ** (-1.25 - half), rel=1e-6)
        assert row.high == pytest.approx(2 ** (-1.25 + half), rel=1e-6)

    def test_a_phase_without_visits_is_refused_and_one_child_has_no_interval(self) -> None:
        rows = self.rows()
        assert rows["pulse_curve", "creatine_kinase:days_8_21", "median"].refused is not None
        ann = seen("ann", "cmas", {0: 20.0, 3: 26.0})
        row = by_name(estimate_cycle(inputs_of(ann)))["pulse_curve", "cmas:days_1_7", "mean_change"]
        assert (row.value, row.low, row.formatted) == (6.0, None, "6 (one child)")

    def test_phase_coverage_counts_visits_children_and_days(self) -> None:
        rows = self.rows()
        found = {
            name: rows["phase_coverage", name, "n"].value
            for name in ("cycles", "pre_infusion", "days_1_7", "days_8_21", "trough")
        }
        assert found == {"cycles": 6, "pre_infusion": 5, "days_1_7": 3, "days_8_21": 0, "trough": 3}
        assert rows["phase_coverage", "two_parts:cycles", "n"].value == 3
        assert rows["phase_coverage", "day_3", "n"].value == 2

    def test_trough_only_visits_are_said_to_tell_nothing_between_infusions(self) -> None:
        rows = by_name(
            estimate_cycle(inputs_of(seen("ann", "cmas", {0: 20.0, 28: 26.0, 56: 30.0})))
        )
        refused = rows["phase_coverage", "what_can_be_told", "n"].refused
        assert refused is not None
        assert "one phase of the infusion cycle only (trough)" in refused
        assert rows["phase_test", "cmas", "contrast"].refused == NO_CONTRAST.format(
            early=21, trough=22
        )

    def test_nobody_treated_and_nobody_visited(self) -> None:
        nobody = by_name(estimate_cycle(inputs_of([], {})))
        assert nobody["pulse_curve", "any", "median"].refused == NO_IVIG
        unseen = by_name(estimate_cycle(inputs_of([])))
        assert unseen["phase_coverage", "what_can_be_told", "n"].refused == NO_VISIT


class TestPhaseTest:
    def test_higher_is_worse_whichever_end_of_the_measure_is_better(self) -> None:
        assessments = []
        for child in range(7):
            assessments += seen(f"c{child}", "cmas", {3: 40.0, 28: 30.0})
            assessments += seen(f"c{child}", "physician_global", {3: 2.0, 28: 4.0})
            assessments += seen(f"c{child}", "creatine_kinase", {3: 200.0, 28: 800.0})
        starts = {f"c{child}": [0, 28, 56] for child in range(7)}
        rows = by_name(estimate_cycle(inputs_of(assessments, starts)))
        contrasts = {
            name: rows["phase_test", name, "contrast"].value
            for name in ("cmas", "physician_global", "creatine_kinase")
        }
        assert contrasts == {"cmas": 10.0, "physician_global": 2.0, "creatine_kinase": 4.0}
        p_value = rows["phase_test", "cmas", "p_value"]
        assert p_value.value == pytest.approx(2 / 2**7)
        assert p_value.formatted == "p = 0.016 (all)"
        assert rows["phase_test", "cmas", "p_value_holm"].value == pytest.approx(3 * 2 / 2**7)
        assert rows["phase_test", "measures_tested", "n"].value == 3

    def test_cycles_too_few_to_show_anything_have_no_p_value(self) -> None:
        values = seen("ann", "cmas", {3: 40.0, 28: 30.0, 31: 40.0, 56: 30.0})
        rows = by_name(estimate_cycle(inputs_of(values)))
        assert rows["phase_test", "cmas", "contrast"].value == 10.0
        assert "p = 0.50" in str(rows["phase_test", "cmas", "p_value"].refused)


def response(child: str, after: int | None, by: int | None, onset: str = "rapid") -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": 1,
        "first_infusion": day(0),
        "onset": onset,
        "onset_after_day": after,
        "onset_by_day": by,
    }


class TestFirstResponse:
    def rows(self, found: list[dict[str, Any]]) -> dict[tuple[str, str, str], Row]:
        tables = {
            "response": make("response", found),
            "regimen": make("regimen", [regimen(row["patient_id"]) for row in found]),
        }
        return by_name(estimate_first_response(Inputs.of(tables, {}, RULEBOOK)))

    def test_shares_by_day_are_a_range_with_bounds_that_assume_nothing(self) -> None:
        rows = self.rows(
            [
                response("a", 0, 7),
                response("b", 7, 42),
                response("c", 60, None, "never"),
                response("d", 0, None, "not_evaluable"),
            ]
        )
        assert rows["first_response", "children", "n"].value == 3
        assert rows["first_response", "after_day_7:by_day_42", "share_in_interval"].value
        least = rows["first_response", "day_14", "turnbull_least"]
        most = rows["first_response", "day_14", "turnbull_most"]
        assert (least.value, most.value) == pytest.approx((1 / 3, 2 / 3))
        counts = [
            rows["first_response", "day_14", name].value
            for name in ("known_improved", "known_not_improved", "not_known")
        ]
        assert counts == [1, 1, 1]
        # Exact ends of 1 of 3 (low) and 2 of 3 (high).
        assert (least.low, least.high) == pytest.approx((0.0084038, 0.9915962), abs=1e-6)

    def test_half_is_reached_between_two_days(self) -> None:
        rows = self.rows([response("a", 0, 7), response("b", 7, 42)])
        assert rows["first_response", "median_after_day", "turnbull"].value == 0
        assert rows["first_response", "median_by_day", "turnbull"].value == 7
        never = self.rows([response("a", 0, 7), response("b", 40, None), response("c", 9, None)])
        assert never["first_response", "median_by_day", "turnbull"].refused is not None

    def test_nobody_treated_is_refused(self) -> None:
        assert self.rows([])["first_response", "curve", "turnbull_least"].refused == NO_IVIG


def test_the_phases_of_the_definition_must_follow_each_other() -> None:
    parameters = RULEBOOK.get(MODEL_FREE, ModelFreeEstimates)
    content = parameters.model_dump()
    content["phases"]["windows"][1]["first_day"] = 5
    with pytest.raises(ValueError, match="without overlap"):
        ModelFreeEstimates.model_validate(content)
