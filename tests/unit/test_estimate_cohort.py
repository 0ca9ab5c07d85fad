"""The result rows of a small invented cohort, worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import heliotrope.estimate
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.estimate.cohort import ESTIMATES, estimate_all
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES, Result

D0 = date(2020, 1, 1)

Tables = dict[str, pl.DataFrame]


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a table of the public schema; columns not given are null (lists: empty)."""
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def regimen(child: str, number: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": number,
        "first_infusion": day(0),
        "last_infusion": day(84),
        "last_course_start": day(84),
        "courses": 4,
        "status": "discontinued",
        "purpose": "treatment",
        "stop_known_date": day(84 + 70),
        "discontinuation_date": day(84 + 28),
        "observed_until": day(800),
        "reason": "planned_after_response",
    } | values


def response(child: str, number: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": number,
        "first_infusion": day(0),
        "last_infusion": day(84),
        "courses": 4,
        "onset": "rapid",
        "onset_after_day": 0,
        "onset_by_day": 3,
        "onset_band": "within_6_weeks",
        "evidence_tier": "B",
        "durability": "sustained",
        "steroid_effect": "sparing",
        "pattern": "rapid",
        "confounded": False,
        "responded": "confirmed",
        "definition_id": "jdm_ivig_response",
        "definition_version": "0.1.0",
    } | values


def reaction(child: str, term: str, group: int, row_id: int, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": child,
        "infusion_day": day(0),
        "regimen": 1,
        "course": 1,
        "date": day(1),
        "term": term,
        "window": "infusional",
        "group": group,
        "row_id": row_id,
    } | values


def cohort() -> tuple[Tables, Tables]:
    """Give four treated children (ann with a second regimen) and one who never had IVIG."""
    children = ["ann", "ben", "cat", "dov"]
    never: dict[str, Any] = {
        "onset_by_day": None,
        "onset_after_day": 90,
        "evidence_tier": None,
        "onset": "never",
    }
    tables = {
        "infusion_day": make(
            "infusion_day",
            [
                {"patient_id": c, "date": day(28 * k), "route": "iv", "regimen": 1, "course": k + 1}
                for c in children
                for k in range(4)
            ],
        ),
        "course": make(
            "course",
            [
                {
                    "patient_id": c,
                    "regimen": 1,
                    "course": k + 1,
                    "start_date": day(28 * k),
                    "dose_g_per_kg": 2.0,
                    "interval_days": 28 if k < 3 else None,
                }
                for c in children
                for k in range(4)
            ],
        ),
        "regimen": make(
            "regimen",
            [
                *[regimen(c) for c in children],
                regimen("ann", 2, first_infusion=day(400), last_infusion=day(428)),
            ],
        ),
        "response": make(
            "response",
            [
                response("ann"),
                response("ben", confounded=True, confounded_by=["methotrexate"], onset_by_day=10),
                response(
                    "cat", pattern="none", responded="no", durability="not_applicable", **never
                ),
                response(
                    "dov",
                    pattern="not_evaluable",
                    responded="not_evaluable",
                    reason="no_baseline",
                    durability="not_applicable",
                    steroid_effect="not_evaluable",
                    **(never | {"onset": "not_evaluable", "onset_band": None}),
                ),
                response("ann", 2, pattern="slow"),
            ],
        ),
        "aggravation": make(
            "aggravation",
            [
                {
                    "patient_id": "ann",
                    "regimen": 1,
                    "state": "met",
                    "date": day(84 + 100),
                    "days_after_last_infusion": 100,
                    "limb": "b",
                },
                {"patient_id": "ben", "regimen": 1, "state": "not_met"},
                {"patient_id": "cat", "regimen": 1, "state": "not_reached"},
                {"patient_id": "dov", "regimen": 1, "state": "not_evaluable"},
            ],
        ),
        "visit": make(
            "visit",
            [
                {
                    "patient_id": c,
                    "regimen": 1,
                    "date": day(number),
                    "day": number,
                    "is_on_regimen": True,
                    "state": state,
                }
                for c, number, state in [
                    ("ann", 14, "not_met"),
                    ("ann", 70, "met"),
                    ("ben", 40, "met"),
                    ("ben", 44, "not_met"),
                    ("cat", 42, "not_met"),
                    ("dov", 42, "not_evaluable"),
                ]
            ],
        ),
        "reaction": make(
            "reaction",
            [
                reaction("ann", "fever", 1, 1, grade=1),
                reaction("ann", "proteinuria", 1, 2, transient="met", grade=2),
                reaction("ben", "fever", 1, 3, related=False),
                reaction("cat", "headache", 1, 4, window="outside"),
            ],
        ),
    }
    records = {
        "patient": make(
            "patient",
            [
                {"row_id": k, "patient_id": c, "sex": sex, "birth_date": born}
                for k, (c, sex, born) in enumerate(
                    [
                        ("ann", "female", date(2012, 1, 1)),
                        ("ben", "male", date(2014, 1, 1)),
                        ("cat", "female", None),
                        ("dov", None, date(2010, 1, 1)),
                        ("eve", "female", date(2010, 1, 1)),
                    ]
                )
            ],
        ),
    }
    return tables, records


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def results(rulebook: Rulebook) -> pl.DataFrame:
    return estimate_all(*cohort(), rulebook)


