"""Four FHIR bundles nobody here wrote (Synthea): every resource accounted for, nothing made up."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.pipeline import run_study
from heliotrope.study import Study, read_study

BUNDLES = Path(__file__).parents[3] / "shared" / "data" / "fhir_r4"

# Counted with a JSON parser and nothing else.
RESOURCES = {
    "Patient": 4,
    "Observation": 232,
    "Immunization": 48,
    "Encounter": 52,
    "Procedure": 18,
    "Condition": 16,
    "MedicationRequest": 17,
}
OTHERS = 175
BLOOD_PRESSURES = 22


@pytest.fixture
def study() -> Study:
    if not BUNDLES.is_dir():
        reason = "the FHIR bundles are not there: ../shared/data/fhir_r4"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return read_study(BUNDLES)


def of_everyone(study: Study, **declared: str) -> Study:
    """Return the study with everyone in it."""
    sources = [
        source.model_copy(update={"cohort": "everyone", **declared}) for source in study.sources
    ]
    return study.model_copy(update={"sources": tuple(sources)})


def read(study: Study) -> Ingested:
    return read_records(study, read_rulebook(study.settings))


def count(ingested: Ingested, kind: str, fate: str = "in") -> int:
    here = ingested.accounting.filter(pl.col("sheet") == kind)
    return int(here[f"rows_{fate}"].sum())


def test_every_resource_is_accounted_for(study: Study) -> None:
    ingested = read(of_everyone(study))
    assert {kind: count(ingested, kind) for kind in RESOURCES} == RESOURCES
    assert count(ingested, "other resources") == OTHERS
    assert ingested.accounting["rows_in"].sum() == sum(RESOURCES.values()) + OTHERS == 562
    assert ingested.accounting["rows_quarantined"].sum() == 0
    columns = ["rows_in", "rows_used", "rows_ignored", "rows_quarantined"]
    print(ingested.accounting.group_by("sheet").agg(pl.col(columns).sum()).sort("sheet"))  # noqa: T201


def test_measures_are_read_and_blood_pressures_are_none(study: Study) -> None:
    bundles = [json.loads(path.read_text(encoding="utf-8")) for path in BUNDLES.glob("*.json")]
    entries = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    observed = [item for item in entries if item["resourceType"] == "Observation"]
    codes = Counter(item["code"]["coding"][0]["code"] for item in observed)
    ingested = read(of_everyone(study))
    measures = dict(ingested.tables["assessment"].group_by("measure").len().iter_rows())
    known = {
        "height": "8302-2", "weight": "29463-7", "temperature": "8310-5",
        "haemoglobin": "718-7", "creatinine": "38483-4",
    }  # fmt: skip
    assert measures == {name: codes[code] for name, code in known.items() if name in measures}
    assert measures["height"] == measures["weight"] == 22
    pressures = [item for item in observed if "component" in item]
    assert len(pressures) == BLOOD_PRESSURES
    assert ingested.tables["assessment"].height == count(ingested, "Observation", "used") == 50
    said = dict(ingested.findings.select("rule", "found").iter_rows())
    assert said["observation_not_used"] == "182 Observation"
    assert said["vaccination"] == "48 Immunization"


def test_doses_are_not_made_up_and_a_cream_is_no_prednisone(study: Study) -> None:
    ingested = read(of_everyone(study))
    drugs = ingested.tables["medication"]
    assert sorted(drugs["drug"].to_list()) == [
        "ciclosporin", "loratadine", "methotrexate", "methotrexate",
        "paracetamol", "paracetamol", "paracetamol", "prednisone",
    ]  # fmt: skip
    assert drugs["dose"].null_count() == drugs.height
    rules = ingested.findings["rule"].to_list()
    assert rules.count("dose_without_unit") == 2
    assert "drug_text_not_counted" in rules
    counted = read(of_everyone(study, dose_without_unit="tablets")).tables["medication"]
    assert counted.drop_nulls("dose").select("drug", "dose", "dose_unit").sort("drug").rows() == [
        ("ciclosporin", 50, "mg/day"), ("prednisone", 5, "mg/day"),
    ]  # fmt: skip


def test_no_child_with_myositis_is_said_step_by_step(study: Study) -> None:
    ingested = read(study)
    assert [left for _, _, left in ingested.cohort] == [4, 0, 0, 0, 0, 0]
    assert ingested.tables["patient"].is_empty()
    said = dict(ingested.findings.select("rule", "found").iter_rows())
    assert "no_infusions" in said
    assert said["cohort_empty"].endswith("4 before: persons in the source")


def test_the_run_of_everyone_ends_well(study: Study, tmp_path: Path) -> None:
    (tmp_path / "export").symlink_to(BUNDLES)
    (tmp_path / "study.toml").write_text(
        '[[source]]\nform = "fhir"\nfile = "export"\ncohort = "everyone"\n', encoding="utf-8"
    )
    assert read_study(tmp_path).sources[0].file != study.sources[0].file
    run_study(tmp_path, tmp_path / "run")
    assert (tmp_path / "run" / "report.html").is_file()
