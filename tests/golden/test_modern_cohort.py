"""The cohort of thirty children: its generator writes it, and the rules find these classes."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.ingest.read import read_records
from heliotrope.records.shard import Shard
from heliotrope.study import read_study

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = ["patient", "assessment", "infusion", "medication", "event", "indication"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modern_cohort")
    generator = runpy.run_path(str(EXAMPLES / "make_modern_cohort.py"))
    generator["write_modern_cohort"](folder)
    return folder


@pytest.mark.parametrize("table", TABLES)
def test_the_generator_writes_the_committed_file(table: str, written: Path) -> None:
    committed = (EXAMPLES / "modern_cohort" / f"{table}.csv").read_text(encoding="utf-8")
    assert (written / f"{table}.csv").read_text(encoding="utf-8") == committed


def test_no_clinician_labelled_the_children() -> None:
    assert not (EXAMPLES / "modern_cohort" / "adjudication.csv").exists()


def test_the_first_line_says_that_the_records_are_synthetic() -> None:
    readme = (EXAMPLES / "modern_cohort" / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in readme.splitlines()[0]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    study = read_study(EXAMPLES / "modern_cohort")
    rulebook = study.read_rulebook()
    records = read_records(study, rulebook)
    assert records.findings.is_empty()
    return evaluate(Shard.from_tables(dict(records.tables)), rulebook)


def test_what_the_rules_find_in_the_thirty_children(evaluation: Evaluation) -> None:
    response = evaluation.tables["response"]
    assert Counter(response["pattern"]) == {
        "rapid": 6,
        "intermediate": 2,
        "slow": 1,
        "slow_maintained": 2,
        "late": 1,
        "transient": 4,
        "none": 2,
        "ambiguous": 4,
        "not_evaluable": 1,
    }
    assert Counter(response["responded"]) == {
        "confirmed": 18,
        "unconfirmed": 2,
        "no": 2,
        "not_evaluable": 1,
    }
    assert set(response["evidence_tier"].drop_nulls()) == {"A", "B", "C"}


def test_seven_children_have_no_response_but_a_root(evaluation: Evaluation) -> None:
    roots = evaluation.trace.filter(
        (pl.col("node") == "root")
        & (pl.col("definition_id") == "jdm_ivig_response")
        & pl.col("date").is_null()
    )
    assert roots["patient_id"].n_unique() == 30
    assert roots.filter(pl.col("state") == "not_reached")["patient_id"].n_unique() == 7
    assert evaluation.tables["response"]["patient_id"].n_unique() == 23


def test_the_improvement_score_can_be_decided_at_many_visits(evaluation: Evaluation) -> None:
    scores = evaluation.tables["score"].filter(definition_id="tis_jdm_imacs")
    decided = scores.filter(pl.col("state").is_in(["met", "not_met"]))
    assert decided.height > scores.height / 3
    assert (scores["score_lower"] <= scores["score_upper"]).all()
