"""Slopes, the published cut, stopped drugs and every refusal, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from calibration.sparing_world import Clinic, World, make_clinic, write_tables
from polars.testing import assert_frame_equal

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.steroid_sparing import STEROID_SPARING, DosingRule, SteroidSparing
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.rows import Row, make_results
from heliotrope.estimate.sparing.dosing_rule import Association, RuleFacts
from heliotrope.estimate.sparing.drugs_stopped import estimate_drugs_stopped
from heliotrope.estimate.sparing.estimate import (
    estimate_rule_and_spared,
    estimate_steroid_sparing,
)
from heliotrope.estimate.sparing.published_cut import estimate_published_cut
from heliotrope.estimate.sparing.slope import estimate_steroid_slopes
from heliotrope.estimate.sparing.visit_pairs import derive_visit_pairs
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

D0 = date(2020, 1, 1)

Tables = Mapping[str, pl.DataFrame]


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def make(name: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [{column: row.get(column) for column in schema} for row in rows]
    return pl.DataFrame(filled, schema=schema)


def regimen(child: str, observed: int = 800, last_course: int = 84) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": 1,
        "first_infusion": day(0),
        "last_infusion": day(last_course + 1),
        "last_course_start": day(last_course),
        "status": "discontinued",
        "observed_until": day(observed),
    }


def doses(child: str, *periods: tuple[int, int, float | None]) -> list[dict[str, Any]]:
    return [
        {
            "patient_id": child,
            "start_date": day(first),
            "end_date": day(last),
            "prednisone_mg_day": None if dose is None else 20.0 * dose,
            "prednisone_mg_kg_day": dose,
        }
        for first, last, dose in periods
    ]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def find(rows: Sequence[Row], variable: str, statistic: str) -> Row:
    found = [row for row in rows if (row.variable, row.statistic) == (variable, statistic)]
    assert len(found) == 1, f"{len(found)} rows of {variable}, {statistic}"
    return found[0]


def test_the_slope_is_the_median_of_all_pairs_and_a_lone_rise_does_not_bend_it(
    rulebook: Rulebook,
) -> None:
    """ann halves every 28 days, but for one reading; ben is off after two; cat is not on any."""
    ann = [(-120, 27, 1.0), (28, 55, 0.5), (56, 83, 4.0), (84, 800, 0.125)]
    tables = {
        "regimen": make("regimen", [regimen("ann"), regimen("ben"), regimen("cat")]),
        "steroid_period": make(
            "steroid_period",
            [
                *doses("ann", *ann),
                *doses("ben", (-120, 27, 1.0), (28, 55, 0.8), (56, 800, 0.0)),
                *doses("cat", (-120, 800, 0.0)),
            ],
        ),
    }
    rows = estimate_steroid_slopes(Inputs.of(tables, {}, rulebook))
    # On days 0, 28, 56, 84, 112 the logarithms are 0, -1, 2, -3, -3 times ln 2.
    logs = [0, -1, 2, -3, -3]
    pairs = [(logs[j] - logs[i]) / (j - i) for i in range(5) for j in range(i + 1, 5)]
    expected = 100 * (2 ** float(np.median(pairs)) - 1)
    row = find(rows, "percent_per_28_days:during", "median")
    assert (row.value, row.n_evaluable) == (pytest.approx(expected), 1)
    assert find(rows, "fell:during", "n").value == 1
    before = find(rows, "percent_per_28_days:before", "median")
    assert (before.value, before.n_evaluable) == (0, 2)


@pytest.mark.parametrize(
    ("periods", "flares", "observed", "expected"),
    [
        pytest.param([(-9, 0, 1.0), (1, 800, 0.4)], [], 800, 1, id="cut and kept"),
        pytest.param([(-9, 0, 1.0), (1, 800, 0.5)], [], 800, 0, id="exactly half is not more"),
        pytest.param([(-9, 0, 1.0), (1, 92, 0.4), (93, 800, 1.0)], [], 800, 1, id="one day more"),
        pytest.param(
            [(-9, 0, 1.0), (1, 91, 0.4), (92, 800, 1.0)], [], 800, 0, id="three months are not more"
        ),
        pytest.param([(-9, 0, 1.0), (1, 150, 0.4), (151, 800, 1.0)], [80], 800, 0, id="a flare"),
        pytest.param([(-9, 0, 1.0), (1, 800, 0.4)], [80], 800, 1, id="kept again after it"),
        pytest.param([(-9, 200, 1.0), (201, 800, 0.1)], [], 800, 0, id="after cover"),
        pytest.param([(-9, 0, 1.0), (1, 800, None)], [], 800, None, id="dose unknown"),
        pytest.param([(-9, 20, 1.0), (21, 60, 0.4)], [], 60, None, id="seen too shortly"),
        pytest.param([(-9, 0, 1.0), (1, 800, 1.0)], [], 40, None, id="seen for no three months"),
        pytest.param([(-9, 800, 0.0)], [], 800, "nobody", id="not on a steroid"),
    ],
)
def test_the_published_cut(
    periods: Any, flares: list[int], observed: int, expected: Any, rulebook: Rulebook
) -> None:
    """Three calendar months from 2 January (day 1) end on 1 April (day 91)."""
    tables = {
        "regimen": make("regimen", [regimen("ann", observed)]),
        "steroid_period": make("steroid_period", doses("ann", *periods)),
    }
    events = [
        {"row_id": n, "patient_id": "ann", "date": day(at), "kind": "flare"}
        for n, at in enumerate(flares)
    ]
    rows = estimate_published_cut(Inputs.of(tables, {"event": make("event", events)}, rulebook))
    share, open_ = find(rows, "met", "proportion_exact"), find(rows, "not_evaluable", "n")
    if expected == "nobody":
        assert (share.value, open_.value) == (None, 0)
    elif expected is None:
        assert (share.value, open_.value) == (None, 1)
        assert "above 0 on the day before" in str(share.refused)
    else:
        assert (share.value, open_.value) == (expected, 0)


def test_confirmed_deterioration_ends_the_published_cut(rulebook: Rulebook) -> None:
    state = {"patient_id": "ann", "date": day(60), "state": "met"}
    tables = {
        "regimen": make("regimen", [regimen("ann")]),
        "steroid_period": make(
            "steroid_period", doses("ann", (-9, 0, 1.0), (1, 120, 0.4), (121, 800, 1.0))
        ),
        "state": make("state", [state | {"definition_id": "confirmed_deterioration"}]),
    }
    rows = estimate_published_cut(Inputs.of(tables, {}, rulebook))
    assert find(rows, "met", "n").value == 0
    for other in (
        {"definition_id": "inactive_disease_2015"},
        {"definition_id": "confirmed_deterioration", "state": "not_met"},
    ):
        tables["state"] = make("state", [state | other])
        found = estimate_published_cut(Inputs.of(tables, {}, rulebook))
        assert find(found, "met", "n").value == 1


def drug(
    child: str, name: str, first: int, last: int | None, reason: str | None = None
) -> dict[str, Any]:
    return {
        "patient_id": child,
        "drug": name,
        "start_date": day(first),
        "end_date": None if last is None else day(last),
        "dose_mg_day": 10.0,
        "stop_reason": reason,
        "row_id": 1000 * len(name) + first,
    }


@pytest.fixture(scope="module")
def stops(rulebook: Rulebook) -> list[Row]:
    children = ["ann", "ben", "cat", "dov", "eve", "fay"]
    rows = [
        drug("ann", "methotrexate", -50, 100, "planned"),
        drug("ann", "hydroxychloroquine", -50, None),
        drug("ben", "methotrexate", -50, 100, "complication"),
        drug("cat", "methotrexate", -50, 100, "planned"),
        drug("cat", "methotrexate", 300, None),  # taken up again
        drug("dov", "methotrexate", -50, 780, "planned"),  # 20 days before the end of the record
        drug("eve", "methotrexate", -50, -1, "complication"),  # stopped before: not at risk
        drug("fay", "methotrexate", 0, 800),  # given to the last day
        drug("fay", "azathioprine", 1, 90, "planned"),  # begun after the first infusion
    ]
    tables = {
        "regimen": make("regimen", [regimen(child) for child in children]),
        "drug_period": make("drug_period", rows),
    }
    return estimate_drugs_stopped(Inputs.of(tables, {}, rulebook))


@pytest.mark.parametrize(
    ("variable", "value", "of"),
    [
        ("methotrexate:at_first_infusion", 5, 5),
        ("methotrexate:too_recent", 1, 5),
        ("methotrexate:stopped", 2, 4),
        ("methotrexate:stopped_complication", 1, 4),
        ("methotrexate:stopped_no_complication", 1, 4),
        ("methotrexate:stop_reason:planned", 1, 2),
        ("hydroxychloroquine:stopped", 0, 1),
        ("cytotoxic:stopped", 2, 4),
        ("any_drug:stopped", 2, 4),
        ("all_drugs:stopped", 1, 4),
    ],
)
def test_drugs_stopped_for_good(stops: list[Row], variable: str, value: int, of: int) -> None:
    row = find(stops, variable, "n")
    assert (row.value, row.n_evaluable) == (value, of)


def test_a_drug_nobody_was_on_has_no_row(stops: list[Row]) -> None:
    assert not [row for row in stops if row.variable.startswith("azathioprine")]


def test_the_visit_pairs_of_one_child(rulebook: Rulebook) -> None:
    """Visits on days -30, 0, 3 (passed over), 28 and 300 (too far away)."""
    visits = {-30: 4.0, 0: 6.0, 3: 5.0, 28: 3.0, 300: 1.0}
    tables = {
        "regimen": make("regimen", [regimen("ann")]),
        "course": make("course", [{"patient_id": "ann", "start_date": day(14)}]),
        "steroid_period": make(
            "steroid_period",
            doses("ann", (-60, -30, 1.0), (-29, -11, 0.8), (-10, 14, 0.5), (15, 800, 0.25)),
        ),
        "drug_period": make("drug_period", [drug("ann", "methotrexate", 0, 10)]),
        "steroid_pulse": make(
            "steroid_pulse", [{"patient_id": "ann", "start_date": day(-30), "drug": "x"}]
        ),
    }
    assessments = [
        {
            "row_id": n,
            "patient_id": "ann",
            "date": day(at),
            "measure": "physician_global",
            "value": v,
        }
        for n, (at, v) in enumerate(visits.items())
    ]
    inputs = Inputs.of(tables, {"assessment": make("assessment", assessments)}, rulebook)
    pairs = derive_visit_pairs(inputs, rulebook.get(STEROID_SPARING, SteroidSparing).dosing_rule)
    earlier = pytest.approx((19 * 0.8 + 10 * 0.5) / 29)
    later = pytest.approx((14 * 0.5 + 13 * 0.25) / 27)
    assert pairs.select(
        "days_from_first_infusion", "days", "activity", "next_activity", "dose_before", "dose"
    ).rows() == [
        (-30, 30, 4.0, 6.0, 1.0, earlier),
        (0, 28, 6.0, 3.0, earlier, later),
    ]
    assert pairs.select("covered", "other_drugs", "pulse", "is_linked").rows() == [
        (0.0, 0.0, 1.0, False),
        (0.5, 1.0, 0.0, True),
    ]


@pytest.mark.parametrize(
    ("slope", "low", "gaps", "regular", "expected"),
    [
        (0.10, 0.05, 100, 90, "by_activity"),
        (0.02, 0.001, 100, 90, "by_activity"),
        (0.019, 0.001, 100, 90, "by_calendar"),
        (0.10, -0.01, 100, 75, "by_calendar"),
        (0.10, -0.01, 100, 74, "not_shown"),
        (0.10, -0.01, 0, 0, "not_shown"),
    ],
)
def test_the_criterion_of_a_calendar_taper(
    slope: float, low: float, gaps: int, regular: int, expected: str, rulebook: Rulebook
) -> None:
    rule = rulebook.get(STEROID_SPARING, SteroidSparing).dosing_rule
    found = Association(slope, Interval(low, slope + 0.1))
    assert RuleFacts(30, 300, 200, found, None, gaps, regular).judge(rule) == expected
    assert RuleFacts(3, 9, 2, None, None, gaps, regular).judge(rule) is None


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return make_clinic(World(), 50, np.random.default_rng(4))


def refusal(tables: Tables, records: Tables, rulebook: Rulebook) -> str:
    rows = estimate_rule_and_spared(Inputs.of(tables, records, rulebook))
    refused = [row for row in rows if row.analysis == "steroid_sparing"]
    assert len(refused) == 1
    assert refused[0].value is None
    return str(refused[0].refused)


def test_what_is_not_there_is_refused_in_words(clinic: Clinic, rulebook: Rulebook) -> None:
    tables, records = write_tables(clinic, World())
    assert "no course of intravenous" in refusal({}, records, rulebook)
    assert "no steroid dose" in refusal({**tables, "steroid_period": doses_of(0)}, {}, rulebook)
    assert "physician global" in refusal(tables, {}, rulebook)


def doses_of(dose: float) -> pl.DataFrame:
    return make("steroid_period", doses("child00000", (-900, 5000, dose)))


def test_few_children_are_refused(rulebook: Rulebook) -> None:
    tables, records = write_tables(make_clinic(World(), 39, np.random.default_rng(4)), World())
    rows = estimate_rule_and_spared(Inputs.of(tables, records, rulebook))
    assert "before it: 39 (asked for: 40)" in str(
        find(rows, "spared_mg_kg_day", "mean_difference").refused
    )
    assert find(rows, "activity", "slope").value == pytest.approx(0.1, abs=0.02)


def test_a_dose_that_never_changes_is_refused(clinic: Clinic, rulebook: Rulebook) -> None:
    flat = replace(
        clinic, dose=np.full_like(clinic.dose, 0.5), start_dose=clinic.start_dose * 0 + 0.5
    )
    assert "shows no rule" in refusal(*write_tables(flat, World()), rulebook)


def test_no_visit_between_the_infusions_is_refused(clinic: Clinic, rulebook: Rulebook) -> None:
    tables, records = write_tables(clinic, World())
    first = tables["regimen"].select("patient_id", "first_infusion")
    before = (
        records["assessment"]
        .join(first, on="patient_id")
        .filter(pl.col("date") <= pl.col("first_infusion"))
    )
    seen = {"assessment": before.drop("first_infusion")}
    assert "no visit lies between" in refusal(tables, seen, rulebook)


def test_no_visit_without_ivig_is_refused(clinic: Clinic, rulebook: Rulebook) -> None:
    always = replace(clinic, covered=np.ones_like(clinic.covered))
    assert "what would have happened without" in refusal(*write_tables(always, World()), rulebook)


def test_a_global_that_never_moves_is_refused(clinic: Clinic, rulebook: Rulebook) -> None:
    still = replace(clinic, seen=np.full_like(clinic.seen, 10.0))
    tables, records = write_tables(still, World())
    rows = estimate_rule_and_spared(Inputs.of(tables, records, rulebook))
    assert "did not vary" in str(find(rows, "activity", "slope").refused)
    assert "not shown" in str(find(rows, "spared_mg_kg_day", "mean_difference").refused)


def test_nothing_recorded_gives_refusals_only(rulebook: Rulebook) -> None:
    rows = estimate_steroid_sparing(Inputs.of({}, {}, rulebook))
    answered = [row for row in rows if row.refused is None]
    assert {row.value for row in answered} <= {0.0}
    assert all(row.statistic == "n" for row in answered)


def test_no_row_prints_a_number_that_is_none(clinic: Clinic, rulebook: Rulebook) -> None:
    """A quick estimate of 50 children: every row has a number, or a reason."""
    quick = rulebook.get(STEROID_SPARING, SteroidSparing)
    model = quick.model.model_copy(update={"bootstrap_replicates": 20, "simulated_paths": 400})
    definitions = {
        **rulebook.definitions,
        STEROID_SPARING: quick.model_copy(update={"model": model}),
    }
    tables, records = write_tables(clinic, World())
    inputs = Inputs.of(tables, records, replace(rulebook, definitions=definitions))
    rows = estimate_rule_and_spared(inputs)
    results = make_results(rows)
    assert results.filter(pl.col("value").is_nan() | pl.col("low").is_nan()).is_empty()
    spared = next(row for row in rows if row.variable == "spared_mg_kg_day")
    assert spared.refused is None
    assert spared.low is not None
    assert 0 < spared.low < float(str(spared.value))
    shuffled = [
        {name: table.sample(fraction=1, shuffle=True, seed=3) for name, table in frames.items()}
        for frames in (tables, records)
    ]
    mixed = Inputs.of(*shuffled, replace(rulebook, definitions=definitions))
    assert_frame_equal(make_results(estimate_rule_and_spared(mixed)), results)
    kept = results.filter(pl.col("variable") == "observed_mg_kg_day")["value"].item()
    assert math.isfinite(kept)


def test_the_measure_of_activity_is_a_measure(rulebook: Rulebook) -> None:
    rule: DosingRule = rulebook.get(STEROID_SPARING, SteroidSparing).dosing_rule
    measure = measures_of(rulebook)[rule.activity_measure]
    assert (measure.better, measure.minimum, measure.maximum) == ("low", 0, 10)
