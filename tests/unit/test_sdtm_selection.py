"""Of datasets that hold everyone the cohort alone is read; every other row is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.study import read_study

DM = """STUDYID,DOMAIN,USUBJID,RFSTDTC,BRTHDTC,SEX
S,DM,CHILD,2018-01-10,2009-05-01,F
S,DM,ADULT,2018-01-10,1970-05-01,F
S,DM,DEFICIENT,2018-01-10,2010-05-01,M
S,DM,OTHER,2018-01-10,2010-05-01,M
"""
MH = """STUDYID,DOMAIN,USUBJID,MHSEQ,MHTERM,MHSTDTC
S,MH,CHILD,1,Juvenile dermatomyositis,2017-11
S,MH,ADULT,1,Dermatomyositis,2017-11-02
S,MH,DEFICIENT,1,Juvenile dermatomyositis,2017-11-02
S,MH,DEFICIENT,2,Primary immunodeficiency,2012
S,MH,OTHER,1,Asthma,2015
"""
EX = """STUDYID,DOMAIN,USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXROUTE,EXSTDTC
S,EX,CHILD,1,Immunoglobulin,2,g/kg,INTRAVENOUS,2018-01-10
S,EX,CHILD,2,Immunoglobulin,2,g/kg,INTRAVENOUS,2018-02-07
S,EX,ADULT,1,Immunoglobulin,2,g/kg,INTRAVENOUS,2018-01-10
S,EX,DEFICIENT,1,Immunoglobulin,2,g/kg,INTRAVENOUS,2018-01-10
"""


def read(folder: Path, cohort: str | None, exposure: str = EX, history: str = MH) -> Ingested:
    for name, content in (("dm", DM), ("mh", history), ("ex", exposure)):
        (folder / f"{name}.csv").write_text(content)
    asked = f'cohort = "{cohort}"\n' if cohort else ""
    (folder / "study.toml").write_text(f'[[source]]\nform = "sdtm"\nfile = "."\n{asked}')
    return read_records(read_study(folder), read_rulebook())


def test_the_child_with_jdm_alone_is_read(tmp_path: Path) -> None:
    ingested = read(tmp_path, "jdm_ivig")
    assert [persons for _, _, persons in ingested.cohort] == [4, 3, 2, 1, 1, 1]
    assert ingested.tables["patient"]["patient_id"].to_list() == ["CHILD"]
    assert ingested.tables["infusion"]["patient_id"].to_list() == ["CHILD", "CHILD"]
    fate = {
        row["file"].rpartition("/")[2]: (row["rows_used"], row["ignored_by_rule"])
        for row in ingested.accounting.to_dicts()
    }
    assert fate["dm.csv"] == (1, "outside_cohort: 3")
    assert fate["ex.csv"] == (2, "outside_cohort: 2")
    assert fate["mh.csv"] == (1, "outside_cohort: 4")


def test_a_trial_takes_everyone_unless_told(tmp_path: Path) -> None:
    ingested = read(tmp_path, None)
    assert [(step, left) for step, _, left in ingested.cohort] == [("persons", 4), ("everyone", 4)]
    assert ingested.tables["patient"].height == 4
    assert ingested.tables["infusion"].height == 4


def test_an_unknown_cohort_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cohort = 'jdmm'"):
        read(tmp_path, "jdmm")


GRAMS = """STUDYID,DOMAIN,USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXROUTE,EXSTDTC
S,EX,CHILD,1,Immunoglobulin,10,g,INTRAVENOUS,2018-01-10
S,EX,CHILD,2,Immunoglobulin,10,g,INTRAVENOUS,2018-02-07
S,EX,CHILD,3,Immunoglobulin,10,g,INTRAVENOUS,2018-03-07
"""
VS = """STUDYID,DOMAIN,USUBJID,VSSEQ,VSTESTCD,VSORRES,VSORRESU,VSSTRESN,VSSTRESU,VSDTC
S,VS,CHILD,1,WEIGHT,{kg},kg,{kg},kg,2018-01-09
"""


@pytest.mark.parametrize(("kilograms", "left"), [(25, 0), (10, 1)])
def test_grams_are_judged_by_the_weight_in_force(tmp_path: Path, kilograms: int, left: int) -> None:
    (tmp_path / "vs.csv").write_text(VS.format(kg=kilograms))
    ingested = read(tmp_path, "jdm_ivig", GRAMS)
    assert [persons for _, _, persons in ingested.cohort] == [4, 3, 2, 1, 1, left]


def test_a_row_without_a_subject_is_quarantined_whole(tmp_path: Path) -> None:
    nobody = "S,EX,,9,Immunoglobulin,2,g/kg,INTRAVENOUS,2018-02-07\n"
    lost = "S,MH,,9,Asthma,2015\n"
    for cohort in ("jdm_ivig", None):
        ingested = read(tmp_path, cohort, EX + nobody, MH + lost)
        fate = {
            row["file"].rpartition("/")[2]: (row["rows_quarantined"], row["ignored_by_rule"])
            for row in ingested.accounting.to_dicts()
        }
        assert fate["ex.csv"] == (1, "outside_cohort: 2" if cohort else "")
        assert fate["mh.csv"][0] == 1
        (row,) = ingested.quarantine["infusion"].to_dicts()
        assert (row["rule"], row["row"]) == ("no_subject", 6)
        assert '"EXSEQ": "9"' in row["raw"]
        assert ingested.quarantine["patient"]["rule"].to_list() == ["no_subject"]


HEAD = "STUDYID,DOMAIN,USUBJID,MHSEQ,MHTERM,MHDECOD,MHLLTCD,MHPTCD,MHCAT,MHOCCUR,MHEVDTYP,MHSTDTC"
JDM_ROW = "S,MH,CHILD,1,JDM,Dermatomyositis,,,,,,2017-11-02"


def history(*rows: str) -> str:
    return "\n".join([HEAD, JDM_ROW, *rows]) + "\n"


@pytest.mark.parametrize(
    ("row", "is_in"),
    [
        ("S,MH,CHILD,2,Asthma,Asthma,,,,,,2012", True),
        ("S,MH,CHILD,2,CVID,,,,,,,2012", False),
        ("S,MH,CHILD,2,immune problem,Immunodeficiency common variable,,,,,,2012", False),
        ("S,MH,CHILD,2,X-linked agammaglobulinaemia,,,,,,,2012", False),
        ("S,MH,CHILD,2,Common variable immunodeficiency (CVID),,,,,,,2012", False),
        ("S,MH,CHILD,2,Severe Combined Immunodeficiency,,,,,,,", False),
        # low immunoglobulin alone may be of rituximab; a question answered with no; a sister
        ("S,MH,CHILD,2,Hypogammaglobulinaemia,,,,,,,2012", True),
        ("S,MH,CHILD,2,Primary immunodeficiency,,,,,N,,2012", True),
        ("S,MH,CHILD,2,Primary immunodeficiency,,,,FAMILY HISTORY,,,2012", True),
    ],
)
def test_a_primary_immunodeficiency_is_known_by_its_words(tmp_path: Path, row, is_in) -> None:
    ingested = read(tmp_path, "jdm_ivig", history=history(row))
    assert [persons for _, _, persons in ingested.cohort][1:4] == [1, 1, int(is_in)]


OWN_CODES = """kind = "codes"
id = "codes_of_the_sponsor"
version = "1.0.0"
title = "Codes of the sponsor"
wording = "Terms of the sponsor's dictionary."
verified = false
about = "diagnosis"
sources = [{ citation = "the sponsor", flag = "P" }]

