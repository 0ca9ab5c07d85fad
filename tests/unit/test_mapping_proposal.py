"""The mapping assistant: what is proposed, doubted and listed, and what is never shown."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, forms, read_records
from heliotrope.ingest.declared import SdtmSource
from heliotrope.ingest.proposal import find_unconfirmed
from heliotrope.ingest.proposal.propose import write_proposal
from heliotrope.study import StudyFile, read_study

SHIPPED = cache(read_rulebook)

VISITS = """Patient No;Visit date;Weight kg;CK;CK ULN;CMAS;MD global;MMT;Parent VAS (mm);Name;Hair
P01;25.04.2019;20,5;850;170;30;5,5;60;55;Anna;brown
P01;26.05.2019;21;420;170;38;3,5;70;30;Anna;brown
P02;01.02.2019;30;8000;170;12;9;20;90;Bela;red
P02;03.04.2019;31;2000;170;22;6;44;65;Bela;red
P03;05.04.2019;31;20;170;52;0;80;2;Carl;red
P03;07.04.2019;31;120;170;50;1;78;10;Carl;red
"""


def propose(folder: Path, **files: str) -> str:
    paths = []
    for name, content in files.items():
        path = folder / f"{name}.csv"
        path.write_text(content, encoding="utf-8")
        paths.append(path)
    return write_proposal(folder, paths, SHIPPED()).path.read_text(encoding="utf-8")


def read(folder: Path) -> Ingested:
    return read_records(read_study(folder), SHIPPED())


def accept_all(text: str) -> str:
    """Switch on every proposal, as a person would who says yes to each."""
    lines = []
    for line in text.splitlines():
        bare = re.sub(r"^(# )+", "", line)
        is_toml = re.match(r"(\[\[?[a-z_0-9.]+\]\]?|\"[^\"]*\"|[A-Za-z_][\w-]*)(  #| =|$)", bare)
        lines.append(bare if is_toml and not line.startswith("# population") else line)
    return "\n".join(lines) + "\n"


def measures(text: str) -> dict[str, dict[str, str]]:
    found = tomllib.loads(text)
    return {item["column"]: item for source in found["source"]
            for item in source.get("measures", [])}  # fmt: skip


def test_a_plain_export_runs_as_proposed(tmp_path):
    text = propose(tmp_path, visits=VISITS)
    (source,) = tomllib.loads(text)["source"]
    assert source["columns"] == {"patient_id": "Patient No", "date": "Visit date"}
    placed = measures(text)
    assert {name: item["measure"] for name, item in placed.items()} == {
        "Weight kg": "weight",
        "CK": "creatine_kinase",
        "CMAS": "cmas",
        "MD global": "physician_global",
        "Parent VAS (mm)": "patient_global",
    }
    assert placed["CK"]["unit"] == "U/L"
    assert placed["CK"]["upper_limit_column"] == "CK ULN"
    assert placed["Parent VAS (mm)"]["unit"] == "mm"
    got = read(tmp_path)
    rows = got.tables["assessment"]
    assert rows.height == 30
    assert rows.filter(pl.col("measure") == "patient_global")["value"].max() == 9.0
    assert rows["date"].min().isoformat() == "2019-02-01"
    assert got.findings.filter(pl.col("severity") == "error").is_empty()


def test_the_evidence_stands_beside_each_line(tmp_path):
    text = propose(tmp_path, visits=VISITS)
    assert "day first, proven by 25.04.2019" in text
    assert "numbers 20 to 8,000" in text
    assert 'unit = "U/L"  # the values speak against ukat/L' in text
    assert "#   Hair (words: red, brown): its name means nothing known here" in text


def test_what_identifies_a_person_is_never_written(tmp_path):
    file = (
        "record_id,dob,name_last,phone,mrn,nurse,CK,date\n"
        "123456,2009-05-14,Cornel,3364812635,99881,Anna,200,2019-01-01\n"
        "123457,2011-06-15,Wojdyla,5233183616,99882,Bela,300,2019-01-02\n"
        "123458,2012-07-16,Lenox,6233183616,99883,Carl,400,2019-01-03\n"
    )
    text = propose(tmp_path, export=file)
    for private in ("Cornel", "3364812635", "99881", "123456", "Anna", "2009"):
        assert private not in text
    assert 'patient_id = "record_id"  # 3 filled, 3 different; looks like 999999' in text
    assert 'birth_date = "dob"' in text
    assert "dates like 9999-99-99" in text
    assert "#   phone (looks like 9999999999): it may identify a person: never read" in text


def test_a_name_of_several_measures_is_asked_about(tmp_path):
    text = propose(tmp_path, visits=VISITS)
    (question,) = find_unconfirmed(text)
    assert question == (
        "MMT: manual muscle testing of eight groups and of all groups have different scales; the "
        "values fit mmt8 and mmt_total"
    )
    (finding,) = read(tmp_path).findings.filter(pl.col("rule") == "mapping_unconfirmed").to_dicts()
    assert (finding["severity"], finding["found"]) == ("warning", question)


def test_a_decided_proposal_is_silent(tmp_path):
    text = accept_all(propose(tmp_path, visits=VISITS))
    kept = [line for line in text.splitlines() if "proposed, confirm:" not in line]
    (tmp_path / "study.toml").write_text("\n".join(kept))
    got = read(tmp_path)
    assert got.findings.filter(pl.col("rule") == "mapping_unconfirmed").is_empty()
    assert "mmt8" in set(got.tables["assessment"]["measure"])


@pytest.mark.parametrize(
    ("values", "measure", "question"),
    [
        ("60 70 80 20 44 50", "mmt8", None),
        ("120 142 150 110 99 130", None, "the values need the scale 0 to 150"),
        ("900 800 700 650 610 777", None, None),
    ],
)
def test_the_scale_decides_what_a_strength_score_is(tmp_path, values, measure, question):
    rows = "".join(f"P{n},2019-01-{n:02},{value}\n" for n, value in enumerate(values.split(), 1))
    text = propose(tmp_path, visits="patient,date,MMT8\n" + rows)
    found = tomllib.loads(text).get("source", [{}])
    placed = [item["measure"] for source in found for item in source.get("measures", [])]
    assert placed == ([measure] if measure else [])
    if question:
        assert any(question in asked for asked in find_unconfirmed(text))
        declared = tomllib.loads(accept_all(text))["measures"]["mmt8"]
        assert declared == {"min": 0, "max": 150, "direction": "high"}
    elif measure is None:
        assert "#   MMT8 (numbers 610 to 900): named like mmt8, but the values do not fit" in text


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ("8000 200 5000 3000 90 2100", "U/L"),
        ("1.5 2 80 3.1 40 12", "ukat/L"),  # most of these are too low for U/L
        ("500 200 80 310 40 1200", None),
    ],
)
def test_a_unit_is_written_only_where_the_values_leave_one(tmp_path, values, unit):
    rows = "".join(f"P{n},2019-01-{n:02},{value}\n" for n, value in enumerate(values.split(), 1))
    text = propose(tmp_path, visits="patient,date,CK\n" + rows)
    assert measures(text)["CK"].get("unit") == unit
    asked = find_unconfirmed(text)
    assert asked == (() if unit else ("CK: no unit is written; the values can be U/L or ukat/L",))


def test_dates_that_prove_nothing_show_both_readings_and_switch_the_entry_off(tmp_path):
    rows = "P1,03/04/2020,200\nP2,05/06/2020,9000\n"
    text = propose(tmp_path, visits="patient,visit date,CK\n" + rows)
    assert "source" not in tomllib.loads(text)
    assert "it can be day first (DMY) or month first (MDY)" in " ".join(find_unconfirmed(text))
    (source,) = tomllib.loads(accept_all(text))["source"]
    assert source["dates"] == {"date": "DMY"}


def test_codes_are_listed_and_a_dictionary_beside_the_file_explains_them(tmp_path):
    export = (
        "record_id,gender,dob\n1,0,2009-01-05\n2,1,2010-01-06\n3,1,2011-01-07\n4,0,2012-01-08\n"
    )
    (tmp_path / "dictionary.csv").write_text(
        '"Variable / Field Name","Form Name","Field Type","Field Label",'
        '"Choices, Calculations, OR Slider Labels",Identifier?\n'
        'gender,base,radio,Gender,"0, Female | 1, Male",\n'
    )
    text = propose(tmp_path, export=export)
    (source,) = tomllib.loads(text)["source"]
    assert source["codes"] == {"sex": {"0": "female", "1": "male"}}
    assert set(read(tmp_path).tables["patient"]["sex"]) == {"female", "male"}


DEFINE = """<?xml version="1.0"?>
<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:def="http://www.cdisc.org/ns/def/v2.0">
<Study OID="s"><MetaDataVersion OID="m" Name="JDM">
<ItemGroupDef OID="IG.VISITS" Name="VISITS"><ItemRef ItemOID="IT.SEXN"/><ItemRef ItemOID="IT.Q7"/>
</ItemGroupDef>
<ItemGroupDef OID="IG.OTHER" Name="OTHER"><ItemRef ItemOID="IT.OTHER"/></ItemGroupDef>
<ItemDef OID="IT.SEXN" Name="SEXN"><Description><TranslatedText>Sex</TranslatedText></Description>
<CodeListRef CodeListOID="CL.SEXN"/><def:Origin Type="Assigned"/></ItemDef>
<ItemDef OID="IT.Q7" Name="Q7"><Description><TranslatedText>Creatine Kinase (U/L)</TranslatedText>
</Description><def:Origin Type="eDT"/></ItemDef>
<ItemDef OID="IT.OTHER" Name="Q7"><Description><TranslatedText>Mood</TranslatedText></Description>
</ItemDef>
<CodeList OID="CL.SEXN"><CodeListItem CodedValue="0"><Decode><TranslatedText>Female</TranslatedText>
</Decode></CodeListItem><CodeListItem CodedValue="1"><Decode><TranslatedText>Male</TranslatedText>
</Decode></CodeListItem></CodeList></MetaDataVersion></Study></ODM>
"""
CODED = (
    "SUBJID,SEXN,visit_date,Q7\n1,0,2019-01-25,900\n2,1,2019-01-26,120\n3,1,2019-01-27,240\n"
    "4,0,2019-01-28,80\n"
)


@pytest.mark.parametrize("is_named", [False, True])
def test_the_labels_codes_and_origins_of_a_define_xml_are_evidence(tmp_path, is_named):
    """Beside the file, or named with it; the dataset of the file's own name counts."""
    (tmp_path / "define.xml").write_text(DEFINE)
    (tmp_path / "visits.csv").write_text(CODED)
    files = [tmp_path / "visits.csv", *([tmp_path / "define.xml"] if is_named else [])]
    text = write_proposal(tmp_path, files, SHIPPED()).path.read_text(encoding="utf-8")
    (patient,) = [item for item in tomllib.loads(text)["source"] if item["table"] == "patient"]
    assert patient["codes"] == {"sex": {"0": "female", "1": "male"}}
    assert measures(text)["Q7"]["measure"] == "creatine_kinase"
    assert "label 'Creatine Kinase (U/L)' (origin eDT)" in text
    assert "label 'Sex' (origin Assigned)" in text
    assert "define.xml: definitions of datasets" in text
    assert "Mood" not in text
    found = read(tmp_path)
    assert found.tables["assessment"]["value"].to_list() == [900, 120, 240, 80]
    assert set(found.tables["patient"]["sex"]) == {"female", "male"}
    (tmp_path / "define.xml").unlink()
    (tmp_path / "study.toml").unlink()
    without = propose(tmp_path, visits=CODED)
    assert "creatine_kinase" not in without


