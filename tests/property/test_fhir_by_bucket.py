"""FHIR resources that wait on disk until they are cut by children give what they give at once.

Children go into three buckets, and into others while the cohort is selected; rows go to disk a
few at a time. Whatever stands in the files, tables, findings, quarantine, accounting and the flow
of the cohort are those of holding all.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_reading_by_bucket import (
    Chance,
    Read,
    assert_in_buckets,
    assert_read_alike,
    assert_same,
    read_at_once,
)
from tests.unit.fhir_resources import IVIG, dosage, drug, observation

from heliotrope.ingest.bucket import read_bucket
from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.fhir import collect, parted
from heliotrope.ingest.fhir.export import Export
from heliotrope.ingest.read import gather_reading
from heliotrope.ingest.survey import survey_study
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

Json = dict[str, Any]
Change = Callable[[Json, Chance], Json]

CHILDREN = [f"P{number:07}" for number in range(1, 13)]
# Persons of the export without myositis, but for what is made up of them.
STRANGERS = [f"X{number}" for number in range(6)]
MANY_VALUES = {"code": {"text": "physician_global"}, "valueQuantity": {"value": 3}}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(parted, "BUCKET", 400)
        patch.setattr(collect, "_HELD", 80)
        yield


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a FHIR study of few resources, with some of every type that is read."""
    folder = tmp_path_factory.mktemp("fhir") / "study"
    write_simulated_study(SimulationOrder(12, 4, "fhir", share_with_ivig=0.5), folder / "export")
    chance = random.Random(1)
    path = folder / "export" / "Observation.ndjson"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(chance.sample(lines, 150)) + "\n", encoding="utf-8")
    write(folder / "export" / "more.ndjson", list(make_more(chance)))
    return folder


def make_more(chance: Chance) -> Iterator[Json]:
    """Make resources of the types that are not simulated, several types in one file."""
    for number, kind in enumerate(("Privigen 100 mg/mL", "prednisone 5 mg", "aspirin")):
        yield {"resourceType": "Medication", "id": f"m{number}", "code": {"text": kind},
               "ingredient": [{"strength": {"numerator": {"value": 5, "unit": "mg"},
                                            "denominator": {"value": 1, "unit": "tablet"}}}]
               }  # fmt: skip
    for stranger in STRANGERS:
        yield {"resourceType": "Patient", "id": stranger, "birthDate": "2003"}
        weight = {"code": {"text": "weight"}, "valueQuantity": {"value": 31, "unit": "kg"}}
        yield observation(weight, id=f"w{stranger}") | whose(stranger)
    for number in range(24):
        child = whose(chance.choice(CHILDREN + STRANGERS))
        day = f"2013-0{number % 9 + 1}-11"
        yield {"resourceType": "Procedure", "id": f"p{number}", "status": "completed",
               **whose(chance.choice([*CHILDREN[:3], STRANGERS[0]])),
               "code": {"text": "infusion of intravenous immunoglobulin"},
               "performedDateTime": chance.choice([day, "2013-01-13"])}  # fmt: skip
        yield {"resourceType": "Encounter", "id": f"e{number}", "status": "finished", **child,
               "class": {"code": chance.choice(["IMP", "AMB"])},
               "period": {"start": day, "end": day}}  # fmt: skip
        answers = [{"linkId": name, "answer": [{"valueDecimal": 1.5}]}
                   for name in chance.sample(["cmas", "chaq", "mmt8", "other"], 2)]  # fmt: skip
        yield {"resourceType": "QuestionnaireResponse", "id": f"q{number}", **child,
               "authored": day, "item": answers}  # fmt: skip
        yield {"resourceType": "Immunization", "vaccineCode": {"text": "mumps"}}
        due = {"url": "http://hl7.org/fhir/StructureDefinition/condition-dueTo",
               "valueCodeableConcept": {"text": "prednisone"}}  # fmt: skip
        yield {"resourceType": "Condition", "id": f"d{number}", **child, "recordedDate": day,
               "code": {"text": chance.choice(["cataract", "aspiration", "dermatomyositis"])},
               "extension": [due] if number % 2 else []}  # fmt: skip
        parts = [{**MANY_VALUES}] * chance.randrange(3) + [{"code": {"text": "nothing"}}]
        value = observation({"component": parts}, id=f"o{number}", effectiveDateTime=day)
        yield value | child
        reference = {"medicationReference": {"reference": f"Medication/m{number % 4}"}}
        for kind in ("MedicationRequest", "MedicationStatement"):
            plan = [dosage(2, "tablet", {"frequency": 1, "period": 1, "periodUnit": "d"})]
            named = "dosage" if kind == "MedicationStatement" else "dosageInstruction"
            item = drug(kind, "prednisone", id=f"{kind}{number}") | child | reference
            del item["medicationCodeableConcept"]
            yield item | {named: plan * chance.randrange(3), "authoredOn": day,
                          "effectiveDateTime": day}  # fmt: skip
    yield {"resourceType": "Organization", "id": "unread"}


