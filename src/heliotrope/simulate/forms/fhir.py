"""Write a simulated cohort as a FHIR R4 bulk export: NDJSON, one file a resource type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.definitions.codes import CodeBook, CodedConcept, make_code_book
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.settings import Settings
from heliotrope.simulate.forms.conditions import find_code, find_concepts, list_others

Json = dict[str, Any]
Row = dict[str, Any]

LOINC, ATC, SNOMED = "http://loinc.org", "http://www.whocc.no/atc", "http://snomed.info/sct"
_SYSTEMS = {
    "SNOMED": SNOMED,
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
}
UCUM = "http://unitsofmeasure.org"

# Extensions for what FHIR R4 has no element for, by names that the reader knows.
EXTENSION = "https://heliotrope.invalid/fhir/StructureDefinition"

_STANDARD = "http://hl7.org/fhir/StructureDefinition"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_CAUSALITY = "http://terminology.hl7.org/CodeSystem/adverse-event-causality-assess"

_ROUTES = {"oral": "26643006", "iv": "47625008", "sc": "34206005", "im": "78421000"}
_MYOSITIS = {"coding": [{"system": SNOMED, "code": "1212005"}]}
_UCUM_UNITS = {"none": "1", "degC": "Cel", "ukat/L": "ukat/L", "g/24h": "g/(24.h)"}
_CAUSES = {"yes": "Possible", "no": "Unlikely"}


def write_fhir(tables: Mapping[str, pl.DataFrame], folder: Path) -> list[Path]:
    """Write canonical tables as NDJSON files of FHIR R4 resources; return the files.

    What FHIR R4 has no element for (a grade, what was given before an infusion, a value beside an
    event) stands in extensions.
    """
    rulebook = read_rulebook(Settings())
    book = make_code_book(rulebook)
    diagnoses = _Diagnoses(book, find_concepts(rulebook))
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Iterator[Json]] = {
        "Patient": _each(tables["patient"], _patient),
        "Condition": _conditions(tables, diagnoses),
        "EpisodeOfCare": _episodes(tables["patient"]),
        "Observation": _observations(tables, book),
        "MedicationAdministration": _each(tables["infusion"], _administration),
        "MedicationStatement": _statements(tables, book),
        "MedicationRequest": _each(tables["indication"], _request),
        "AdverseEvent": _each(
            tables["event"].filter(pl.col("kind") == "adverse_event"), _adverse_event
        ),
    }
    written = []
    for kind, resources in writers.items():
        path = folder / f"{kind}.ndjson"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for number, resource in enumerate(resources):
                whole = {"resourceType": kind, "id": f"{kind.lower()}-{number}", **resource}
                file.write(json.dumps(_trim(whole), ensure_ascii=False) + "\n")
        written.append(path)
    return written


def _each(table: pl.DataFrame, make: Callable[[Row], Json]) -> Iterator[Json]:
    return (make(row) for row in table.iter_rows(named=True))


def _trim(value: Any) -> Any:
    """Leave out what is not recorded: FHIR has no nulls and no empty elements."""
    if isinstance(value, dict):
        trimmed = {name: _trim(item) for name, item in value.items()}
        return {name: item for name, item in trimmed.items() if item not in (None, {}, [])}
    if isinstance(value, list):
        return [item for item in (_trim(item) for item in value) if item not in (None, {}, [])]
    return value


def _whose(row: Row) -> Json:
    return {"reference": f"Patient/{row['patient_id']}"}


def _day(date: Any) -> str | None:
    return None if date is None else str(date)


def _moment(row: Row) -> str | None:
    """Write day and time; a time needs a zone, and the clock of the ward is kept."""
    return f"{row['date']}T{row['time']}:00+00:00" if row["time"] else _day(row["date"])


def _text(words: str | None) -> Json | None:
    return None if words is None else {"text": words}


def _quantity(value: float | None, unit: str | None) -> Json | None:
    if value is None:
        return None
    code = _UCUM_UNITS.get(unit or "", unit)
    coded = {"unit": unit, "system": UCUM, "code": code} if unit else {}
    return {"value": value, **coded}


def _extension(name: str, value: Json, *, is_standard: bool = False) -> Json | None:
    known = {key: item for key, item in value.items() if item is not None}
    return {"url": f"{_STANDARD if is_standard else EXTENSION}/{name}", **known} if known else None


def _patient(row: Row) -> Json:
    return {
        "id": row["patient_id"],
        "gender": row["sex"],
        "birthDate": _day(row["birth_date"]),
        "deceasedDateTime": _day(row["death_date"]),
        "managingOrganization": {"display": row["site"]},
    }


@dataclass(frozen=True)
class _Diagnoses:
    """How diagnoses are coded: the codes, and the concept of each title in small letters."""

    book: CodeBook
    concepts: Mapping[str, CodedConcept]

    def write(self, words: str) -> Json:
        """Write a diagnosis by its code, if the lists have one, and its words."""
        found = find_code(self.concepts.get(words.casefold()), self.book)
        if found is None:
            return {"text": words}
        return {"coding": [{"system": _SYSTEMS[found[0]], "code": found[1]}], "text": words}


def _conditions(tables: Mapping[str, pl.DataFrame], diagnoses: _Diagnoses) -> Iterator[Json]:
    for row in tables["patient"].iter_rows(named=True):
        if row["diagnosis"] is not None:
            yield {
                "id": f"diagnosis-{row['patient_id']}",
                "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "active"}]},
                "code": diagnoses.write(row["diagnosis"]),
                "subject": _whose(row),
                "onsetDateTime": _day(row["onset_date"]),
                "recordedDate": _day(row["diagnosis_date"]),
            }
    for row in list_others(tables).iter_rows(named=True):
        yield {
            "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "active"}]},
            "code": diagnoses.write(row["diagnosis"]),
            "subject": _whose(row),
            "recordedDate": _day(row["date"]),
        }
    for row in tables["event"].iter_rows(named=True):
        if row["kind"] == "flare":
            yield {
                "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "relapse"}]},
                "code": {**_MYOSITIS, "text": "juvenile dermatomyositis"},
                "subject": _whose(row),
                "onsetDateTime": _moment(row),
                "note": [{"text": row["term"]}],
            }
        elif row["kind"] == "complication":
            due = {"valueCodeableConcept": {**_MYOSITIS, "text": "juvenile dermatomyositis"}}
            yield {
                "extension": [_extension("condition-dueTo", due, is_standard=True)],
                "code": _text(row["term"]),
                "subject": _whose(row),
                "onsetDateTime": _moment(row),
            }


def _episodes(patients: pl.DataFrame) -> Iterator[Json]:
    for row in patients.iter_rows(named=True):
        if row["followup_end"] is not None and row["diagnosis"] is not None:
            reference = f"Condition/diagnosis-{row['patient_id']}"
            yield {
                "status": "finished",
                "diagnosis": [{"condition": {"reference": reference}}],
                "patient": _whose(row),
                "period": {"end": _day(row["followup_end"])},
            }


def _observations(tables: Mapping[str, pl.DataFrame], book: CodeBook) -> Iterator[Json]:
    for row in tables["patient"].iter_rows(named=True):
        if row["antibody"] is not None:
            yield {
                "status": "final",
                "code": _text("myositis-specific antibody"),
                "subject": _whose(row),
                "effectiveDateTime": _day(row["diagnosis_date"]),
                "valueString": row["antibody"],
            }
    names = tables["assessment"]["measure"].unique().to_list()
    coded = {name: book.codes_of(name, LOINC, "measure")[:1] for name in names}
    for row in tables["assessment"].iter_rows(named=True):
        codes = [{"system": LOINC, "code": code} for code in coded[row["measure"]]]
        unit = row["unit"]
        yield {
            "status": "final",
            "code": {"coding": codes, "text": row["measure"]},
            "subject": _whose(row),
            "effectiveDateTime": _day(row["date"]),
            "performer": [{"display": row["assessor"]}],
            "valueQuantity": _quantity(row["value"], unit),
            "valueString": row["text"] if row["value"] is None else None,
            "referenceRange": [
                {
                    "low": _quantity(row["lower_limit"], unit),
                    "high": _quantity(row["upper_limit"], unit),
                }
            ],
        }


def _drug(row: Row, book: CodeBook) -> Json:
    codes = book.codes_of(row["drug"], ATC, "drug")[:1]
    return {"coding": [{"system": ATC, "code": code} for code in codes], "text": row["drug"]}


def _route(route: str | None) -> Json | None:
    if route is None:
        return None
    code = _ROUTES.get(route)
    return {"coding": [{"system": SNOMED, "code": code}] if code else [], "text": route}


def _immunoglobulin(route: str | None, text: str | None) -> Json:
    code = "J06BA01" if route == "sc" else "J06BA02"
    return {"coding": [{"system": ATC, "code": code}], "text": text}


def _administration(row: Row) -> Json:
    given = _extension("premedication", {"valueString": row["premedication"]})
    dose = _quantity(row["dose"], row["dose_unit"])
    return {
        "extension": [given],
        "status": "completed",
        "medicationCodeableConcept": _immunoglobulin(row["route"], row["product"]),
        "subject": _whose(row),
        "effectiveDateTime": _moment(row),
        "dosage": {"route": _route(row["route"]), "dose": dose},
    }


def _statements(tables: Mapping[str, pl.DataFrame], book: CodeBook) -> Iterator[Json]:
    for row in tables["medication"].iter_rows(named=True):
        is_ongoing = row["ongoing"] == "yes"
        yield {
            "status": "active" if is_ongoing else "stopped" if row["stop_reason"] else "completed",
            "statusReason": [_text(row["stop_reason"])],
            "medicationCodeableConcept": _drug(row, book),
            "subject": _whose(row),
            "effectivePeriod": {"start": _day(row["start_date"]), "end": _day(row["end_date"])},
            "dosage": [_dosage(row)],
        }
    stops = tables["event"].filter(pl.col("kind") == "ivig_stopped")
    for row in stops.iter_rows(named=True):
        yield {
            "status": "stopped",
            "statusReason": [_text(row["term"])],
            "medicationCodeableConcept": _immunoglobulin("iv", "immunoglobulin"),
            "subject": _whose(row),
            "effectivePeriod": {"end": _day(row["date"])},
        }


def _dosage(row: Row) -> Json:
    unit = row["dose_unit"] or ""
    every = row["every_n_days"] or 1
    repeat: Json = {"frequency": 1, "period": every, "periodUnit": "d"}
    if unit.endswith("/week"):
        repeat = {"frequency": 1, "period": 1, "periodUnit": "wk"}
    one = unit.removesuffix("/week").removesuffix("/day")
    dose = _quantity(row["dose"], one or None)
    return {
        "timing": {"repeat": repeat},
        "route": _route(row["route"]),
        "doseAndRate": [{"doseQuantity": dose}],
    }


def _request(row: Row) -> Json:
    return {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": _immunoglobulin("iv", "immunoglobulin"),
        "subject": _whose(row),
        "authoredOn": _day(row["date"]),
        "reasonCode": [_text(row["reason"])],
    }


def _adverse_event(row: Row) -> Json:
    cause = _CAUSES.get(row["related"] or "")
    assessed = {"coding": [{"system": _CAUSALITY, "code": cause}]} if cause else None
    return {
        "extension": [
            _extension(
                "severity-or-grade",
                {"valueCodeableConcept": _text(row["grade"] and f"Grade {row['grade']}")},
            ),
            _extension(
                "adverse-event-value", {"valueQuantity": _quantity(row["value"], row["unit"])}
            ),
            _extension("adverse-event-end", {"valueDateTime": _day(row["end_date"])}),
        ],
        "actuality": "actual",
        "event": _text(row["term"]),
        "subject": _whose(row),
        "date": _moment(row),
        "suspectEntity": [
            {
                "instance": {"display": "immunoglobulin"} if cause else None,
                "causality": [{"assessment": assessed}],
            }
        ],
    }