def find(
    results: pl.DataFrame, analysis: str, variable: str, statistic: str = "n", group: str = "all"
) -> dict[str, Any]:
    found = results.filter(
        (pl.col("analysis") == analysis)
        & (pl.col("variable") == variable)
        & (pl.col("statistic") == statistic)
        & (pl.col("group") == group)
    )
    assert found.height == 1, f"{found.height} rows of {analysis}, {variable}, {statistic}, {group}"
    return found.row(0, named=True)


def test_the_table_is_valid_and_names_every_row_once(results: pl.DataFrame) -> None:
    Result.validate(results)
    key = ["analysis", "group", "variable", "statistic"]
    assert results.select(key).is_duplicated().sum() == 0


def test_a_refused_row_has_a_reason_and_no_number(results: pl.DataFrame) -> None:
    refused = results.filter(pl.col("refused").is_not_null())
    assert refused.height > 0
    assert refused["value"].null_count() == refused.height
    assert set(refused["formatted"]) == {"not estimated"}
    assert results.filter(pl.col("refused").is_null())["value"].null_count() == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("children", 5),
        ("with_ivig", 4),
        ("without_ivig", 1),
        ("regimens", 5),
        ("later_regimens", 1),
    ],
)
def test_cohort_counts(results: pl.DataFrame, variable: str, value: int) -> None:
    assert find(results, "cohort", variable)["value"] == value


def test_the_headline_counts_first_regimens_of_evaluable_children(results: pl.DataFrame) -> None:
    row = find(results, "responded", "confirmed", "proportion_exact")
    assert row["formatted"] == "2/3 (67 %; 9 to >99)"
    assert row["n_evaluable"] == 3
    assert row["definition_id"] == "jdm_ivig_response"
    assert find(results, "responded", "not_evaluable")["value"] == 1
    assert find(results, "not_evaluable", "response_pattern:no_baseline")["value"] == 1


def test_later_regimens_and_clear_responses_are_counted_apart(results: pl.DataFrame) -> None:
    assert find(results, "response_pattern", "slow", group="later_regimens")["value"] == 1
    assert find(results, "response_pattern", "slow")["value"] == 0
    clear = find(results, "responded", "confirmed", "proportion_exact", "not_confounded")
    assert clear["n_evaluable"] == 2


def test_confounding_is_counted_among_the_improved(results: pl.DataFrame) -> None:
    assert find(results, "confounded", "confounded", "proportion_exact")["n_evaluable"] == 2
    assert find(results, "confounded_by", "methotrexate")["value"] == 1


def test_not_applicable_stands_outside_the_denominator(results: pl.DataFrame) -> None:
    assert find(results, "durability", "sustained", "proportion_exact")["n_evaluable"] == 2
    assert find(results, "durability", "not_applicable")["value"] == 2


