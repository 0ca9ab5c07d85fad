"""Small SDTM datasets, written out, and what each row of them becomes."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.sdtm import recognise
from heliotrope.ingest.sdtm.dataset_json import list_json_datasets, read_json_rows
from heliotrope.ingest.sdtm.define import read_define
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import read_iso
from heliotrope.ingest.sdtm.json_stream import JsonStream
from heliotrope.study import read_study

RULEBOOK = read_rulebook()
DM = """
    STUDYID,DOMAIN,USUBJID,RFSTDTC,RFPENDTC,SITEID,BRTHDTC,AGE,AGEU,SEX
    S,DM,P01,2015-03-01,2018-01-31,Zürich,2008-04-05,,,F
    S,DM,P02,2015-06-10,2018-01-31,Zürich,,7,YEARS,M
"""


def write(folder: Path, **datasets: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in datasets.items():
        (folder / f"{name}.csv").write_text(dedent(text).lstrip(), encoding="utf-8")
    return folder


@pytest.fixture
def read(tmp_path):
    def read_datasets(**datasets: str) -> Ingested:
        return read_folder(write(tmp_path / "sdtm", **{"dm": DM, **datasets}))

    return read_datasets


def read_folder(path: Path) -> Ingested:
    found = read_records(read_study(path), RULEBOOK)
    for what in ("rows", "cells"):
        sums = found.accounting.select(
            pl.col(f"{what}_in")
            == pl.sum_horizontal(f"{what}_used", f"{what}_ignored", f"{what}_quarantined")
        )
        assert sums.to_series().all()
    return found


def rules(found: Ingested) -> list[str]:
    return sorted(set(found.findings["rule"].to_list()))


def says(found: Ingested, rule: str) -> str:
    return " | ".join(found.findings.filter(pl.col("rule") == rule)["found"].to_list())


def ignored(found: Ingested, name: str) -> str:
    rows = found.accounting.filter(pl.col("file").str.ends_with(f"{name}.csv"))
    return str(rows["ignored_by_rule"][0])


@pytest.mark.parametrize(
    ("text", "side", "read_as", "time"),
    [
        ("2003", "start", "2003", None),
        ("2003-12", "start", "2003-12", None),
        ("2003---15", "start", "2003", None),
        ("2003-12--", "start", "2003-12", None),
        ("2003-12-15T-:15", "start", "2003-12-15", None),
        ("2003-12-15T13:15:17", "start", "2003-12-15", "13:15"),
        ("2003-12-15T00:00", "start", "2003-12-15", "00:00"),
        ("2003-12-15T13:15+01:00", "start", "2003-12-15", "13:15"),
        ("2003-12-01/2003-12-10", "start", "2003-12-01", None),
        ("2003-12-01/2003-12-10", "end", "2003-12-10", None),
        ("2003-12-01/P10D", "end", "2003-12-01", None),
        ("--12-15", "start", "--12-15", None),
        ("-----T07:30", "start", "-----T07:30", None),
        ("15DEC2003", "start", "15DEC2003", None),
    ],
)
def test_iso_dates_as_far_as_they_go(text, side, read_as, time) -> None:
    found = read_iso(text, side)
    assert (found.date, found.time) == (read_as, time)


def test_a_child_has_its_birth_or_its_age_and_its_site(read) -> None:
    children = read().tables["patient"].sort("patient_id")
    assert children["birth_date"].to_list() == [date(2008, 4, 5), date(2007, 7, 1)]
    assert children["birth_date_precision"].to_list() == ["day", "year_placed_on_1_july"]
    assert children["sex"].to_list() == ["female", "male"]
    assert children["site"].to_list() == ["Zürich"] * 2
    assert says(read(), "birth_date_from_age") == "7.0 years"


def test_diagnosis_and_onset_come_from_history_and_what_did_not_occur_is_left_out(read) -> None:
    found = read(
        mh="""
            DOMAIN,USUBJID,MHSEQ,MHTERM,MHDECOD,MHEVDTYP,MHOCCUR,MHSTDTC
            MH,P01,1,Juvenile dermatomyositis,Dermatomyositis,SYMPTOM ONSET,,2014-11
            MH,P01,2,Juvenile dermatomyositis,Dermatomyositis,DIAGNOSIS,,2015-02-03
            MH,P02,1,Dermatomyositis,Dermatomyositis,,N,2014-01-01
            MH,P02,2,Asthma,Asthma,,,2012-01-01
        """
    )
    first, second = found.tables["patient"].sort("patient_id").rows(named=True)
    assert (first["onset_date"], first["diagnosis_date"]) == (date(2014, 11, 15), date(2015, 2, 3))
    assert first["diagnosis"] == "Juvenile dermatomyositis"
    assert second["diagnosis_date"] is None
    assert ignored(found, "mh") == "did_not_occur: 1; history_not_used: 1"


CM = "DOMAIN,USUBJID,CMSEQ,CMTRT,CMDECOD,CMDOSE,CMDOSTOT,CMDOSU,CMDOSFRM,CMDOSFRQ,CMROUTE,CMSTDTC\n"


@pytest.mark.parametrize(
    ("row", "dose", "unit", "every", "route"),
    [
        ("PREDNISONE,,20,,mg,,QD,ORAL", 20, "mg/day", 1, "oral"),
        ("PREDNISONE,,10,,mg,,BID,ORAL", 20, "mg/day", 1, "oral"),
        ("PREDNISONE,,20,,mg,,QOD,ORAL", 20, "mg/day", 2, "oral"),
        ("PREDNISONE,,0.5,,mg/kg,,BID,ORAL", 1, "mg/kg/day", 1, "oral"),
        ("PREDNISONE,,1,,mg/kg,,QOD,ORAL", 1, "mg/kg/day", 2, "oral"),
        ("PREDNISONE,,,15,mg,,,ORAL", 15, "mg/day", 1, "oral"),
        ("PREDNISONE,,15,,mg/day,,BID,ORAL", 15, "mg/day", 1, "oral"),
        ("PREDNISONE,,20,,mg,TABLET,QD,", 20, "mg/day", 1, "oral"),
        ("METHOTREXATE,,15,,mg,,QW,SUBCUTANEOUS", 15, "mg/week", 1, "sc"),
        ("METHOTREXATE,,2.5,,mg,,2 TIMES PER WEEK,ORAL", 5, "mg/week", 1, "oral"),
        ("METHYLPREDNISOLONE,,1,,g,,ONCE,INTRAVENOUS", 1000, "mg", 1, "iv"),
        ("RITUXIMAB,,500,,mg,,EVERY 4 WEEKS,INTRAVENOUS", 500, "mg", 28, "iv"),
    ],
)
def test_the_dose_of_a_day(read, row, dose, unit, every, route) -> None:
    found = read(cm=f"{CM}CM,P01,1,{row},2015-03-01\n")
    drug = found.tables["medication"].row(0, named=True)
    made = (drug["dose"], drug["dose_unit"], drug["every_n_days"], drug["route"])
    assert made == (dose, unit, every, route)


@pytest.mark.parametrize(
    ("row", "rule", "route"),
    [
        ("HYDROCORTISONE,,1,,TABLET,,PRN,TOPICAL", "dose_as_needed", "topical"),
        ("HYDROCORTISONE,,1,,TABLET,,PRN,TOPICAL", "dose_unit_without_strength", "topical"),
        ("HYDROCORTISONE,,1,,TABLET,,QD,ORAL", "dose_unit_without_strength", "oral"),
        ("PREDNISONE,,10,,mg,,,ORAL", "dose_frequency_missing", "oral"),
        ("PREDNISONE,,10,,mg,,EVERY FULL MOON,ORAL", "dose_frequency_unknown", "oral"),
        ("PREDNISONE,,10,,mg,,QD,BY KITE", "route_unknown", None),
        ("PREDNISONE,,10,,mg,CREAM,QD,", "", "topical"),
    ],
)
def test_what_is_no_dose_stays_missing_and_says_why(read, row, rule, route) -> None:
    found = read(cm=f"{CM}CM,P01,1,{row},2015-03-01\n")
    drug = found.tables["medication"].row(0, named=True)
    assert drug["route"] == route
    if rule:
        assert (drug["dose"], drug["dose_unit"]) == (None, None)
        assert rule in rules(found)


def test_tablets_count_with_their_strength(read) -> None:
    found = read(
        ec="""
            DOMAIN,USUBJID,ECSEQ,ECTRT,ECDOSE,ECDOSU,ECPSTRG,ECPSTRGU,ECDOSFRQ,ECROUTE,ECSTDTC
            EC,P01,1,PREDNISONE,2,TABLET,2.5,mg,BID,ORAL,2015-03-01
        """
    )
    drug = found.tables["medication"].row(0, named=True)
    assert (drug["dose"], drug["dose_unit"]) == (10, "mg/day")


def test_drugs_that_are_others_or_did_not_reach_the_body_are_left_out_by_name(read) -> None:
    found = read(
        cm=CM
        + "CM,P01,1,ALTACE,RAMIPRIL,5,,mg,,QD,ORAL,2015-03-01\n"
        + "CM,P01,2,HYDROCORTISONE CREAM,HYDROCORTISONE,1,,g,,QD,TOPICAL,2015-03-01\n"
        + "CM,P01,3,ANTI-D IMMUNOGLOBULIN,IMMUNOGLOBULIN,1,,mg,,ONCE,INTRAMUSCULAR,2015-03-01\n"
    )
    assert found.tables["medication"].is_empty()
    assert found.tables["infusion"].is_empty()
    assert ignored(found, "cm") == "drug_not_followed: 1; drug_text_not_counted: 2"
    assert "no_infusions" in rules(found)


EX = "DOMAIN,USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXDOSFRQ,EXROUTE,EXSTDTC,EXENDTC\n"


def test_infusions_from_exposure_with_their_time_and_qualifiers(read) -> None:
    found = read(
        ex=EX
        + "EX,P01,1,IMMUNOGLOBULIN,40,g,ONCE,INTRAVENOUS,2015-03-01T09:30,2015-03-01\n"
        + "EX,P02,1,PRIVIGEN,20,g,QD,INTRAVENOUS,2015-06-10,2015-06-11\n"
        + "EX,P02,2,PRIVIGEN,30,g,QM,INTRAVENOUS,2015-07-10,2015-12-11\n",
        suppex="""
            RDOMAIN,USUBJID,IDVAR,IDVARVAL,QNAM,QVAL
            EX,P01,EXSEQ,1,EXBRAND,Gamunex
            EX,P01,EXSEQ,1,EXPREMED,paracetamol
            EX,P01,EXSEQ,1,EXCOLOR,clear
            EX,P01,EXSEQ,9,EXBRAND,Octagam
        """,
    )
    rows = found.tables["infusion"].sort("patient_id").rows(named=True)
    assert [(row["date"], row["dose"]) for row in rows] == [
        (date(2015, 3, 1), 40),
        (date(2015, 6, 10), 40),
    ]
    assert (rows[0]["minute_of_day"], rows[0]["product"]) == (570, "Gamunex")
    assert (rows[0]["premedication"], rows[1]["product"]) == ("paracetamol", "PRIVIGEN")
    assert says(found, "infusion_days_in_one_row") == "2 days from one row, 20 each"
    assert found.quarantine["infusion"]["rule"].to_list() == ["infusion_period_without_days"]
    assert ignored(found, "suppex") == "qualifier_not_used: 1; supplement_without_parent: 1"
    assert says(found, "supplement_without_parent") == "1 of 4 rows"


def test_administrations_in_ex_and_ec_are_counted_once(read) -> None:
    found = read(
        ex=EX + "EX,P01,1,IVIG,40,g,ONCE,INTRAVENOUS,2015-03-01,2015-03-01\n",
        ec="DOMAIN,USUBJID,ECSEQ,ECTRT,ECDOSE,ECDOSU,ECSTDTC\nEC,P01,1,IVIG,40,g,2015-03-01\n",
    )
    assert found.tables["infusion"].height == 1
    assert ignored(found, "ec") == "exposure_counted_once: 1"


def test_immunoglobulin_among_procedures_is_an_infusion(read) -> None:
    found = read(
        pr="""
            DOMAIN,USUBJID,PRSEQ,PRTRT,PRDOSE,PRDOSU,PRROUTE,PRSTDTC
            PR,P01,1,IVIG,40,g,INTRAVENOUS,2015-03-01
            PR,P01,2,MUSCLE BIOPSY,,,,2015-02-01
            PR,P01,3,IMMUNOGLOBULIN LEVEL,,,,2015-02-02
            PR,P01,4,IMMUNOGLOBULIN,20,g,,2015-04-01
        """
    )
    assert sorted(found.tables["infusion"]["dose"]) == [20, 40]
    assert ignored(found, "pr") == "procedure_not_used: 2"


LB = (
    "DOMAIN,USUBJID,LBSEQ,LBTESTCD,LBTEST,LBSPEC,LBORRES,LBORRESU,LBORNRHI,LBSTRESC,LBSTRESN,"
    "LBSTRESU,LBSTNRHI,LBSTAT,LBDTC,LBDY\n"
)


def test_results_standard_before_original_with_their_limits(read) -> None:
    found = read(
        lb=LB
        + "LB,P01,1,CK,Creatine Kinase,,10,ukat/L,3,600,600,U/L,180,,2015-03-01T08:00,\n"
        + "LB,P01,2,CK,Creatine Kinase,,5,ukat/L,3,,,,,,2015-04-01,\n"
        + "LB,P01,3,CREAT,Creatinine,URINE,5,mg/dL,,5,5,mg/dL,,,2015-04-01,\n"
        + "LB,P01,4,CK,Creatine Kinase,,,,,,,,,NOT DONE,2015-05-01,\n"
        + "LB,P01,5,CREAT,Creatinine,SERUM,0.5,mg/dL,,44,44,mOsm/kg,,,2015-06-01,\n"
        + "LB,P01,6,CK,Creatine Kinase,,<20,U/L,,<20,,U/L,180,,2015-07-01,\n"
        + "LB,P01,7,ZN,Zinc,,5,umol/L,,5,5,umol/L,,,2015-04-01,\n"
    )
    rows = found.tables["assessment"].sort("date").rows(named=True)
    assert [(row["measure"], round(row["value"], 1), row["upper_limit"]) for row in rows] == [
        ("creatine_kinase", 600, 180),
        ("creatine_kinase", 300, 180),
        ("creatinine", 44.2, None),
        ("creatine_kinase", 20, 180),
    ]
    assert rows[3]["value_qualifier"] == "<"
    assert ignored(found, "lb") == "did_not_occur: 1; test_not_used: 2"
    assert "creatine_kinase in ukat/L" in says(found, "original_result_used")


def test_a_missing_day_is_counted_from_the_study_day(read) -> None:
    found = read(
        lb=LB
        + "LB,P01,1,CK,Creatine Kinase,,,,,90,90,U/L,,,,1\n"
        + "LB,P01,2,CK,Creatine Kinase,,,,,80,80,U/L,,,2015-02,-1\n"
        + "LB,P01,3,CK,Creatine Kinase,,,,,70,70,U/L,,,2016-02,10\n"
        + "LB,P01,4,CK,Creatine Kinase,,,,,60,60,U/L,,,,0\n"
    )
    rows = found.tables["assessment"].sort("date")
    assert rows.select("date", "value").rows() == [(date(2015, 2, 28), 80), (date(2015, 3, 1), 90)]
    assert "study day -1" in says(found, "date_from_study_day")
    assert found.quarantine["assessment"]["rule"].to_list() == [
        "partial_date_needs_day",
        "missing_required_cell",
    ]


def test_scores_are_found_by_the_name_of_the_test_in_split_datasets(read) -> None:
    found = read(
        rsgl="DOMAIN,USUBJID,RSSEQ,RSTESTCD,RSTEST,RSSTRESN,RSSTRESU,RSDTC\n"
        "RS,P01,1,PHGA,Physician Global Activity,4.5,cm,2015-03-01\n",
        qsch="DOMAIN,USUBJID,QSSEQ,QSTESTCD,QSTEST,QSSTRESN,QSSTRESU,QSDTC\n"
        "QS,P01,1,CHAQ,CHAQ,1.25,,2015-03-01\n",
    )
    rows = found.tables["assessment"].sort("measure")
    assert rows["measure"].to_list() == ["chaq", "physician_global"]


AE = "DOMAIN,USUBJID,AESEQ,AETERM,AEDECOD,AETOXGR,AEREL,AESTDTC,AEENDTC\n"


def test_whether_an_event_was_related_is_read_only_where_immunoglobulin_is_the_treatment(
    read,
) -> None:
    ae = AE + "AE,P01,1,Fever after infusion,FEVER,GRADE 2,RELATED,2015-03-02T10:00,2015-03-03\n"
    alone = read(ae=ae)
    event = alone.tables["event"].row(0, named=True)
    assert (event["term"], event["grade"], event["minute_of_day"]) == ("fever", 2, 600)
    assert (event["end_date"], event["related"]) == (date(2015, 3, 3), None)
    assert "relation_not_to_immunoglobulin" in rules(alone)
    with_ivig = read(ae=ae, ex=EX + "EX,P01,1,IVIG,40,g,ONCE,INTRAVENOUS,2015-03-01,2015-03-01\n")
    assert with_ivig.tables["event"]["related"].to_list() == [True]


def test_ends_of_follow_up_and_of_immunoglobulin(read) -> None:
    found = read(
        dm="DOMAIN,USUBJID,RFSTDTC,RFENDTC,SEX\nDM,P01,2015-03-01,2016-01-01,F\n",
        ds="""
            DOMAIN,USUBJID,DSSEQ,DSTERM,DSDECOD,DSCAT,DSSCAT,DSSTDTC
            DS,P01,1,COMPLETED,COMPLETED,DISPOSITION EVENT,,2018-01-31
            DS,P01,2,no effect,LACK OF EFFICACY,DISPOSITION EVENT,IVIG,2016-02-01
            DS,P01,3,signed,INFORMED CONSENT OBTAINED,PROTOCOL MILESTONE,,2015-02-01
        """,
    )
    assert found.tables["patient"]["followup_end"].to_list() == [date(2018, 1, 31)]
    event = found.tables["event"].row(0, named=True)
    assert (event["kind"], event["term"]) == ("ivig_stopped", "inefficacy")
    assert ignored(found, "ds") == "disposition_not_used: 1"


def test_without_demographics_the_rest_is_read_and_said(tmp_path) -> None:
    write(tmp_path / "sdtm", lb=LB + "LB,P01,1,CK,Creatine Kinase,,,,,90,90,U/L,,,2015-03-01,1\n")
    (tmp_path / "study.toml").write_text('[[source]]\nform = "sdtm"\nfile = "sdtm"\n')
    found = read_folder(tmp_path)
    assert found.tables["assessment"].height == 1
    assert "demographics_missing" in rules(found)


def test_dataset_json_in_both_versions_and_by_lines_says_the_same_as_csv(tmp_path) -> None:
    columns = [
        {"name": name, "label": name.lower()}
        for name in ("DOMAIN", "USUBJID", "LBTESTCD", "LBSTRESN", "LBSTRESU", "LBDTC")
    ]
    rows = [["LB", "Ä01", "CK", 90.5, "U/L", "2015-03-01"], ["LB", "Ä01", "CK", None, None, None]]
    head = {"datasetJSONVersion": "1.1.0", "name": "LB", "label": "Lab", "columns": columns}
    group = {
        "records": 2,
        "name": "LB",
        "items": [{"name": "ITEMGROUPDATASEQ"}, *columns],
        "itemData": [[number, *row] for number, row in enumerate(rows, start=1)],
    }
    texts = {
        "new": json.dumps({**head, "records": 2, "rows": rows}),
        "old": json.dumps({"clinicalData": {"itemGroupData": {"IG.LB": group}}}),
        "lines": "\n".join(json.dumps(item) for item in [{**head, "records": 2}, *rows]),
    }
    found = {}
    for name, text in texts.items():
        folder = tmp_path / name
        folder.mkdir()
        ending = "ndjson" if name == "lines" else "json"
        (folder / f"lb.{ending}").write_text(text, encoding="utf-8")
        assert recognise(folder) is not None
        found[name] = read_folder(folder).tables["assessment"].select("patient_id", "value", "date")
    assert found["new"].rows() == [("Ä01", 90.5, date(2015, 3, 1))]
    assert found["old"].equals(found["new"])
    assert found["lines"].equals(found["new"])
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "lb.json").write_text(json.dumps({**head, "records": 3, "rows": rows}))
    with pytest.raises(UserError, match="3 rows of LB"):
        read_folder(cut)


def test_a_zip_is_read_as_its_folder_and_what_is_no_sdtm_is_left_alone(tmp_path) -> None:
    folder = write(tmp_path / "sdtm", dm=DM, cm=CM)
    target = tmp_path / "delivery.zip"
    with zipfile.ZipFile(target, "w") as packed:
        for path in folder.iterdir():
            packed.write(path, f"tabulations/{path.name}")
    assert read_folder(target).tables["patient"].height == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dm.csv").write_text("patient,sex\nP01,F\n")
    (tmp_path / "other" / "lb.json").write_text('{"a": 1}')
    assert recognise(tmp_path / "other") is None


def test_rows_cut_off_in_a_text_file_are_set_aside(read) -> None:
    found = read(
        cm=CM + "CM,P01,1,PREDNISONE,,20,,mg,,QD,ORAL,2015-03-01\nCM,P01,2,PREDNI\n",
        mh="DOMAIN,USUBJID,MHTERM,MHSTDTC\nMH,P01,Asthma,2012\nMH,P01\nMH,P02,Asthma,2012\n",
    )
    assert found.tables["medication"].height == 1
    assert found.quarantine["medication"]["rule"].to_list() == ["row_cut"]


def test_define_xml_names_datasets_and_refuses_entities() -> None:
    xml = """<ODM xmlns="x" xmlns:def="y"><MetaDataVersion>
        <ItemGroupDef Name="LB" def:Label="Laboratory"><ItemRef ItemOID="I1"/></ItemGroupDef>
        <ItemDef OID="I1" Name="LBTESTCD"><Description><TranslatedText>Short name</TranslatedText>
        </Description></ItemDef></MetaDataVersion></ODM>"""
    labels = read_define(xml.encode(), "define.xml")
    assert labels.datasets["LB"] == "Laboratory"
    assert labels.variables["LB", "LBTESTCD"] == "Short name"
    with pytest.raises(UserError, match="document type"):
        read_define(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "define.xml")


def test_a_damaged_archive_and_files_that_are_no_datasets_are_said(tmp_path) -> None:
    folder = write(
        tmp_path / "sdtm", dm=DM, cm=CM + "CM,P01,1,PREDNISONE,,20,,mg,,QD,ORAL,2015\n" * 99
    )
    (folder / "notes.docx").write_text("a protocol")
    target = tmp_path / "delivery.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in folder.iterdir():
            packed.write(path, path.name)
    assert says(read_folder(target), "file_unused") == "delivery.zip/notes.docx"
    content = bytearray(target.read_bytes())
    at = content.index(b"cm.csv") + 40
    content[at : at + 20] = bytes(20)
    target.write_bytes(content)
    with pytest.raises(UserError, match=r"read to (its|their) end"):
        read_folder(target)


def test_a_dataset_that_says_another_domain_is_left_out(read) -> None:
    found = read(aext="DOMAIN,USUBJID,AETERM,AESTDTC\nXX,P01,fever,2015-03-01\n")
    assert found.tables["event"].is_empty()
    assert ignored(found, "aext") == "domain_not_used: 1"


def write_dataset_json(rows: int, form: str) -> str:
    columns = [{"name": name} for name in ("DOMAIN", "USUBJID", "LBTESTCD", "LBSTRESN", "LBSTRESU",
                                           "LBDTC")]  # fmt: skip
    cells = [["LB", f"P{n:05}", "CK", n + 0.5, "U/L", "2015-03-01"] for n in range(rows)]
    head = {"datasetJSONVersion": "1.1.0", "name": "LB", "records": rows, "columns": columns}
    if form == "lines":
        return "\n".join(json.dumps(item) for item in [head, *cells])
    return json.dumps({**head, "rows": cells})


@pytest.mark.parametrize("form", ["whole", "lines"])
def test_dataset_json_is_held_a_block_at_a_time(tmp_path, form: str) -> None:
    """Rows in many blocks come out whole, and no text of the file's size is ever held."""
    text = write_dataset_json(45_000, form)
    path = tmp_path / "lb.json"
    path.write_text(text, encoding="utf-8")
    longest = 0

    class Watched(JsonStream):
        def _fill(self, size: int = 0) -> bool:
            nonlocal longest
            more = super()._fill(size or 1 << 20)
            longest = max(longest, len(self._buffer))
            return more

    with path.open("rb") as stream:
        (found,) = list_json_datasets(stream, "lb.json")
    assert (found.name, found.rows, len(found.columns)) == ("LB", 45_000, 6)
    with pytest.MonkeyPatch.context() as patch, path.open("rb") as stream:
        patch.setattr("heliotrope.ingest.sdtm.dataset_json.JsonStream", Watched)
        blocks = list(read_json_rows(stream, found, "lb.json"))
    assert [block.height for block in blocks] == [20_000, 20_000, 5_000]
    assert pl.concat(blocks)["3"].to_list()[::9_000] == [f"{n}.5" for n in range(0, 45_000, 9_000)]
    assert longest < len(text) / 1.5


