"""A mapping proposed for exports nobody here wrote: sensible, never silent, private things kept."""

from __future__ import annotations

import csv
import os
import shutil
import tomllib
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import read_records
from heliotrope.ingest.proposal import find_unconfirmed
from heliotrope.ingest.proposal.propose import write_proposal
from heliotrope.study import StudyFile, read_study

DATA = Path(__file__).parents[3] / "shared" / "data"
RULEBOOK = read_rulebook()


def find_file(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"LOUD SKIP: {path} is missing, no mapping was proposed for it")
    return path


def propose(folder: Path, path: Path) -> str:
    # the export as plain CSV: without its dictionary, and where no other reader takes it
    copy = folder / "export.csv"
    copy.write_bytes(path.read_bytes())
    return write_proposal(folder, [copy], RULEBOOK).path.read_text(encoding="utf-8")


def test_a_trial_s_patients_are_proposed_and_its_undated_values_asked_about(tmp_path):
    path = find_file("redcap/clinical-trial-1/data.csv")
    text = propose(tmp_path, path)
    (source,) = tomllib.loads(text)["source"]
    assert source["table"] == "patient"
    # 0 and 1 are no words for a sex: without the dictionary they are asked about
    assert source["columns"] == {"patient_id": "record_id", "birth_date": "dob"}
    asked = find_unconfirmed(text)
    assert "export.csv as assessment: no column for date, which the table needs" in asked
    assert "sex: what does '0' mean? one of: female, male" in asked
    assert '# measure = "height"' in text
    assert "#   ethnicity (numbers 0, 1, 2): its name means nothing known here" in text
    assert read_records(read_study(tmp_path), RULEBOOK).tables["patient"].height == 500


def test_with_its_dictionary_a_project_is_read_form_by_form(tmp_path):
    find_file("redcap/clinical-trial-1/dictionary.csv")
    folder = find_file("redcap/clinical-trial-1/data.csv").parent
    for name in ("data.csv", "dictionary.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    files = [tmp_path / "data.csv", tmp_path / "dictionary.csv"]
    text = write_proposal(tmp_path, files, RULEBOOK).path.read_text(encoding="utf-8")
    (source,) = tomllib.loads(text)["source"]
    assert (source["form"], source["file"]) == ("redcap", "data.csv")
    (table,) = source["tables"]
    assert table["fields"] == {"sex": "gender", "birth_date": "dob"}
    assert table["codes"] == {"sex": {"0": "female", "1": "male"}}
    assert '# unit = "kg"  # as the name or label says' in text
    got = read_records(read_study(tmp_path), RULEBOOK).tables["patient"]
    assert got["sex"].value_counts().sort("sex").rows() == [("female", 260), ("male", 240)]


def test_no_name_address_or_birthday_of_a_person_is_written(tmp_path):
    path = find_file("redcap/clinical-trial-1/data.csv")
    text = propose(tmp_path, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    private = {row[name] for row in rows for name in ("name_last", "name_first", "address", "phone",
                                                      "email", "dob")}  # fmt: skip
    words = set(text.replace('"', " ").replace(",", " ").split())
    assert len(private) > 1500
    assert not {value for value in private if value in words or (len(value) > 8 and value in text)}


def test_two_trial_patients_on_a_scale_of_150(tmp_path):
    text = propose(tmp_path, find_file("published/two_trial_patients.csv"))
    (patient,) = tomllib.loads(text)["source"]
    assert patient["columns"]["sex"] == "sex"
    asked = " ".join(find_unconfirmed(text))
    assert "the values need the scale 0 to 150 (both sides and the neck flexors tested)" in asked
    assert "cpk: no unit is written; the values can be U/L or ukat/L" in asked
    for column in ("physician_global_0_10", "haq_di_0_3", "extramuscular_global_0_10"):
        assert f'# column = "{column}"' in text
    assert "#   timepoint (words: baseline, end)" in text


PROJECTS = (
    "arm-single-longitudinal",
    "checkboxes-1",
    "clinical-trial-1",
    "decimal-comma",
    "longitudinal",
    "multilevel-model-1",
    "repeating-instruments",
    "simple",
    "validation-types-1",
    "vignette-repeating",
)


@pytest.mark.parametrize("project", PROJECTS)
def test_every_column_of_every_export_is_placed_or_listed(tmp_path, project):
    path = find_file(f"redcap/{project}/data.csv")
    text = propose(tmp_path, path)
    StudyFile.model_validate(tomllib.loads(text))
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    for name in header:
        assert f'= "{name}"' in text or f"\n#   {name} (" in text, name


@pytest.mark.parametrize("project", PROJECTS)
def test_every_project_is_read_as_proposed_and_accounted_for(tmp_path, project):
    folder = find_file(f"redcap/{project}/data.csv").parent
    shutil.copytree(folder, tmp_path / "export")
    write_proposal(tmp_path / "study", [tmp_path / "export"], RULEBOOK)
    got = read_records(read_study(tmp_path / "study"), RULEBOOK)
    row = got.accounting.row(0, named=True)
    assert row["rows_in"] == row["rows_used"] + row["rows_ignored"] + row["rows_quarantined"] > 0
    errors = set(got.findings.filter(pl.col("severity") == "error")["rule"])
    assert errors <= {"redcap_not_mapped"}, "nothing of this project is certain"
    asked = find_unconfirmed((tmp_path / "study" / "study.toml").read_text(encoding="utf-8"))
    found = got.findings.filter(pl.col("rule") == "mapping_unconfirmed")
    assert sorted(found["found"]) == sorted(set(asked))
