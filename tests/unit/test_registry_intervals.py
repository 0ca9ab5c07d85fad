"""Follow-up cut into intervals: by hand for a few children, and for a whole simulated registry."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.cohort import estimate_all
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.registry.person_intervals import derive_person_intervals
from heliotrope.estimate.registry_comparison import estimate_registry_comparison
from heliotrope.estimate.rows import Row
from heliotrope.ingest.read import read_records
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES
from heliotrope.records.shard import Shard
from heliotrope.simulate.cohort import write_csv
from heliotrope.simulate.registry import read_registry_settings, simulate_registry
from heliotrope.simulate.registry_tables import make_intervals, make_registry_tables
from heliotrope.study import read_study

DIAGNOSIS = date(2015, 1, 1)

Rows = list[dict[str, Any]]


def day(number: int) -> date:
    return DIAGNOSIS + timedelta(days=number)


def make(name: str, rows: Rows) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def patient(child: str, until: int = 400, **values: Any) -> dict[str, Any]:
    return {
        "row_id": 1,
        "patient_id": child,
        "diagnosis_date": DIAGNOSIS,
        "birth_date": date(2008, 1, 1),
        "followup_end": day(until),
    } | values


def measured(child: str, values: dict[int, float], measure: str = "physician_global") -> Rows:
    return [
        {
            "row_id": 100 + number,
            "patient_id": child,
            "date": day(number),
            "measure": measure,
            "value": value,
            "unit": "cm",
        }
        for number, value in values.items()
    ]


def regimen(child: str, first: int, stopped: int | None, until: int = 400) -> dict[str, Any]:
    last = until if stopped is None else stopped - 28
    return {
        "patient_id": child,
        "regimen": 1,
        "first_infusion": day(first),
        "last_infusion": day(last),
        "last_course_start": day(last),
        "courses": 3,
        "status": "ongoing" if stopped is None else "discontinued",
        "purpose": "treatment",
        "discontinuation_date": None if stopped is None else day(stopped),
        "observed_until": day(until),
    }


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def numbers_of(rulebook: Rulebook, days: int = 30) -> RegistryComparison:
    numbers = rulebook.get(REGISTRY_COMPARISON, RegistryComparison)
    return numbers.model_copy(
        update={"intervals": numbers.intervals.model_copy(update={"days": days})}
    )


def cut(rulebook: Rulebook, **tables: Rows) -> pl.DataFrame:
    """Cut the follow-up of child a, in a registry in which another child is followed longer."""
    tables["patient"] = [*tables["patient"], patient("z", until=1300)]
    made = {name: make(name, rows) for name, rows in tables.items()}
    inputs = Inputs.of(made, made, rulebook)
    frame = derive_person_intervals(inputs, numbers_of(rulebook)).frame
    return frame.filter(pl.col("patient_id") == "a")


def column(frame: pl.DataFrame, name: str) -> list[Any]:
    return frame[name].to_list()


class TestByHand:
    def test_a_child_without_ivig_is_followed_to_its_end(self, rulebook: Rulebook) -> None:
        frame = cut(
            rulebook,
            patient=[patient("a", until=100)],
            assessment=measured("a", {0: 5.0, 40: 4.0, 90: 3.0}),
        )
        assert column(frame, "start_day") == [0, 30, 60, 90]
        assert column(frame, "is_censored") == [False, False, False, True]
        assert column(frame, "activity") == [5.0, 5.0, 4.0, 3.0]
        assert column(frame, "activity_age_days") == [14, 30, 20, 0]
        assert column(frame, "outcome_activity") == [None, 4.0, 3.0, None]
        assert column(frame, "baseline_activity") == [5.0] * 4
        assert not frame["is_treated"].any()

    @pytest.mark.parametrize(("until", "is_lost"), [(1100, True), (1118, False), (1300, False)])
    def test_the_end_of_all_records_is_no_loss(
        self, rulebook: Rulebook, until: int, is_lost: bool
    ) -> None:
        """The last child is seen until day 1300: 182 days before, day 1118, others may be too."""
        frame = cut(
            rulebook,
            patient=[patient("a", until=until)],
            assessment=measured("a", {0: 5.0}),
        )
        assert frame["is_censored"].to_list()[-1] is is_lost
        assert not frame["is_censored"][:-1].any()

    def test_nothing_recorded_after_a_decision_stands_before_it(self, rulebook: Rulebook) -> None:
        """IVIG starts on day 40 after that day's visit; the visit of day 50 is an outcome."""
        frame = cut(
            rulebook,
            patient=[patient("a", until=130)],
            assessment=measured("a", {0: 5.0, 40: 8.0, 50: 2.0}),
            regimen=[regimen("a", 40, 110, until=130)],
        )
        assert column(frame, "is_treated") == [False, True, True, True, False]
        assert column(frame, "was_treated") == [False, False, True, True, True]
        assert column(frame, "was_ever_treated") == [False, False, True, True, True]
        assert column(frame, "intervals_on") == [0, 0, 1, 2, 3]
        assert column(frame, "decision_day") == [14, 40, 60, 90, 120]
        assert column(frame, "activity") == [5.0, 8.0, 2.0, 2.0, 2.0]
        assert column(frame, "outcome_activity") == [None, 2.0, None, None, None]

    def test_a_visit_before_the_start_is_no_outcome_of_the_start(self, rulebook: Rulebook) -> None:
        frame = cut(
            rulebook,
            patient=[patient("a", until=90)],
            assessment=measured("a", {0: 5.0, 35: 9.0}),
            regimen=[regimen("a", 40, None, until=90)],
        )
        assert column(frame, "outcome_activity") == [None, None, None]

    def test_missing_stays_missing_and_an_old_value_does_not_count(
        self, rulebook: Rulebook
    ) -> None:
        frame = cut(
            rulebook,
            patient=[patient("a", until=60)],
            assessment=[*measured("a", {-200: 9.0, 50: 4.0}), *measured("a", {0: 70.0}, "mmt8")],
        )
        assert column(frame, "activity") == [None, None]
        assert column(frame, "baseline_activity") == [None, None]
        assert column(frame, "strength") == [0.125, 0.125]
        assert column(frame, "creatine_kinase") == [None, None]
        assert column(frame, "other_drugs") == [None, None]

    def test_a_creatine_kinase_is_doublings_of_its_limit(self, rulebook: Rulebook) -> None:
        rows = measured("a", {0: 800.0}, "creatine_kinase")
        limited = [{**row, "upper_limit": 200.0} for row in rows]
        frame = cut(rulebook, patient=[patient("a", until=40)], assessment=limited)
        assert column(frame, "creatine_kinase") == [2.0, 2.0]

    def test_who_cannot_be_compared_is_counted(self, rulebook: Rulebook) -> None:
        made = {
            "patient": make(
                "patient",
                [
                    patient("none", diagnosis_date=None),
                    patient("before"),
                    patient("replacement"),
                    patient("late"),
                    patient("short", until=10),
                    patient("kept"),
                    patient("skin"),
                ],
            ),
            "assessment": make(
                "assessment",
                [
                    row
                    for child, when in (
                        ("before", 0),
                        ("replacement", 0),
                        ("late", 200),
                        ("short", 0),
                        ("kept", 0),
                        ("skin", 0),
                    )
                    for row in measured(child, {when: 5.0})
                ],
            ),
            "regimen": make(
                "regimen",
                [
                    regimen("before", -20, 60),
                    regimen("replacement", 20, 60) | {"purpose": "replacement_dose"},
                ],
            ),
            "infusion_day": make(
                "infusion_day", [{"patient_id": "skin", "date": day(30), "route": "sc"}]
            ),
        }
        table = derive_person_intervals(Inputs.of(made, made, rulebook), numbers_of(rulebook))
        assert table.left_out == {
            "no_diagnosis_date": 1,
            "ivig_before_diagnosis": 1,
            "replacement_dose": 1,
            "subcutaneous_only": 1,
            "first_seen_late": 1,
            "not_followed_up": 1,
            "not_drawn": 0,
        }
        assert table.frame["patient_id"].unique().to_list() == ["kept"]

    def test_of_too_many_children_the_same_are_drawn_whatever_their_order(
        self, rulebook: Rulebook
    ) -> None:
        numbers = numbers_of(rulebook)
        few = numbers.intervals.model_copy(update={"most_children": 3})
        drawn, left_out = [], []
        for step in (1, -1):
            names = [f"child {number}" for number in range(8)][::step]
            made = {
                "patient": make("patient", [patient(name) for name in names]),
                "assessment": make(
                    "assessment", [row for name in names for row in measured(name, {0: 5.0, 90: 4})]
                ),
            }
            table = derive_person_intervals(
                Inputs.of(made, made, rulebook), numbers.model_copy(update={"intervals": few})
            )
            drawn.append(sorted(table.frame["patient_id"].unique()))
            left_out.append(table.left_out["not_drawn"])
        assert left_out == [5, 5]
        assert len(drawn[0]) == 3
        assert drawn[0] == drawn[1]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, pl.DataFrame]:
    """A registry, written as files, read and evaluated as any study; and its table of intervals."""
    chosen = read_registry_settings()
    invented = simulate_registry(chosen, seed=3)
    folder: Path = tmp_path_factory.mktemp("registry")
    write_csv(make_registry_tables(chosen, invented), folder)
    study = read_study(folder)
    rulebook = study.read_rulebook()
    records = read_records(study, rulebook)
    found = evaluate(Shard.from_tables(dict(records.tables)), rulebook)
    inputs = Inputs.of(found.tables, dict(records.tables), rulebook)
    return inputs, make_intervals(chosen, invented)


