"""The seven children: the rules find in the charts what the 1997 abstract reports in words."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.definitions.evidence import Evidence
from heliotrope.estimate.cohort import estimate_all
from heliotrope.ingest.read import read_records
from heliotrope.records.shard import Shard
from heliotrope.study import read_study

FOLDER = Path(__file__).parents[2] / "examples" / "seven_children"

RESPONSE = {
    "S01": ("rapid", 0, 3, "rapid", "lost_after_discontinuation", 6, "reduced", "confirmed"),
    "S02": ("slow", 71, 89, "slow_maintained", "sustained", 12, "sparing", "confirmed"),
    "S03": ("rapid", 0, 2, "rapid", "lost_after_discontinuation", 5, "reduced", "confirmed"),
    "S04": ("rapid", 0, 3, "rapid", "lost_after_discontinuation", 6, "unchanged", "confirmed"),
    "S05": ("intermediate", 7, 14, "transient", "lost_on_treatment", 3, "increased", "confirmed"),
    "S06": ("never", 186, None, "none", "not_applicable", None, "unchanged", "no"),
    "S07": (
        "slow",
        84,
        110,
        "slow_maintained",
        "lost_after_discontinuation",
        10,
        "sparing",
        "confirmed",
    ),
}
RESPONSE_COLUMNS = [
    "onset",
    "onset_after_day",
    "onset_by_day",
    "pattern",
    "durability",
    "responded_courses",
    "steroid_effect",
    "responded",
]

AGGRAVATION = {
    "S01": ("met", 48, "e"),
    "S02": ("not_met", None, None),
    "S03": ("met", 52, "e"),
    "S04": ("met", 88, "escalation_only"),
    "S05": ("not_reached", None, None),
    "S06": ("not_reached", None, None),
    "S07": ("met", 121, "d"),
}

RECORDED_REASON = {
    "S01": "exacerbation",
    "S02": "steroid_cannot_be_reduced",
    "S03": "induction_in_severe_disease",
    "S04": "replaces_cytotoxic_drug",
    "S05": "exacerbation",
    "S06": "replaces_cytotoxic_drug",
    "S07": "steroid_cannot_be_reduced",
}

LABELS = ["rapid", "slow", "slow_maintained", "transient", "responder", "non-responder"]


def _evaluate(change: dict[str, pl.Expr] | None = None) -> Evaluation:
    """Read the study and evaluate it; ``change``: rows of a table to keep."""
    study = read_study(FOLDER)
    rulebook = study.read_rulebook()
    tables = dict(read_records(study, rulebook).tables)
    for name, kept in (change or {}).items():
        tables[name] = tables[name].filter(kept)
    return evaluate(Shard.from_tables(tables), rulebook)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return _evaluate()


def _by_child(table: pl.DataFrame, columns: list[str]) -> dict[str, tuple[Any, ...]]:
    return {row["patient_id"]: tuple(row[c] for c in columns) for row in table.to_dicts()}


def test_the_response_of_each_child(evaluation: Evaluation) -> None:
    found = _by_child(evaluation.tables["response"], RESPONSE_COLUMNS)
    assert found == RESPONSE


def test_the_patterns_are_those_of_the_abstract(evaluation: Evaluation) -> None:
    found = Counter(evaluation.tables["response"]["pattern"])
    assert found == {"rapid": 3, "slow_maintained": 2, "transient": 1, "none": 1}


def test_only_sparse_evidence_could_be_used(evaluation: Evaluation) -> None:
    tiers = evaluation.tables["response"]["evidence_tier"].drop_nulls()
    assert set(tiers) == {"C"}
    scores = evaluation.tables["score"]
    assert set(scores["state"]) == {"not_evaluable"}


def test_no_other_treatment_could_explain_the_improvement(evaluation: Evaluation) -> None:
    response = evaluation.tables["response"]
    assert not response["confounded"].any()
    flags = response.filter(pl.col("flags").list.len() > 0)
    assert _by_child(flags, ["flags"]) == {"S07": (["sparing_lost"],)}


def test_four_of_the_five_at_risk_worsened_after_stopping(evaluation: Evaluation) -> None:
    table = evaluation.tables["aggravation"]
    found = _by_child(table, ["state", "days_after_last_infusion", "limb"])
    assert found == AGGRAVATION
    at_risk = table.filter(pl.col("state").is_in(["met", "not_met"]))
    assert at_risk.height == 5
    assert (at_risk["state"] == "met").sum() == 4


def test_fever_alone_twice_and_fever_with_transient_proteinuria_twice(
    evaluation: Evaluation,
) -> None:
    reactions = evaluation.tables["reaction"]
    occasions = reactions.group_by("patient_id", "group").agg(pl.col("term").sort())
    terms = Counter(tuple(row) for row in occasions["term"])
    assert terms == {("fever",): 2, ("fever", "proteinuria"): 2}
    proteinuria = reactions.filter(pl.col("term") == "proteinuria")
    assert set(proteinuria["transient"]) == {"met"}
    assert (reactions["window"] != "outside").all()


def test_every_indication_of_the_abstract_is_recorded_and_found(evaluation: Evaluation) -> None:
    found = _by_child(evaluation.tables["indication"], ["recorded", "derived", "agree"])
    for child, reason in RECORDED_REASON.items():
        recorded, derived, agree = found[child]
        assert recorded == [reason], child
        assert reason in derived, child
        assert agree is True, child


def test_every_regimen_is_monthly_and_ended(evaluation: Evaluation) -> None:
    regimens = evaluation.tables["regimen"]
    assert regimens.height == 7
    assert set(regimens["status"]) == {"discontinued"}
    assert regimens["is_monthly"].all()
    doses = evaluation.tables["course"]["dose_g_per_kg"]
    assert doses.null_count() == 0
    assert doses.is_between(1.4, 2.2).all()


def test_each_count_of_the_abstract_is_among_the_results(evaluation: Evaluation) -> None:
    study = read_study(FOLDER)
    rulebook = study.read_rulebook()
    results = estimate_all(evaluation.tables, read_records(study, rulebook).tables, rulebook)
    counts = results.filter(statistic="n")
    compared = 0
    for statement in rulebook.get("series_1997", Evidence).statements:
        for place in statement.found_by:
            found = counts.filter(
                analysis=place.analysis, variable=place.variable, group=place.group
            )
            assert found["value"].to_list() == [statement.events], statement.id
            compared += 1
    assert compared >= 9


def test_without_the_visits_of_the_first_week_nobody_is_rapid() -> None:
    starts = {
        row["patient_id"]: row["first_infusion"] for row in _evaluate().tables["regimen"].to_dicts()
    }
    day = (
        pl.col("date") - pl.col("patient_id").replace_strict(starts, return_dtype=pl.Date)
    ).dt.total_days()
    without = _evaluate({"assessment": ~day.is_between(1, 7)})
    patterns = _by_child(without.tables["response"], ["pattern"])
    for child in ("S01", "S03", "S04"):
        assert patterns[child] == ("ambiguous",), child
    assert patterns["S02"] == ("slow_maintained",)


def test_without_the_grade_of_daily_living_fewer_can_be_judged() -> None:
    without = _evaluate({"assessment": ~pl.col("measure").is_in(["adl", "physician_judgement"])})
    kept = Counter(without.tables["response"]["pattern"])
    assert kept["rapid"] < 3


def test_without_steroid_records_a_slow_response_is_not_called_maintained() -> None:
    without = _evaluate({"medication": ~pl.col("drug").is_in(["prednisone"])})
    patterns = _by_child(without.tables["response"], ["pattern", "steroid_effect"])
    assert patterns["S02"] == ("slow", "not_on_steroid")
    assert patterns["S07"] == ("slow", "not_on_steroid")


def test_the_charts_are_read_without_loss() -> None:
    study = read_study(FOLDER)
    records = read_records(study, study.read_rulebook())
    assert all(table.is_empty() for table in records.quarantine.values())
    assert set(records.findings["severity"]) <= {"info"}
    assert records.tables["adjudication"].is_empty()


def test_the_study_says_that_it_is_invented_and_what_to_compare_it_with() -> None:
    study = read_study(FOLDER)
    assert study.synthetic
    assert study.report.compare_with is not None
    compared = study.read_rulebook().get(study.report.compare_with, Evidence)
    assert compared.children == 7
    first = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert "publishes no patient-level data" in first
    assert "invented to illustrate" in first


def test_no_label_of_response_is_in_the_charts() -> None:
    for path in FOLDER.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        assert not cells & set(LABELS), path.name
    measures = pl.read_csv(FOLDER / "assessment.csv", infer_schema=False)["measure"].unique()
    assert not set(measures) & {"physician_global", "cmas"}
