"""What bad input gets: for each fault the message, pinned, and what becomes of the row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.study import read_study

PATIENT = "patient_id,sex,birth_date\nP1,female,2010-05-01\n"
INFUSION = "patient_id,date,route,dose,dose_unit\nP1,2018-01-10,iv,20,g\n"


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture
def ingest(tmp_path: Path, rulebook: Rulebook):
    def read(study_toml: str | None = None, **tables: str | bytes) -> Ingested:
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        for name, content in ({"infusion": INFUSION} | tables).items():
            data = dedent(content).lstrip().encode() if isinstance(content, str) else content
            (folder / f"{name}.csv").write_bytes(data)
        if study_toml is not None:
            (folder / "study.toml").write_text(dedent(study_toml), encoding="utf-8")
        study = read_study(folder)
        return read_records(study, replace(rulebook, settings=study.settings))

    return read


def said(ingested: Ingested, rule: str) -> list[str]:
    """One line a finding of a rule, as a data manager reads it."""
    rows = ingested.findings.filter(pl.col("rule") == rule)
    return [
        f"{row['severity']} {row['file']} row {row['row']} {row['column']}: {row['found']} | "
        f"{row['expected']} | {row['suggestion']}"
        for row in rows.iter_rows(named=True)
    ]


def quarantined(ingested: Ingested, table: str) -> list[tuple[str, int]]:
    return [
        (rule, row) for rule, row in ingested.quarantine[table].select("rule", "row").iter_rows()
    ]


def test_an_empty_folder_stops(tmp_path):
    with pytest.raises(UserError) as error:
        read_study(tmp_path)
    assert str(error.value) == (
        "Expected: at least one of patient.csv, assessment.csv, infusion.csv, medication.csv, "
        "event.csv, indication.csv, adjudication.csv, or one workbook with such sheets\n"
        f"Found:    an empty folder ({tmp_path.name})\n"
        "To do:    put the tables there, or name your own files in study.toml "
        "(`heliotrope init` writes an empty workbook)"
    )
    assert error.value.exit_code == 3


def test_a_folder_of_other_files_stops_and_names_them(tmp_path):
    (tmp_path / "visits.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"files visits\.csv"):
        read_study(tmp_path)


def test_tables_without_a_row_stop(ingest):
    with pytest.raises(UserError, match="at least one row of records"):
        ingest(infusion="patient_id,date,dose,dose_unit\n")


def test_a_missing_required_column_stops(ingest):
    with pytest.raises(UserError) as error:
        ingest(infusion="patient_id,datum,dose,dose_unit\nP1,2018-01-10,20,g\n")
    assert str(error.value) == (
        "Expected: a column 'date' in the table infusion\n"
        "Found:    columns patient_id, datum, dose, dose_unit (is it 'datum'?) "
        "(infusion.csv, row 1)\n"
        "To do:    rename the column, or map it in study.toml under [source.columns]"
    )


def test_ambiguous_dates_stop_with_both_readings(ingest):
    with pytest.raises(UserError) as error:
        ingest(infusion="patient_id,date,dose,dose_unit\nP1,03/04/2020,20,g\nP1,05/05/2020,20,g\n")
    assert str(error.value) == (
        "Expected: dates whose order of day and month is declared or proven by the column\n"
        "Found:    03/04/2020 = 3 April 2020 (DMY) or 4 March 2020 (MDY) "
        "(infusion.csv, row 2, column date)\n"
        'To do:    declare date_format = "DMY" or "MDY" in study.toml, or write dates as '
        "2020-04-03"
    )


def test_dates_of_two_orders_in_one_column_stop(ingest):
    with pytest.raises(UserError, match=r"25/04/2020 \(day first\) and 04/25/2020 \(month first\)"):
        ingest(infusion="patient_id,date,dose,dose_unit\nP1,25/04/2020,20,g\nP1,04/25/2020,20,g\n")


def test_ambiguous_numbers_stop_with_both_readings(ingest):
    with pytest.raises(UserError, match=r"1,250 = 1\.250 or 1250"):
        ingest(
            assessment="""\
            patient_id;date;measure;value;unit
            P1;2018-01-01;creatine_kinase;1,250;U/L
            """
        )


def test_an_unknown_measure_is_listed_once_with_its_rows_and_the_nearest_names(ingest):
    read = ingest(
        assessment="""\
        patient_id,date,measure,value,unit
        P1,2018-01-01,creatin_kinase,100,U/L
        P1,2018-02-01,creatin_kinase,90,U/L
        P1,2018-02-01,cmas,40,
        """
    )
    assert said(read, "unknown_measure") == [
        "error assessment.csv row 2 measure: creatin_kinase (rows 2, 3) | "
        "a measure this program knows | nearest known names: creatine_kinase, creatinine"
    ]
    assert quarantined(read, "assessment") == [("unknown_measure", 2), ("unknown_measure", 3)]
    assert read.tables["assessment"]["measure"].to_list() == ["cmas"]


def test_an_unknown_drug_is_listed_once(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,start_date,dose,dose_unit
        P1,prednison,2018-01-01,20,mg/day
        P1,Imuran,2018-01-01,50,mg/day
        """
    )
    assert said(read, "unknown_drug") == [
        "error medication.csv row 2 drug: prednison | a drug this program knows | "
        "nearest known names: prednisone, prednisolone, methylprednisolone"
    ]
    assert read.tables["medication"]["drug"].to_list() == ["azathioprine"]