def test_codes_without_a_dictionary_are_asked_for(tmp_path):
    export = (
        "record_id,gender,dob\n1,0,2009-01-05\n2,1,2010-01-06\n3,1,2011-01-07\n4,0,2012-01-08\n"
    )
    text = propose(tmp_path, export=export)
    (source,) = tomllib.loads(text)["source"]
    assert "sex" not in source["columns"]
    assert "sex: what does '0' mean? one of: female, male" in find_unconfirmed(text)


def test_a_pharmacy_list_is_split_into_infusions_and_other_drugs(tmp_path):
    rows = (
        "patient,dispensed on,article,dose,unit\n"
        "P01,2019-04-25,Privigen 10%,20,g\nP02,2019-02-01,Octagam,30,g\n"
        "P02,2019-02-01,prednisolone,30,mg/day\nP02,2019-02-10,Calcichew,1,g\n"
    )
    text = propose(tmp_path, pharmacy=rows)
    infusion, medication = tomllib.loads(text)["source"]
    assert infusion["rows"] == [{"column": "article", "in": ["Octagam", "Privigen 10%"]}]
    assert medication["rows"] == [{"column": "article", "not_in": ["Octagam", "Privigen 10%"]}]
    assert any("'Calcichew' is no drug" in asked for asked in find_unconfirmed(text))
    got = read(tmp_path)
    assert got.tables["infusion"]["dose"].to_list() == [20.0, 30.0]
    assert got.tables["medication"]["drug"].to_list() == ["prednisolone"]