def test_intervals_read_from_the_records_are_those_that_made_them(
    registry: tuple[Inputs, pl.DataFrame],
) -> None:
    inputs, made = registry
    quarterly = derive_person_intervals(inputs, numbers_of(inputs.rulebook, days=91)).frame
    read = quarterly.filter(pl.col("interval") < 16)
    made = made.sort("patient_id", "interval")
    exact = ("patient_id", "interval", "is_treated", "was_treated", "was_ever_treated", "antibody")
    for name in (*exact, "intervals_on", "outcome_inactive"):
        assert read[name].to_list() == made[name].to_list(), name
    # A day at most between the two ways to count an age in years, and a date in the calendar.
    near = {"age_years": 0.01, "calendar_year": 0.05}
    numbers = ("activity", "strength", "creatine_kinase", "skin", "steroid", "other_drugs")
    for name in (*numbers, "outcome_activity", "baseline_activity", *near):
        expected = pytest.approx(made[name].to_list(), abs=near.get(name, 1e-9))
        assert read[name].to_list() == expected, name


def rows_by_name(rows: list[Row]) -> dict[tuple[str, str, str, str], Row]:
    return {(row.analysis, row.group, row.variable, row.statistic): row for row in rows}


def test_a_registry_large_enough_is_compared(registry: tuple[Inputs, pl.DataFrame]) -> None:
    """As recorded IVIG looks harmful; weighted, in trials and simulated it lowers activity."""
    inputs, _ = registry
    numbers = numbers_of(inputs.rulebook, days=91)
    fewer = numbers.model_copy(
        update={"bootstrap": numbers.bootstrap.model_copy(update={"draws": 40})}
    )
    definitions = {**inputs.rulebook.definitions, REGISTRY_COMPARISON: fewer}
    changed = Rulebook(definitions=definitions, settings=inputs.rulebook.settings)
    rows = estimate_registry_comparison(Inputs.of(inputs.tables, inputs.records, changed))
    found = rows_by_name(rows)
    assert len(found) == len(rows)
    read = "g_formula:start_by_day_365:day_730"
    assert ("registry_activity", "all", read, "mean_difference_bootstrap") in found
    too_early = "g_formula:start_by_day_365:day_365"
    assert ("registry_activity", "all", too_early, "mean_difference_bootstrap") not in found

    def value(variable: str, statistic: str = "mean_difference") -> float:
        row = found["registry_activity", "all", variable, statistic]
        assert row.value is not None
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.value < row.high
        return row.value

    assert value("unadjusted") > 0
    assert value("weighted") < -0.3
    assert value("sequential_trials") < -0.3
    assert value("g_formula:start_by_day_91", "mean_difference_bootstrap") < -0.3
    assert value("weighted", "mean_difference_bootstrap") == value("weighted")
    population = found["registry_population", "all", "children:treated", "n"]
    assert (population.value, population.n_evaluable) == (37, 78)
    e_value = found["registry_e_value", "all", "activity:weighted", "e_value"].value
    limit = found["registry_e_value", "all", "activity:weighted", "e_value_limit"].value
    assert e_value is not None
    assert limit is not None
    assert 1 < limit < e_value
    assert "nan" not in " ".join(row.formatted for row in rows)


