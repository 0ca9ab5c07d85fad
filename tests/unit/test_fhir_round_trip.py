"""One simulated cohort as CSV and as FHIR gives the same tables, answers and trace."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.fhir_resources import read

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.records.shard import Shard
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study


def judge(ingested: Ingested) -> Evaluation:
    return evaluate(Shard.from_tables(ingested.tables), read_rulebook())


@pytest.mark.parametrize("mechanism", [None, "pulse_model"])
def test_a_cohort_written_as_fhir_is_judged_as_its_csv(tmp_path: Path, mechanism) -> None:
    for form in ("csv", "fhir"):
        write_simulated_study(SimulationOrder(8, 4, form, mechanism), tmp_path / form)
    study = read_study(tmp_path / "csv")
    plain = read_records(study, read_rulebook(study.settings))
    fhir = read(tmp_path / "fhir")
    for name, table in plain.tables.items():
        expected = table.drop("row_id").sort(pl.all())
        assert_frame_equal(expected, fhir.tables[name].drop("row_id").sort(pl.all()))
    assert fhir.accounting["rows_used"].sum() == fhir.accounting["rows_in"].sum() > 0
    assert set(fhir.findings["severity"]) <= {"info"}
    before, after = judge(plain), judge(fhir)
    for name, table in before.tables.items():
        cells = [column for column in table.columns if column.endswith("row_id")]
        again = after.tables[name].drop(cells)
        assert_frame_equal(table.drop(cells), again, check_row_order=False)
    assert_frame_equal(before.trace, after.trace)
    assert before.tables["response"].height > 0
    assert before.trace_source.height == after.trace_source.height


def test_the_default_cohort_are_the_children_with_a_regimen_of_treatment(tmp_path: Path) -> None:
    write_simulated_study(SimulationOrder(12, 4, "fhir"), tmp_path)
    everyone, default = read(tmp_path), read(tmp_path, cohort=None)
    regimens = judge(everyone).tables["regimen"]
    treated = regimens.filter(pl.col("purpose") == "treatment")["patient_id"].unique()
    assert 0 < treated.len() < regimens["patient_id"].n_unique()
    assert set(default.tables["patient"]["patient_id"]) == set(treated)
    assert next(step for step, _, _ in default.cohort) == "persons"
    assert default.accounting["rows_in"].sum() == everyone.accounting["rows_in"].sum()