def test_ages_and_words_of_table_1(results: pl.DataFrame) -> None:
    age = find(results, "table1", "age_at_first_infusion_years", "median")
    assert age["n_evaluable"] == 3
    assert age["value"] == pytest.approx(8, abs=0.01)
    assert find(results, "table1", "sex:female", "proportion_exact")["formatted"].startswith("2/3")
    assert find(results, "table1", "sex:not_recorded")["value"] == 1


def test_one_occasion_of_fever_with_proteinuria_is_one(results: pl.DataFrame) -> None:
    assert find(results, "reactions", "any_occasion")["value"] == 2
    label = "fever + transient proteinuria"
    assert find(results, "reactions_by_occasion", label)["value"] == 1
    assert find(results, "reactions_by_term", "fever")["value"] == 2
    assert find(results, "reaction_grade", "grade_2")["value"] == 1
    assert find(results, "reaction_exposure", "reactions_outside_every_window")["value"] == 1


def test_rates_are_printed_with_and_without_the_unrelated(results: pl.DataFrame) -> None:
    every = find(results, "reactions", "any_occasion", "rate_per_infusion_day")
    assert (every["value"], every["n_evaluable"]) == (2 / 16, 16)
    assert every["formatted"].startswith("2 in 16 infusions (12.5 per 100; ")
    related = find(
        results, "reactions", "any_occasion", "rate_per_infusion_day", "without_unrelated"
    )
    assert related["value"] == 1 / 16
    children = find(results, "children_with_reaction", "any_occasion", "proportion_exact")
    assert children["formatted"].startswith("2/4 (50 %")


def test_no_reaction_gives_a_bound_and_never_the_word_safe(rulebook: Rulebook) -> None:
    tables, records = cohort()
    rows = estimate_all(tables | {"reaction": make("reaction", [])}, records, rulebook)
    bound = find(rows, "reactions", "any_occasion", "upper_bound_per_infusion_day")
    assert (
        bound["formatted"] == "No reaction recorded in 16 infusions (upper 95 % bound 18.7 per 100)"
    )
    assert not rows["formatted"].str.contains("(?i)safe").any()


def test_without_an_infusion_the_rate_is_refused(rulebook: Rulebook) -> None:
    rows = estimate_all({}, {}, rulebook)
    refused = find(rows, "reactions", "any_occasion", "rate_per_infusion_day")["refused"]
    assert "no infusion" in refused


def test_aggravation_counts_the_children_who_could_worsen(results: pl.DataFrame) -> None:
    share = find(results, "aggravation", "within_180_days", "proportion_exact")
    assert share["formatted"].startswith("1/2 (50 %")
    assert find(results, "aggravation", "not_in_population")["value"] == 2
    assert find(results, "aggravation", "within_90_days", "proportion_exact")["value"] == 0
    assert find(results, "aggravation_limb", "b")["value"] == 1


def test_the_curve_enters_when_the_stop_is_known(results: pl.DataFrame) -> None:
    assert find(results, "aggravation_time", "day_60", "at_risk")["value"] == 0
    assert find(results, "aggravation_time", "day_90", "at_risk")["value"] == 2
    assert find(results, "aggravation_time", "day_100", "survival")["value"] == 0.5
    assert find(results, "aggravation_time", "day_60", "survival")["refused"]


def test_worsening_before_the_stop_was_known_is_counted_not_drawn(rulebook: Rulebook) -> None:
    tables, records = cohort()
    early = tables["aggravation"].with_columns(
        days_after_last_infusion=pl.when(pl.col("limb") == "b").then(50).cast(pl.Int32)
    )
    rows = estimate_all(tables | {"aggravation": early}, records, rulebook)
    assert find(rows, "aggravation_time", "worsened_before_entry")["value"] == 1
    assert find(rows, "aggravation_time", "at_risk_ever")["value"] == 1