class TestRefusals:
    def refusal(self, rows: list[Row]) -> str:
        row = rows_by_name(rows)["registry_activity", "all", "weighted", "mean_difference"]
        assert row.value is None
        assert row.refused is not None
        return row.refused

    def test_few_children_are_described_and_not_compared(self, rulebook: Rulebook) -> None:
        children = [f"c{number}" for number in range(7)]
        made = {
            "patient": make("patient", [patient(child) for child in children]),
            "assessment": make(
                "assessment",
                [row for child in children for row in measured(child, {0: 6.0, 70: 4.0})],
            ),
            "regimen": make("regimen", [regimen(child, 10, 200) for child in children[:5]]),
        }
        rows = estimate_registry_comparison(Inputs.of(made, made, rulebook))
        assert self.refusal(rows) == (
            "5 children received IVIG; a comparison with untreated children needs at least 20"
        )
        described = rows_by_name(rows)
        before = described["registry_description", "treated", "physician_global:before", "median"]
        during = described["registry_description", "treated", "physician_global:during", "median"]
        assert (before.value, during.value, before.n_evaluable) == (6.0, 4.0, 5)

    @pytest.mark.parametrize("tables", [{}, {"patient": [patient("a")]}])
    def test_nothing_recorded_is_refused(self, rulebook: Rulebook, tables: dict[str, Rows]) -> None:
        made = {name: make(name, rows) for name, rows in tables.items()}
        assert self.refusal(estimate_registry_comparison(Inputs.of(made, made, rulebook))) == (
            "0 children received IVIG; a comparison with untreated children needs at least 20"
        )

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, "activity before the start was not recorded in 25 of 25 children"),
            ({0: 5.0}, "activity was not measured both with and without IVIG"),
            ({0: 0.0, 45: 0.0, 75: 0.0}, "every recorded activity is the same"),
        ],
    )
    def test_poor_records_are_refused_in_words(
        self, rulebook: Rulebook, values: dict[int, float], words: str
    ) -> None:
        """Many children, but without visits, with one visit each, or all at the floor."""
        children = [f"c{number:02d}" for number in range(50)]
        made = {
            "patient": make("patient", [patient(child) for child in children]),
            "assessment": make(
                "assessment",
                [
                    row
                    for child in children
                    for row in [*measured(child, values), *measured(child, {1: 30.0}, "weight")]
                ],
            ),
            "regimen": make("regimen", [regimen(child, 40, 200) for child in children[:25]]),
        }
        rows = estimate_registry_comparison(Inputs.of(made, made, rulebook))
        assert all(row.value is None or row.value == row.value for row in rows)
        assert "nan" not in " ".join(row.formatted for row in rows)
        assert words in self.refusal(rows)

    def test_the_analyses_are_in_every_result(self, rulebook: Rulebook) -> None:
        analyses = set(estimate_all({}, {}, rulebook)["analysis"])
        assert {"registry_activity", "registry_inactive"} <= analyses


