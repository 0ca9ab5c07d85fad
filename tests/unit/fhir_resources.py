"""Small FHIR resources of one invented child, and how a test reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.study import read_study

Json = dict[str, Any]

CHILD = {"resourceType": "Patient", "id": "Zoë", "gender": "female", "birthDate": "2010-03"}
MYOSITIS = {
    "resourceType": "Condition",
    "id": "c1",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1212005"}]},
    "subject": {"reference": "Patient/Zoë"},
    "recordedDate": "2016-02-03",
}
WHOSE = {"subject": {"reference": "Patient/Zoë"}}
IVIG = {"coding": [{"system": "http://www.whocc.no/atc", "code": "J06BA02"}], "text": "Privigen"}


def observation(value: Json, **more: Any) -> Json:
    """Return a creatine kinase of 3 May 2016 with a value."""
    code = {"coding": [{"system": "http://loinc.org", "code": "2157-6"}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "effectiveDateTime": "2016-05-03",
        **WHOSE,
        **value,
        **more,
    }


def given(dose: Json | None, **more: Any) -> Json:
    """Return an administration of immunoglobulin of 1 June 2016."""
    return {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": IVIG,
        "effectiveDateTime": "2016-06-01T09:30:00+02:00",
        "dosage": {"dose": dose} if dose else {},
        **WHOSE,
        **more,
    }


def drug(kind: str, text: str, **more: Any) -> Json:
    """Return a statement or an order of a drug by its text."""
    return {
        "resourceType": kind,
        "status": "active",
        "medicationCodeableConcept": {"text": text},
        **WHOSE,
        **more,
    }


def dosage(value: float | None, unit: str | None, repeat: Json | None) -> Json:
    """Return how a drug is taken."""
    quantity = {name: item for name, item in (("value", value), ("unit", unit)) if item is not None}
    return {
        **({"timing": {"repeat": repeat}} if repeat else {}),
        "doseAndRate": [{"doseQuantity": quantity}],
    }


def write_lines(folder: Path, *resources: Json, name: str = "export.ndjson") -> Path:
    """Write resources as one NDJSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in resources)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_bundle(folder: Path, entries: Iterable[Json], name: str = "bundle.json") -> Path:
    """Write entries as a transaction bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    (folder / name).write_text(json.dumps(bundle, ensure_ascii=False, indent=1), encoding="utf-8")
    return folder


def read(path: Path, cohort: str | None = "everyone", **declared: Any) -> Ingested:
    """Read a folder, zip or file as it stands, with what study.toml would declare."""
    study = read_study(path)
    sources = tuple(
        source.model_copy(update={"cohort": cohort, **declared}) for source in study.sources
    )
    assert all(source.form == "fhir" for source in sources)
    study = study.model_copy(update={"sources": sources})
    return read_records(study, read_rulebook(study.settings))


def rules(ingested: Ingested) -> dict[str, str]:
    """Return what was found, by rule; the last of each."""
    return dict(ingested.findings.select("rule", "found").iter_rows())


def left_out(ingested: Ingested) -> set[str]:
    """Return the rules by which resources were left out, with their counts."""
    texts = ingested.accounting["ignored_by_rule"].to_list()
    return {part for text in texts for part in text.split("; ") if part}
