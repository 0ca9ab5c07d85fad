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