@pytest.mark.parametrize("form", ["whole", "lines"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_dataset_json_that_is_cut_off_is_refused(tmp_path, form: str, share: float) -> None:
    text = write_dataset_json(300, form)
    (tmp_path / "lb.json").write_text(text[: int(len(text) * share)], encoding="utf-8")
    with pytest.raises(UserError, match="cut off"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"datasetJSONVersion": "1.1.0"}]', "no object"),
        ('{"datasetJSONVersion": "1.1.0", "rows": []}', "Dataset-JSON"),
        ('{"datasetJSONVersion": "1.1.0", "columns": [{"name": "A"}], "rows": [["a", "b"]]}',
         "rows of 1 cells"),
        ('{"datasetJSONVersion": "1.1.0", "columns": [{"name": "A"}], "rows": [["a"] ["b"]]}',
         "where a comma belongs"),
        ('{"datasetJSONVersion": "1.1.0", "columns": ' + "[" * 100_000, "JSON that is whole"),
    ],
)  # fmt: skip
def test_what_is_no_dataset_json_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list_json_datasets(io.BytesIO(text.encode()), "lb.json")


def test_a_variable_that_a_dataset_lacks_is_blank_in_every_row_however_many() -> None:
    """Polars takes one blank for a column of its own length, and fails in frames of many rows."""
    rows = pl.DataFrame({"record": range(200_000)})
    raw = RawTable("cm.xpt", None, "", (), rows.clear(), 1)
    dataset = Dataset("CM", "CM", raw, rows, pl.Series(dtype=pl.UInt64))
    is_not_done = dataset.cell("CMSTAT").str.to_uppercase().is_in(["NOT DONE", "ND"])
    assert dataset.rows.filter(is_not_done.fill_null(False)).is_empty()
    assert dataset.column(dataset.cell("CMSTAT")).null_count() == 200_000