def whose(child: str) -> Json:
    return {"subject": {"reference": f"Patient/{child}"}}


def write(path: Path, resources: list[Json]) -> None:
    lines = [json.dumps(item, ensure_ascii=False) for item in resources]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def name_another(item: Json, chance: Chance) -> Json:
    """Let a resource be another child's, somebody's who is not there, or nobody's."""
    subject = "patient" if item["resourceType"] == "EpisodeOfCare" else "subject"
    if subject not in item:
        return item
    named = chance.choice([
        f"Patient/{chance.choice(CHILDREN)}/_history/2", "Patient/nobody", None,
        f"https://one.example/fhir/Patient/{chance.choice(CHILDREN)}", chance.choice(CHILDREN),
        f"Patient/{chance.choice(CHILDREN)}",
    ])  # fmt: skip
    return item | {subject: {"reference": named} if named else {}}


def take_another_id(item: Json, chance: Chance) -> Json:
    """Let a resource be a version of others, or have no id."""
    return item | {"id": chance.choice([f"v{chance.randrange(6)}", item.get("id"), None])}


def date_version(item: Json, chance: Chance) -> Json:
    return item | {"meta": {"lastUpdated": f"2020-01-0{chance.randrange(1, 5)}T00:00:00Z"}}


def change_status(item: Json, chance: Chance) -> Json:
    states = ["entered-in-error", "not-done", "active", "stopped", "completed", "draft"]
    return item | {"status": chance.choice(states)}


def change_words(item: Json, chance: Chance) -> Json:
    """Write something else for a date, a number or a unit, or a value of another type."""
    texts = ["2019-02-30", "2017-03", "", "é€", 7, None, "2099-01-01", "-5", "g"]
    found = dict(item)
    for name in chance.sample(sorted(found), min(2, len(found))):
        if isinstance(found[name], str) and name not in ("resourceType", "id"):
            found[name] = chance.choice(texts)
        elif isinstance(found[name], dict) and name.startswith("value"):
            found[name] = {**found[name], "unit": "parsec"}
    return found


def give_elsewise(item: Json, chance: Chance) -> Json:
    """Let a drug be immunoglobulin, or one that another resource, or nothing, says."""
    if not item["resourceType"].startswith("Medication") or item["resourceType"] == "Medication":
        return item
    found = {name: value for name, value in item.items() if not name.startswith("medication")}
    target = chance.choice(["Medication/m0", "Medication/m1", "Medication/m2", "Medication/lost"])
    said = {"medicationReference": {"reference": target}}
    return found | chance.choice([{"medicationCodeableConcept": IVIG}, said])


CHANGES: list[Change] = [
    name_another,
    take_another_id,
    date_version,
    change_status,
    change_words,
    give_elsewise,
]