def test_a_long_table_keeps_its_measures_and_asks_about_the_unknown(tmp_path):
    rows = "patient,sample date,test,result,units\n" + "".join(
        f"P1,2019-01-{n:02},{test},{value},{unit}\n"
        for n, (test, value, unit) in enumerate(
            [("CK", 200, "U/L"), ("ALT", 30, "U/L"), ("LDH", 300, "U/L"), ("Zinc", 9, "mg/L")], 1
        )
    )
    text = propose(tmp_path, labs=rows)
    (source,) = tomllib.loads(text)["source"]
    assert source["table"] == "assessment"
    assert source["columns"]["measure"] == "test"
    assert any("'Zinc'" in asked for asked in find_unconfirmed(text))
    assert read(tmp_path).tables["assessment"].height == 3


def test_a_dose_without_a_unit_is_asked_about_by_its_size(tmp_path):
    rows = "patient,infusion date,ivig dose\nP1,2019-01-01,2\nP2,2019-01-02,1.5\n"
    text = propose(tmp_path, infusions=rows)
    (asked,) = find_unconfirmed(text)
    assert asked.startswith("dose_unit: no column holds the unit of the dose; no dose is over")
    assert '# dose_unit = "g/kg"' in text


def test_a_file_about_no_one_is_left_and_says_so(tmp_path):
    text = propose(tmp_path, batches="lot,expires\nA1,2020-01-01\n")
    assert "source" not in tomllib.loads(text)
    assert "no column says whom a row is about" in text


