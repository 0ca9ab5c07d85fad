"""Files of FHIR resources: bundles and lines, whole and damaged, and whose a resource is."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from tests.unit.fhir_resources import (
    CHILD,
    IVIG,
    MYOSITIS,
    drug,
    given,
    left_out,
    observation,
    read,
    rules,
    write_bundle,
    write_lines,
)

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.ingest.fhir import entries as reading
from heliotrope.ingest.fhir import recognise
from heliotrope.study import read_study

VALUE = {"valueQuantity": {"value": 7, "unit": "U/L"}}
GRAMS = {"value": 20, "unit": "g"}


@pytest.mark.parametrize(
    ("reference", "is_found"),
    [
        ("Patient/Zoë", True),
        ("urn:uuid:9f", True),
        ("Patient/Zoë/_history/3", True),
        ("https://klinik.example/fhir/Patient/Zoë", True),
        ("Patient/Zoe", False),
        ("urn:uuid:0", False),
        ("Group/Zoë", False),
    ],
)
def test_a_reference_is_resolved_or_the_resource_quarantined_whole(
    tmp_path: Path, reference: str, is_found: bool
) -> None:
    value = observation(VALUE, subject={"reference": reference})
    resources = [{"fullUrl": "urn:uuid:9f", "resource": CHILD}, {"resource": value}]
    ingested = read(write_bundle(tmp_path, resources))
    assert ingested.tables["assessment"].height == is_found
    refused = ingested.quarantine["assessment"]
    if not is_found:
        assert refused.select("rule", "file", "sheet", "row").rows() == [
            ("broken_reference", "bundle.json", "Observation", 2)
        ]
        assert json.loads(refused["raw"][0])["value[x]"] == "7"
        assert reference in refused["message"][0]


def test_a_person_of_another_server_is_another_person(tmp_path: Path) -> None:
    here = {"fullUrl": "https://here.example/Patient/Zoë", "resource": CHILD}
    elsewhere = observation(VALUE, subject={"reference": "https://there.example/Patient/Zoë"})
    ingested = read(write_bundle(tmp_path, [here, {"resource": elsewhere}]))
    assert ingested.quarantine["assessment"]["rule"].to_list() == ["broken_reference"]


def test_one_bad_line_is_quarantined_and_the_rest_read(tmp_path: Path) -> None:
    write_lines(tmp_path, CHILD, name="Patient.ndjson")
    good = json.dumps(observation(VALUE))
    lines = [good, good[:80], "", '{"resourceType": "Observation", "code": "CK"}', good]
    (tmp_path / "Observation.ndjson").write_text("\n".join(lines), encoding="utf-8")
    ingested = read(tmp_path)
    assert ingested.tables["assessment"].height == 1
    assert ingested.accounting["rows_in"].sum() == 1 + 2 + 2
    refused = ingested.quarantine["assessment"].sort("row")
    assert refused.select("file", "row", "rule").rows() == [
        ("Observation.ndjson", 2, "resource_unreadable"),
        ("Observation.ndjson", 4, "resource_unreadable"),
    ]
    assert "$.code" in refused["message"][1]
    assert json.loads(refused["raw"][0])["resource"] == good[:80]


def test_a_damaged_bundle_stops_with_its_line(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, [{"resource": CHILD}]) / "bundle.json"
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    path.write_text("\n".join([*lines[:5], "oops", *lines[5:]]), encoding="utf-8")
    with pytest.raises(UserError, match="line 6") as wrong:
        read(tmp_path)
    assert "bundle.json" in str(wrong.value)
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(UserError, match="truncated"):
        read(tmp_path)


def test_an_entry_that_is_no_resource_of_r4_is_quarantined_alone(tmp_path: Path) -> None:
    wrong = {"resourceType": "Observation", "code": {"coding": "2157-6"}}
    ingested = read(
        write_bundle(
            tmp_path,
            [{"resource": item} for item in (CHILD, wrong, observation(VALUE))]
            + [{"request": {"method": "DELETE", "url": "Observation/1"}}],
        )
    )
    assert ingested.tables["assessment"].height == 1
    assert ingested.quarantine["assessment"]["rule"].to_list() == ["resource_unreadable"]
    assert "entry_without_resource: 1" in left_out(ingested)


def test_gz_zip_bundle_and_lines_give_the_same_records(tmp_path: Path, monkeypatch) -> None:
    resources = (CHILD, MYOSITIS, given(GRAMS), observation(VALUE))
    lines = write_lines(tmp_path / "lines", *resources)
    packed = tmp_path / "gz"
    packed.mkdir()
    content = (lines / "export.ndjson").read_bytes()
    (packed / "export.ndjson.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("Ordner/Größe.ndjson", content)
        archive.writestr("__MACOSX/._Größe.ndjson", b"junk")
    bundle = write_bundle(tmp_path / "bundle", [{"resource": item} for item in resources])
    (tmp_path / "bom").mkdir()
    (tmp_path / "bom" / "x.json").write_bytes(b"\xef\xbb\xbf" + content.rstrip(b"\n"))
    expected = read(lines).tables
    monkeypatch.setattr(reading, "_BLOCK", 50)
    for path in (packed, tmp_path / "all.zip", bundle, tmp_path / "bom", lines):
        assert recognise(path) is not None
        tables = read(path).tables
        for name, table in expected.items():
            assert tables[name].drop("row_id").equals(table.drop("row_id")), (path, name)


def test_the_way_back_leads_to_file_entry_and_element(tmp_path: Path) -> None:
    entries = [
        {"resource": item} for item in (CHILD, {"resourceType": "Claim"}, observation(VALUE))
    ]
    ingested = read(write_bundle(tmp_path, entries))
    row_id = ingested.tables["assessment"]["row_id"][0]
    column = ingested.source.filter(
        (pl.col("source") == row_id >> 48) & (pl.col("column") == row_id & 0xFFFF)
    )
    assert column.select("file", "sheet", "column_name").row(0) == (
        "bundle.json", "Observation", "value[x]",
    )  # fmt: skip
    assert ((row_id >> 16) & 0xFFFFFFFF) + column["first_row"][0] == 3


def test_a_file_that_swells_up_is_refused(tmp_path: Path) -> None:
    write_lines(tmp_path, CHILD)
    (tmp_path / "big.ndjson.gz").write_bytes(
        gzip.compress(b'{"resourceType": "Claim"}\n' + b" " * (40 << 20))
    )
    with pytest.raises(UserError, match="200 times as large"):
        read(tmp_path)


def test_of_several_versions_the_last_updated_is_used(tmp_path: Path) -> None:
    def version(value: int, updated: str) -> dict[str, object]:
        quantity = {"valueQuantity": {"value": value, "unit": "U/L"}}
        return observation(quantity, id="o1", meta={"lastUpdated": updated})

    write_lines(tmp_path, CHILD, version(2, "2016-06-02"), name="a.ndjson")
    write_lines(tmp_path, CHILD, version(1, "2016-06-01"), name="b.ndjson")
    ingested = read(tmp_path)
    assert ingested.tables["assessment"]["value"].to_list() == [2]
    assert ingested.tables["patient"].height == 1
    assert "older_version: 1" in left_out(ingested)


def test_without_persons_it_says_what_to_export(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one Patient"):
        read(write_lines(tmp_path, observation(VALUE)))


def test_children_can_be_named_by_an_identifier(tmp_path: Path) -> None:
    child = {**CHILD, "identifier": [{"system": "urn:study", "value": "S07"}]}
    ingested = read(
        write_lines(tmp_path, child, observation(VALUE)), patient_identifier="urn:study"
    )
    assert ingested.tables["assessment"]["patient_id"].to_list() == ["S07"]


def test_the_cohort_is_selected_and_each_step_counted(tmp_path: Path) -> None:
    grown = {"resourceType": "Patient", "id": "B", "birthDate": "1960"}
    other = {"reference": "Patient/B"}
    refuted = {**MYOSITIS, "id": "c2", "subject": other, "verificationStatus": {
        "coding": [{"code": "refuted"}]}}  # fmt: skip
    folder = write_lines(
        tmp_path, CHILD, grown, MYOSITIS, refuted, given(GRAMS), given(GRAMS, subject=other),
        observation(VALUE), observation(VALUE, subject=other),
    )  # fmt: skip
    ingested = read(folder, cohort=None)
    assert [(step, left) for step, _, left in ingested.cohort][:2] == [
        ("persons", 2), ("dermatomyositis", 1),
    ]  # fmt: skip
    assert ingested.cohort[-1][2] == 1
    for table in ("patient", "assessment", "infusion"):
        assert ingested.tables[table]["patient_id"].to_list() == ["Zoë"]
    assert "diagnosis_not_confirmed: 1" in left_out(ingested)
    assert rules(ingested)["outside_cohort"] == "1 of 2 persons in the source"
    assert sorted(ingested.accounting["ignored_by_rule"].to_list()) == [
        "diagnosis_not_confirmed: 1", "outside_cohort: 1", "outside_cohort: 1", "outside_cohort: 1",
    ]  # fmt: skip


@pytest.mark.parametrize(("reason", "left"), [("CVID", 0), ("flare", 1)])
def test_the_reason_for_immunoglobulin_is_a_diagnosis(tmp_path: Path, reason, left) -> None:
    order = drug("MedicationRequest", "immunoglobulin", authoredOn="2016-05-20", intent="order",
                 reasonCode=[{"text": reason}])  # fmt: skip
    ingested = read(write_lines(tmp_path, CHILD, MYOSITIS, given(GRAMS), order), cohort=None)
    assert [n for _, _, n in ingested.cohort][3] == left


WEIGHT = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}


@pytest.mark.parametrize(("kilograms", "left"), [(25, 0), (10, 1), (None, 1)])
def test_grams_are_judged_by_the_weight_in_force(tmp_path: Path, kilograms, left: int) -> None:
    days = [f"2016-{month:02}-01" for month in range(6, 10)]
    dose = {"value": 100, "unit": "mL"}
    product = {"coding": IVIG["coding"], "text": "immunoglobulin 100 MG/ML Injection"}
    weight = observation({"valueQuantity": {"value": kilograms, "unit": "kg"}}, code=WEIGHT)
    more = {"medicationCodeableConcept": product}
    ingested = read(
        write_lines(
            tmp_path, CHILD, MYOSITIS, *([weight] if kilograms else []),
            *(given(dose, effectiveDateTime=day, **more) for day in days),
            # the procedure of a day that has an administration says no more
            {"resourceType": "Procedure", "status": "completed", "code": product,
             "performedDateTime": days[0], "subject": MYOSITIS["subject"]},
        ),
        cohort=None,
    )  # fmt: skip
    assert [n for _, _, n in ingested.cohort] == [1, 1, 1, 1, 1, left]
    assert ingested.tables["assessment"].height == (left if kilograms else 0)
    assert ("replacement_not_judged" in rules(ingested)) == (kilograms is None)
    assert ("cohort_empty" in rules(ingested)) == (not left)


@pytest.mark.parametrize("cohort", [None, "everyone"])
def test_a_resource_without_a_subject_is_quarantined_whole(tmp_path: Path, cohort) -> None:
    lost = {"subject": {}}
    episode = {"resourceType": "EpisodeOfCare", "status": "finished", "id": "e"}
    ingested = read(
        write_lines(
            tmp_path, CHILD, MYOSITIS, given(GRAMS), observation(VALUE, **lost),
            given(GRAMS, **lost), {**MYOSITIS, "id": "c8", **lost}, episode,
        ),
        cohort=cohort,
    )  # fmt: skip
    assert ingested.accounting["rows_quarantined"].sum() == 4
    found = pl.concat([table.select("rule") for table in ingested.quarantine.values()])
    assert found["rule"].to_list() == ["no_subject"] * 4
    assert not any("outside_cohort" in text for text in left_out(ingested))


def test_a_study_file_declares_cohort_and_local_measures(tmp_path: Path) -> None:
    own = {"coding": [{"system": "urn:x", "code": "K"}]}
    write_lines(tmp_path / "export", CHILD, given(GRAMS, medicationCodeableConcept=IVIG),
                observation({"valueInteger": 50}, code=own))  # fmt: skip
    (tmp_path / "study.toml").write_text(
        '[[source]]\nform = "fhir"\nfile = "export"\ncohort = "everyone"\n'
        '[source.measures]\n"urn:x|K" = "cmas"\n',
        encoding="utf-8",
    )
    study = read_study(tmp_path)
    ingested = read_records(study, read_rulebook(study.settings))
    assert ingested.tables["assessment"]["measure"].to_list() == ["cmas"]
    assert set(ingested.input_hashes) == {"export/export.ndjson"}


def test_events_flares_complications_and_stays(tmp_path: Path) -> None:
    whose = {"subject": {"reference": "Patient/Zoë"}}
    due = {"url": "http://hl7.org/fhir/StructureDefinition/condition-dueTo",
           "valueCodeableConcept": {"text": "steroids"}}  # fmt: skip
    flare = {**MYOSITIS, "id": "c9", "clinicalStatus": {"coding": [{"code": "relapse"}]},
             "onsetDateTime": "2016-09-01"}  # fmt: skip
    complication = {"resourceType": "Condition", "code": {"text": "Katarakt"}, "extension": [due],
                    "onsetDateTime": "2016-10-01", **whose}  # fmt: skip
    stay = {"resourceType": "Encounter", "status": "finished", "class": {"code": "IMP"},
            "period": {"start": "2016-11-01T10:00:00Z", "end": "2016-11-04"}, **whose}  # fmt: skip
    event = {
        "resourceType": "AdverseEvent",
        "actuality": "actual",
        "event": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "R50.2"}]},
        "date": "2016-06-02T07:15:00+02:00",
        "extension": [{"url": "https://x/severity-or-grade", "valueCodeableConcept": {
            "text": "Grade 2"}}],
        **whose,
    }  # fmt: skip
    potential = {**event, "actuality": "potential"}
    ingested = read(
        write_lines(tmp_path, CHILD, MYOSITIS, flare, complication, stay, event, potential)
    )
    rows = ingested.tables["event"].sort("date")
    assert rows.select("kind", "term", "grade", "minute_of_day").rows() == [
        ("adverse_event", "fever", 2, 7 * 60 + 15),
        ("flare", None, None, None),
        ("complication", "Katarakt", None, None),
        ("hospitalisation", None, None, 10 * 60),
    ]
    assert "only_potential: 1" in left_out(ingested)
