"""Drug names as other people wrote them: two OMOP vocabularies and a trial's medications."""

from __future__ import annotations

import csv
import io
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliotrope.definitions.codes import make_code_book
from heliotrope.definitions.drug_text import find_drug, make_drug_names
from heliotrope.definitions.load import read_rulebook

DATA = Path(__file__).parents[3] / "shared" / "data"
RULEBOOK = read_rulebook()
NAMES = make_drug_names(RULEBOOK)


def find_file(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"LOUD SKIP: {path} is missing, real names were not read")
    return path


def read_concept_sets() -> list[dict[str, str]]:
    path = find_file("omop_conceptsets/conceptsets_1787425.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_a_myositis_study_excludes_is_excluded_here() -> None:
    """Its concept sets name drugs, and leave out topical, ophthalmic, rectal and mixed forms."""
    drugs = [row for row in read_concept_sets() if row["domain"] == "Drug"]
    assert len(drugs) > 40
    for row in drugs:
        found = find_drug(row["concept_name"], NAMES)
        assert found is not None, row
        is_excluded = row["is_excluded"] == "True"
        assert found.is_usable is not is_excluded, row


def test_the_codes_of_that_study_mean_the_same_here() -> None:
    book = make_code_book(RULEBOOK)
    known = 0
    for row in read_concept_sets():
        if row["is_excluded"] == "True" and row["domain"] == "Drug":
            continue
        coded = book.find(row["vocabulary"], row["code"])
        if coded is None:
            continue
        known += 1
        if row["domain"] == "Drug":
            found = find_drug(row["concept_name"], NAMES)
            assert found is not None
            assert coded.concept == found.drug
        else:
            is_juvenile = any(
                word in row["concept_name"].lower() for word in ("childhood", "juvenile")
            )
            assert coded.concept.startswith("juvenile") == is_juvenile
    assert known == 20


def test_a_vocabulary_without_immunoglobulin_names_none() -> None:
    path = find_file("omop_synthea27nj/Synthea27Nj_5.4.zip")
    with zipfile.ZipFile(path) as archive, archive.open("CONCEPT.csv") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    names = [row["concept_name"] for row in rows if row["domain_id"] == "Drug"]
    found = {name: match for name in names if (match := find_drug(name, NAMES))}
    assert {match.drug for match in found.values() if match.is_usable} == {
        "baricitinib",
        "cetirizine",
        "chloroquine",
        "chlorphenamine",
        "ciclosporin",
        "cyclophosphamide",
        "diphenhydramine",
        "hydroxychloroquine",
        "ibuprofen",
        "loratadine",
        "methotrexate",
        "paracetamol",
        "prednisone",
        "tocilizumab",
    }
    refused = {name: match.refused for name, match in found.items() if not match.is_usable}
    assert refused["hydrocortisone 10 MG/ML Topical Cream"] == "not_systemic"
    assert Counter(refused.values()) == {"not_systemic": 1, "combination": 9}


def read_transport_text(content: bytes, wanted: str) -> Iterator[str]:
    """Read one text column of a SAS transport file (version 5): fixed widths, as documented."""
    start = content.index(b"NAMESTR HEADER RECORD")
    count = int(content[start + 34 : start + 38])
    first = start - 20 + 80
    fields = []
    for number in range(count):
        record = content[first + 140 * number : first + 140 * (number + 1)]
        width, position = struct.unpack(">h", record[4:6])[0], struct.unpack(">l", record[84:88])[0]
        fields.append((record[8:16].decode("ascii").strip(), width, position))
    data = content.index(b"OBS     HEADER RECORD") - 20 + 80
    length = max(position + width for _, width, position in fields)
    (width, position) = next((w, p) for name, w, p in fields if name == wanted)
    for row in range(data, len(content) - length + 1, length):
        text = content[row + position : row + position + width].decode("latin-1").strip()
        if text:
            yield text


def test_the_medications_of_a_trial() -> None:
    """A trial of another disease: many topical steroids, no immunoglobulin, no second-line drug."""
    path = find_file("sdtm_cdiscpilot/cdiscpilot_update2.zip")
    with zipfile.ZipFile(path) as archive:
        (member,) = [name for name in archive.namelist() if name.lower().endswith("/cm.xpt")]
        texts = Counter(read_transport_text(archive.read(member), "CMTRT"))
    assert sum(texts.values()) > 7000
    usable: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for text, count in texts.items():
        found = find_drug(text, NAMES)
        if found is not None and found.drug is not None:
            usable[found.drug] += count
        elif found is not None:
            refused[str(found.refused)] += count
    assert usable["hydrocortisone"] == 105
    assert usable["prednisone"] == 23
    assert usable["paracetamol"] > 200
    assert not {"immunoglobulin", "methotrexate", "ciclosporin"} & set(usable)
    assert refused == {"not_systemic": 226}