def make_messy(path: Path, chance: Chance) -> None:
    """Change some resources of a file, some more than once; repeat, shuffle and cut lines."""
    changes = chance.sample(CHANGES, chance.randrange(1, 5))
    resources = read(path)
    is_person = path.stem == "Patient"
    for change in changes if not is_person else []:
        resources = [change(item, chance) if chance.random() < 0.15 else item for item in resources]
    again = chance.sample(resources, min(len(resources), 8))
    resources += [date_version(item, chance) for item in again]
    if chance.random() < 0.7:
        chance.shuffle(resources)
    write(path, resources)
    lines = path.read_text(encoding="utf-8").splitlines()
    cut = [line[: len(line) // 2] if chance.random() < 0.02 else line for line in lines]
    blank = [part for line in cut for part in ([line, ""] if chance.random() < 0.02 else [line])]
    path.write_text("\n".join(blank), encoding="utf-8")


def declare(folder: Path, **settings: str) -> None:
    said = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    (folder / "study.toml").write_text(f'[[source]]\nform = "fhir"\nfile = "export"\n{said}')


def find_rules(found: Read | None) -> set[str]:
    assert found is not None
    return set(found.reading.findings["rule"])


def test_fhir_is_read_alike(fhir: Path) -> None:
    found = assert_read_alike(fhir / "export")
    assert_in_buckets(found)
    assert found is not None
    ignored = " ".join(found.reading.accounting["ignored_by_rule"])
    for rule in ("preparation_not_used", "infusion_recorded_twice", "condition_not_used"):
        assert rule in ignored
    assert {"broken_reference", "resource_not_used"} <= find_rules(found)


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cohort=st.sampled_from(["jdm", "jdm_ivig", "everyone"]),
    is_one_file=st.booleans(),
)
def test_messy_fhir_is_read_alike(fhir: Path, seed: int, cohort: str, is_one_file: bool) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        shutil.copytree(fhir, folder)
        declare(folder, cohort=cohort)
        paths = sorted((folder / "export").glob("*.ndjson"))
        for path in paths:
            make_messy(path, chance)
        if is_one_file:
            texts = [path.read_text(encoding="utf-8") for path in paths]
            for path in paths[1:]:
                path.unlink()
            paths[0].write_text("\n".join(texts), encoding="utf-8")
        assert_read_alike(folder)


@pytest.mark.parametrize("cohort", ["jdm_ivig", "everyone"])
@pytest.mark.parametrize("unread", [0, 1 << 40])
def test_what_is_little_of_a_large_export_is_held_alike(
    fhir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cohort: str, unread: int
) -> None:
    """Whether it is little before anything but persons is read, or once the cohort is selected."""
    shutil.copytree(fhir, tmp_path / "study")
    declare(tmp_path / "study", cohort=cohort)
    make_messy(tmp_path / "study" / "export" / "more.ndjson", random.Random(3))
    whole = read_at_once(tmp_path / "study")
    parted_once: list[int] = []

    def part(export: Export, large_from: int) -> Delivery:
        parted_once.append(large_from)
        return parted.part_export(export, 1 << 30)

    monkeypatch.setattr(import_module("heliotrope.ingest.fhir.deliver"), "part_export", part)
    monkeypatch.setattr(parted, "count_unread_bytes", lambda _: unread)
    study = read_study(tmp_path / "study")
    survey = survey_study(study, study.read_rulebook(), lambda *_: None, 1)
    assert (survey.is_held, parted_once) == (True, [1])
    held = read_bucket(survey.numbered.whole(), survey.sources, survey.context)
    reading = gather_reading(survey, [held.listed], held.fates)
    for name, rows in whole.tables.items():
        assert_same(rows, held.tables[name])
    for name, rows in whole.quarantine.items():
        assert_same(rows, held.quarantine[name])
    for part_of in ("source", "findings", "accounting"):
        assert_same(getattr(whole.reading, part_of), getattr(reading, part_of))
    assert whole.reading.cohort == reading.cohort


@pytest.mark.parametrize("suffix", ["zip", "gz"])
def test_packed_fhir_is_read_alike(fhir: Path, tmp_path: Path, suffix: str) -> None:
    export = tmp_path / "export"
    export.mkdir()
    if suffix == "zip":
        with zipfile.ZipFile(export / "all.zip", "w") as packed:
            for path in (fhir / "export").glob("*.ndjson"):
                packed.write(path, path.name)
        assert_in_buckets(assert_read_alike(export / "all.zip"))
        return
    for path in (fhir / "export").glob("*.ndjson"):
        (export / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert_in_buckets(assert_read_alike(export))


def test_bundles_of_a_child_each_are_read_alike(fhir: Path, tmp_path: Path) -> None:
    """Resources refer to one another by urn, and name children by an identifier."""
    bundles: dict[str, list[Json]] = {child: [] for child in CHILDREN}
    for path in sorted((fhir / "export").glob("*.ndjson")):
        for item in read(path):
            subject = item.get("subject") or item.get("patient") or {}
            child = item["id"] if item["resourceType"] == "Patient" else (
                subject.get("reference", "").removeprefix("Patient/")
            )  # fmt: skip
            text = json.dumps(item).replace(f'"Patient/{child}"', f'"urn:uuid:{child}"')
            url = f"urn:uuid:{item.get('id')}"
            if item["resourceType"] == "Patient":
                item["identifier"] = [{"system": "urn:oid:1", "value": f"N{child[-2:]}"}]
                text = json.dumps(item)
            bundles.setdefault(child, []).append({"fullUrl": url, "resource": json.loads(text)})
    (tmp_path / "export").mkdir()
    for child, entries in bundles.items():
        content = {"resourceType": "Bundle", "entry": entries}
        (tmp_path / "export" / f"b{child or 'shared'}.json").write_text(json.dumps(content))
    declare(tmp_path, patient_identifier="urn:oid:1", cohort="everyone")
    found = assert_read_alike(tmp_path)
    assert_in_buckets(found)
    assert found is not None
    assert found.tables["patient"]["patient_id"].sort().to_list()[0] == "N01"


def test_linked_fhir_beside_plain_tables_is_read_alike(fhir: Path, tmp_path: Path) -> None:
    """A link table translates identifiers, two into one; one child stands in it not at all."""
    shutil.copytree(fhir / "export", tmp_path / "export")
    pairs = [f"{child},S{number // 2}" for number, child in enumerate(CHILDREN[:-1])]
    (tmp_path / "link.csv").write_text("\n".join(["theirs,ours", *pairs, "P77,S77"]))
    rows = [f"S{number},2019-03-0{number % 9 + 1},weight,{20 + number}" for number in range(6)]
    (tmp_path / "more.csv").write_text("\n".join(["patient_id,date,measure,value", *rows]))
    declare(tmp_path, cohort="everyone")
    with (tmp_path / "study.toml").open("a") as study:
        study.write('[[source]]\nfile = "more.csv"\ntable = "assessment"\n')
        study.write('[[link]]\nsource = "export"\nfile = "link.csv"\n')
        study.write('from = "theirs"\nto = "ours"\n')
    found = assert_read_alike(tmp_path)
    assert_in_buckets(found)
    assert "id_not_in_link" in find_rules(found)


def test_an_episode_counts_for_the_myositis_of_its_own_child(fhir: Path, tmp_path: Path) -> None:
    """Children of several servers may have diagnoses of one id; nobody is followed by another's."""
    shutil.copytree(fhir / "export", tmp_path / "export")
    path = tmp_path / "export" / "EpisodeOfCare.ndjson"
    other = f"Condition/diagnosis-{CHILDREN[0]}"
    episodes = [item | {"diagnosis": [{"condition": {"reference": other}}]} for item in read(path)]
    write(path, episodes)
    found = assert_read_alike(tmp_path / "export")
    assert_in_buckets(found)
    assert found is not None
    ends = found.tables["patient"].drop_nulls("followup_end")["patient_id"].to_list()
    assert ends == [CHILDREN[0]]