def test_a_drug_is_found_in_free_text_and_the_match_is_named(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,route,start_date,dose,dose_unit
        P1,prednisone 20 MG Oral Tablet,,2018-01-01,20,mg/day
        P1,Solu-Medrol 1 g IV,,2018-01-02,600,mg
        P1,MTX sc weekly,,2018-01-03,10,mg/week
        P1,methylprednisolone tablets,iv,2018-01-04,500,mg
        P1,Imuran,,2018-01-01,50,mg/day
        """
    )
    assert said(read, "drug_found_in_text") == [
        f"info medication.csv row {row} drug: {found} | the drug by itself in its column, the dose "
        "and the route in theirs | check that it is this drug; a dose in the text is not read; "
        "another reading goes under codes.drug in study.toml"
        for row, found in (
            (2, "prednisone 20 MG Oral Tablet: taken as prednisone by 'prednisone', "
                "oral by 'Oral'"),
            (3, "Solu-Medrol 1 g IV: taken as methylprednisolone by 'Solu-Medrol', iv by 'IV'"),
            (4, "MTX sc weekly: taken as methotrexate by 'MTX', sc by 'sc'"),
            (5, "methylprednisolone tablets: taken as methylprednisolone by "
                "'methylprednisolone', oral by 'tablets'"),
        )
    ]  # fmt: skip
    rows = read.tables["medication"].sort("row_id").select("drug", "route").rows()
    assert rows == [
        ("prednisone", "oral"),
        ("methylprednisolone", "iv"),
        ("methotrexate", "sc"),
        ("methylprednisolone", "iv"),
        ("azathioprine", None),
    ]


def test_another_immunoglobulin_and_a_cream_are_left_out_and_counted(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,start_date,dose,dose_unit
        P1,anti-D immunoglobulin,2018-01-01,1,mg
        P1,hepatitis B immune globulin,2018-01-01,1,mg
        P1,human tetanus immunoglobulin,2018-01-01,1,mg
        P1,"lymphocyte immune globulin, anti-thymocyte",2018-01-01,1,mg
        P1,hydrocortisone 10 MG/ML Topical Cream,2018-01-01,1,mg
        P1,prednisone,2018-01-01,20,mg/day
        """
    )
    found = [line.partition(" drug: ")[2].partition(" | ")[0]
             for line in said(read, "drug_text_not_counted")]  # fmt: skip
    assert found == [
        "anti-D immunoglobulin: not immunoglobulin, as anti-D says",
        "hepatitis B immune globulin: not immune globulin, as hepatitis B says",
        "human tetanus immunoglobulin: not immunoglobulin, as tetanus says",
        "lymphocyte immune globulin, anti-thymocyte: not immune globulin, as anti-thymocyte says",
        "hydrocortisone 10 MG/ML Topical Cream: hydrocortisone in a form that does not reach the "
        "whole body (Topical)",
    ]
    assert read.tables["medication"]["drug"].to_list() == ["prednisone"]
    assert quarantined(read, "medication") == []