def test_a_child_seen_too_briefly_is_at_risk_for_a_while(rulebook: Rulebook) -> None:
    tables, records = cohort()
    brief = tables["aggravation"].with_columns(
        state=pl.when(pl.col("patient_id") == "ben")
        .then(pl.lit("not_evaluable"))
        .otherwise("state")
    )
    last = make(
        "visit",
        [
            {
                "patient_id": "ben",
                "regimen": 1,
                "date": day(100),
                "day": 100,
                "is_on_regimen": True,
                "state": "met",
            }
        ],
    )
    visits = pl.concat([tables["visit"], last])
    rows = estimate_all(tables | {"aggravation": brief, "visit": visits}, records, rulebook)
    assert find(rows, "aggravation", "population")["value"] == 2
    assert find(rows, "aggravation", "within_180_days", "proportion_exact")["n_evaluable"] == 1
    assert find(rows, "aggravation_time", "at_risk_ever")["value"] == 2


def test_the_nearest_visit_is_read_and_ties_take_the_earlier(results: pl.DataFrame) -> None:
    week_6 = find(results, "landmark_improved", "week_6", "proportion_exact")
    assert week_6["n_evaluable"] == 3
    assert week_6["value"] == pytest.approx(1 / 3)


def test_later_regimens_do_not_change_the_first(rulebook: Rulebook) -> None:
    tables, records = cohort()
    only_first = {
        name: frame.filter(pl.col("regimen") == 1) if "regimen" in frame.columns else frame
        for name, frame in tables.items()
    }
    with_later, without = (
        estimate_all(each, records, rulebook).filter(
            (pl.col("group") == "all")
            & pl.col("analysis").is_in(["responded", "response_pattern", "durability"])
        )
        for each in (tables, only_first)
    )
    assert with_later.equals(without)


def test_children_without_ivig_change_nothing_but_their_own_count(rulebook: Rulebook) -> None:
    tables, records = cohort()
    strangers = make(
        "patient",
        [
            {"row_id": 100 + k, "patient_id": f"stranger {k}", "sex": "male", "site": "elsewhere"}
            for k in range(50)
        ],
    )
    before = estimate_all(tables, records, rulebook)
    after = estimate_all(
        tables, records | {"patient": pl.concat([records["patient"], strangers])}, rulebook
    )
    is_theirs = pl.col("analysis") == "cohort"
    assert after.filter(is_theirs.not_()).equals(before.filter(is_theirs.not_()))
    assert find(after, "cohort", "without_ivig")["value"] == 51


def test_row_order_changes_nothing(rulebook: Rulebook) -> None:
    tables, records = cohort()
    reversed_tables = {name: frame.reverse() for name, frame in tables.items()}
    reversed_records = {name: frame.reverse() for name, frame in records.items()}
    assert estimate_all(tables, records, rulebook).equals(
        estimate_all(reversed_tables, reversed_records, rulebook)
    )


def test_every_estimate_copes_with_nothing_and_says_so(rulebook: Rulebook) -> None:
    rows = estimate_all({}, {}, rulebook)
    Result.validate(rows)
    assert len(ESTIMATES) > 10
    refused = find(rows, "responded", "confirmed", "proportion_exact")["refused"]
    assert refused == "no course of intravenous immunoglobulin is recorded in this cohort"
    assert find(rows, "pulse_model", "pulse", "posterior")["refused"]
    assert rows["value"].drop_nulls().to_list() == [0.0] * rows["value"].drop_nulls().len()


def test_every_analysis_stands_in_the_dictionary(results: pl.DataFrame, rulebook: Rulebook) -> None:
    table = (heliotrope.estimate.__doc__ or "").split("\n====")[2]
    named = {line.split()[0] for line in table.splitlines()[1:] if not line.startswith(" ")}
    made = set(results["analysis"]) | set(estimate_all({}, {}, rulebook)["analysis"])
    assert made <= named
    assert named - made <= {
        "agreement_cell",
        "landmark_score_upper",
        "landmark_score_category",
        "literature_pooled",
        "pulse_model_check",
        "pulse_model_child",
        "pulse_model_prior",
        "pulse_model_sensitivity",
        "pulse_model_what_if",
        "registry_balance",
        "registry_e_value",
        "registry_population",
        "registry_positivity",
        "registry_weights",
        "response_flag",
        "state_reached",
    }


def test_loading_the_estimates_loads_no_scipy() -> None:
    script = "import heliotrope.estimate.cohort, sys; print('scipy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
