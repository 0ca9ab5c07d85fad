"""Coded terms, haemolysis and steroid concepts as result rows and in the report, by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.estimate.haemolysis import estimate_haemolysis
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.reactions import estimate_reactions
from heliotrope.estimate.rows import make_results
from heliotrope.estimate.steroid_outcomes import estimate_steroid_outcomes
from heliotrope.records.results import TABLES
from heliotrope.report.find_results import Results
from heliotrope.report.sections.haemolysis import read_haemolysis

D0 = date(2020, 1, 1)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = TABLES[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def reaction(child: str, term: str, coded: str | None, group: int, row_id: int) -> dict[str, Any]:
    return {
        "patient_id": child,
        "infusion_day": day(0),
        "regimen": 1,
        "course": 1,
        "date": day(1),
        "term": term,
        "coded_term": coded,
        "window": "within_72_hours",
        "group": group,
        "row_id": row_id,
    }


def regimen(child: str, number: int = 1) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": number,
        "first_infusion": day(0),
        "last_infusion": day(28),
        "last_course_start": day(28),
        "status": "ongoing",
        "observed_until": day(100),
    }


def find(rows: pl.DataFrame, analysis: str, variable: str, statistic: str = "n") -> dict[str, Any]:
    (row,) = rows.filter(
        (pl.col("analysis") == analysis)
        & (pl.col("variable") == variable)
        & (pl.col("statistic") == statistic)
        & (pl.col("group") == "all")
    ).to_dicts()
    return row


def test_occasions_are_counted_by_the_term_they_are_filed_under(rulebook: Rulebook) -> None:
    children = ["ann", "ben"]
    courses = [{"patient_id": c, "regimen": 1, "course": 1, "start_date": day(0)} for c in children]
    tables = {
        "infusion_day": make(
            "infusion_day",
            [
                {"patient_id": c, "date": day(28 * k), "route": "iv", "regimen": 1, "course": k + 1}
                for c in children
                for k in range(2)
            ],
        ),
        "course": make("course", courses),
        "regimen": make("regimen", [regimen(c) for c in children]),
        "reaction": make(
            "reaction",
            [
                reaction("ann", "allergic_reaction", "infusion_related_reaction", 1, 1),
                reaction("ann", "infusion_related_reaction", "infusion_related_reaction", 1, 2),
                reaction("ben", "allergic_reaction", "infusion_related_reaction", 1, 3),
                reaction("ben", "odd_feeling", None, 2, 4),
            ],
        ),
    }
    rows = make_results(estimate_reactions(Inputs.of(tables, {}, rulebook)))
    coded = find(rows, "reactions_by_coded_term", "infusion_related_reaction")
    assert (coded["value"], coded["n_evaluable"], coded["definition_id"]) == (2, 4, "ctcae_v5")
    rate = find(
        rows, "reactions_by_coded_term", "infusion_related_reaction", "rate_per_infusion_day"
    )
    assert rate["value"] == 0.5
    words = {
        row["variable"]: row["value"]
        for row in rows.filter(
            (pl.col("analysis") == "coded_term_words") & (pl.col("group") == "all")
        ).to_dicts()
    }
    assert words == {
        "infusion_related_reaction:allergic_reaction": 2,
        "infusion_related_reaction:infusion_related_reaction": 1,
        "not_coded:odd_feeling": 1,
    }
    assert find(rows, "children_with_coded_term", "not_coded", "proportion_exact")["value"] == 0.5
    assert find(rows, "reactions_by_term", "allergic_reaction")["value"] == 2


# A child with a case in any course has one; free only if every course asked about is.
HAEMOLYSIS = [
    ("ann", 1, "met", None, True),
    ("ann", 2, "not_evaluable", "signs_missing", False),
    ("ben", 1, "not_met", None, False),
    ("ben", 2, "not_met", None, False),
    ("cat", 1, "not_met", None, False),
    ("cat", 2, "not_evaluable", "haemoglobin_missing", False),
]


def haemolysis_tables(rows: list[tuple[str, int, str, str | None, bool]]) -> dict[str, Any]:
    return {
        "course": make(
            "course",
            [
                {"patient_id": c, "regimen": 1, "course": k, "start_date": day(28 * k)}
                for c in ("ann", "ben", "cat", "dov")
                for k in (1, 2)
            ],
        ),
        "haemolysis": make(
            "haemolysis",
            [
                {
                    "patient_id": child,
                    "regimen": 1,
                    "course": course,
                    "state": state,
                    "reason": reason,
                    "is_recorded": is_recorded,
                    "definition_id": "haemolysis_case",
                }
                for child, course, state, reason, is_recorded in rows
            ],
        ),
    }


def test_haemolysis_is_counted_where_it_was_asked_about(rulebook: Rulebook) -> None:
    tables = haemolysis_tables(HAEMOLYSIS)
    rows = make_results(estimate_haemolysis(Inputs.of(tables, {}, rulebook)))
    counts = {
        name: (row["value"], row["n_evaluable"])
        for row in rows.filter(pl.col("statistic") == "n").to_dicts()
        if (name := row["variable"])
    }
    assert counts == {
        "courses_asked": (6, 8),
        "courses:met": (1, 6),
        "courses:not_met": (3, 6),
        "courses:not_evaluable": (2, 6),
        "courses:not_evaluable:haemoglobin_missing": (1, 2),
        "courses:not_evaluable:signs_missing": (1, 2),
        "courses_recorded_as_haemolysis": (1, 6),
        "children": (1, 2),
        "children:not_evaluable": (1, 3),
    }
    assert find(rows, "haemolysis", "children", "proportion_exact")["value"] == 0.5
    read = read_haemolysis(Results(rows))
    assert read is not None
    assert (read.asked, read.courses, read.cases, read.excluded, read.undecided) == (6, 8, 1, 3, 2)
    assert dict(read.reasons) == {"haemoglobin missing": 1, "signs missing": 1}
    assert read.children.text == "1 of 2"


def test_silence_is_no_proof_that_there_was_no_haemolysis(rulebook: Rulebook) -> None:
    rows = make_results(estimate_haemolysis(Inputs.of(haemolysis_tables([]), {}, rulebook)))
    share = find(rows, "haemolysis", "children", "proportion_exact")
    assert (share["value"], share["n_evaluable"]) == (None, 0)
    assert share["refused"].startswith("after no course a haemoglobin")
    assert read_haemolysis(Results(rows)).children.refused == share["refused"]
    nobody = make_results(estimate_haemolysis(Inputs.of({}, {}, rulebook)))
    assert (
        "no course of intravenous"
        in find(nobody, "haemolysis", "children", "proportion_exact")["refused"]
    )
    assert read_haemolysis(Results(nobody)) is None


def outcome(child: str, concept: str, state: str, number: int | None) -> dict[str, Any]:
    return {"patient_id": child, "definition_id": concept, "state": state, "regimen": number}


def test_steroid_concepts_are_judged_before_the_first_regimen_and_over_the_record(
    rulebook: Rulebook,
) -> None:
    tables = {
        "regimen": make(
            "regimen", [regimen("ann"), regimen("ann", 2), regimen("ben"), regimen("cat")]
        ),
        "steroid_outcome": make(
            "steroid_outcome",
            [
                outcome("ann", "steroid_dependent", "met", 1),
                outcome("ann", "steroid_dependent", "not_met", 2),
                outcome("ben", "steroid_dependent", "not_met", 1),
                outcome("cat", "steroid_dependent", "not_evaluable", 1),
                outcome("ann", "steroid_dependent", "met", None),
                outcome("ben", "steroid_dependent", "not_reached", None),
                outcome("cat", "steroid_dependent", "met", None),
                outcome("eve", "steroid_dependent", "met", None),
                outcome("ann", "steroid_stopped", "not_met", None),
            ],
        ),
    }
    rows = make_results(estimate_steroid_outcomes(Inputs.of(tables, {}, rulebook)))

    def shares(variable: str) -> tuple[Any, Any, Any, Any]:
        share = find(rows, "steroid_outcome", variable, "proportion_exact")
        assert share["definition_id"] == variable.partition(":")[0]
        left = [
            find(rows, "steroid_outcome", f"{variable}:{state}")["value"]
            for state in ("not_evaluable", "not_reached")
        ]
        return find(rows, "steroid_outcome", variable)["value"], share["n_evaluable"], *left

    assert shares("steroid_dependent:before_first_regimen") == (1, 2, 1, 0)
    assert shares("steroid_dependent:whole_record") == (2, 2, 0, 1)
    assert shares("steroid_stopped:whole_record") == (0, 1, 0, 0)
    assert shares("steroid_resistant:whole_record") == (0, 0, 0, 0)
    assert "steroid_stopped:before_first_regimen" not in rows["variable"].to_list()
    refused = find(rows, "steroid_outcome", "steroid_resistant:whole_record", "proportion_exact")
    assert refused["refused"].startswith("no child could be judged")