[[concepts]]
id = "kawasaki_disease"
title = "Kawasaki disease"
synonyms = ["Mucocutaneous lymph node syndrome"]
codes = [{ system = "MedDRA", code = "99000001", flag = "P" }]
"""
OWN_COHORT = """kind = "cohort_entry"
id = "kawasaki_ivig"
version = "1.0.0"
title = "Kawasaki disease treated with immunoglobulin"
wording = "Children with Kawasaki disease who were given immunoglobulin."
verified = false
sources = [{ citation = "the study", flag = "P" }]

[[steps]]
id = "kawasaki"
words = "with Kawasaki disease"
test = "diagnosed"
concepts = ["kawasaki_disease"]

[[steps]]
id = "immunoglobulin"
words = "who were given immunoglobulin"
test = "immunoglobulin_given"
"""


@pytest.mark.parametrize(
    "row",
    [
        "S,MH,CHILD,2,fever and rash,,99000001,,,,,2012",
        "S,MH,CHILD,2,fever and rash,,,99000001.0,,,,2012",
        "S,MH,CHILD,2,fever and rash,Mucocutaneous lymph node syndrome,,,,,,2012",
        "S,MH,CHILD,2,fever and rash,,,99000002,,,,2012",
    ],
)
def test_codes_of_a_dictionary_are_read_by_the_lists(tmp_path: Path, row: str) -> None:
    own = tmp_path / "definitions"
    own.mkdir()
    (own / "codes.toml").write_text(OWN_CODES)
    (own / "cohort.toml").write_text(OWN_COHORT)
    rows = f"{HEAD}\n{row}\n"
    for name, content in (("dm", DM), ("mh", rows), ("ex", EX)):
        (tmp_path / f"{name}.csv").write_text(content)
    (tmp_path / "study.toml").write_text(
        'definitions = "definitions"\n[[source]]\nform = "sdtm"\nfile = "."\n'
        'cohort = "kawasaki_ivig"\n'
    )
    study = read_study(tmp_path)
    ingested = read_records(study, study.read_rulebook())
    is_known = "99000002" not in row
    assert [n for _, _, n in ingested.cohort] == [4, int(is_known), int(is_known)]
    if is_known:
        (child,) = ingested.tables["patient"].to_dicts()
        assert (child["patient_id"], child["diagnosis"]) == ("CHILD", "fever and rash")


def test_what_immunoglobulin_was_given_for_is_a_diagnosis(tmp_path: Path) -> None:
    for reason, left in (("CVID", [1, 1, 0]), ("Relapse", [1, 1, 1])):
        lines = EX.splitlines()
        exposure = "\n".join([f"{lines[0]},EXINDC", *(f"{line},{reason}" for line in lines[1:])])
        ingested = read(tmp_path, "jdm_ivig", exposure + "\n", history())
        assert [persons for _, _, persons in ingested.cohort][1:4] == left


@pytest.mark.parametrize(
    ("rows", "is_in"),
    [
        (["SYMPTOM ONSET,2026-01", "DIAGNOSIS,2027-06"], False),
        (["SYMPTOM ONSET,2026-01"], True),
        (["DIAGNOSIS,2026-01"], True),
    ],
)
def test_the_day_of_the_diagnosis_counts_before_that_of_the_onset(
    tmp_path: Path, rows: list[str], is_in: bool
) -> None:
    # born on 1 May 2009, so 18 in May 2027
    told = [
        f"S,MH,CHILD,{number},Juvenile dermatomyositis,,,,,,{row}"
        for number, row in enumerate(rows, start=1)
    ]
    ingested = read(tmp_path, "jdm", history="\n".join([HEAD, *told]) + "\n")
    assert [persons for _, _, persons in ingested.cohort][1:3] == [1, int(is_in)]