@pytest.mark.parametrize("export", [VISITS, "patient,gender,MMT8,vas\n1,0,120,3\n2,1,140,9\n"])
def test_every_proposal_accepted_is_still_a_valid_study_file(tmp_path, export):
    text = propose(tmp_path, export=export)
    StudyFile.model_validate(tomllib.loads(text))
    StudyFile.model_validate(tomllib.loads(accept_all(text)))


def test_the_sheets_of_a_workbook_are_looked_at_one_by_one(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "clinic.xlsx") as book:
        for name, rows in {
            "Besuche": [["Patient", "Datum", "CMAS"], ["Ä1", "2019-01-25", 40]],
            "IVIG": [["Patient", "Datum", "Dose", "Unit"], ["Ä1", "2019-01-25", 20, "g"]],
        }.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    write_proposal(tmp_path, [tmp_path / "clinic.xlsx"], SHIPPED())
    got = read(tmp_path)
    assert got.tables["assessment"]["patient_id"].to_list() == ["Ä1"]
    assert got.tables["infusion"]["dose"].to_list() == [20.0]


def test_text_of_a_file_cannot_break_out_of_its_comment(tmp_path):
    text = propose(tmp_path, export='patient,"x\ny = 1",CMAS,date\n1,a,40,2019-01-25\n')
    assert "y" not in tomllib.loads(text)