class TestThinRecords:
    """Cohorts that are large enough but poor: an answer or a reason, never NaN, never a crash."""

    @pytest.mark.parametrize("seed", range(6))
    def test_an_answer_or_a_reason(self, rulebook: Rulebook, seed: int) -> None:
        generator = np.random.default_rng(seed)
        children = [f"c{number:02d}" for number in range(60)]
        assessments: Rows = []
        for child in children:
            days = np.unique(generator.integers(-20, 700, size=generator.integers(1, 9)))
            assessments += measured(child, {0: 30.0}, "weight")
            levels = generator.choice([0.0, 5.0, 10.0], size=len(days))
            assessments += measured(
                child, {int(when): float(value) for when, value in zip(days, levels, strict=True)}
            )
        made = {
            "patient": make("patient", [patient(child, until=700) for child in children]),
            "assessment": make("assessment", assessments),
            "regimen": make(
                "regimen",
                [
                    regimen(child, int(first), int(first) + 100 + 50 * seed, until=700)
                    for child, first in zip(children, generator.integers(0, 300, 30), strict=False)
                ],
            ),
        }
        numbers = numbers_of(rulebook, days=30 + 20 * seed)
        limits = {"mean_weight": (0.0, 99.0), "fewest_effective": 0.1, "fewest_treated": 5}
        open_minded = numbers.model_copy(
            update={
                "refusal": numbers.refusal.model_copy(update=limits),
                "bootstrap": numbers.bootstrap.model_copy(update={"draws": 20}),
            }
        )
        definitions = {**rulebook.definitions, REGISTRY_COMPARISON: open_minded}
        changed = Rulebook(definitions=definitions, settings=rulebook.settings)
        rows = estimate_registry_comparison(Inputs.of(made, made, changed))
        printed = [row for row in rows if row.refused is None]
        assert all(np.isfinite(row.value) for row in printed if row.value is not None)
        assert all(row.value is not None for row in printed)
        assert "nan" not in " ".join(row.formatted for row in rows)
        assert any(row.variable == "sequential_trials" for row in rows)