def test_a_text_that_names_several_drugs_or_only_mentions_one_stays_unknown(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,start_date,dose,dose_unit
        P1,prednisone + methotrexate,2018-01-01,20,mg/day
        P1,no prednisone,2018-01-01,0,mg/day
        P1,vitamin D,2018-01-01,0,mg/day
        """
    )
    assert [line.rpartition(" | ")[2] for line in said(read, "unknown_drug")] == [
        "several drugs are named (methotrexate + prednisone): write one row a drug",
        "prednisone is only mentioned (no): write the drug that was given",
        "no known name is near; `heliotrope definitions list` shows all",
    ]
    assert len(quarantined(read, "medication")) == 3


def test_unknown_units_name_the_nearest_and_the_accepted(ingest):
    read = ingest(
        assessment="""\
        patient_id,date,measure,value,unit
        P1,2018-01-01,creatine_kinase,100,ukatt/L
        P1,2018-01-02,creatine_kinase,100,kg
        """,
        medication="""\
        patient_id,drug,start_date,dose,dose_unit
        P1,prednisone,2018-01-01,20,mg/dy
        """,
    )
    assert said(read, "unknown_unit") == [
        "error assessment.csv row 2 unit: ukatt/L for creatine_kinase | a unit this program "
        "knows | nearest known names: ukat/L, U/L; creatine_kinase is accepted in U/L, ukat/L",
        "error medication.csv row 2 dose_unit: mg/dy | "
        "one of mg, mg/day, mg/kg/day, mg/week, mg/m2 | "
        "nearest known names: mg/day, mg/kg/day, mg/week",
    ]
    assert said(read, "unit_not_of_measure") == [
        "error assessment.csv row 3 unit: kg for creatine_kinase | a unit of this measure | "
        "creatine_kinase is accepted in U/L, ukat/L"
    ]
    # the drug was taken, its dose is not known: the row stays, the dose is missing
    assert read.tables["medication"].select("drug", "dose", "dose_unit").rows() == [
        ("prednisone", None, None)
    ]


def test_two_weights_on_a_day_are_asked_about(ingest):
    read = ingest(
        assessment="""\
        patient_id,date,measure,value,unit
        P1,2018-01-01,weight,20,kg
        P1,2018-01-01,weight,21,kg
        """
    )
    assert said(read, "two_weights_on_a_day") == [
        "warning assessment.csv row 3 value: weight on 2018-01-01: 20, 21 | "
        "one weight a day | remove the wrong one: the last row counts"
    ]
    assert read.tables["assessment"].height == 2


def test_two_values_of_a_measure_on_a_date_are_asked_about(ingest):
    read = ingest(
        assessment="""\
        patient_id,date,measure,value
        P1,2018-01-01,cmas,40
        P1,2018-01-01,cmas,41
        """
    )
    assert len(said(read, "two_values_on_a_date")) == 1


def test_milligrams_entered_as_grams_are_asked_about(ingest):
    read = ingest(infusion="patient_id,date,route,dose,dose_unit\nP1,2018-01-10,iv,20000,g\n")
    assert said(read, "implausible_infusion_dose") == [
        "warning infusion.csv row 2 dose: 20000 g in a day | at most 200 g in a day | "
        "check the unit: the number looks like milligrams"
    ]
    assert read.tables["infusion"]["dose"].to_list() == [20000.0]


def test_a_steroid_dose_far_over_the_usual_is_asked_about(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,route,start_date,dose,dose_unit
        P1,prednisone,oral,2018-01-01,20,g/day
        P1,methylprednisolone,iv,2018-01-01,1000,mg
        """
    )
    assert said(read, "implausible_drug_dose") == [
        "warning medication.csv row 2 dose: prednisone 20000 mg/day | "
        "prednisone of at most 150 mg/day | check the dose and its unit"
    ]


