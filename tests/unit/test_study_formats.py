"""What study.toml says once of how cells are written holds for every source that leaves it open."""

from __future__ import annotations

from datetime import date

import pytest

from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study

REDCAP = """
child^visit_date^pga^ck^visit_complete
Ä1^03.04.2019^2,5^1.234,5^2
Ä2^05.04.2019^KA^80^2
"""
MAPPING = """
[[source]]
form = "redcap"
file = "data.csv"
{own}
[[source.tables]]
table = "assessment"
fields = {{ date = "visit_date" }}
measures = [
  {{ column = "pga", measure = "physician_global", unit = "cm" }},
  {{ column = "ck", measure = "creatine_kinase", unit = "U/L" }},
]
"""
FORMAT = """
[format]
encoding = "cp850"
separator = "^"
decimal = ","
date_format = "DMY"
missing = ["KA"]
"""


def read(folder):
    study = read_study(folder)
    return read_records(study, study.read_rulebook())


def write_redcap(folder, study: str) -> None:
    (folder / "data.csv").write_bytes(REDCAP.strip().encode("cp850"))
    (folder / "study.toml").write_text(study, encoding="utf-8")


@pytest.mark.parametrize("place", ["study", "source"])
def test_redcap_is_read_as_the_study_or_the_source_says(tmp_path, place):
    own = FORMAT.replace("[format]", "") if place == "source" else ""
    write_redcap(tmp_path, (FORMAT if place == "study" else "") + MAPPING.format(own=own))
    rows = read(tmp_path).tables["assessment"].sort("patient_id", "measure")
    assert rows.select("patient_id", "date", "measure", "value").rows() == [
        ("Ä1", date(2019, 4, 3), "creatine_kinase", 1234.5),
        ("Ä1", date(2019, 4, 3), "physician_global", 2.5),
        ("Ä2", date(2019, 4, 5), "creatine_kinase", 80),
    ]


def test_what_a_source_says_itself_counts_before_the_study(tmp_path):
    study = FORMAT.replace('"KA"', '"80"').replace('"DMY"', '"MDY"')
    write_redcap(tmp_path, study + MAPPING.format(own='missing = ["KA"]\ndate_format = "DMY"'))
    rows = read(tmp_path).tables["assessment"].sort("patient_id", "measure")
    assert rows["value"].to_list() == [1234.5, 2.5, 80]
    assert rows["date"].to_list()[0] == date(2019, 4, 3)


@pytest.mark.parametrize("form", ["omop", "sdtm"])
def test_files_of_a_standard_take_its_separator_encoding_and_missing_words(tmp_path, form):
    """What the standard fixes (decimal sign, dates) a study's format does not change."""
    write_simulated_study(SimulationOrder(3, 3, "omop"), tmp_path)
    plain = read(tmp_path).tables
    if form == "sdtm":
        folder = tmp_path / "csv"
        folder.mkdir()
        (folder / "dm.csv").write_bytes(
            "DOMAIN^USUBJID^SEX^BRTHDTC\nDM^Ä1^F^2009-05-14\nDM^Ä2^KA^2010\n".encode("cp850")
        )
        source = '[[source]]\nform = "sdtm"\nfile = "csv"\n'
    else:
        for path in (tmp_path / "cdm").iterdir():
            text = path.read_text(encoding="utf-8").replace(",", "^").replace("P0000001", "Ä1")
            path.write_bytes(text.encode("cp850"))
        source = (tmp_path / "study.toml").read_text(encoding="utf-8")
        source = source[source.index("[[source]]") :]
    (tmp_path / "study.toml").write_text(FORMAT + source, encoding="utf-8")
    found = read(tmp_path).tables
    assert "Ä1" in found["patient"]["patient_id"].to_list()
    if form == "sdtm":
        assert found["patient"].sort("patient_id")["sex"].to_list() == ["female", None]
    else:
        values = found["assessment"]["value"].drop_nulls().sort()
        assert values.equals(plain["assessment"]["value"].drop_nulls().sort())


@pytest.mark.parametrize(
    ("form", "key"), [("sdtm", 'decimal = ","'), ("omop", 'date_format = "DMY"'),
                      ("fhir", 'separator = ";"')]
)  # fmt: skip
def test_what_a_standard_fixes_cannot_be_declared_of_its_files(tmp_path, form, key):
    (tmp_path / "study.toml").write_text(f'[[source]]\nform = "{form}"\nfile = "a"\n{key}\n')
    with pytest.raises(UserError, match="is fixed by the standard"):
        read_study(tmp_path)