def test_files_elsewhere_are_named_from_the_study_and_stay_where_they_are(tmp_path):
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "visits.csv").write_text(VISITS)
    write_proposal(tmp_path / "new study", [tmp_path / "exports"], SHIPPED())
    study = read_study(tmp_path / "new study")
    assert study.id == "new_study"
    assert [source.file for source in study.sources] == ["../exports/visits.csv"]
    assert read_records(study, SHIPPED()).tables["assessment"].height == 30


def test_a_form_with_its_own_reader_needs_no_mapping(tmp_path, monkeypatch):
    class Reader:
        @staticmethod
        def recognise(path: Path) -> SdtmSource | None:
            return SdtmSource(form="sdtm", file=path.name) if path.suffix == ".zip" else None

    monkeypatch.setattr(forms, "READERS", {"sdtm": "nowhere"})
    monkeypatch.setattr(forms, "find_reader", lambda _: Reader)
    (tmp_path / "trial.zip").write_bytes(b"")
    text = write_proposal(tmp_path, [tmp_path / "trial.zip"], SHIPPED()).path.read_text()
    assert tomllib.loads(text)["source"] == [{"form": "sdtm", "file": "trial.zip"}]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "study.toml").write_text("id = 'mine'\n")
    with pytest.raises(UserError, match="nothing was overwritten") as error:
        propose(tmp_path, visits=VISITS)
    assert error.value.exit_code == 2
    assert (tmp_path / "study.toml").read_text() == "id = 'mine'\n"


def test_what_cannot_be_looked_at_is_said(tmp_path):
    with pytest.raises(UserError, match="a file to propose a mapping for"):
        write_proposal(tmp_path, [tmp_path / "none.csv"], SHIPPED())
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    with pytest.raises(UserError, match="a table \\(CSV, TSV, Excel\\), or records of a form"):
        write_proposal(tmp_path, [tmp_path / "scan.pdf"], SHIPPED())


def test_a_part_of_a_name_is_a_question(tmp_path):
    rows = "P1,2019-01-25,30\nP2,2019-01-26,31\n"
    text = propose(tmp_path, visits="patient,date,dry weight kg\n" + rows)
    (asked,) = find_unconfirmed(text)
    assert asked == "dry weight kg: only a part of the column's name ('weight kg') means weight"


def test_words_that_tell_children_apart_are_not_shown(tmp_path):
    rows = "".join(
        f"P{child},2019-01-2{day},{40 + day},{name},{group}\n"
        for child, (name, group) in enumerate(
            [("Anna", "blue"), ("Bela", "blue"), ("Carl", "red"), ("Dora", "red")]
        )
        for day in range(3)
    )
    text = propose(tmp_path, visits="patient,date,CMAS,who,group\n" + rows)
    assert not [name for name in ("Anna", "Bela", "Carl", "Dora") if name in text]
    assert "#   who (looks like AAAA): it may identify a person: never read" in text
    assert "#   group (words: blue, red): its name means nothing known here" in text


MIXED = """record_id,sex,visit_date,cmas
1,f,,
1,,2019-01-25,40
1,,2019-02-25,{undated}
2,m,,
2,,2019-01-26,44
2,,{lost},48
"""


@pytest.mark.parametrize(
    ("lost", "has_filter", "quarantined"), [("2019-02-26", True, 0), ("", False, 3)]
)
def test_a_file_of_several_tables_keeps_to_dated_rows_unless_a_value_would_be_lost(
    tmp_path, lost, has_filter, quarantined
):
    text = propose(tmp_path, export=MIXED.format(undated="", lost=lost))
    visits = next(item for item in tomllib.loads(text)["source"] if item["table"] == "assessment")
    rows = [{"column": "visit_date", "filled": True}]
    assert visits.get("rows") == (rows if has_filter else None)
    got = read(tmp_path)
    # without the filter every row without a day is set aside, and said: none is lost in silence
    assert got.quarantine["assessment"].height == quarantined
    assert got.tables["assessment"].height == (3 if has_filter else 2)
    assert set(got.tables["patient"]["sex"].drop_nulls()) == {"female", "male"}
