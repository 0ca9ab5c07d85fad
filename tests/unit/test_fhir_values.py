"""Observations and questionnaires of FHIR: values, components, limits, what is missing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.unit.fhir_resources import CHILD, WHOSE, left_out, observation, read, rules, write_lines

LOINC = "http://loinc.org"


def one(ingested) -> dict[str, object]:
    """Return the one assessment there is."""
    (row,) = ingested.tables["assessment"].iter_rows(named=True)
    return row


def test_a_value_keeps_its_comparator_its_limits_and_its_local_day(tmp_path: Path) -> None:
    value = {
        "valueQuantity": {
            "value": 12.50,
            "comparator": "<",
            "unit": "units per litre",
            "system": "http://unitsofmeasure.org",
            "code": "U/L",
        },
        "referenceRange": [
            {"type": {"coding": [{"code": "recommended"}]}, "high": {"value": 1, "unit": "U/L"}},
            {"low": {"value": 30, "unit": "U/L"}, "high": {"value": 170, "unit": "U/L"}},
        ],
        # late in the evening on the ward, the next day in UTC
        "effectiveDateTime": "2016-05-03T23:30:00-05:00",
        "performer": [{"display": "Laboratoire d'été"}],
    }
    row = one(read(write_lines(tmp_path, CHILD, observation(value))))
    assert row["date"] == date(2016, 5, 3)
    assert (row["value"], row["value_qualifier"], row["unit"]) == (12.5, "<", "U/L")
    assert (row["lower_limit"], row["upper_limit"]) == (30, 170)
    assert row["assessor"] == "Laboratoire d'été"


def test_limits_in_another_unit_are_left_out_and_said(tmp_path: Path) -> None:
    value = {
        "valueQuantity": {"value": 5, "unit": "ukat/L"},
        "referenceRange": [{"high": {"value": 170, "unit": "U/L"}}],
    }
    ingested = read(write_lines(tmp_path, CHILD, observation(value)))
    assert one(ingested)["value"] == 300
    assert one(ingested)["upper_limit"] is None
    assert "range_unit_differs" in rules(ingested)


def test_a_missing_value_is_left_out_and_never_zero(tmp_path: Path) -> None:
    absent = {"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}
    both = {"valueQuantity": {"value": 7, "unit": "U/L"}, **absent}
    ingested = read(write_lines(tmp_path, CHILD, observation(absent), observation(both)))
    assert ingested.tables["assessment"].is_empty()
    assert "data_absent: 1" in left_out(ingested)
    assert ingested.quarantine["assessment"]["rule"].to_list() == ["value_and_absent_reason"]


def test_components_that_are_measures_become_values_of_their_own(tmp_path: Path) -> None:
    component = [
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueInteger": 100},
        {"code": {"text": "CMAS"}, "valueInteger": 41},
        {
            "code": {"coding": [{"system": LOINC, "code": "29463-7"}]},
            "valueQuantity": {"value": 31.5, "unit": "kg"},
        },
    ]
    visit = {**observation({"component": component}), "code": {"text": "a visit"}}
    ingested = read(write_lines(tmp_path, CHILD, visit))
    rows = ingested.tables["assessment"].sort("measure")
    assert rows.select("measure", "value").rows() == [("cmas", 41), ("weight", 31.5)]
    columns = ingested.source.filter(ingested.source["sheet"] == "Observation")["column_name"]
    assert "component[2].value[x]" in columns
    assert rows["row_id"].n_unique() == 2


@pytest.mark.parametrize(
    ("effective", "rule"),
    [("2016-05", "partial_date_needs_day"), ("2016-02-30", "impossible_date")],
)
def test_a_value_without_its_day_is_quarantined(tmp_path: Path, effective, rule) -> None:
    value = {"valueQuantity": {"value": 7, "unit": "U/L"}, "effectiveDateTime": effective}
    ingested = read(write_lines(tmp_path, CHILD, observation(value)))
    assert ingested.quarantine["assessment"]["rule"].to_list() == [rule]


def test_a_code_counts_in_its_own_system_only(tmp_path: Path) -> None:
    of_people = {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2157-6"}]}
    nowhere = {"coding": [{"code": "2157-6"}]}
    values = [observation({"valueInteger": 7}, code=code) for code in (of_people, nowhere)]
    ingested = read(write_lines(tmp_path, CHILD, *values))
    assert "observation_not_used: 2" in left_out(ingested)


def test_a_code_of_the_site_is_read_as_study_toml_says(tmp_path: Path) -> None:
    code = {"coding": [{"system": "urn:oid:1.2.3", "code": "KRAFT"}]}
    value = observation({"valueInteger": 77}, code=code)
    ingested = read(write_lines(tmp_path, CHILD, value), measures={"urn:oid:1.2.3|kraft": "mmt8"})
    assert (one(ingested)["measure"], one(ingested)["value"]) == ("mmt8", 77)


def test_a_value_said_to_be_normal_outside_its_limits_is_asked_about(tmp_path: Path) -> None:
    value = {
        "valueQuantity": {"value": 900, "unit": "U/L"},
        "referenceRange": [{"high": {"value": 170, "unit": "U/L"}}],
        "interpretation": [{"coding": [{"code": "N"}]}],
    }
    ingested = read(write_lines(tmp_path, CHILD, observation(value)))
    assert one(ingested)["value"] == 900
    assert "900 said to be normal" in rules(ingested)["interpretation_differs"]


def test_statuses_that_are_no_result_are_left_out_by_name(tmp_path: Path) -> None:
    value = {"valueQuantity": {"value": 7, "unit": "U/L"}}
    states = ("entered-in-error", "cancelled", "registered", "amended")
    values = [observation(value, status=status) for status in states]
    ingested = read(write_lines(tmp_path, CHILD, *values))
    assert ingested.tables["assessment"].height == 1
    assert left_out(ingested) == {"entered_in_error: 1", "not_done: 1", "not_finished: 1"}


def test_answers_are_read_by_link_id_or_by_the_question(tmp_path: Path) -> None:
    questions = [
        {"linkId": "chaq", "answer": [{"valueDecimal": 1.125}]},
        {"linkId": "7", "text": "CMAS", "answer": [{"valueInteger": 30}]},
        {"linkId": "8", "text": "favourite colour", "answer": [{"valueString": "blau"}]},
        {"linkId": "9", "item": [{"linkId": "physician_judgement", "answer": [
            {"valueCoding": {"display": "improved"}}]}]},
    ]  # fmt: skip
    form = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": "2016-07-01T10:00:00Z",
        "item": questions,
        **WHOSE,
    }
    ingested = read(write_lines(tmp_path, CHILD, form))
    rows = ingested.tables["assessment"].sort("measure").select("measure", "value", "text").rows()
    assert rows == [
        ("chaq", 1.125, None), ("cmas", 30, None), ("physician_judgement", None, "improved"),
    ]  # fmt: skip


def test_an_antibody_counts_where_the_test_was_positive(tmp_path: Path) -> None:
    nxp2 = {"coding": [{"system": LOINC, "code": "82426-8"}]}
    mda5 = {"coding": [{"system": LOINC, "code": "82424-3"}]}
    tests = [
        observation({"valueCodeableConcept": {"text": "Positive"}}, code=nxp2),
        observation({"valueCodeableConcept": {"text": "Negative"}}, code=mda5),
    ]
    ingested = read(write_lines(tmp_path, CHILD, *tests))
    assert ingested.tables["patient"]["antibody"].to_list() == ["NXP2 (Mj)"]
    assert ingested.accounting.filter(sheet="Observation")["rows_used"].to_list() == [2]