def test_an_end_before_the_start_is_quarantined(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,start_date,end_date,dose,dose_unit
        P1,prednisone,2018-02-01,2018-01-01,20,mg/day
        """
    )
    assert said(read, "end_before_start") == [
        "error medication.csv row 2 end_date: 2018-02-01 to 2018-01-01 | "
        "an end on or after the start | correct one of the two dates"
    ]
    assert quarantined(read, "medication") == [("end_before_start", 2)]


def test_a_birth_after_treatment_is_an_error_and_nothing_is_dropped(ingest):
    read = ingest(patient="patient_id,birth_date\nP1,2019-05-01\n")
    assert said(read, "birth_after_treatment") == [
        "error infusion.csv row 2 dose: infusion on 2018-01-10, birth on 2019-05-01 | "
        "a birth before the first record of the child | "
        "correct the date of birth or the date of the record"
    ]
    assert read.tables["infusion"].height == 1


def test_overlapping_steroid_periods_are_asked_about(ingest):
    read = ingest(
        medication="""\
        patient_id,drug,route,start_date,end_date,dose,dose_unit
        P1,prednisone,oral,2018-01-01,2018-02-01,20,mg/day
        P1,prednisone,oral,2018-02-01,2018-03-01,15,mg/day
        P1,azathioprine,oral,2018-01-01,,50,mg/day
        """
    )
    assert said(read, "overlapping_steroid_periods") == [
        "warning medication.csv row 3 dose: prednisone from 2018-02-01 while the period from "
        "2018-01-01 to 2018-02-01 runs | one dose of a steroid at a time | end the first period "
        "on the day before the second begins; as written the doses are added up"
    ]


def test_a_duplicated_row_counts_once(ingest):
    read = ingest(infusion=INFUSION + "P1,2018-01-10,iv,20,g\n")
    assert said(read, "duplicate_row") == [
        "warning infusion.csv row 3 dose: P1: the same as an earlier row | each row once | "
        "remove the copy; if it really happened twice, give both rows a time"
    ]
    assert read.tables["infusion"].height == 1
    assert read.accounting.select("rows_used", "rows_ignored", "ignored_by_rule").row(0) == (
        1,
        1,
        "duplicate_row: 1",
    )


def test_an_infusion_after_the_end_of_followup_is_asked_about(ingest):
    read = ingest(patient="patient_id,followup_end\nP1,2017-12-31\n")
    assert said(read, "infusion_after_followup_end") == [
        "warning infusion.csv row 2 dose: infusion on 2018-01-10, follow-up end on 2017-12-31 | "
        "infusions up to the end of follow-up | "
        "move the end of follow-up or correct the date of the infusion"
    ]


def test_a_child_in_one_table_and_not_in_another_is_named(ingest):
    read = ingest(patient="patient_id,sex\nP2,male\n")
    assert said(read, "patient_not_in_patient_table") == [
        "warning infusion.csv row 2 dose: P1 in 1 row(s) of infusion | each child of the other "
        "tables in the patient table | add the child to the patient table, or correct the "
        "identifier"
    ]
    assert said(read, "patient_without_records") == [
        "info patient.csv row 2 patient_id: no other record | records of each child of the "
        "patient table | nothing to do if nothing was recorded"
    ]


def test_a_measure_outside_its_range_is_quarantined(ingest):
    read = ingest(
        assessment="""\
        patient_id,date,measure,value,unit
        P1,2018-01-01,cmas,53,
        P1,2018-01-01,physician_global,70,mm
        P1,2018-01-02,physician_global,70,cm
        """
    )
    assert said(read, "outside_range") == [
        "error assessment.csv row 2 value: cmas 53 | cmas from 0 to 52 | "
        "correct the value, its unit or the measure",
        "error assessment.csv row 4 value: physician_global 70 cm | physician_global from 0 "
        "to 10 | correct the value, its unit or the measure",
    ]
    assert read.tables["assessment"].select("measure", "value", "unit").rows() == [
        ("physician_global", 7.0, "cm")
    ]


def test_a_creatine_kinase_of_0_is_not_a_measurement(ingest):
    read = ingest(
        assessment="""\
        patient_id,date,measure,value,unit
        P1,2018-01-01,creatine_kinase,0,U/L
        """
    )
    assert said(read, "zero_not_possible") == [
        "error assessment.csv row 2 value: creatine_kinase 0 U/L | a value above 0: this "
        "measure is never 0 in a living child | leave the cell blank where nothing was "
        "measured; write <5 for a value under the assay's limit"
    ]
    assert read.tables["assessment"].is_empty()


def test_a_file_cut_in_the_middle_of_a_row_loses_that_row_only(ingest):
    read = ingest(
        infusion="patient_id,date,route,dose,dose_unit\nP1,2018-01-10,iv,20,g\nP1,2018-02-1"
    )
    assert said(read, "row_cut") == [
        "error infusion.csv row 3 patient_id: 2 cells instead of 5 | as many cells as the header "
        "has | the file may have been cut off here: export it again and compare the last lines"
    ]
    assert read.quarantine["infusion"]["raw"].to_list() == [
        '{"patient_id": "P1", "date": "2018-02-1", "route": null, "dose": null, "dose_unit": null}'
    ]
    assert read.tables["infusion"].height == 1


def test_a_file_cut_inside_quotes_loses_the_last_row_only(ingest):
    read = ingest(
        infusion='patient_id,date,dose,dose_unit,product\nP1,2018-01-10,20,g,"A"\nP1,2018-02-10,20,g,"B'
    )
    assert said(read, "row_cut")[0].startswith(
        "error infusion.csv row 3 patient_id: a quote that is never closed"
    )
    assert read.tables["infusion"].height == 1


def test_a_quote_that_swallows_lines_stops(ingest):
    with pytest.raises(UserError) as error:
        ingest(
            infusion='patient_id,date,dose,dose_unit,product\nP1,2018-01-10,20,g,"A\n'
            "P1,2018-02-10,20,g,B\nP1,2018-03-10,20,g,B\n"
        )
    assert str(error.value) == (
        "Expected: every quote closed\n"
        "Found:    a quote that is never closed; it swallows 2 further lines "
        "(infusion.csv, row 2)\n"
        "To do:    close the quote in that row, or export the file again"
    )


def test_a_file_that_changes_while_it_is_read_stops(tmp_path):
    file = tmp_path / "infusion.csv"
    file.write_text(INFUSION)

    def meddle(_: str) -> None:
        file.write_text(INFUSION + "P1,2018-03-10,iv,20,g\n")

    with pytest.raises(UserError) as error:
        read_records(read_study(tmp_path), read_rulebook(), meddle)
    assert str(error.value) == (
        "Expected: files that stay the same while they are read\n"
        "Found:    its content changed during the run (infusion.csv)\n"
        "To do:    close the program that writes the file and run again"
    )


def test_formulas_and_markup_are_kept_as_text(ingest):
    read = ingest(
        indication="""\
        patient_id,reason,text
        P1,exacerbation,"=HYPERLINK(""http://x"")"
        P1,other,<script>alert(1)</script>
        P1,skin_disease,CK < 5 x ULN and +2 weakness
        """
    )
    assert read.tables["indication"]["text"].to_list() == [
        '=HYPERLINK("http://x")',
        "<script>alert(1)</script>",
        "CK < 5 x ULN and +2 weakness",
    ]
    assert len(said(read, "formula_or_markup")) == 2


def test_partial_dates_are_placed_where_they_may_be_and_refused_where_a_day_is_needed(ingest):
    read = ingest(
        patient="patient_id,birth_date,diagnosis_date\nP1,2010,2016-03\n",
        infusion="patient_id,date,dose,dose_unit\nP1,2018-01,20,g\nP1,2018-02-01,20,g\n",
    )
    row = read.tables["patient"].row(0, named=True)
    assert str(row["birth_date"]) == "2010-07-01"
    assert row["birth_date_precision"] == "year_placed_on_1_july"
    assert str(row["diagnosis_date"]) == "2016-03-15"
    assert row["diagnosis_date_precision"] == "month_placed_on_15th"
    assert said(read, "partial_date_placed")[0] == (
        "info patient.csv row 2 birth_date: 2010 placed on 2010-07-01 | a date with its day | "
        "fill in the day if it is known; a month is placed on its 15th, a year on 1 July"
    )
    assert quarantined(read, "infusion") == [("partial_date_needs_day", 2)]


def test_a_blank_route_is_iv_with_a_finding(ingest):
    read = ingest(infusion="patient_id,date,route,dose,dose_unit\nP1,2018-01-10,,20,g\n")
    assert read.tables["infusion"]["route"].to_list() == ["iv"]
    assert said(read, "blank_route") == [
        "info infusion.csv row 2 route: no route; taken as iv | iv or sc | "
        "nothing to do if it was given into a vein; else fill in sc"
    ]


def test_a_blank_unit_is_the_canonical_one_with_a_finding(ingest):
    read = ingest(
        assessment="patient_id,date,measure,value\nP1,2018-01-01,weight,20\nP1,2018-01-01,cmas,9\n"
    )
    assert read.tables["assessment"].select("measure", "unit").rows() == [
        ("weight", "kg"),
        ("cmas", "none"),
    ]
    assert [line.partition(" | ")[0] for line in said(read, "blank_unit")] == [
        "info assessment.csv row 2 value: no unit for weight; taken as kg"
    ]


def test_an_undeclared_adl_is_unused_and_a_declared_one_is_used(ingest):
    rows = "patient_id,date,measure,value\nP1,2018-01-01,adl,2\nP1,2018-01-01,cmas,40\n"
    read = ingest(assessment=rows)
    assert read.tables["assessment"]["measure"].to_list() == ["cmas"]
    assert said(read, "measure_not_declared") == [
        "warning assessment.csv row 2 value: adl | the range and the direction of the scale, "
        "declared by the study | add to study.toml, for a scale of 0 to 5 where 0 is best: "
        "[measures.adl] max = 5, direction = 'low'"
    ]
    declared = ingest('[measures.adl]\nmax = 5\ndirection = "low"\n', assessment=rows)
    assert declared.tables["assessment"]["measure"].to_list() == ["adl", "cmas"]


def test_a_child_twice_in_the_patient_table_keeps_the_first_row(ingest):
    read = ingest(patient="patient_id,sex\nP1,female\nP1,male\n")
    assert quarantined(read, "patient") == [("patient_twice", 3)]
    assert read.tables["patient"]["sex"].to_list() == ["female"]


def test_an_impossible_day_and_a_short_year_are_quarantined(ingest):
    read = ingest(
        infusion="""\
        patient_id,date,dose,dose_unit
        P1,31/02/2018,20,g
        P1,20/02/18,20,g
        P1,20/02/2018,20,g
        P1,soon,20,g
        """
    )
    assert quarantined(read, "infusion") == [
        ("impossible_date", 2),
        ("short_year_date", 3),
        ("unreadable_date", 5),
    ]
    assert read.tables["infusion"].height == 1


def test_an_unreadable_cell_that_is_not_decisive_costs_only_itself(ingest):
    read = ingest(
        event="""\
        patient_id,date,kind,term,grade
        P1,2018-01-11,adverse_event,fever,two
        """
    )
    assert read.tables["event"].select("term", "grade").rows() == [("fever", None)]
    assert quarantined(read, "event") == [("not_a_whole_number", 2)]
    events = read.accounting.filter(pl.col("file") == "event.csv")
    assert events.select("rows_used", "cells_used", "cells_quarantined").row(0) == (1, 4, 1)


def test_a_missing_identifier_is_quarantined(ingest):
    read = ingest(infusion=INFUSION + ",2018-02-10,iv,20,g\n")
    assert quarantined(read, "infusion") == [("missing_required_cell", 3)]


def test_the_quarantine_message_has_all_three_parts(ingest):
    read = ingest(infusion=INFUSION + "P1,soon,iv,20,g\n")
    assert read.quarantine["infusion"]["message"].to_list() == [
        "Expected: a date, e.g. 2019-04-23. Found: soon. To do: write the date as year-month-day."
    ]


def test_an_early_end_of_an_event_costs_the_end_only(ingest):
    read = ingest(
        event="""\
        patient_id,date,kind,term,end_date
        P1,2018-01-11,adverse_event,fever,2018-01-09
        """
    )
    assert read.tables["event"].select("term", "end_date").rows() == [("fever", None)]
    assert quarantined(read, "event") == [("end_before_start", 2)]


def test_a_specific_immunoglobulin_is_not_an_infusion(ingest):
    read = ingest(
        infusion="patient_id,date,product,dose,dose_unit\nP1,2018-01-10,Anti-D 300 ug,1,g\n"
        "P1,2018-01-11,Privigen,20,g\n"
    )
    assert quarantined(read, "infusion") == [("not_ivig_product", 2)]
    assert read.tables["infusion"]["product"].to_list() == ["Privigen"]


def test_immunoglobulin_among_the_drugs_is_pointed_out(ingest):
    read = ingest(medication="patient_id,drug,start_date\nP1,IVIG,2018-01-10\n")
    assert said(read, "immunoglobulin_in_medication") == [
        "warning medication.csv row 2 drug: P1: immunoglobulin | infusions of immunoglobulin in "
        "the table infusion, one row a day | move the rows: no course is counted from the table "
        "medication"
    ]


def test_two_mappings_of_one_cell_stop(ingest):
    source = '[[source]]\nfile = "infusion.csv"\ntable = "infusion"\n'
    with pytest.raises(UserError) as error:
        ingest(source + source)
    assert str(error.value) == (
        "Expected: each cell read once into the table infusion\n"
        "Found:    two [[source]] entries make a row of this cell "
        "(infusion.csv, row 2, column dose)\n"
        "To do:    remove one of the entries, or give each its own [[source.rows]] filter"
    )


def test_a_change_of_unit_within_a_series_is_asked_about(ingest):
    read = ingest(
        assessment="""
        patient_id,date,measure,value,unit,upper_limit
        P1,2018-01-01,haemoglobin,11.2,g/dL,
        P1,2018-02-01,haemoglobin,11.6,g/dL,
        P1,2018-03-01,haemoglobin,118,g/dL,
        P1,2018-04-01,haemoglobin,121,g/dL,
        P1,2018-01-01,creatine_kinase,1900,U/L,200
        P1,2018-02-01,creatine_kinase,1700,U/L,200
        P1,2018-03-01,creatine_kinase,29,U/L,200
        P1,2018-04-01,creatine_kinase,27,U/L,200
        P2,2018-01-01,creatine_kinase,6000,U/L,200
        P2,2018-02-01,creatine_kinase,5600,U/L,200
        P2,2018-03-01,creatine_kinase,95,U/L,200
        P2,2018-04-01,creatine_kinase,90,U/L,200
        """
    )
    found = said(read, "unit_switch")
    assert [line.partition(" |")[0] for line in found] == [
        "warning assessment.csv row 4 value: haemoglobin: 11.6 g/dL on 2018-02-01, "
        "118 g/dL on 2018-03-01, as between g/dL and g/L",
        "warning assessment.csv row 8 value: creatine_kinase: 1700 U/L on 2018-02-01, "
        "29 U/L on 2018-03-01, as between U/L and ukat/L",
    ]
    # P2 fell as far, to a normal value: that is what treatment does
    assert all("95" not in line for line in found)


def test_a_child_who_becomes_shorter_is_asked_about(ingest):
    read = ingest(
        assessment="""
        patient_id,date,measure,value,unit
        P1,2018-01-01,height,131,cm
        P1,2018-07-01,height,129,cm
        P1,2019-01-01,height,113,cm
        """
    )
    assert [line.partition(" |")[0] for line in said(read, "height_loss")] == [
        "warning assessment.csv row 4 value: 129 cm on 2018-07-01, 113 cm on 2019-01-01"
    ]


def test_dates_of_a_child_that_contradict_one_another(ingest):
    read = ingest(
        patient="""
        patient_id,birth_date,onset_date,diagnosis_date,followup_end
        P1,2010-05-01,2016-03-01,2015-03-01,2020-01-01
        P2,2010-05-01,2016-03-01,2016-04-01,2020-01-01
        """
    )
    assert [line.partition(" |")[0] for line in said(read, "dates_out_of_order")] == [
        "error patient.csv row 2 patient_id: P1: onset 2016-03-01, diagnosis 2015-03-01"
    ]


def test_a_mistyped_year_is_asked_about(ingest):
    read = ingest(
        assessment="""
        patient_id,date,measure,value,unit
        P1,2018-01-03,cmas,30,
        P1,2028-02-03,cmas,35,
        P1,2018-03-03,cmas,40,
        """
    )
    (line,) = said(read, "date_far_from_others")
    assert line.startswith("warning assessment.csv row 3 value: assessment on 2028-02-03")
    alone = ingest(
        infusion="patient_id,date,dose,dose_unit\nP1,2018-01-10,20,g\n",
        assessment="patient_id,date,measure,value,unit\nP2,2028-02-03,cmas,35,\n",
    )
    assert said(alone, "date_far_from_others") == []
