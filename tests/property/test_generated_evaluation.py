"""A thousand simulated children through the whole evaluation: nobody vanishes, nothing crashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.classify.replay import find_replay
from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.ingested import Ingested
from heliotrope.ingest.read import read_records
from heliotrope.records.results import TABLES
from heliotrope.records.shard import Shard
from heliotrope.run.verification import replay_trace
from heliotrope.simulate.cohort import simulate_blocks, write_csv
from heliotrope.study import read_study

CHILDREN = 1000
SEED = 1997
KEY = ["patient_id", "regimen"]
PATTERNS = {
    "rapid",
    "intermediate",
    "slow",
    "slow_maintained",
    "late",
    "transient",
    "none",
    "ambiguous",
    "not_evaluable",
}


@dataclass(frozen=True)
class Generated:
    """A simulated cohort, read as a study and evaluated; and what made it."""

    truth: pl.DataFrame
    records: Ingested
    rulebook: Rulebook
    evaluation: Evaluation

    def table(self, name: str) -> pl.DataFrame:
        return self.evaluation.tables[name]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    folder = tmp_path_factory.mktemp("generated")
    truth = []
    for number, block in enumerate(simulate_blocks(CHILDREN, SEED)):
        write_csv(block.tables, folder, append=number > 0)
        truth.append(block.truth)
    study = read_study(folder)
    rulebook = study.read_rulebook()
    records = read_records(study, rulebook)
    evaluation = evaluate(Shard.from_tables(dict(records.tables)), rulebook)
    return Generated(pl.concat(truth), records, rulebook, evaluation)


def test_the_simulated_files_are_read_without_loss(generated: Generated) -> None:
    records = generated.records
    assert all(table.is_empty() for table in records.quarantine.values())
    assert records.findings.filter(pl.col("severity") == "error").is_empty()
    assert records.tables["patient"].height == CHILDREN


def test_every_table_has_its_schema(generated: Generated) -> None:
    for name, schema in TABLES.items():
        schema.validate(generated.table(name))


def test_one_response_a_child_and_regimen(generated: Generated) -> None:
    regimens = generated.table("regimen").select(KEY)
    for name in ("response", "aggravation", "indication"):
        assert generated.table(name).select(KEY).sort(KEY).equals(regimens.sort(KEY)), name
    treated = set(generated.truth.filter("has_ivig")["patient_id"])
    assert set(regimens["patient_id"]) == treated
    assert regimens.height > len(treated)


def test_every_pattern_occurs(generated: Generated) -> None:
    response = generated.table("response")
    assert set(response["pattern"]) == PATTERNS
    assert set(response["responded"]) == {"confirmed", "unconfirmed", "no", "not_evaluable"}
    assert {"met", "not_met", "not_evaluable", "not_reached"} == set(
        generated.table("aggravation")["state"]
    )


def test_nobody_vanishes_from_the_trace(generated: Generated) -> None:
    roots = generated.evaluation.trace.filter(pl.col("node") == "root")
    whole = roots.filter(pl.col("date").is_null())
    everyone = generated.records.tables["patient"]["patient_id"]
    for (definition,), rows in roots.group_by("definition_id"):
        assert rows["patient_id"].n_unique() == CHILDREN, definition
    response = whole.filter(pl.col("definition_id") == "jdm_ivig_response")
    assert response.select(KEY).is_duplicated().sum() == 0
    untreated = set(everyone) - set(generated.table("regimen")["patient_id"])
    not_reached = response.filter(pl.col("state") == "not_reached")["patient_id"]
    assert untreated <= set(not_reached)


def test_the_root_bears_the_class_of_the_table(generated: Generated) -> None:
    roots = generated.evaluation.trace.filter(
        (pl.col("node") == "root")
        & (pl.col("definition_id") == "jdm_ivig_response")
        & pl.col("date").is_null()
    )
    joined = generated.table("response").join(roots, on=KEY, how="left", validate="1:1")
    assert (joined["pattern"] == joined["label"]).all()


def test_every_source_of_the_trace_is_a_cell_that_was_read(generated: Generated) -> None:
    known = pl.concat(table.select("row_id") for table in generated.records.tables.values())
    cells = generated.evaluation.trace_source.select("row_id").unique()
    assert cells.join(known, on="row_id", how="anti").is_empty()
    nodes = generated.evaluation.trace_source.select("trace_id").unique()
    assert nodes.join(generated.evaluation.trace, on="trace_id", how="anti").is_empty()


def test_quick_children_are_found_quick_and_others_are_not(generated: Generated) -> None:
    found = generated.table("response").join(generated.truth, on="patient_id")
    rapid = found.filter(pl.col("pattern") == "rapid")
    assert rapid["archetype"].is_in(["rapid", "intermediate", "transient"]).mean() > 0.85
    slow = found.filter(pl.col("pattern").is_in(["slow", "slow_maintained", "late"]))
    assert slow["archetype"].is_in(["slow", "late", "intermediate", "none"]).mean() > 0.85
    lost = found.filter(pl.col("pattern") == "transient")
    assert lost["archetype"].eq("transient").mean() > 0.6


def test_children_without_effect_seldom_show_a_confirmed_one(generated: Generated) -> None:
    found = generated.table("response").join(generated.truth, on="patient_id")
    confirmed = found.with_columns(is_confirmed=pl.col("responded") == "confirmed")
    shares = dict(confirmed.group_by("archetype").agg(pl.col("is_confirmed").mean()).iter_rows())
    assert shares["none"] < 0.25
    assert shares["rapid"] > 0.7


def test_without_assessments_every_child_is_not_evaluable(generated: Generated) -> None:
    tables = dict(generated.records.tables)
    few = tables["patient"].head(100)["patient_id"].implode()
    tables = {name: table.filter(pl.col("patient_id").is_in(few)) for name, table in tables.items()}
    tables["assessment"] = tables["assessment"].clear()
    bare = evaluate(Shard.from_tables(tables), generated.rulebook)
    assert set(bare.tables["response"]["pattern"]) == {"not_evaluable"}
    assert bare.tables["score"].is_empty()
    decided = bare.tables["aggravation"].filter(pl.col("state") == "met")
    assert decided.is_empty()


def test_every_class_is_found_again_from_the_trace(generated: Generated) -> None:
    replayed = list(replay_trace(generated.evaluation.trace, generated.rulebook))
    roots = generated.evaluation.trace.filter(pl.col("node") == "root")
    assert len(replayed) == roots.height
    assert [what for agrees, what in replayed if not agrees] == []


def test_flipping_a_decisive_leaf_changes_the_pattern(generated: Generated) -> None:
    """Some leaf of each decision, put on the other side of its threshold, gives another pattern.

    A child without a baseline or a visit lacks everything at once, so no single leaf decides.
    """
    definition = generated.rulebook.definitions["jdm_ivig_response"]
    replay = find_replay(definition)
    lacks_everything = pl.col("reason").is_in(["no_baseline", "no_visit", "replacement_dose"])
    response = generated.table("response").filter(lacks_everything.not_().fill_null(True))
    decisions = generated.evaluation.trace.filter(
        (pl.col("definition_id") == definition.id) & pl.col("date").is_null()
    )
    for pattern in sorted(PATTERNS):
        children = response.filter(pattern=pattern).select(KEY).head(5).to_dicts()
        assert children, pattern
        for child in children:
            rows = decisions.filter(**child).to_dicts()
            assert replay(rows, definition).label == pattern
            others = {
                replay([*rows[:number], _flip(row), *rows[number + 1 :]], definition).label
                for number, row in enumerate(rows)
                if row["operator"] is not None
            }
            assert others - {pattern}, (pattern, child)


def _flip(row: Mapping[str, Any]) -> dict[str, Any]:
    """Put a leaf's value on the other side of its threshold; a missing value becomes met."""
    over, under = row["threshold"] + 1, row["threshold"] - 1
    wants_high = row["operator"] in (">=", ">")
    met, unmet = (over, under) if wants_high else (under, over)
    return {**row, "value": unmet if row["state"] == "met" else met}
